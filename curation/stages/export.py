"""The files of the kept clips: decodes again, and only their frames; a file that is there already stays."""

import errno
import hashlib
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Literal

from curation.stage import SourceWork, Stage

_SPAN = ("start_pts", "end_pts", "time_base_num", "time_base_den")
_CROP = ("crop_x0", "crop_y0", "crop_x1", "crop_y1", "source_width", "source_height")
_FILE = ("file", "file_sha256", "file_bytes", "audio_priming")


@dataclass(frozen=True)
class Export(Stage):
    """Cuts each kept clip to `clips/<clip id>.mp4` (H.264 + AAC).

    Args:
        fps: constant frame rate as a fraction ("25", "30000/1001"); None keeps the source's own times.
        crop: `none` exports the whole picture, `face` the square of the row's crop columns.
        size: width and height of the exported picture, px; None keeps those of the (cropped) source.
        crf: x264's constant rate factor; lower is better and larger.
        preset: x264's preset.
    """

    name: ClassVar[str] = "export"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("select",)

    fps: str | None = None
    crop: Literal["none", "face"] = "none"
    size: tuple[int, int] | None = None
    crf: int = 18
    preset: str = "veryfast"

    def run(self, work: SourceWork) -> None:
        """Write files and replace the `clips` table by one that names them; a clip that fails costs itself only."""
        from manifests.schema import table_from_rows
        from media.errors import MediaError

        rows = work.tables["clips"].to_pylist()
        for row in rows:
            if row["status"] != "kept":
                continue
            try:
                self._cut(work, row)
            except MediaError as error:
                _raise_if_the_disk_refuses(error)
                row["status"] = "failed"
                work.clip_errors[row["id"]] = str(error)
        work.add("clips", table_from_rows("clips", rows))

    def _cut(self, work: SourceWork, row: dict[str, Any]) -> None:
        from media.cut import cut

        file = clip_file(row["id"])
        made = work.exported.get(row["id"])
        if made is not None and self._is_there(work.folder / file, made, row):
            row.update({name: made[name] for name in _FILE})
            return
        report = cut(
            work.path, work.folder / file, row["start_pts"], row["end_pts"], self._options(row), sound=work.sound
        )
        work.frames_decoded += report.frames_decoded
        row.update(file=file, file_sha256=report.sha256, file_bytes=report.bytes, audio_priming=report.audio_priming)

    def _is_there(self, path: Path, made: dict[str, Any], row: dict[str, Any]) -> bool:
        """Whether the last export made this clip, of the same span and crop, and its file is whole."""
        same = _SPAN if self.crop == "none" else (*_SPAN, *_CROP)
        if any(made[name] != row[name] for name in same) or not path.is_file():
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == made["file_sha256"]

    def _options(self, row: dict[str, Any]) -> Any:
        from media.cut import Crop, CutOptions

        crop = None
        if self.crop == "face":
            corners = (row["crop_x0"], row["crop_y0"], row["crop_x1"], row["crop_y1"])
            crop = Crop(*corners, row["source_width"], row["source_height"])
        return CutOptions(
            fps=Fraction(self.fps) if self.fps else None,
            crop=crop,
            size=self.size,
            crf=self.crf,
            preset=self.preset,
        )


def _raise_if_the_disk_refuses(error: Exception) -> None:
    """A full or broken disk is no fault of the clip: it must not be recorded as one."""
    code = getattr(error.__cause__, "errno", None)
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES):
        raise OSError(code, os.strerror(code)) from error


def clip_file(clip: str) -> str:
    """Where a clip's file lies, relative to the manifest's folder."""
    return f"clips/{clip}.mp4"


def exported(work_folder: Path, clips: Any) -> bool:
    """Whether every file that the table names is there with its size."""
    for row in clips.select(["status", "file", "file_bytes"]).to_pylist():
        if row["status"] != "kept":
            continue
        file = work_folder / row["file"]
        if not file.is_file() or file.stat().st_size != row["file_bytes"]:
            return False
    return True
