"""Deep3DFaceRecon and Emotion-FAN on real faces, with seeded weights: batches and workers do not change the numbers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.extract import Pair, Settings, extract, registry
from benchmark.extract.deep3d import BATCH
from benchmark.extract.emotion_fan import COUNT
from benchmark.extract.extractor import FixedBatches
from tests.benchmark.extract.test_features import SIDE, shortened
from tests.perception.conftest import need

pytestmark = pytest.mark.proof
FRAMES = 8
CLIPS = ("emotion_mead_M030_happy_level3.mp4", "talk_512_aoc_hdtf_speech_8s.mp4")


@pytest.fixture(scope="module")
def crops(test_data: Path) -> dict[str, np.ndarray]:
    """Real faces of both clips as each network gets them: [8, 224, 224, 3]."""
    from media.decode import Decoder
    from perception import deep3d, emotion_fan
    from perception.faces import FaceDetector
    from perception.landmarks import FaceLandmarker
    from perception.points68 import points68

    for model in ("blazeface-full", "face-landmarker"):
        need(model)
    found: dict[str, list[np.ndarray]] = {"deep3d": [], "emotion-fan": []}
    with FaceDetector.load("full") as detector, FaceLandmarker.load(model="face-landmarker") as landmarker:
        for name in CLIPS:
            with Decoder(test_data / "videos" / name) as frames:
                for _, frame in zip(range(FRAMES // len(CLIPS)), frames, strict=False):
                    rgb = frame.rgb()
                    mesh = landmarker([rgb], [detector([rgb])[0][0].box])[0]
                    assert mesh is not None
                    found["deep3d"].append(deep3d.crop(rgb, points68(mesh.points)))
                    found["emotion-fan"].append(emotion_fan.crop(rgb, mesh.points))
    return {name: np.stack(pictures) for name, pictures in found.items()}


@pytest.mark.parametrize("name", ["deep3d", "emotion-fan"])
def test_batches_of_1_7_and_32_give_the_same(
    name: str, crops: dict[str, np.ndarray], table: Callable[[str], None]
) -> None:
    import torch

    from perception.deep3d import Deep3d
    from perception.emotion_fan import EmotionFan

    load = {"deep3d": Deep3d.load, "emotion-fan": EmotionFan.load}[name]
    for dtype, sizes, least in ((torch.float32, (1, 7, 32), 1e-5), (torch.float64, (1, 7), 1e-12)):
        network = load(torch.device("cpu"), seeded=True, dtype=dtype)
        found = {size: batched(network, crops[name], size) for size in sizes}
        largest = np.abs(found[1]).max()
        worst = max(np.abs(found[size] - found[1]).max() for size in found) / largest
        table(f"{name} {dtype}: batches of {sizes} differ by at most {worst:.1e} of the largest number")
        assert worst <= least
        assert np.ptp(found[1], axis=0).max() > 1e-2 * largest, "faces that look alike show nothing"


@pytest.mark.parametrize(("name", "size"), [("deep3d", BATCH), ("emotion-fan", COUNT)])
def test_in_batches_of_the_one_size_company_and_place_change_no_bit(
    name: str, size: int, crops: dict[str, np.ndarray]
) -> None:
    import torch

    from perception.deep3d import Deep3d
    from perception.emotion_fan import EmotionFan

    network = {"deep3d": Deep3d.load, "emotion-fan": EmotionFan.load}[name](torch.device("cpu"), seeded=True)
    order = np.random.default_rng(0).permutation(FRAMES)
    found = batched(network, crops[name], size)
    assert np.array_equal(batched(network, crops[name][order], size), found[order])
    assert np.array_equal(batched(network, crops[name][5:6], size), found[5:6])


def batched(network: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray, size: int) -> np.ndarray:
    batches = FixedBatches(network, size)
    for picture in pictures:
        batches.add(picture)
    return batches.finish()


def test_one_worker_and_two_give_the_same_bytes(test_data: Path, tmp_path: Path) -> None:
    for model in ("blazeface-full", "blazeface-short", "face-landmarker"):
        need(model)
    names = ("deep3d-seeded", "emotion-fan-seeded")
    if not set(names) <= set(registry.extractors()):
        pytest.skip("both extractors are not registered")
    videos = [test_data / "videos" / f"emotion_mead_{who}_happy_level3.mp4" for who in ("M030", "W009")]
    cut = [shortened(path, tmp_path / path.name, FRAMES) for path in videos]
    pairs = [Pair(path.stem, path, path) for path in cut]
    settings = Settings(Fraction(25), FRAMES, SIDE, SIDE, names)
    one, two = (extract(pairs, settings, tmp_path / str(count), workers=count) for count in (1, 2))
    assert one.errors == two.errors == {}
    for key, (features, _) in one.videos.items():
        for feature, values in features.items():
            assert np.array_equal(values, two.videos[key][0][feature]), (key, feature)
