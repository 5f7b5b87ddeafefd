"""The versions of what is on the Hub: one for each state of the manifest, each with a tag and a line in the card."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from manifests.publish.markdown import count, table, text

_SHOWN: Final = 100  # versions that the card lists


@dataclass(frozen=True)
class Version:
    """A version: its tag (vN), the state of the manifest, the key of what is published, clips, and what changed."""

    name: str
    state: str
    key: str
    clips: int
    changes: str


def of_record(record: Mapping[str, Any]) -> list[Version]:
    """Return the versions that the record of a publication names, oldest first."""
    names = Version.__dataclass_fields__
    listed = record.get("versions", [])
    known = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return [Version(**entry) for entry in known if set(entry) == set(names)]


def with_next(
    former: Sequence[Version], tags: Iterable[str], state: str, key: str, clips: int, changes: str
) -> list[Version]:
    """Return the versions with that of this key at the end: the former last one if it has it, else a new one."""
    if former and former[-1].key == key:
        return list(former)
    numbers = [int(name[1:]) for name in tags if name[:1] == "v" and name[1:].isdigit()]
    numbers += [int(version.name[1:]) for version in former]
    return [*former, Version(f"v{max(numbers, default=0) + 1}", state, key, clips, changes)]


def as_records(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Return them as JSON values."""
    return [asdict(version) for version in versions]


def section(versions: Sequence[Version], of_clips: bool = True) -> str:
    """Return the lines of the card: newest first.

    Args:
        versions: oldest first.
        of_clips: of a data set, whose clips are counted; a model has none.
    """
    titles = ("version", *(("clips", "state of the manifest") if of_clips else ("state",)), "against the one before")
    rows = [
        (
            text(version.name),
            *((count(version.clips),) if of_clips else ()),
            text(version.state[:16]),
            text(version.changes, 300),
        )
        for version in reversed(versions[-_SHOWN:])
    ]
    where = "`revision=` of `load_dataset`" if of_clips else "`hf download --revision`"
    lines = ["", "## Versions", "", f"Each is a tag of this repository: {where}.", "", *table(titles, rows)]
    return "\n".join(lines) + "\n"
