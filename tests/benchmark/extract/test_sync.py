"""SyncNet as an extractor: which crops are whose, which windows have none, whose sound is heard, and a shift found."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.extract.extractor import Shown, Sight, Watch, check
from benchmark.extract.faces import Faces, MainFace
from benchmark.extract.network import twin
from benchmark.extract.sync import Lips, Sync, SyncCrops, _Sync, distances
from media.decode import Decoder
from perception.landmarks import FaceMesh
from perception.pieces import Observation
from perception.weights import entry
from tests.benchmark.extract.test_features import shortened
from tests.curation.runs import sample_video
from tests.perception.conftest import need

MESH = FaceMesh(np.random.default_rng(0).uniform(20, 40, (478, 3)).astype(np.float32), None, 0.0, 0.0, 0.0, 1.0)
BLANK = np.zeros((224, 224, 3), np.uint8)


def watch(frames: int, fps: int = 25, has_sound: bool = True, sound: np.ndarray | None = None) -> Watch:
    made = Watch(Path("x.mp4"), frames, Fraction(fps), 64, 64, Fraction(1, fps), has_sound)
    made.__dict__["sound"] = np.zeros(frames * 16_000 // fps, np.float32) if sound is None else sound
    return made


def cropped(seen: Watch, faces: dict[int, range], main: list[tuple[int, int]]) -> Lips:
    """What is left of pictures whose brightness is their number; face f stands there in `faces[f]`."""
    sight = SyncCrops().sight(seen)
    for index in range(seen.frames):
        there = tuple(
            Observation(index, index, "meshed", (20, 20, 40, 40), 1.0, MESH, face)
            for face, held in faces.items()
            if index in held
        )
        sight.see(Shown(index, index, np.full((64, 64, 3), index, np.uint8), there))
    frames, numbers = (np.array([place[at] for place in main], np.int64) for at in (1, 0))
    seen.left[Faces.name] = MainFace(frames, numbers, (MESH,) * len(main))
    assert sight.finish() == {}
    found: Lips = seen.left[SyncCrops.name]
    return found


class Telling:
    """Stands for the network: lips tell the brightness of their first frame, the sound the number of its window."""

    def __init__(self, late: int = 0) -> None:
        self.late = late
        self.heard = np.zeros(0)

    def lips(self, crops: np.ndarray) -> np.ndarray:
        return np.stack([code(int(crop[112, 112, 0])) for crop in crops[:-4]])

    def sound(self, cepstra: np.ndarray) -> np.ndarray:
        self.heard = cepstra
        return np.stack([code(window - self.late) for window in range((len(cepstra) - 20) // 4 + 1)])


def code(number: int) -> np.ndarray:
    """A direction of its own for each number."""
    return np.random.default_rng(1000 + number).normal(size=64)


def measured(lips: Lips, real: Watch, network: object) -> dict[str, np.ndarray]:
    generated = watch(real.frames)
    generated.left[SyncCrops.name] = lips
    found = _Sync(real, generated, network).finish()  # type: ignore[arg-type]
    check(Sync(), found, real.frames, None)
    return found


def lit(frames: range) -> dict[int, np.ndarray]:
    return {frame: np.full_like(BLANK, frame) for frame in frames}


@pytest.mark.parametrize("late", [-6, 0, 4, 15])
def test_a_known_shift_is_found(late: int) -> None:
    found = measured(Lips(80, lit(range(80))), watch(80), Telling(late))["sync_distances"]
    assert found.shape == (75, 31) and found.dtype == np.float64
    assert int(found.mean(axis=0).argmin()) == 15 + late
    inside = slice(0, 75 - late) if late >= 0 else slice(-late, 75)
    assert found[inside, 15 + late] == pytest.approx(np.full(75 - abs(late), 8e-6))  # 1e-6 in each of 64 places


def test_windows_in_which_the_face_is_not_known_throughout_are_nan() -> None:
    crops = lit(range(3, 30)) | lit(range(31, 34)) | lit(range(35, 60))
    found = measured(Lips(60, crops), watch(60), Telling())["sync_distances"]
    assert found.shape == (55, 31)
    known = np.isfinite(found).all(axis=1)
    assert known.tolist() == [set(range(window, window + 5)) <= crops.keys() for window in range(55)]
    assert np.isnan(found[~known]).all()
    whole = measured(Lips(60, lit(range(60))), watch(60), Telling())["sync_distances"]
    assert (found[known] == whole[known]).all()


def test_without_a_face_all_are_nan() -> None:
    assert np.isnan(measured(Lips(30, {}), watch(30), Telling())["sync_distances"]).all()
    assert measured(Lips(5, lit(range(5))), watch(5), Telling())["sync_distances"].shape == (1, 31)


def test_a_truth_without_sound_gives_nothing_and_a_silent_submission_does_not_matter() -> None:
    assert measured(Lips(30, lit(range(30))), watch(30, has_sound=False), Telling()) == {}
    generated = watch(30, has_sound=False)
    generated.left[SyncCrops.name] = Lips(30, lit(range(30)))
    assert _Sync(watch(30), generated, Telling()).finish().keys() == {"sync_distances"}  # type: ignore[arg-type]


def test_the_sound_is_the_truth_s_in_16_bits_and_as_long_as_the_frames() -> None:
    from perception.mfcc import mfcc

    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 30 * 640).astype(np.float32)
    network = Telling()
    measured(Lips(30, lit(range(30))), watch(30, sound=wave), network)
    assert network.heard == pytest.approx(mfcc(np.rint(wave * 32768.0).astype(np.int16)), abs=1e-9)
    assert network.heard.shape == (119, 13)
    whole = network.heard
    measured(Lips(30, lit(range(30))), watch(30, sound=wave[:-300]), network)
    assert network.heard.shape == whole.shape
    assert (network.heard[:110] == whole[:110]).all()


def test_only_the_main_face_is_left_where_it_is_the_main_one() -> None:
    seen = watch(60)
    main = [*((0, frame) for frame in range(5, 30)), *((2, frame) for frame in range(40, 60))]
    lips = cropped(seen, {0: range(3, 30), 1: range(60), 2: range(40, 60)}, main)
    assert lips.frames == 60
    assert lips.runs() == [(5, 30), (40, 60)]
    assert all(crop[112, 112, 0] == frame for frame, crop in lips.crops.items())


def test_frames_between_sights_of_the_main_face_are_its_own() -> None:
    seen = watch(40)
    there = [*range(12), *range(20, 40)]
    lips = cropped(seen, {0: there}, [(0, frame) for frame in there])  # type: ignore[dict-item]
    assert lips.runs() == [(0, 40)]


@pytest.mark.parametrize(("fps", "count"), [(30, 50), (50, 30), (20, 75)])
def test_other_rates_are_seen_at_25(fps: int, count: int) -> None:
    from perception.lip_crops import sources

    seen = watch(60, fps)
    lips = cropped(seen, {0: range(60)}, [(0, frame) for frame in range(60)])
    assert lips.frames == count and lips.runs() == [(0, count)]
    taken = sources(60, Fraction(fps))
    assert [int(lips.crops[frame][112, 112, 0]) for frame in range(count)] == taken.tolist()


def test_results_are_named_by_the_network_and_where_its_faces_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Sync().named("syncnet-mesh", entry("syncnet").sha256) == "syncnet-mesh@961e8696"
    assert twin(Sync()).made_by() == {"sync_distances": "syncnet-mesh@seeded"}
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    missing = Sync().missing()
    assert missing is not None and "models fetch syncnet" in missing
    assert twin(Sync()).missing() is None
    assert SyncCrops().made_by() == {}


def test_a_rendered_talker_runs_through_the_network_on_seeded_weights(tmp_path: Path) -> None:
    for model in ("blazeface-full", "blazeface-short", "face-landmarker"):
        need(model)
    frames = 16
    clip = shortened(sample_video(tmp_path, "whole.mp4", seconds=2), tmp_path / "talker.mp4", frames)
    lips, seen = followed(clip, frames)
    assert lips.runs() == [(0, frames)]
    pair = twin(Sync()).pair_sight(seen, seen)
    found = pair.finish()["sync_distances"]
    assert found.shape == (frames - 5, 31)
    assert np.isfinite(found).all() and (found > 0).all()
    assert np.ptp(found[:, 15]) > 0
    from perception.syncnet import SyncNet

    network = SyncNet.load(seeded=True)
    assert (distances(network, lips, seen.sound) == found).all()
    quiet = distances(network, lips, np.zeros_like(seen.sound))
    assert np.abs(quiet - found).max() > 1e-4 * found.max(), "the sound is not heard"


def followed(clip: Path, frames: int) -> tuple[Lips, Watch]:
    """The main face's crops in the first frames of a clip at 25 per second, and its watch."""
    with Decoder(clip) as decoder:
        shown = list(zip(range(frames), decoder, strict=False))
        first = shown[0][1]
        seen = Watch(clip, frames, Fraction(25), first.width, first.height, first.time_base, True, first.pts)
        sights: list[Sight] = [Faces().sight(seen), SyncCrops().sight(seen)]
        for index, frame in shown:
            seen.seconds.append(index / 25)
            picture = Shown(index, frame.pts, frame.rgb())
            for sight in sights:
                sight.see(picture)
    for sight in sights:
        sight.finish()
    return seen.left[SyncCrops.name], seen
