"""Deep3DFaceRecon and Emotion-FAN as extractors: the faces and frames they see, and seeded runs of all."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.extract import Pair, Settings, deep3d, emotion_fan, extract, registry
from benchmark.extract.deep3d import BATCH, MOST_WAITING, Expression64
from benchmark.extract.emotion_fan import COUNT, FrameAttention, from_middle, part_of
from benchmark.extract.extractor import Shown, Watch, spread
from benchmark.extract.faces import Faces, MainFace
from benchmark.extract.network import twin
from manifests.emotions import EMOTIONS
from perception.emotion_fan import LABELS
from perception.landmarks import FaceMesh
from perception.pieces import Observation
from tests.benchmark.extract.test_features import SIDE, shortened
from tests.curation.runs import sample_video
from tests.perception.conftest import need

MESH = FaceMesh(np.random.default_rng(0).uniform(20, 40, (478, 3)).astype(np.float32), None, 0.0, 0.0, 0.0, 1.0)


def watch(frames: int) -> Watch:
    return Watch(Path("x.mp4"), frames, Fraction(25), 64, 64, Fraction(1, 25), False)


def frame(index: int, faces: Sequence[int]) -> Shown:
    """A picture whose brightness is its number, and these faces in it."""
    seen = tuple(Observation(index, index, "meshed", (20, 20, 40, 40), 1.0, MESH, face) for face in faces)
    return Shown(index, index, np.full((64, 64, 3), index, np.uint8), seen)


def main(places: Sequence[tuple[int, int]]) -> MainFace:
    """The main face at these (face, frame)."""
    return MainFace(
        np.array([at for _, at in places], np.int64), np.array([face for face, _ in places], np.int64),
        (MESH,) * len(places),
    )  # fmt: skip


class Mirror:
    """Stands for both networks: a row is the brightest value of its crop; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []
        self.judged: list[float] = []

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        values = crops.reshape(len(crops), -1).max(axis=1).astype(np.float32)
        self.asked.append(values)
        return np.repeat(values[:, None], 257, axis=1)

    def judge(self, vectors: np.ndarray) -> np.ndarray:
        self.judged = vectors[:, 0].tolist()
        return np.arange(8) / 28


def fitted(frames: int, faces: dict[int, range], chosen: Sequence[tuple[int, int]]) -> tuple[np.ndarray, Mirror]:
    network, seen = Mirror(), watch(frames)
    sight = deep3d._Expression64(seen, network)  # type: ignore[arg-type]
    for index in range(frames):
        sight.see(frame(index, [face for face, held in faces.items() if index in held]))
        assert sum(map(len, sight.waiting.values())) <= MOST_WAITING
    seen.left[Faces.name] = main(chosen)
    return sight.finish()["expression-deep3d"], network


def test_every_frame_with_the_main_face_has_its_own_coefficients_and_no_other_has_any() -> None:
    found, network = fitted(30, {0: range(3, 20), 1: range(22, 30)}, [*[(0, n) for n in range(3, 20)], (1, 25)])
    assert found.shape == (30, 64) and found.dtype == np.float32
    seen = [*range(3, 20), 25]
    assert np.isnan(found[[n for n in range(30) if n not in seen]]).all()
    assert (found[seen] == np.array(seen)[:, None]).all()
    assert {len(values) for values in network.asked} == {BATCH}


def test_a_second_face_is_not_fitted_in_vain_where_crops_can_wait() -> None:
    _, network = fitted(20, {0: range(20), 1: range(20)}, [(0, n) for n in range(20)])
    assert len(network.asked) == 3


def test_long_videos_wait_within_bounds_and_lose_nothing() -> None:
    found, _ = fitted(150, {0: range(150), 1: range(40, 150)}, [(0, n) for n in range(150)])
    assert (found == np.arange(150)[:, None]).all()


def test_a_video_without_a_face_asks_no_network() -> None:
    found, network = fitted(5, {}, [])
    assert np.isnan(found).all() and not network.asked


@pytest.mark.parametrize("frames", [32, 40, 75, 250, 1000])
def test_the_frames_judged_are_the_middles_of_16_equal_parts(frames: int) -> None:
    middles = spread(frames, COUNT).tolist()
    assert [part_of(index, frames) for index in middles] == list(range(COUNT))
    assert [index for index in range(frames) if from_middle(index, frames) == 0] == middles


