"""One source, in a process of its own: its clips are cut again, or their files looked at, and compared."""

import errno
import hashlib
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.rebuild import result
from curation.rebuild.compare import Compared, Prints, compare, prints_of
from curation.rebuild.result import ClipResult
from curation.stages.export import clip_file

if TYPE_CHECKING:
    from manifests.recipe import Export
    from media.cut import CutOptions
    from media.fingerprint import Fingerprint

DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES)
VERSION: Final = 1  # of what is done here: another one does all sources again


@dataclass(frozen=True)
class Job:
    """What a process needs to know of one source.

    Attributes:
        source: id.
        out: the folder; clips lie in its clips/.
        clips: rows with `published.CLIP_COLUMNS`.
        export: how clips are cut.
        prints: file with the published fingerprint of the source, or None where there is none.
        path: the source's file; None looks at the clips' files only.
        sound: the file with its sound, when that is another one.
        same: the source's bytes are those that were published.
    """

    source: str
    out: Path
    clips: Sequence[dict[str, Any]]
    export: "Export"
    prints: Path | None
    path: Path | None = None
    sound: Path | None = None
    same: bool = False


def work(job: Job) -> list[ClipResult]:
    """Return what became of each clip of a source."""
    from media.errors import MediaError

    if job.path is None:
        return _Files(job).looked_at()
    found: _Found | None = None
    if not job.same:
        try:
            found = _found(job.path, job.sound)
        except MediaError as error:
            return missing(job.source, job.clips, result.UNREADABLE, str(error))
    return _Cuts(job, found).made()


def missing(source: str, clips: Sequence[dict[str, Any]], reason: str, note: str | None) -> list[ClipResult]:
    """All clips of a source that is not there, for one reason."""
    return [
        ClipResult(row["id"], source, result.MISSING, reason=reason, note=note, published_sha256=row["file_sha256"])
        for row in clips
    ]


@dataclass(frozen=True)
class _Found:
    """A source whose bytes are others: what happens in it, and when its pictures are."""

    prints: Prints
    times: list[int]  # PTS of every picture, and the first tick after the last
    base: Fraction


class _Cuts:
    """Cuts the clips of a source that was found."""

    def __init__(self, job: Job, found: _Found | None) -> None:
        self.job, self.found = job, found
        self.published = _read_prints(job.prints) if found is not None else None

    def made(self) -> list[ClipResult]:
        """Each clip, cut and judged; one that fails costs itself only."""
        from curation.engines.item import report_progress

        ended = []
        for number, row in enumerate(self.job.clips):
            ended.append(self._one(row))
            report_progress((number + 1) / len(self.job.clips))
        return ended

    def _one(self, row: dict[str, Any]) -> ClipResult:
        from media.cut import cut
        from media.errors import MediaError

        target = self.job.out / clip_file(row["id"])
        base = ClipResult(row["id"], self.job.source, result.MISSING, published_sha256=row["file_sha256"])
        start, end = self._span(row)
        try:
            options = options_of(self.job.export, row)
            cut_report = cut(self.job.path or target, target, start, end, options, sound=self.job.sound)
        except MediaError as error:
            raise_if_the_disk_refuses(error)
            return self._without_file(base, row, str(error))
        made = replace(
            base,
            file_sha256=cut_report.sha256,
            file_bytes=cut_report.bytes,
            audio_priming=cut_report.audio_priming,
        )
        ended = self._judged(made, row)
        if not ended.here:
            target.unlink(missing_ok=True)  # what drifted must not be taken for the clip
            ended = replace(ended, file_sha256=None, file_bytes=None, audio_priming=None)
        return ended

    def _without_file(self, base: ClipResult, row: dict[str, Any], error: str) -> ClipResult:
        """A span that cannot be cut: what is there is another video, or else the cut itself failed."""
        target = self.job.out / clip_file(row["id"])
        target.unlink(missing_ok=True)
        if self.found is not None and self.published is not None:
            seen = self._compared(row)
            if not seen.equivalent:
                return replace(_with(base, seen), status=result.DRIFTED)
        return replace(base, reason=result.CUT_FAILED, note=error)

    def _judged(self, made: ClipResult, row: dict[str, Any]) -> ClipResult:
        if made.file_sha256 == made.published_sha256:
            return replace(made, status=result.IDENTICAL, by="file")
        if self.job.same:
            note = "cut from the same bytes; another version of the encoder wrote other bytes"
            return replace(made, status=result.IDENTICAL, by="source", note=note)
        if self.published is None:
            return replace(
                made, reason=result.NO_PRINT, note="the source has other bytes and no fingerprint to compare"
            )
        seen = self._compared(row)
        return replace(_with(made, seen), status=result.EQUIVALENT if seen.equivalent else result.DRIFTED)

    def _compared(self, row: dict[str, Any]) -> Compared:
        assert self.published is not None
        assert self.found is not None
        return compare(self.published, self.found.prints, *_seconds(row))

    def _span(self, row: dict[str, Any]) -> tuple[int, int]:
        """The clip's span on the clock of what was found: whole pictures, the nearest to those that were published."""
        if self.found is None:
            return row["start_pts"], row["end_pts"]
        tick = Fraction(row["time_base_num"], row["time_base_den"]) / self.found.base
        start, end = (_nearest(self.found.times, row[name] * tick) for name in ("start_pts", "end_pts"))
        return start, max(end, start + 1)


