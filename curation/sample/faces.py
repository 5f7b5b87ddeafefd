"""The still faces: where they come from, how they are cropped, and the measured control points of each.

`points.json` holds, for each identity, the positions of 192 of MediaPipe's 478 face landmarks (x, y, z in tenths of a
pixel of the source picture; median over seven slightly turned and scaled crops, MediaPipe 1.2.2), so that rendering
needs no model.
"""

import functools
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curation.errors import CurationError


@dataclass(frozen=True)
class Portrait:
    """A still face: its source picture, how it is cropped, and what its resting face needs.

    Attributes:
        package: installed package that ships the picture.
        file: the picture, relative to the package's folder.
        centre: centre of the crop, source pixels.
        span: shorter side of the crop, source pixels.
        turn: degrees counter-clockwise that set the head upright.
        rest: actions that bring the resting face to neutral (see `expression`).
        voice: espeak-ng voice.
        pitch: espeak-ng pitch, 0..99.
    """

    package: str
    file: str
    centre: tuple[float, float]
    span: float
    turn: float
    rest: tuple[tuple[str, float], ...]
    voice: str
    pitch: int


_GROUP = ("insightface", "data/images/t1.jpg")
PORTRAITS: dict[str, Portrait] = {
    "astronaut": Portrait(
        "skimage", "data/astronaut.png", centre=(224, 140), span=230, turn=2,
        rest=(("corner_up", -1.7), ("cheek_raise", -0.7)), voice="en-us+f3", pitch=58,
    ),
    "group_1": Portrait(
        *_GROUP, centre=(118, 318), span=232, turn=-24,
        rest=(("brow_down", 0.5), ("brow_outer_up", -0.2), ("lid_wide", 1.0), ("squint", -0.6)),
        voice="en-us+f2", pitch=50,
    ),
    "group_2": Portrait(
        *_GROUP, centre=(322, 195), span=230, turn=-26,
        rest=(("lid_wide", 0.2), ("brow_down", 0.35)), voice="en-gb+f4", pitch=45,
    ),
    "group_3": Portrait(
        *_GROUP, centre=(525, 325), span=240, turn=10,
        rest=(("corner_up", -1.65), ("cheek_raise", -0.65), ("brow_down", -0.65)), voice="en-us+m3", pitch=40,
    ),
    "group_4": Portrait(
        *_GROUP, centre=(810, 382), span=240, turn=5,
        rest=(("corner_up", -1.5), ("cheek_raise", -0.9), ("lid_wide", 0.5)), voice="en-gb+m1", pitch=35,
    ),
    "group_5": Portrait(
        *_GROUP, centre=(1165, 328), span=230, turn=0,
        rest=(("corner_up", -1.0), ("lid_wide", 1.2), ("squint", -0.6)), voice="cmn+f3", pitch=55,
    ),
    "monochrome": Portrait(
        "insightface", "data/images/Tom_Hanks_54745.png", centre=(57, 60), span=138, turn=0,
        rest=(("corner_up", -0.9), ("cheek_raise", -0.5), ("brow_down", -0.5), ("lid_wide", 0.3), ("squint", -0.4)),
        voice="en-us+m7", pitch=30,
    ),
}  # fmt: skip
BACKDROPS: dict[str, tuple[str, str]] = {
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
}


@dataclass(frozen=True)
class Still:
    """A cropped face, ready to be moved.

    Attributes:
        picture: [H, W, 3] uint8 RGB.
        points: [478, 2] float64 pixels; NaN for landmarks that are not stored.
        depth: [478] float64, pixels, smaller is nearer; NaN likewise.
    """

    picture: np.ndarray
    points: np.ndarray
    depth: np.ndarray


def package_file(package: str, file: str) -> Path:
    """Find a file that an installed package ships, without importing the package.

    Raises:
        CurationError: the package or the file is not installed.
    """
    spec = importlib.util.find_spec(package)
    origin = None if spec is None or spec.origin is None else Path(spec.origin).parent / file
    if origin is None or not origin.is_file():
        raise CurationError(
            f"the sample needs {file} from the package {package}, which is not installed: run `make setup`"
        )
    return origin


@functools.lru_cache(maxsize=4)
def read_picture(package: str, file: str) -> np.ndarray:
    """Read a picture of an installed package as [H, W, 3] uint8 RGB (treat as read-only)."""
    import cv2

    path = package_file(package, file)
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise CurationError(f"{path.name} of the package {package} is damaged: reinstall it with `make setup`")
    return np.ascontiguousarray(picture[:, :, ::-1])


def load_still(identity: str, width: int, height: int) -> Still:
    """Crop a portrait to a picture size and carry its control points along.

    Args:
        identity: a key of `PORTRAITS`.
        width: pixels of the picture.
        height: pixels of the picture.

    Raises:
        CurationError: the source picture is not installed.
    """
    import cv2

    portrait = PORTRAITS[identity]
    scale = min(width, height) / portrait.span
    matrix = cv2.getRotationMatrix2D(portrait.centre, portrait.turn, scale)
    matrix[:, 2] += np.array([width / 2, height / 2]) - np.array(portrait.centre)
    picture = cv2.warpAffine(
        read_picture(portrait.package, portrait.file),
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    stored = _stored_points()
    points, depth = np.full((478, 2), np.nan), np.full(478, np.nan)
    table = np.array(stored["points"][identity], np.float64) / 10.0
    points[stored["indices"]] = table[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    depth[stored["indices"]] = table[:, 2] * scale
    return Still(picture, points, depth)


@functools.lru_cache(maxsize=1)
def _stored_points() -> dict:
    return json.loads(Path(__file__).with_name("points.json").read_text(encoding="utf-8"))
