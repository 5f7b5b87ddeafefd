"""The middle frame of a clip as a small picture, from its source or, when that is gone, from its own file."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

SIDE: Final = 256  # px of the longer side: sharp at 160 px on a dense screen
FACE: Final = 160  # px of a face alone
_QUALITY: Final = 72  # WebP
DEEPEST: Final = 600  # frames that are decoded for one picture; a file without an index is not decoded to its end


@dataclass(frozen=True)
class Wanted:
    """A clip whose middle frame is wanted.

    Args:
        source: file of its source, None when there is none.
        bytes: size of the source, None when unknown.
        middle: s on the source's clock.
        half: s from the clip's first frame to its middle.
        file: its exported file relative to the manifest's folder, None without one.
        cropped: the exported file shows the crop only.
        face: x0, y0, x1, y1 in shares of the picture: show this part alone; None for all of it.
    """

    source: Path | None
    bytes: int | None
    middle: Fraction
    half: Fraction
    file: str | None
    cropped: bool
    face: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Picture:
    """A thumbnail.

    Args:
        data: its data URI, None when no frame could be had.
        width: px, 0 without a frame.
        height: px, 0 without a frame.
        whole: it shows the whole picture of the source, so that the crop can be drawn over it.
        why: what stands in its place, empty with a frame.
    """

    data: str | None
    width: int = 0
    height: int = 0
    whole: bool = True
    why: str = ""


def pictures(root: Path, wanted: list[Wanted]) -> list[Picture]:
    """Return the picture of each wanted clip, in the same order.

    Args:
        root: the manifest's folder.
        wanted: at most a few dozen.
    """
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda item: _picture(root, item), wanted))


def _picture(root: Path, wanted: Wanted) -> Picture:
    from media.errors import MediaError

    why = "the source is not here any more"
    for path, moment, whole in places(root, wanted):
        try:
            picture = _frame_at(path, moment, whole, wanted.face if whole else None)
        except (MediaError, OSError):
            why = "the picture cannot be decoded"
            continue
        if picture is not None:
            return picture
        why = "the frame lies too deep in a file without an index"
    return Picture(None, why=why)


def places(root: Path, wanted: Wanted) -> list[tuple[Path, Fraction, bool]]:
    """Files that hold the frame: (path, s on its clock, whether it shows the source's whole picture)."""
    found = []
    if wanted.source is not None and _is_file(wanted.source, wanted.bytes):
        found.append((wanted.source, wanted.middle, True))
    if wanted.file is not None:
        path = root / wanted.file
        if _is_file(path, None) and path.resolve().is_relative_to(root.resolve()):
            found.append((path, wanted.half, not wanted.cropped))
    return found


def _is_file(path: Path, size: int | None) -> bool:
    """Whether a plain file of that size lies there; another size is another file."""
    try:
        return path.is_file() and size in (None, path.stat().st_size)
    except (OSError, ValueError):  # a name that no file can have
        return False


def _frame_at(
    path: Path, moment: Fraction, whole: bool, face: tuple[float, float, float, float] | None
) -> Picture | None:
    """The frame that is shown at a moment; None when it would take too many frames to get there."""
    from media.decode import Decoder

    with Decoder(path, start_pts=pts_of(path, moment)) as decoder:
        wanted = moment / decoder.time_base
        frame = None
        for frame in decoder:
            if frame.pts + frame.duration > wanted:
                break
            if decoder.decoded > DEEPEST:
                return None
        if frame is None:
            return None
        return encoded(frame.scaled(SIDE) if face is None else part(frame.rgb(), face, FACE), whole)


def part(rgb: Any, face: tuple[float, float, float, float], side: int) -> Any:
    """A part of a picture, x0, y0, x1, y1 in shares of it, its longer side at most `side` px, never enlarged."""
    import cv2

    height, width = rgb.shape[:2]
    x0, y0 = min(int(face[0] * width), width - 1), min(int(face[1] * height), height - 1)
    inside = rgb[y0 : max(round(face[3] * height), y0 + 1), x0 : max(round(face[2] * width), x0 + 1)]
    factor = side / max(inside.shape[:2])
    if factor >= 1:
        return inside
    size = max(1, round(inside.shape[1] * factor)), max(1, round(inside.shape[0] * factor))
    return cv2.resize(inside, size, interpolation=cv2.INTER_AREA)


def pts_of(path: Path, moment: Fraction) -> int:
    """A moment of a file, s on its clock, in ticks."""
    from media.decode import Decoder

    with Decoder(path) as decoder:
        return int(moment / decoder.time_base)


def encoded(rgb: Any, whole: bool) -> Picture:
    """A picture [h, w, 3] uint8 RGB as WebP in a data URI."""
    import cv2

    from media.errors import MediaError

    done, content = cv2.imencode(".webp", rgb[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    if not done:
        raise MediaError("The picture could not be encoded as WebP.")
    text = base64.b64encode(content.tobytes()).decode("ascii")
    return Picture(f"data:image/webp;base64,{text}", rgb.shape[1], rgb.shape[0], whole)