class _Files:
    """Looks at the files of clips that are there already."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.published: Prints | None = None

    def looked_at(self) -> list[ClipResult]:
        """Each clip, judged by its file alone."""
        return [self._one(row) for row in self.job.clips]

    def _one(self, row: dict[str, Any]) -> ClipResult:
        from media.errors import MediaError

        path = self.job.out / clip_file(row["id"])
        base = ClipResult(row["id"], self.job.source, result.MISSING, published_sha256=row["file_sha256"])
        try:
            with path.open("rb") as file:
                sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
        except OSError as error:
            note = None if isinstance(error, FileNotFoundError) else f"its file cannot be read: {error.strerror}"
            return replace(base, reason=result.NO_FILE, note=note)
        here = replace(base, file_sha256=sha256, file_bytes=size)
        if sha256 == row["file_sha256"]:
            return replace(here, status=result.IDENTICAL, by="file")
        self.published = self.published or _read_prints(self.job.prints)
        if self.published is None:
            return replace(here, reason=result.NO_PRINT, note="the file has other bytes and no fingerprint to compare")
        try:
            seen = self._compared(path, row)
        except MediaError as error:
            return replace(here, reason=result.UNREADABLE, note=str(error))
        return replace(_with(here, seen), status=result.EQUIVALENT if seen.equivalent else result.DRIFTED)

    def _compared(self, path: Path, row: dict[str, Any]) -> Compared:
        """The clip's own file against the span of its source; a crop shows other pictures, so its sound decides."""
        assert self.published is not None
        start, end = _seconds(row)
        found, published = _found(path, None).prints, self.published
        if self.job.export.crop != "none":
            nothing = _nothing()
            found, published = replace(found, picture=nothing), replace(published, picture=nothing)
        return compare(published, found, start, end, later=-start)


def options_of(export: "Export", row: dict[str, Any]) -> "CutOptions":
    """How a clip was cut, as the stage `export` does it."""
    from media.cut import Crop, CutOptions

    x0, y0, x1, y1 = (row[f"crop_{side}"] for side in ("x0", "y0", "x1", "y1"))
    crop = None
    if export.crop == "face" and x0 is not None:
        crop = Crop(x0, y0, x1, y1, row["source_width"], row["source_height"])
    size = None if export.size is None else (export.size[0], export.size[1])
    return CutOptions(fps=export.fps, crop=crop, size=size, crf=export.crf, preset=export.preset)


def raise_if_the_disk_refuses(error: Exception) -> None:
    """A full or broken disk is no fault of the clip: it must not be recorded as one."""
    code = getattr(error.__cause__, "errno", None)
    if code in DISK:
        raise OSError(code, os.strerror(code)) from error


def _with(base: ClipResult, seen: Compared) -> ClipResult:
    return replace(base, picture=seen.picture, sound=seen.sound, shift=seen.shift, note=seen.note)


def _seconds(row: dict[str, Any]) -> tuple[float, float]:
    tick = Fraction(row["time_base_num"], row["time_base_den"])
    return float(row["start_pts"] * tick), float(row["end_pts"] * tick)


def _nearest(times: Sequence[int], wanted: Fraction) -> int:
    """The time nearest to the wanted one; of two as near, the earlier."""
    place = bisect_left(times, wanted)
    near = times[max(0, place - 1) : place + 1]
    return min(near, key=lambda time: (abs(time - wanted), time))


def _found(path: Path, sound: Path | None) -> _Found:
    """What happens in a file, by one decode of its pictures and one of its sound."""
    from media.audio import chunks
    from media.decode import Decoder
    from media.fingerprint import PictureFingerprint, sound_fingerprint

    pictures, times = PictureFingerprint(), []
    with Decoder(path) as decoder:
        base = decoder.time_base
        for frame in decoder:
            pictures.see(frame)
            times.append(frame.pts)
            end = frame.pts + frame.duration
    heard = sound_fingerprint(chunks(sound or path))
    return _Found(_prints(pictures.finish(), heard), [*times, end], base)


def _prints(picture: "Fingerprint", sound: "Fingerprint | None") -> Prints:
    """As `prints_of` a stored row: what is compared has gone the same way."""
    from curation.stages.fingerprints import fingerprint_row
    from manifests.schema import table_from_rows

    return prints_of(table_from_rows("fingerprints", [fingerprint_row("", picture, sound)]))


def _nothing() -> Any:
    import numpy as np

    from media.fingerprint import WAVES, Fingerprint
    from media.matching import picture_features

    return picture_features(Fingerprint(np.zeros(0, np.int64), np.zeros((0, len(WAVES)), np.int8)))


def _read_prints(path: Path | None) -> Prints | None:
    """The published fingerprint of a source; None where there is none, or another version made it."""
    from manifests.parquet import read_table

    if path is None:
        return None
    prints = prints_of(read_table("fingerprints", path))
    return prints if len(prints.picture) or len(prints.sound) else None
