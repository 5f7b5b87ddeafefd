"""Takes earlier versions away on the Hub, for a takedown: one commit, one tag, no file that only earlier ones held."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from manifests.errors import ManifestError
from manifests.publish import versions
from manifests.publish.push import Outgoing, push, record_at
from manifests.publish.remote import Remote
from manifests.publish.target import CARD, FORMAT, RECORD

Say = Callable[[str], None]
_NOTHING = "all of it was taken down"


@dataclass(frozen=True)
class Forgotten:
    """What is on the Hub no more.

    Attributes:
        commit: the only one of the main branch that is left. tag: its name.
        files: large files that were deleted for good. bytes: of these.
        beside: other branches and pull requests, which are left: their small files may still name what was removed.
    """

    commit: str
    tag: str
    files: int = 0
    bytes: int = 0
    beside: list[str] = field(default_factory=list)


def revisions_of(remote: Remote) -> list[str]:
    """Return the newest commit, the tags and their commits, sorted; none where there is no such repository."""
    head = remote.head()
    return [] if head is None else sorted({head.commit, *head.tags, *head.tags.values()})


def forget(remote: Remote, version: versions.Version) -> Forgotten:
    """Leave one commit with one tag, and none of the large files that only earlier commits held.

    Args:
        remote: what was pushed there is its newest commit.
        version: of that commit.

    Raises:
        ManifestError: the Hub does not do it; the same again goes on.
    """
    before = remote.head()
    for name in () if before is None else before.tags:
        remote.untag(name)
    remote.squash(f"{version.name}: {version.changes}")
    deleted = remote.delete_old_files()
    after = remote.head()
    if before is None or after is None:
        raise ManifestError(f"{remote.shown} is not there any more: look at it, and run the same line again.")
    remote.tag(version.name, after.commit, f"state of the manifest: {version.state}")
    return Forgotten(
        after.commit,
        version.name,
        len(deleted),
        sum(deleted),
        remote.beside(),
    )


def clear(remote: Remote, state: str, say: Say, sleep: Callable[[float], None]) -> Forgotten:
    """Leave a card that says that nothing is published here any more, and nothing of what was.

    Args:
        remote: with a publication. state: of the manifest. say: told of progress. sleep: waits so many seconds.

    Raises:
        ManifestError: there is no such repository, it is not ours, or the Hub does not take it.
    """
    head = remote.head()
    if head is None:
        raise ManifestError(f"{remote.shown} is not on the Hub: give ORG/NAME as published.")
    former = record_at(remote, head)
    known = versions.with_next(versions.of_record(former), head.tags, state, f"empty {state}", 0, _NOTHING)[-1:]
    card = f"---\ntags:\n- moee\n---\n\n# {remote.name}\n\nNothing is published here any more.\n"
    page = Outgoing.of(card.encode())
    record: dict[str, Any] = {name: former[name] for name in ("form", "stated") if name in former}
    record |= {"moee_publish": FORMAT, "whole": True, "key": known[0].key, "names": [CARD]}
    record["files"] = {CARD: {"sha256": page.sha256, "bytes": page.size}}
    record["versions"] = versions.as_records(known)
    files = {CARD: page, RECORD: Outgoing.of(json.dumps(record, indent=1, sort_keys=True).encode())}
    push(remote, files, head.private, f"{known[0].name}: {known[0].changes}", say, sleep)
    return forget(remote, known[0])
