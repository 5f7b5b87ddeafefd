"""A repository of the Hugging Face Hub through its own library: asked again while busy, one sentence if it fails."""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from manifests.errors import ManifestError
from manifests.text import printable

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

Answer = TypeVar("Answer")

PREFIX: Final = "hf:"
TRIES: Final = 6  # of one request, beside those that huggingface_hub makes itself
_BUSY: Final = (408, 425, 429, 500, 502, 503, 504)
_FIRST, _LONGEST = 1.0, 60.0  # s between tries, doubled each time
_PATIENCE: Final = 900.0  # s: the longest Retry-After that is waited for
_CONNECT, _ANSWER = 20.0, 180.0  # s until a connection stands, and without a byte on it
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class RemoteFile:
    """A file as the Hub lists it: bytes, and SHA-256 of its content where it is stored as LFS, else git's SHA-1."""

    bytes: int
    sha256: str | None
    git_sha1: str


@dataclass(frozen=True)
class Head:
    """The newest commit of a repository.

    Attributes:
        commit: its id. private: whether the repository is. files: path -> file. tags: name -> commit.
    """

    commit: str
    private: bool
    files: dict[str, RemoteFile] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class AgainError(ManifestError):
    """A commit that was not made, or of which no answer came: read the repository again after `wait` seconds."""

    def __init__(self, words: str, wait: float = 0.0) -> None:
        super().__init__(words)
        self.wait = wait


def repo_of(to: str) -> str:
    """Return ORG/NAME of `hf:ORG/NAME`.

    Raises:
        ManifestError: it is no such name.
    """
    name = to.removeprefix(PREFIX)
    if not _NAME.fullmatch(name) or "--" in name or ".." in name or len(name) > 190:
        raise ManifestError(f"{printable(to)} names no repository: write hf:ORG/NAME, as on huggingface.co/datasets.")
    return name


