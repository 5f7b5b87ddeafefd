"""Reads and checks what a user gives to `moee generate`: a portrait, a sound, an emotion over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.text import nearest, printable
from moee_model.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

    from moee_model.emotion import Emotion
    from perception.faces import Face

CROP_SCALE: Final = 2.0
"""The crop's side over the face's, as curation cuts the clips that models are trained on (see `crop_of`)."""
_CROPPED: Final = 0.75  # a square picture of which the crop would keep this share of a side is a crop already
_SECOND: Final = 0.25  # another face counts from this share of the largest one's side
_SILENCE: Final = 1e-4  # of full scale, -80 dB
RATE: Final = 16_000
Square = tuple[int, int, int, int]
"""x0, y0, x1, y1 in px of a picture, x1 and y1 exclusive; square."""


@dataclass(frozen=True)
class Sound:
    """A sound that drives a video.

    path: of its file. waveform: float32 [samples] mono, 16 kHz, from the zero of the file's clock.
    """

    path: Path
    waveform: np.ndarray

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.waveform) / RATE


def read_portrait(path: Path, size: int) -> np.ndarray:
    """A picture of one face, cut as the clips that a model is trained on; one that is cut so already stays whole.

    Args:
        path: a JPEG, PNG, WebP, BMP or TIFF file; its EXIF turn is applied.
        size: px of a side of the result.

    Returns:
        uint8 RGB [size, size, 3].

    Raises:
        ModelError: it is no picture, or shows no face, or more than one.
        perception.errors.PerceptionError: the face detector is not here.
    """
    picture = read_picture(path)
    faces = _faces(picture)
    shown = printable(str(path))
    if not faces:
        raise ModelError(f"No face is found in {shown}: give a picture that shows one face from the front.")
    largest = max(map(_side, faces))
    counted = [face for face in faces if _side(face) >= _SECOND * largest]
    if len(counted) > 1:
        raise ModelError(f"{len(counted)} faces are found in {shown}: cut the picture so that it shows one.")
    return squared(picture, crop_of(counted[0].box, picture.shape[1], picture.shape[0]), size)


def read_picture(path: Path) -> np.ndarray:
    """uint8 RGB [H, W, 3] of a picture file; raises ModelError when it is none."""
    import cv2
    import numpy as np

    shown = printable(str(path))
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise ModelError(f"The picture {shown} cannot be read: {error.strerror or error}.") from error
    try:
        found = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except cv2.error:
        found = None
    if found is None or min(found.shape[:2]) < 2:
        raise ModelError(f"{shown} is no picture that can be read: give a PNG or JPEG file.")
    return cv2.cvtColor(found, cv2.COLOR_BGR2RGB)


def crop_of(box: Sequence[float], width: int, height: int) -> Square:
    """The square around a face, inside the picture: the rule of curation's export (`crop_around`) for one frame.

    Args:
        box: x0, y0, x1, y1 of the face, px. width, height: of the picture.
    """
    x0, y0, x1, y1 = box
    side = int(min(max(CROP_SCALE * max(x1 - x0, y1 - y0), 2.0), width, height))
    if abs(width - height) <= 0.01 * max(width, height) and side >= _CROPPED * min(width, height):
        side = min(width, height)
    left = int(min(max((x0 + x1 - side) / 2, 0), width - side))
    top = int(min(max((y0 + y1 - side) / 2, 0), height - side))
    return left, top, left + side, top + side


def squared(picture: np.ndarray, square: Square, size: int) -> np.ndarray:
    """uint8 [size, size, 3]: a square of a picture, scaled."""
    import cv2
    import numpy as np

    x0, y0, x1, y1 = square
    method = cv2.INTER_AREA if x1 - x0 >= size else cv2.INTER_CUBIC
    return np.ascontiguousarray(cv2.resize(picture[y0:y1, x0:x1], (size, size), interpolation=method))


def middle(picture: np.ndarray) -> Square:
    """The middle square of a picture."""
    height, width = picture.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _faces(picture: np.ndarray) -> tuple[Face, ...]:
    """Faces as curation sees them: the full range first, the short range where it finds nobody."""
    from perception.faces import FaceDetector

    for range_ in ("full", "short"):
        with FaceDetector.load(range_) as detector:
            (faces,) = detector([picture])
        if faces:
            return faces
    return ()


def _side(face: Face) -> float:
    return max(face.box[2] - face.box[0], face.box[3] - face.box[1])


def read_sound(path: Path, least_seconds: float = 0.04, silence: bool = False) -> Sound:
    """The sound of a file of any kind that FFmpeg reads.

    Args:
        path: a sound or video file.
        least_seconds: a shorter sound is refused.
        silence: whether digital silence may pass.

    Raises:
        ModelError: it is no media, holds no sound, or only damage, silence, or too little.
    """
    from media.audio import source_sound
    from media.errors import MediaError

    shown = printable(str(path))
    if not path.is_file():
        raise ModelError(f"There is no sound file {shown}.")
    try:
        declared = source_sound(path)
        if declared is None:
            raise ModelError(f"{shown} holds no sound: give a file with speech.")
        waveform = _waveform(path)
    except MediaError as error:
        raise ModelError(f"{shown} cannot be read as sound: it is damaged or of another kind.") from error
    if not len(waveform):
        raise ModelError(f"The sound of {shown} is damaged: nothing of it can be decoded.")
    if len(waveform) < least_seconds * RATE:
        raise ModelError(f"The sound of {shown} lasts {len(waveform) / RATE:.2f} s: that is less than one frame.")
    if not silence and float(abs(waveform).max()) < _SILENCE:
        raise ModelError(f"{shown} is digital silence: give a file with speech.")
    return Sound(path, waveform)


def _waveform(path: Path) -> np.ndarray:
    """float32 [samples], sample 0 at the zero of the file's clock."""
    import numpy as np

    from media.audio import chunks

    pieces: list[np.ndarray] = []
    for first, piece in chunks(path, RATE):
        if not pieces and first > 0:
            pieces.append(np.zeros(first, np.float32))
        begin = max(0, -first) if not pieces else 0
        pieces.append(piece[begin:])
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def read_emotions(said: Sequence[str]) -> Emotion | list[tuple[float, Emotion]]:
    """One emotion, or emotions over time.

    Args:
        said: `SPEC` alone, or several `SPEC@SECONDS`, of which one begins at 0 (a SPEC without time begins there).

    Raises:
        ModelError: an unknown emotion, a time that is no number or twice there, or none that begins at 0.
    """
    from moee_model.emotion import parse

    if len(said) == 1 and "@" not in said[0]:
        return parse(said[0])
    found: dict[float, Emotion] = {}
    for one in said:
        spec, _, when = one.partition("@")
        begins = _seconds(when, one)
        if begins in found:
            raise ModelError(f"Two emotions begin at {begins:g} s: give each a time of its own, as sad@2.5.")
        found[begins] = parse(spec)
    if 0.0 not in found:
        raise ModelError("No emotion begins at 0 s: give one without a time, as --emotion happy --emotion sad@2.5.")
    return sorted(found.items(), key=lambda item: item[0])


