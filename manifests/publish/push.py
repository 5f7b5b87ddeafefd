"""Brings files to a repository of the Hub: only what it lacks, then compares what it lists."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.errors import ManifestError
from manifests.publish.markdown import many
from manifests.publish.remote import AgainError, Head, Remote, RemoteFile
from manifests.publish.target import CARD, RECORD
from manifests.text import printable

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

COMMIT_FILES: Final = 1_000  # of one commit; a larger set is committed in parts, the card with the last one
FOLDER_FILES, REPO_FILES = 10_000, 100_000  # the Hub takes fewer: huggingface.co/docs/hub/storage-limits
FILE_BYTES: Final = 50_000_000_000  # and no larger file
_GROUP_FILES, _GROUP_BYTES = 50, 1_000_000_000  # of one request for places to upload to
_TRIES: Final = 8
_LAST: Final = (CARD, RECORD)
_THEIRS: Final = (".gitattributes",)  # the Hub makes it
Say = Callable[[str], None]


@dataclass(frozen=True)
class Outgoing:
    """A file that is to be there: its path or its bytes, how many bytes, and their SHA-256."""

    content: Path | bytes
    size: int
    sha256: str

    @staticmethod
    def of(content: bytes) -> "Outgoing":
        """A file that is only in memory."""
        return Outgoing(content, len(content), hashlib.sha256(content).hexdigest())

    def git_sha1(self) -> str:
        """The hash by which git names the content."""
        digest = hashlib.sha1(b"blob %d\0" % self.size)
        if isinstance(self.content, bytes):
            digest.update(self.content)
            return digest.hexdigest()
        with self.content.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True)
class Steps:
    """What is to be done to a repository.

    Attributes:
        send: names of files that it lacks or holds otherwise. differ: of these, those that it holds otherwise.
        there: names of files that it holds already. delete: names of files of an earlier publication.
        bytes: of the files that are sent.
    """

    send: list[str] = field(default_factory=list)
    differ: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    bytes: int = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.send or self.delete)


def compare(files: Mapping[str, Outgoing], head: Head | None, owned: Sequence[str] = ()) -> Steps:
    """Compare what is to be there with what the Hub lists, by size and hash.

    Args:
        files: path -> file that is to be there.
        head: of the repository; None where there is none.
        owned: paths that an earlier publication wrote.
    """
    listed = {} if head is None else head.files
    send, differ, there = [], [], []
    for name, file in sorted(files.items()):
        if (held := listed.get(name)) is None:
            send.append(name)
        elif _same(file, held):
            there.append(name)
        else:
            send.append(name)
            differ.append(name)
    delete = sorted(name for name in set(owned) - set(files) if name in listed and name not in _THEIRS)
    return Steps(send, differ, there, delete, sum(files[name].size for name in send))


def _same(file: Outgoing, held: RemoteFile) -> bool:
    if file.size != held.bytes:
        return False
    return held.sha256 == file.sha256 if held.sha256 is not None else held.git_sha1 == file.git_sha1()


def record_at(remote: Remote, head: Head | None) -> dict[str, Any]:
    """Return what .published.json of a repository says; empty for a new one.

    Raises:
        ManifestError: it holds files that moee publish did not write, or the record cannot be read.
    """
    if head is None:
        return {}
    if RECORD not in head.files:
        foreign = sorted(set(head.files) - set(_THEIRS))
        if foreign:
            raise ManifestError(
                f"{remote.shown} holds files that moee publish did not write ({printable(foreign[0])}): give a new or "
                "empty repository."
            )
        return {}
    try:
        record = json.loads(remote.read(RECORD, head.commit))
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("files"), dict):
        raise ManifestError(f"{remote.shown} has a {RECORD} that cannot be read: delete it there, or give a new one.")
    return record


def owned_by(record: Mapping[str, Any]) -> list[str]:
    """Return the paths that an earlier publication wrote, from its record."""
    return [*map(str, record.get("files", {})), *map(str, record.get("claimed", []))]


def check_limits(files: Mapping[str, Outgoing]) -> None:
    """Refuse what the Hub does not take, before anything is sent.

    Raises:
        ManifestError: too many files, in all or in one folder, or too large a one.
    """
    folders: dict[str, int] = {}
    for name in files:
        folder = name.rpartition("/")[0]
        folders[folder] = folders.get(folder, 0) + 1
    most = max(folders, key=lambda name: folders[name], default="")
    if len(files) >= REPO_FILES:
        raise ManifestError(f"{len(files):,} files: the Hub takes fewer than {REPO_FILES:,}: use --media embedded.")
    if folders and folders[most] >= FOLDER_FILES:
        raise ManifestError(
            f"{folders[most]:,} files in {printable(most) or 'the top folder'}: the Hub takes fewer than "
            f"{FOLDER_FILES:,} in one folder: use --media embedded or a larger --max-shard."
        )
    large = next((name for name, file in sorted(files.items()) if file.size > FILE_BYTES), None)
    if large is not None:
        raise ManifestError(
            f"{printable(large)} is larger than 50 GB, the most the Hub takes: use a smaller --max-shard."
        )


def push(
    remote: Remote, files: Mapping[str, Outgoing], private: bool, message: str, say: Say, sleep: Callable[[float], None]
) -> Head:
    """Bring the files to the repository, which is made where it is missing, and compare what it lists in the end.

    Args:
        remote: where to. files: path -> file that is to be there, the card and the record among them.
        private: of a repository that is made. message: of the commits. say: told of progress, a sentence each.
        sleep: waits so many seconds.

    Returns:
        The newest commit: it holds exactly these files, by size and hash.

    Raises:
        ManifestError: the Hub does not take them, or lists other files than were sent.
    """
    head = remote.head()
    if head is None:
        remote.create(private)
        head = remote.head()
    sent = False
    for _ in range(_TRIES):
        if head is None:
            raise ManifestError(f"{remote.shown} is not there after it was made: run the same line again.")
        steps = compare(files, head, owned_by(record_at(remote, head)))
        if steps.done:
            return head
        if sent:
            wrong = printable((steps.differ or steps.send or steps.delete)[0])
            raise ManifestError(
                f"{remote.shown} lists another {wrong} than was sent: somebody changed it meanwhile, or the Hub "
                "damaged it; run the same line again."
            )
        try:
            _send(remote, head, files, steps, message, say)
            sent = True
        except AgainError as error:
            say(f"{error}: planned anew in {error.wait:.0f} s")
            sleep(error.wait)
        head = remote.head()
    raise ManifestError(f"{remote.shown} was changed by somebody else each time: run the same line again later.")


def _send(remote: Remote, head: Head, files: Mapping[str, Outgoing], steps: Steps, message: str, say: Say) -> None:
    """Bytes first, then one commit; more than one where there are too many files for it."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    adds: dict[str, CommitOperationAdd] = {}
    gone = 0
    for group in _groups(steps.send, files):
        adds |= {name: _addition(name, files[name]) for name in group}
        remote.upload([adds[name] for name in group])
        gone += sum(files[name].size for name in group)
        say(f"sent: {len(adds)} of {many(len(steps.send), 'file')}, {gone / 1e6:.1f} of {steps.bytes / 1e6:.1f} MB")
    parent = head.commit
    early = [name for name in steps.send if name not in _LAST]
    if len(adds) + len(steps.delete) > COMMIT_FILES:
        claim = _claim(remote, head, files)
        for number in range(0, len(early), COMMIT_FILES):
            part: list[Any] = [adds[name] for name in early[number : number + COMMIT_FILES]]
            first = [CommitOperationAdd(RECORD, claim)] if number == 0 else []
            parent = remote.commit([*first, *part], f"{message} (part {number // COMMIT_FILES + 1})", parent)
        early = []
    last: list[Any] = [adds[name] for name in early]
    last += [adds[name] if name in adds else _addition(name, files[name]) for name in _LAST if name in files]
    last += [CommitOperationDelete(name) for name in steps.delete]
    remote.commit(last, message, parent)


def _addition(name: str, file: Outgoing) -> "CommitOperationAdd":
    from huggingface_hub import CommitOperationAdd

    made = CommitOperationAdd(name, file.content)
    made.upload_info.sha256 = bytes.fromhex(file.sha256)  # known: the file is not read once more
    return made


def _claim(remote: Remote, head: Head, files: Mapping[str, Outgoing]) -> bytes:
    """A record that names everything which may be there until the last commit."""
    former = record_at(remote, head)
    claimed = sorted({*owned_by(former), *files})
    return json.dumps({**former, "whole": False, "files": {}, "claimed": claimed}, sort_keys=True).encode()


def _groups(names: Sequence[str], files: Mapping[str, Outgoing]) -> Iterator[list[str]]:
    group: list[str] = []
    held = 0
    for name in names:
        if group and (len(group) >= _GROUP_FILES or held + files[name].size > _GROUP_BYTES):
            yield group
            group, held = [], 0
        group.append(name)
        held += files[name].size
    if group:
        yield group
