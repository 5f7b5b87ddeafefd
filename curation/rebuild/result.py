"""What became of each clip, and of the whole: one row per clip, counts, and the sources that are gone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

IDENTICAL, EQUIVALENT, DRIFTED, MISSING = "identical", "equivalent", "drifted", "missing"
STATUSES: Final = (IDENTICAL, EQUIVALENT, DRIFTED, MISSING)
LISTED: Final = 1_000  # clips and sources that the summary names; the table has all
NOT_FOUND = "not-found"  # not in the folder of sources, or a local file without such a folder
UNREADABLE = "unreadable"  # there, but no video that can be decoded
NO_PRINT = "no-fingerprint"  # other bytes, and no fingerprint was published to compare them with
CUT_FAILED = "cut-failed"
CRASHED = "crashed"  # its process ended
NO_FILE = "no-file"  # verify-only: the clip's file is not there


@dataclass(frozen=True)
class ClipResult:
    """What became of one clip.

    Attributes:
        clip, source: ids.
        status: identical (the same bytes, or cut from the same bytes), equivalent (the fingerprints lie within the
            bounds), drifted (they do not), missing (see `reason`).
        by: what showed that it is identical: `file` or `source`; else None.
        reason: why it is missing: an outcome of the download (removed, private, ...) or one of this module's words.
        picture, sound: distances, 0..2, where they were measured.
        shift: s by which what was found comes later.
        file_sha256, file_bytes, audio_priming: of the file that is there now; None without one.
        published_sha256: of the file as it was.
        note: a sentence on what is not as it was.
    """

    clip: str
    source: str
    status: str
    by: str | None = None
    reason: str | None = None
    picture: float | None = None
    sound: float | None = None
    shift: float | None = None
    file_sha256: str | None = None
    file_bytes: int | None = None
    audio_priming: int | None = None
    published_sha256: str | None = None
    note: str | None = None

    @property
    def here(self) -> bool:
        """Whether the clip's file may stand in for the published one."""
        return self.status in (IDENTICAL, EQUIVALENT)


@dataclass(frozen=True)
class SourceFound:
    """What was found of one source in this run.

    Attributes:
        source: id.
        name: its published name.
        outcome: `ok`, an outcome of the download, or `not-found`.
        same: its bytes are those of the published source; None where nothing was found.
        format_id, format_id_now: the stream that was published, and the one that was found.
        error: one sentence, or None.
        asked: its site was asked in this run.
    """

    source: str
    name: str
    outcome: str
    same: bool | None = None
    format_id: str | None = None
    format_id_now: str | None = None
    error: str | None = None
    asked: bool = False


@dataclass(frozen=True)
class Report:
    """A finished rebuild.

    Attributes:
        out: the folder, printable.
        clips: sorted by id.
        sources: sorted by id; empty where only files were verified.
        worked: sources that were worked on; the others stood as an earlier run had left them.
        notes: what else to know, a sentence each.
    """

    out: str
    clips: Sequence[ClipResult]
    sources: Sequence[SourceFound] = ()
    worked: int = 0
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def counts(self) -> dict[str, int]:
        """Status -> clips, all four, in order."""
        found = Counter(clip.status for clip in self.clips)
        return {status: found[status] for status in STATUSES}

    @property
    def complete(self) -> bool:
        """Whether every clip is identical or equivalent."""
        return all(clip.here for clip in self.clips)

    def as_dict(self) -> dict[str, Any]:
        """For machines: counts, the bounds, the clips that are not identical, the sources that are not as they were."""
        from curation.rebuild import compare

        why = Counter(clip.reason for clip in self.clips if clip.reason)
        return {
            "out": self.out,
            "clips": len(self.clips),
            **self.counts,
            "missing_because": dict(sorted(why.items())),
            "bounds": {
                "picture": compare.PICTURE_BOUND,
                "sound": compare.SOUND_BOUND,
                "shift_seconds": compare.SHIFT_BOUND,
            },
            "sources_worked": self.worked,
            "not_identical": [asdict(clip) for clip in self.clips if clip.status != IDENTICAL][:LISTED],
            "sources_changed": [asdict(source) for source in self.sources if source.same is not True][:LISTED],
            "notes": list(self.notes),
        }