def judged(frames: int, faces: dict[int, range], chosen: Sequence[tuple[int, int]]) -> tuple[np.ndarray, Mirror]:
    network, seen = Mirror(), watch(frames)
    sight = emotion_fan._FrameAttention(seen, network)  # type: ignore[arg-type]
    for index in range(frames):
        sight.see(frame(index, [face for face, held in faces.items() if index in held]))
    seen.left[Faces.name] = main(chosen)
    return sight.finish()["emotion-fan"], network


def test_probabilities_come_in_our_order() -> None:
    found, _ = judged(16, {0: range(16)}, [(0, n) for n in range(16)])
    assert found.shape == (1, 8) and found.dtype == np.float64
    assert dict(zip(EMOTIONS, found[0], strict=True)) == dict(zip(LABELS, np.arange(8) / 28, strict=True))


def test_sixteen_frames_of_the_main_face_are_judged_together() -> None:
    _, network = judged(80, {0: range(80), 1: range(80)}, [(1, n) for n in range(80)])
    assert network.judged == spread(80, COUNT).tolist() and len(network.asked) == 1


def test_a_part_whose_middle_lacks_the_face_shows_the_nearest_frame_that_has_it() -> None:
    """Parts of 5 frames with the middles 2, 7, 12: the face is in the first at 4 only, in the second at 5, 8 and 9."""
    seen = [4, 5, *range(8, 80)]
    _, network = judged(80, {0: range(4, 6), 1: range(8, 80)}, [(0 if n < 6 else 1, n) for n in seen])
    assert network.judged[:3] == [4, 8, 12] and len(network.judged) == COUNT


def test_parts_without_the_face_are_left_out_and_none_gives_no_answer() -> None:
    _, network = judged(80, {0: range(40)}, [(0, n) for n in range(40)])
    assert network.judged == spread(80, COUNT).tolist()[:8] and len(network.asked[0]) == COUNT
    blank, network = judged(80, {1: range(40)}, [])
    assert np.isnan(blank).all() and not network.asked


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("talker")
    return shortened(sample_video(folder, "whole.mp4", seconds=2), folder / "good.mp4", frames=16)


def test_seeded_runs_give_every_form_and_name_themselves(
    talker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    for model in ("blazeface-full", "blazeface-short", "face-landmarker"):
        need(model)
    held = (Faces(), twin(Expression64()), twin(FrameAttention()))
    monkeypatch.setattr(registry, "EXTRACTORS", held)
    settings = Settings(Fraction(25), 16, SIDE, SIDE, ("deep3d-seeded", "emotion-fan-seeded"))
    found = extract([Pair("same", talker, talker)], settings, tmp_path / "cache")
    assert found.errors == {}
    features = found.videos["same", "real"][0]
    assert features["expression-deep3d"].shape == (16, 64) and features["expression-deep3d"].dtype == np.float32
    assert np.isfinite(features["expression-deep3d"]).all() and np.ptp(features["expression-deep3d"], axis=0).min() > 0
    assert features["emotion-fan"].shape == (1, 8) and features["emotion-fan"].sum() == pytest.approx(1)
    assert found.made_by["expression-deep3d"] == "deep3d@seeded"
    assert found.made_by["emotion-fan"] == "emotion-fan-mead-16f@seeded"
    assert {name for name in found.weights if name.endswith("-seeded")} == {"deep3d-seeded", "emotion-fan-mead-seeded"}


def test_results_are_named_by_the_weights_that_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    assert Expression64().made_by() == {"expression-deep3d": "deep3d-2021@6d17a6b2"}
    assert "moee models fetch deep3d-2021" in str(Expression64().missing())
    (tmp_path / "deep3d_2023_epoch_20.pth").write_bytes(b"x")
    (tmp_path / "self_relation-attention_61_84.3655").write_bytes(b"x")
    # sha256 of the letter x
    assert Expression64().made_by() == {"expression-deep3d": "deep3d-2023@2d711642"}
    assert FrameAttention().made_by() == {"emotion-fan": "emotion-fan-mead-16f@2d711642"}
    assert Expression64().missing() is None and FrameAttention().missing() is None
