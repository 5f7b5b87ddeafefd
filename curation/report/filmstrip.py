"""Frames of one clip side by side, each the part around the face with its landmarks drawn over it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from curation.report.album import corners, span
from curation.report.curves import line
from curation.report.one_clip import Face, OneClip
from curation.report.thumbnails import DEEPEST, Picture, encoded, part, pts_of
from curation.report.words import clock, number

SIDE: Final = 320  # px of the longer side
_FAR: Final = Fraction(10)  # s that are sought rather than decoded
_LATER: Final = Fraction(1, 250)  # s after a frame's time: an exported file rounds it to its own ticks
_RINGS: Final = (  # points of the mesh in MediaPipe's order: outlines of face, eyes, brows, lips and nose
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
     136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 33),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 263),
    (46, 53, 52, 65, 55), (70, 63, 105, 66, 107), (276, 283, 282, 295, 285), (300, 293, 334, 296, 336),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78),
    (168, 6, 197, 195, 5, 4),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A file that may hold a clip's frames.

    Args:
        path: a plain file.
        start: where the clip begins on its clock, s.
        cropped: it shows the square around the face alone.
    """

    path: Path
    start: Fraction
    cropped: bool


@dataclass(frozen=True)
class Still:
    """A frame as it is shown; `dots` and `lines` are paths on a drawing of `width` by `height`, empty without points.

    Args:
        picture: the part around the face.
        width, height: of the picture, px.
        dots: all landmarks.
        lines: outlines of face, eyes, brows, lips and nose.
        words: when it is, in the clip.
        alt: what it shows.
    """

    picture: Picture
    width: int
    height: int
    dots: str
    lines: str
    words: str
    alt: str


def stills(clip: OneClip, places: Sequence[Place]) -> list[Still]:
    """Return the frames at the moments of a clip's faces, from the first of the files that can be decoded.

    Args:
        clip: with its faces.
        places: where its frames may lie; none when neither file nor source is there.
    """
    start = span(clip.row)[0]
    pictures: list[Any] = []
    why = "neither the clip's file nor its source is here any more"
    crop = corners(clip.row) or (0.0, 0.0, 1.0, 1.0)
    for place in places:
        pictures = _decoded(place, [face.moment - start for face in clip.faces], crop)
        if any(picture is not None for picture in pictures):
            break
        why = "its file cannot be decoded"
    pictures = pictures or [None] * len(clip.faces)
    return [
        _still(face, picture, crop, float(face.moment - start), why)
        for face, picture in zip(clip.faces, pictures, strict=True)
    ]


def _still(face: Face, rgb: Any, crop: tuple[float, float, float, float], seconds: float, why: str) -> Still:
    words = f"{number(seconds, 3)} s"
    alt = f"The face {words} into the clip, at {clock(float(face.moment))} of the source"
    if rgb is None:
        return Still(Picture(None, why=why), SIDE, SIDE, "", "", words, alt)
    picture = encoded(rgb, whole=False)
    dots, lines = ("", "") if face.points is None else _drawn(face.points, crop, picture.width, picture.height)
    return Still(picture, picture.width, picture.height, dots, lines, words, alt)


def _drawn(points: np.ndarray, crop: tuple[float, float, float, float], width: int, height: int) -> tuple[str, str]:
    """Dots and outlines of landmarks, given in shares of the source's picture, on its part around the face."""
    x = (points[:, 0] - crop[0]) / (crop[2] - crop[0]) * width
    y = (points[:, 1] - crop[1]) / (crop[3] - crop[1]) * height
    inside = (np.abs(x) < 4 * width) & (np.abs(y) < 4 * height)
    dots = "".join(f"M{one:.1f} {two:.1f}h0" for one, two in zip(x[inside].tolist(), y[inside].tolist(), strict=True))
    if not inside.all():
        return dots, ""
    rings = [np.array(ring) for ring in _RINGS]
    return dots, "".join(line(x[ring], y[ring], np.zeros(len(ring), bool)) for ring in rings)


def _decoded(place: Place, moments: Sequence[Fraction], crop: tuple[float, float, float, float]) -> list[Any]:
    """The frames that are shown at some rising moments after the clip's first frame; None for each that is not had."""
    from media.errors import MediaError

    found: list[Any] = []
    while len(found) < len(moments):
        rest = [place.start + moment + _LATER for moment in moments[len(found) :]]
        try:
            found += _run(place, rest, crop) or [None]
        except (MediaError, OSError):
            found += [None] * len(rest)
    return found


def _run(place: Place, moments: Sequence[Fraction], crop: tuple[float, float, float, float]) -> list[Any]:
    """Frames at the first of these moments and at those that follow soon, in one pass; none when it lies too deep."""
    from media.decode import Decoder

    found: list[Any] = []
    with Decoder(place.path, start_pts=pts_of(place.path, moments[0])) as decoder:
        base, last, since = decoder.time_base, None, 0
        for last in decoder:
            while len(found) < len(moments) and (last.pts + last.duration) * base > moments[len(found)]:
                found.append(_small(last, place.cropped, crop))
                since = decoder.decoded
            if len(found) == len(moments) or decoder.decoded - since > DEEPEST:
                return found
            if found and moments[len(found)] - last.pts * base > _FAR:
                return found
        if last is not None and not found:
            found.append(_small(last, place.cropped, crop))
    return found


def _small(frame: Any, cropped: bool, crop: tuple[float, float, float, float]) -> Any:
    """The part around the face, small; a copy, as a decoder's pictures do not last."""
    return np.array(frame.scaled(SIDE) if cropped else part(frame.rgb(), crop, SIDE))