class Remote:
    """One repository on the Hub.

    Args:
        name: ORG/NAME.
        kind: `dataset` or `model`.
        say: told what is waited for, a sentence each.
        sleep: waits so many seconds.

    Raises:
        ManifestError: huggingface_hub is not installed.
    """

    def __init__(
        self,
        name: str,
        kind: str = "dataset",
        say: Callable[[str], None] = lambda words: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.kind, self._say, self._sleep = name, kind, say, sleep
        self._api = _api()

    @property
    def url(self) -> str:
        """Where people look at it."""
        return f"{self._api.endpoint}/{'datasets/' if self.kind == 'dataset' else ''}{self.name}"

    def check_login(self) -> None:
        """Ask who we are.

        Raises:
            ManifestError: there is no token, or the Hub does not take it.
        """
        from huggingface_hub import get_token

        if not get_token():
            raise ManifestError("There is no token for the Hub: set HF_TOKEN or run hf auth login, then publish again.")
        self._ask("say who the token belongs to", self._api.whoami)

    def head(self) -> Head | None:
        """Return the newest commit with its files and the tags; None where there is no such repository."""
        from huggingface_hub.errors import RepositoryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        try:
            info = self._ask(
                "find the repository", self._api.repo_info, self.name, repo_type=self.kind, timeout=_ANSWER
            )
        except RepositoryNotFoundError:
            return None
        commit = str(info.sha)
        listed = self._ask("list the files", lambda: list(self._listed(commit)))
        refs = self._ask("list the tags", self._api.list_repo_refs, self.name, repo_type=self.kind)
        files = {
            entry.path: RemoteFile(entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id)
            for entry in listed
            if isinstance(entry, RepoFile)
        }
        return Head(commit, bool(info.private), files, {tag.name: tag.target_commit for tag in refs.tags})

    def _listed(self, commit: str) -> Any:
        return self._api.list_repo_tree(self.name, recursive=True, revision=commit, repo_type=self.kind)

    def create(self, private: bool) -> None:
        """Make the repository; nothing happens where it is there."""
        make = self._api.create_repo
        self._ask("make the repository", make, self.name, repo_type=self.kind, private=private, exist_ok=True)

    def read(self, path: str, commit: str) -> bytes:
        """Return the content of a small file of a commit."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils._headers import build_hf_headers
        from huggingface_hub.utils._http import get_session, hf_raise_for_status

        url = hf_hub_url(self.name, path, repo_type=self.kind, revision=commit, endpoint=self._api.endpoint)

        def get() -> bytes:
            answer = get_session().get(url, headers=build_hf_headers(), timeout=_ANSWER)
            hf_raise_for_status(answer)
            return bytes(answer.content)

        return self._ask(f"give {path}", get)

    def open(self, path: str, commit: str) -> Any:
        """Open a file of a commit, so that only the parts that are read are fetched; close it."""
        from huggingface_hub import HfFileSystem

        files = HfFileSystem(endpoint=self._api.endpoint)
        place = f"{'datasets/' if self.kind == 'dataset' else ''}{self.name}@{commit}/{path}"
        return self._ask(f"open {path}", files.open, place, "rb")

    def upload(self, additions: "Sequence[CommitOperationAdd]") -> None:
        """Bring the bytes of large files to the Hub, which takes only those that it does not hold; commits nothing."""
        send = self._api.preupload_lfs_files
        self._ask(
            "take files",
            lambda: send(self.name, additions=additions, repo_type=self.kind, num_threads=2, free_memory=False),
        )

    def commit(
        self, operations: "Sequence[CommitOperationAdd | CommitOperationDelete]", message: str, parent: str
    ) -> str:
        """Commit on top of `parent`, and return the new commit's id.

        Raises:
            AgainError: something else is the newest commit by now, or the answer was lost.
            ManifestError: the Hub does not take it.
        """
        make, asked = self._api.create_commit, {"repo_type": self.kind, "parent_commit": parent}
        made = self._ask("take the commit", make, self.name, operations, tries=1, commit_message=message, **asked)
        return str(made.oid)

    def tag(self, name: str, commit: str, message: str) -> None:
        """Give a commit a name; nothing happens where the name is taken."""
        asked: dict[str, Any] = {"tag": name, "tag_message": message, "revision": commit, "repo_type": self.kind}
        self._ask("take the tag", self._api.create_tag, self.name, exist_ok=True, **asked)

    def untag(self, name: str) -> None:
        """Take a name from a commit; nothing happens where it has gone meanwhile, as of a request asked twice."""
        with _none_there():
            self._ask("delete the tag", self._api.delete_tag, self.name, tag=name, repo_type=self.kind)

    def squash(self, message: str) -> None:
        """Make the newest commit the only one of the main branch."""
        make = self._api.super_squash_history
        self._ask("squash the history", make, self.name, repo_type=self.kind, commit_message=message)

    def delete_old_files(self) -> list[int]:
        """Delete the large files that the newest commit does not hold, for good, and return the bytes of each."""
        head = self.head()
        held = {file.sha256 for file in head.files.values()} if head is not None else set()
        listed = self._ask("list large files", lambda: list(self._api.list_lfs_files(self.name, repo_type=self.kind)))
        old = [file for file in listed if file.oid not in held] if head is not None else []
        delete = self._api.permanently_delete_lfs_files
        self._ask("delete old files", lambda: delete(self.name, old, repo_type=self.kind, rewrite_history=False))
        return [int(file.size) for file in old]

    def beside(self) -> list[str]:
        """Return the branches and pull requests beside the main branch, but those that the Hub makes itself."""
        ask = self._api.list_repo_refs
        refs = self._ask("list the branches", ask, self.name, repo_type=self.kind, include_pull_requests=True)
        listed = [*refs.branches, *(refs.pull_requests or [])]
        return sorted(str(entry.ref) for entry in listed if entry.name != "main")

    def has(self, revision: str) -> bool:
        """Ask whether the Hub still gives a commit or a tag."""
        ask = self._api.repo_info
        with _none_there():
            self._ask("find the revision", ask, self.name, repo_type=self.kind, revision=revision, timeout=_ANSWER)
            return True
        return False

    @property
    def shown(self) -> str:
        """How the user named it."""
        return f"{PREFIX}{printable(self.name)}"

    def _ask(
        self, what: str, call: Callable[..., Answer], *arguments: Any, tries: int = TRIES, **options: Any
    ) -> Answer:
        """Call, and call again while the Hub is busy or the connection breaks.

        Raises:
            AgainError: the only try met such a thing. ManifestError: it does not answer, or says no.
            RepositoryNotFoundError: as the library says it.
        """
        from huggingface_hub.errors import RepositoryNotFoundError

        wait = _FIRST
        for number in range(1, tries + 1):
            try:
                return call(*arguments, **options)
            except RepositoryNotFoundError:
                raise
            except Exception as error:  # the library and what lies below it have no class in common
                answer = _answer_of(error)
                status = None if answer is None else int(answer.status_code)
                conflict = tries == 1 and status in (409, 412)
                if not (conflict or status in _BUSY or _is_connection(error)):
                    raise self._refused(what, status, error) from error
                pause = max(wait, _retry_after(answer))
                if pause > _PATIENCE:
                    raise ManifestError(f"The Hub asks to wait {pause:.0f} s: run the same line again then.") from error
                if tries == 1:
                    words = f"the Hub did not {what} ({status or type(error).__name__})"
                    raise AgainError(words, pause) from error
                if number == tries:
                    raise self._refused(what, status, error) from error
                self._say(f"the Hub did not {what} ({status or type(error).__name__}): again in {pause:.0f} s")
                self._sleep(pause)
                wait = min(wait * 2, _LONGEST)
        raise AssertionError("the last try returns or raises")

    def _refused(self, what: str, status: int | None, error: Exception) -> ManifestError:
        if status in (401, 403):
            return ManifestError(
                f"The Hub does not let this token write to {self.shown}: give HF_TOKEN one with write access there."
            )
        why = f"it answered {status}" if status else printable(str(error) or type(error).__name__)[:200]
        return ManifestError(
            f"The Hub did not {what} for {self.shown} ({why}): run the same line again, nothing is sent twice."
        )


def _api() -> "HfApi":
    try:
        import httpx2
        from huggingface_hub import HfApi, set_client_factory
        from huggingface_hub.utils._http import default_client_factory
    except ImportError as error:
        raise ManifestError("Publishing to the Hub needs a package: pip install 'moee[publish]'.") from error

    def client() -> Any:
        made = default_client_factory()
        made.timeout = httpx2.Timeout(_ANSWER, connect=_CONNECT)  # its own client waits for ever
        return made

    set_client_factory(client)
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)


@contextlib.contextmanager
def _none_there() -> Iterator[None]:
    """Go on where the Hub says that there is no such revision."""
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        yield
    except ManifestError as error:
        if not isinstance(error.__cause__, RevisionNotFoundError):
            raise


def _answer_of(error: BaseException) -> Any:
    """The answer of the Hub below what its library made of it; None where none came."""
    seen: BaseException | None = error
    while seen is not None:
        if getattr(seen, "response", None) is not None:
            return getattr(seen, "response", None)
        seen = seen.__cause__
    return None


def _is_connection(error: BaseException) -> bool:
    import httpx2

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, httpx2.TransportError | ConnectionError | TimeoutError):
            return True
        seen = seen.__cause__
    return False


def _retry_after(answer: Any) -> float:
    """Seconds that the answer asks to wait: a number, or a date."""
    words = ("" if answer is None else answer.headers.get("Retry-After")) or ""
    if words.isdigit():
        return float(words)
    try:
        return max(0.0, parsedate_to_datetime(words).timestamp() - time.time()) if words else 0.0
    except (TypeError, ValueError):
        return 0.0
