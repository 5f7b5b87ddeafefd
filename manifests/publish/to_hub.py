"""Publishes a manifest to the Hub: made in a folder first, planned, sent, compared, tagged; killed, it goes on."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from manifests.files import read_json
from manifests.publish import changes, gate, standing, versions
from manifests.publish import forget as forgetting
from manifests.publish.hub import Watch
from manifests.publish.plan import plan_by_split
from manifests.publish.push import Say, record_at
from manifests.publish.remote import Head, Remote, repo_of
from manifests.publish.run import MEDIA, SHARD_BYTES, Published, form_of, publish
from manifests.publish.sending import check_visibility, files_of, outgoing, send
from manifests.publish.target import CARD, RECORD


@dataclass(frozen=True)
class Pushed:
    """What is on the Hub now, or would be.

    Attributes:
        repository: `hf:ORG/NAME`. url: where people see it. kind: dataset or model. private: whether it is.
        dry_run: nothing was sent. commit: the newest one; None where none was made. version: its tag.
        sent: files that were sent, or would be. sent_bytes: of these. replaced: of these, those that the Hub held
            otherwise. there: files that it held already. deleted: files of an earlier version. files: all of them.
        bytes: of all. published: the folder that was made first; None of a model. allowed: what was named.
        forgotten: what was taken away for a takedown.
    """

    repository: str
    url: str
    kind: str
    private: bool
    dry_run: bool
    commit: str | None
    version: str | None
    sent: int
    sent_bytes: int
    replaced: list[str]
    there: int
    deleted: int
    files: int
    bytes: int
    published: Published | None = None
    allowed: list[str] = field(default_factory=list)
    forgotten: forgetting.Forgotten | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def publish_to_hub(
    folder: str | Path,
    to: str,
    *,
    private: bool = False,
    media: str = "embedded",
    max_shard_bytes: int = SHARD_BYTES,
    licence: str | None = None,
    pretty_name: str | None = None,
    languages: Sequence[str] = (),
    allow: Sequence[str] = (),
    dry_run: bool = False,
    stage: str | Path | None = None,
    forget: bool = False,
    watch: Watch = lambda what, done, total: None,
    say: Say = lambda words: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Pushed:
    """Publish the kept clips of a manifest to a dataset repository of the Hub.

    Args:
        folder: a folder that `moee curate --out` wrote; it is only read.
        to: `hf:ORG/NAME`. private: of a repository that is made.
        media: `embedded` (in Parquet), `files`, or `none`, for what may be shared when footage may not.
        max_shard_bytes: a Parquet file is closed when it holds about so much.
        licence, pretty_name, languages: for the card; see `publish`.
        allow: `unlicensed`, and names of models, that may be public all the same.
        dry_run: make the folder and the plan, and send nothing.
        stage: where the folder is made first, and stays; None: in the cache, until everything is there.
        forget: take earlier versions and their files away on the Hub, for a takedown: only the newest one stays.
        watch: told what is written, how many clips of how many. say: told the plan and the progress.
        sleep: waits so many seconds.

    Raises:
        ManifestError: what `publish` raises; no token; something that may not be public; a repository that is not
            ours; a Hub that does not answer, or lists other files than were sent.
    """
    import manifests

    name = repo_of(to)
    form = form_of(media)
    manifest = manifests.open(folder)
    found = gate.look(manifest, plan_by_split(manifest).clips)
    if not private:
        gate.check(found, allow)
    remote = Remote(name, say=say, sleep=sleep)
    remote.check_login()
    head = remote.head()
    check_visibility(remote, head, private)
    former = record_at(remote, head)
    place = _stage(name, form) if stage is None else Path(stage)
    done = publish(
        folder,
        place,
        form=form,
        max_shard_bytes=max_shard_bytes,
        licence=licence,
        pretty_name=pretty_name,
        languages=languages,
        allowed=allow,
        watch=watch,
    )
    record = read_json(place / RECORD)
    known = versions.with_next(
        versions.of_record(former),
        () if head is None else head.tags,
        str(record["of"]["state"]),
        record["key"],
        done.clips,
        _changes(remote, head, former, record, place),
    )
    card = _card_of(remote, known[-1].name, (place / CARD).read_text(encoding="utf-8"))
    if forget:
        known = [replace(known[-1], changes="earlier versions were taken away")]
    files = outgoing(files_of(place, record), card, record, known)
    pushed = send(remote, head, files, known, private, dry_run, say, sleep)
    if forget and not dry_run:
        pushed["forgotten"] = forgetting.forget(remote, known[-1])
        pushed["commit"] = pushed["forgotten"].commit
    if stage is None and not dry_run:
        shutil.rmtree(place, ignore_errors=True)
    return Pushed(**{**pushed, "published": done, "allowed": list(allow)})


def _card_of(remote: Remote, version: str, card: str) -> str:
    """The card of a folder with the repository where it says how to load, to rebuild and to cite it."""
    address = f"  howpublished = {{{remote.url}}},\n  version = {{{version}}},\n"
    return (
        card.replace('load_dataset("FOLDER"', f'load_dataset("{remote.name}"')
        .replace("\nmoee rebuild FOLDER ", f"\nmoee rebuild hf:{remote.name} ")
        .replace(f"\n{standing.NOTE}", f"\n{address}{standing.NOTE}", 1)
    )


def _stage(name: str, form: str) -> Path:
    """A folder of this repository in the cache: the same one for the next try."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("moee")) / "publish" / f"{name.replace('/', '@')}-{form}"


def _changes(
    remote: Remote, head: Head | None, former: Mapping[str, Any], record: Mapping[str, Any], place: Path
) -> str:
    if head is None or not former.get("versions"):
        return "the first one"
    if former.get("key") == record["key"]:
        return ""  # the version is there already
    if {former.get("form"), record["form"]} <= set(MEDIA.values()):
        return changes.described(remote, head, place)
    return f"in another form ({former.get('form')} before), not compared"
