"""One push: the files that a repository is to hold, the plan that is shown, the sending, the tag."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from manifests.errors import ManifestError
from manifests.publish import versions
from manifests.publish.markdown import many
from manifests.publish.push import Outgoing, Say, Steps, check_limits, compare, owned_by, push, record_at
from manifests.publish.remote import Head, Remote
from manifests.publish.target import CARD, RECORD
from manifests.text import printable


def check_visibility(remote: Remote, head: Head | None, private: bool) -> None:
    """Refuse --private for a repository that is public."""
    if head is not None and private and not head.private:
        raise ManifestError(f"{remote.shown} is public: make it private on its page first, or leave --private out.")


def files_of(place: Path, record: Mapping[str, Any]) -> dict[str, Outgoing]:
    """Return the files of a published folder, as its record names them."""
    return {name: Outgoing(place / name, entry["bytes"], entry["sha256"]) for name, entry in record["files"].items()}


def outgoing(
    files: dict[str, Outgoing], card: str, record: Mapping[str, Any], known: Sequence[versions.Version]
) -> dict[str, Outgoing]:
    """Return what a repository is to hold: files, the card with the versions, and the record."""
    files = dict(files)
    card += versions.section(known, of_clips=record.get("form") != "model")
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
    former, version = record_at(remote, head), known[-1]
    steps = compare(files, head, owned_by(former))
    same = former.get("key") == version.key  # then what the Hub holds otherwise was changed there, or by a kill
    for line in plan_lines(remote, head, steps, files, version.name, private, same):
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
    remote: Remote,
    head: Head | None,
    steps: Steps,
    files: Mapping[str, Outgoing],
    version: str,
    private: bool,
    same: bool,
) -> list[str]:
    """Return what would be done, a line each."""
    whole = sum(file.size for file in files.values())
    where = "a new repository" if head is None else f"on commit {head.commit[:12]}"
    seen = "private" if (private if head is None else head.private) else "public"
    lines = [
        f"plan: {remote.shown} ({where}, {seen}) becomes {version}: {many(len(files), 'file')}, {whole / 1e6:.1f} MB; "
        f"there already {len(steps.there)}, to send {len(steps.send)} ({steps.bytes / 1e6:.1f} MB), "
        f"to delete {len(steps.delete)}"
    ]
    lines += [f"  {words}" for words in _by_folder(files)]
    changed = [name for name in steps.differ if name not in (CARD, RECORD)] if same else []
    lines += [f"the Hub holds another {printable(name)}: it is replaced" for name in changed[:10]]
    if len(changed) > 10:
        lines.append(f"and {len(changed) - 10} more files that it holds otherwise")
    return lines


def _by_folder(files: Mapping[str, Outgoing]) -> Iterator[str]:
    """What lies in each folder at the top, and beside them."""
    held: dict[str, list[int]] = {}
    for name, file in sorted(files.items()):
        held.setdefault(name.partition("/")[0] + "/" if "/" in name else "beside them", []).append(file.size)
    for folder, sizes in sorted(held.items(), key=lambda item: ("/" not in item[0], item[0])):
        yield f"{printable(folder)}: {many(len(sizes), 'file')}, {_size(sum(sizes))}"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def tag(remote: Remote, head: Head, version: versions.Version) -> None:
    """Give the newest commit the name of its version, also where a repair has moved it."""
    if head.tags.get(version.name) == head.commit:
        return
    if version.name in head.tags:
        remote.untag(version.name)
    remote.tag(version.name, head.commit, f"state of the manifest: {version.state}")
