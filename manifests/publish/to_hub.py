"""Publishes a manifest to the Hub: made in a folder first, planned, sent, compared, tagged; killed, it goes on."""

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from manifests.errors import ManifestError
from manifests.files import read_json
from manifests.publish import changes, gate, standing, versions
from manifests.publish import forget as forgetting
from manifests.publish.hub import Watch
from manifests.publish.plan import plan_by_split
from manifests.publish.push import Outgoing, Steps, check_limits, compare, owned_by, push, record_at
from manifests.publish.remote import Head, Remote, repo_of
from manifests.publish.run import MEDIA, SHARD_BYTES, Published, form_of, publish
from manifests.publish.target import CARD, RECORD
from manifests.text import printable

Say = Callable[[str], None]


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


def check_visibility(remote: Remote, head: Head | None, private: bool) -> None:
    """Refuse --private for a repository that is public."""
    if head is not None and private and not head.private:
        raise ManifestError(f"{remote.shown} is public: make it private on its page first, or leave --private out.")


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


def files_of(place: Path, record: Mapping[str, Any]) -> dict[str, Outgoing]:
    """Return the files of a published folder, as its record names them."""
    return {name: Outgoing(place / name, entry["bytes"], entry["sha256"]) for name, entry in record["files"].items()}


def outgoing(
    files: dict[str, Outgoing], card: str, record: Mapping[str, Any], known: Sequence[versions.Version]
) -> dict[str, Outgoing]:
    """Return what a repository is to hold: files, the card with the versions, and the record."""
    files = dict(files)
    card += versions.section(known)
    files[CARD] = Outgoing.of(card.encode())
    listed = {name: {"sha256": file.sha256, "bytes": file.size} for name, file in sorted(files.items())}
    content = {**record, "files": listed, "versions": versions.as_records(known)}
    files[RECORD] = Outgoing.of(json.dumps(content, indent=1, sort_keys=True).encode())
    return files


def send(
    remote: Remote,
    head: Head | None,
    files: Mapping[str, Outgoing],
    known: Sequence[versions.Version],
    private: bool,
    dry_run: bool,
    say: Say,
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    """Show the plan, send the files unless `dry_run`, tag them, and return the fields of `Pushed`."""
    check_limits(files)
    steps = compare(files, head, owned_by(record_at(remote, head)))
    version = known[-1]
    for line in plan_lines(remote, head, steps, files, version.name):
        say(line)
    after = head
    if not dry_run:
        after = push(remote, files, private, f"{version.name}: {version.changes}", say, sleep)
        tag(remote, after, version)
    return {
        "repository": remote.shown,
        "url": remote.url,
        "kind": remote.kind,
        "private": private if head is None else head.private,
        "dry_run": dry_run,
        "commit": None if after is None else after.commit,
        "version": version.name,
        "sent": len(steps.send),
        "sent_bytes": steps.bytes,
        "replaced": [printable(name) for name in steps.differ],
        "there": len(steps.there),
        "deleted": len(steps.delete),
        "files": len(files),
        "bytes": sum(file.size for file in files.values()),
    }


def plan_lines(
    remote: Remote, head: Head | None, steps: Steps, files: Mapping[str, Outgoing], version: str
) -> list[str]:
    """Return what would be done, a line each."""
    whole = sum(file.size for file in files.values())
    where = "a new repository" if head is None else f"on commit {head.commit[:12]}"
    lines = [
        f"plan: {remote.shown} ({where}) becomes {version}: {len(files)} files, {whole / 1e6:.1f} MB; "
        f"there already {len(steps.there)}, to send {len(steps.send)} ({steps.bytes / 1e6:.1f} MB), "
        f"to delete {len(steps.delete)}"
    ]
    changed = [name for name in steps.differ if name not in (CARD, RECORD)]
    lines += [f"the Hub holds another {printable(name)}: it is replaced" for name in changed[:10]]
    if len(changed) > 10:
        lines.append(f"and {len(changed) - 10} more files that it holds otherwise")
    return lines


def tag(remote: Remote, head: Head, version: versions.Version) -> None:
    """Give the newest commit the name of its version, also where a repair has moved it."""
    if head.tags.get(version.name) == head.commit:
        return
    if version.name in head.tags:
        remote.untag(version.name)
    remote.tag(version.name, head.commit, f"state of the manifest: {version.state}")
