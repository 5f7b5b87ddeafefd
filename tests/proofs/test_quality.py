"""Quality columns move as they must: each fault, in five steps on real clips, moves its own column.

Frames are decoded once, spoilt in memory and measured by the code of the stages; Spearman's correlation between step
(0 is untouched) and column is at least 0.9 in the declared direction, on every clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.perception.conftest import need
from tests.proofs.conftest import only_in_full

pytestmark = pytest.mark.proof

CLIPS = (
    "astronaut",  # made here: a portrait that moves a little; the others are real
    "talk_360x288_grid_man_a_3s.mpg",
    "talk_450_obama_speech_20s.mp4",
    "talk_512_may_speech_5s.mp4",
    *only_in_full(
        "talk_590_aoc_other_clip_speech_5s.mp4",
        "talk_700_woman_lively_30fps_speech_7s.mp4",
        "talk_portrait1080x1920_woman_speech_10s.mp4",
        "expressive_512_child_speech_9s.mp4",
    ),
)
EVERY, SAMPLES = 10, 7
STEPS = 5


@dataclass(frozen=True)
class Seen:
    """A sampled frame and the face in it."""

    rgb: np.ndarray
    box: tuple[float, float, float, float]
    points: np.ndarray | None


Fault = Callable[[Seen, int], Seen]


@pytest.fixture(scope="module", params=CLIPS)
def clip(request: pytest.FixtureRequest) -> list[Seen]:
    """A few sampled frames of a clip with their face."""
    need("niqe")
    detector, landmarker = models()
    pictures = (
        astronaut() if request.param == "astronaut" else real(request.getfixturevalue("test_data"), request.param)
    )
    found = []
    for rgb in pictures:
        faces = detector([rgb])[0]
        if faces:
            mesh = landmarker([rgb], [faces[0].box])[0]
            found.append(Seen(rgb, faces[0].box, None if mesh is None else mesh.points))
    assert len(found) >= 4
    return found


def models() -> tuple[Any, Any]:
    from curation.stages.faces import _models

    for name in ("blazeface-full", "blazeface-short", "face-mesh"):
        need(name)
    full, _, landmarker = _models()
    return full, landmarker


def astronaut() -> Iterator[np.ndarray]:
    import cv2
    from skimage.data import astronaut

    for step in range(SAMPLES):
        move = np.array([[1, 0, 2.5 * step], [0, 1, 1.5 * np.sin(step)]], np.float32)
        yield cv2.warpAffine(astronaut(), move, (512, 512), borderMode=cv2.BORDER_REPLICATE)


def real(test_data: Path, name: str) -> Iterator[np.ndarray]:
    from curation.stages.faces import LONG_SIDE
    from media.decode import Decoder

    with Decoder(test_data / "videos" / name) as decoder:
        for frame in decoder:
            if frame.index >= EVERY * SAMPLES:
                return
            if frame.index % EVERY == 0:
                yield frame.scaled(LONG_SIDE).copy()


def measured(clip: list[Seen]) -> dict[str, Any]:
    """The columns of a clip, by the code of the stage `quality` and of `quality_columns`."""
    from curation.stages.quality import _niqe, face_row, picture_row
    from curation.stages.quality_columns import sample_columns, source_columns
    from manifests.schema import table_from_rows
    from perception.overlay import StillEdges
    from perception.picture import luma

    edges, rows = StillEdges(), []
    for index, seen in enumerate(clip):
        grey = luma(seen.rgb)
        place = {"source": "s", "frame": index, "pts": index}
        rows.append(place | picture_row(grey, edges, index == 0))
        rows.append(place | {"track": "t"} | face_row(seen.rgb, grey, np.array(seen.box), seen.points, _niqe()))
    height, width = clip[0].rgb.shape[:2]
    source = SimpleNamespace(source={"start_pts": 0, "bytes": 1}, end_pts=1, num=1, den=1, width=width, height=height)
    return sample_columns(table_from_rows("quality", rows), "t") | source_columns(source)


# --- faults ---------------------------------------------------------------------------------------------------------


def blurred(seen: Seen, step: int) -> Seen:
    import cv2

    sigma = 0.004 * (seen.box[2] - seen.box[0]) * step
    return replace(seen, rgb=cv2.GaussianBlur(seen.rgb, (0, 0), sigma))


def jpeg(seen: Seen, step: int) -> Seen:
    import cv2

    quality = (90, 70, 50, 30, 10)[step - 1]
    coded = cv2.imencode(".jpg", seen.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return replace(seen, rgb=np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]))


def noisy(seen: Seen, step: int) -> Seen:
    added = np.random.default_rng(int(seen.box[0]) + step).normal(0, 3 * step, seen.rgb.shape)
    return replace(seen, rgb=np.clip(seen.rgb + added, 0, 255).astype(np.uint8))


def darkened(seen: Seen, step: int) -> Seen:
    return replace(seen, rgb=np.rint(seen.rgb * 0.7**step).astype(np.uint8))


def shrunk(seen: Seen, step: int) -> Seen:
    import cv2

    scale = (0.85, 0.7, 0.6, 0.5, 0.4)[step - 1]
    rgb = cv2.resize(seen.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points = None if seen.points is None else seen.points * scale
    return Seen(rgb, tuple(side * scale for side in seen.box), points)


def shrunk_and_enlarged(seen: Seen, step: int) -> Seen:
    import cv2

    small = shrunk(seen, step).rgb
    size = (seen.rgb.shape[1], seen.rgb.shape[0])
    return replace(seen, rgb=cv2.resize(small, size, interpolation=cv2.INTER_CUBIC))


def boxed(colour: Callable[[Seen], tuple[int, ...]]) -> Fault:
    """A box that rises from the chin until it hides the mouth, as large as a hand; landmarks are sought anew."""

    def fault(seen: Seen, step: int) -> Seen:
        x0, _, x1, y1 = seen.box
        width, height = x1 - x0, (x1 - x0) * 0.42
        left, bottom = round(x0 + 0.18 * width), round(y1 + 0.05 * width)
        top = round(bottom - (0.05 * width + height) * step / STEPS)
        rgb = seen.rgb.copy()
        rgb[max(0, top) : bottom, max(0, left) : left + round(0.64 * width)] = colour(seen)
        mesh = models()[1]([rgb], [seen.box])[0]
        return Seen(rgb, seen.box, seen.points if mesh is None else mesh.points)

    return fault


def written(seen: Seen, step: int) -> Seen:
    """A subtitle that grows longer, white with a black outline, in the lowest eighth of the picture."""
    import cv2

    height, width = seen.rgb.shape[:2]
    rgb, scale = seen.rgb.copy(), width / 640
    text = "What is said here is written here"[: 6 * step + 2]
    for colour, thick in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        at = (round(0.05 * width), round(0.93 * height))
        cv2.putText(rgb, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, round(thick * scale)), cv2.LINE_AA)
    return replace(seen, rgb=rgb)


def branded(seen: Seen, step: int) -> Seen:
    """A logo in the upper right corner that grows: rings and letters."""
    import cv2

    rgb, size = seen.rgb.copy(), 0.02 * step * min(seen.rgb.shape[:2])
    centre = (round(seen.rgb.shape[1] - 1.3 * size), round(1.3 * size))
    line = max(1, round(size / 6))
    cv2.circle(rgb, centre, round(size), (255, 255, 255), -1)
    cv2.circle(rgb, centre, round(size * 0.8), (200, 0, 0), line)
    cv2.circle(rgb, centre, round(size * 0.45), (0, 0, 120), line)
    return replace(seen, rgb=rgb)


def barred(seen: Seen, step: int) -> Seen:
    rgb, bar = seen.rgb.copy(), round(0.03 * step * seen.rgb.shape[0])
    rgb[:bar] = rgb[-bar:] = 0
    return replace(seen, rgb=rgb)


FAULTS: dict[str, tuple[Fault, str, int]] = {  # fault -> how, its own column, +1 when the column rises
    "blur": (blurred, "face_sharpness", -1),
    "JPEG": (jpeg, "blockiness", 1),
    "noise": (noisy, "noise", 1),
    "darkness": (darkened, "face_brightness", -1),
    "down-scaling": (shrunk, "short_side", -1),
    "down-scaling, enlarged again": (shrunk_and_enlarged, "face_sharpness", -1),
    "grey box over the mouth": (boxed(lambda seen: (90, 90, 95)), "occlusion", 1),
    "blue box over the mouth": (boxed(lambda seen: (40, 70, 150)), "occlusion", 1),
    "text": (written, "text", 1),
    "logo": (branded, "logo", 1),
    "black bars": (barred, "border", 1),
}


def spearman(values: list[float]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(range(len(values)), values).statistic) if len(set(values)) > 1 else 0.0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_picture_moves_its_own_column(
    clip: list[Seen], fault: str, request: pytest.FixtureRequest, table: Callable[[str], None]
) -> None:
    spoil, column, direction = FAULTS[fault]
    values = [measured([spoil(seen, step) if step else seen for seen in clip])[column] for step in range(STEPS + 1)]
    found = spearman(values)
    table(f"{column} {direction:+d}: {' '.join(f'{value:.4g}' for value in values)}; Spearman {found:+.2f}")
    assert found * direction >= 0.9