def _seconds(when: str, said: str) -> float:
    if not when and "@" not in said:
        return 0.0
    try:
        seconds = float(when)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e6:
        raise ModelError(f"{printable(said)!r} has no time after @: write seconds, as sad@2.5.")
    return seconds


def read_aus(path: Path) -> tuple[float, ...]:
    """Intensities of the 22 action units of `manifests.action_units`, 0..1.

    Args:
        path: a JSON file: an object of FACS numbers and intensities such as {"6": 0.5, "12": 0.8} (`AU12` will do), the
            others being 0; or a list of all 22.

    Raises:
        ModelError: it is something else.
    """
    import json

    from manifests.action_units import NUMBERS

    shown = printable(str(path))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"The action units {shown} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise ModelError(f'{shown} is no JSON: write action units as {{"6": 0.5, "12": 0.8}}.') from error
    if isinstance(content, list):
        if len(content) != len(NUMBERS):
            raise ModelError(f"{shown} lists {len(content)} intensities: {len(NUMBERS)} action units need as many.")
        content = dict(zip(map(str, NUMBERS), content, strict=True))
    if not isinstance(content, dict):
        raise ModelError(f'{shown} holds no action units: write them as {{"6": 0.5, "12": 0.8}}.')
    given = dict(_unit(name, value, shown) for name, value in content.items())
    return tuple(given.get(number, 0.0) for number in NUMBERS)


def _unit(name: str, value: Any, shown: str) -> tuple[int, float]:
    from manifests.action_units import NUMBERS

    plain = name.strip().upper().removeprefix("AU").lstrip("0")
    if plain not in map(str, NUMBERS):
        raise ModelError(f"{shown} has no action unit {printable(name)!r}: {nearest(plain, list(map(str, NUMBERS)))}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ModelError(f"AU{plain} in {shown} must have an intensity from 0 to 1.")
    return int(plain), float(value)
