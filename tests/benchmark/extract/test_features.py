"""The features themselves: their shapes, what they say of a rendered talker and of real clips, and of no face."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.extract import Extraction, Pair, Settings, extract
from benchmark.extract.extractor import spread
from benchmark.extract.faces import MainFace, main_face
from benchmark.extract.network import NetworkExtractor
from benchmark.extract.registry import extractors
from manifests.emotions import EMOTIONS
from media.cut import CutOptions, cut
from media.probe import probe
from perception.landmarks import FaceMesh
from perception.pieces import FaceTrack, Observation
from tests.benchmark.extract.made import moving
from tests.curation.runs import sample_video
from tests.perception.conftest import need

FRAMES, SIDE = 40, 256
MODELS = ("blazeface-full", "blazeface-short", "face-landmarker", "dlib-face", "3ddfa-v2", "dnsmos")


def every(frames: int = FRAMES, size: tuple[int, int] = (SIDE, SIDE)) -> Settings:
    for model in MODELS:
        need(model)
    small = [name for name, extractor in extractors().items() if not isinstance(extractor, NetworkExtractor)]
    return Settings(Fraction(25), frames, *size, tuple(small))


def shortened(source: Path, target: Path, frames: int = FRAMES, crf: int = 16) -> Path:
    """The first frames of a clip at 25 a second, squared, with sound."""
    video = probe(source).video
    assert video is not None
    end = round(Fraction(frames, 25) / video.time_base)
    start = video.start_pts or 0
    cut(source, target, start, start + end, CutOptions(Fraction(25), size=(SIDE, SIDE), crf=crf))
    return target


@pytest.fixture(scope="module")
def talkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered talker, good and coded badly, and a texture, all of one form."""
    folder = tmp_path_factory.mktemp("talkers")
    whole = sample_video(folder, "whole.mp4", seconds=3)
    shortened(whole, folder / "good.mp4")
    shortened(whole, folder / "bad.mp4", crf=40)
    moving(folder / "texture.mp4", 3, FRAMES, (SIDE, SIDE))
    return folder


@pytest.fixture(scope="module")
def found(talkers: Path, tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    pairs = [
        Pair("coded", talkers / "good.mp4", talkers / "bad.mp4"),
        Pair("texture", talkers / "good.mp4", talkers / "texture.mp4"),
    ]
    return extract(pairs, every(), tmp_path_factory.mktemp("cache"))


def test_every_feature_has_its_form(found: Extraction) -> None:
    assert found.errors == {} and set(found.decodes.values()) == {1} and len(found.decodes) == 3
    features, facts = found.videos["coded", "real"]
    forms = {name: (rows.shape, rows.dtype.name) for name, rows in features.items()}
    members = [name for name in forms if name.startswith("emotion/")]
    assert "emotion/facs-mesh" in members and "emotion/facs-blendshapes" in members
    assert {name: form for name, form in forms.items() if name not in members} == {
        "face": ((FRAMES,), "uint8"),
        "points68": ((FRAMES, 68, 2), "float32"),
        "identity": ((8, 128), "float32"),
        "emotion": ((1, 8), "float64"),
        "intensity": ((1, 1), "float64"),
        "expression3dmm": ((FRAMES, 10), "float32"),
        "mouth_audio": ((1, 5), "float64"),
        "dnsmos": ((1, 3), "float64"),
        "thumbs": ((FRAMES, 192), "float32"),
        "frame_difference": ((FRAMES - 1,), "float64"),
    }
    assert all(forms[member] == ((1, 8), "float64") for member in members)
    assert {name: (rows.shape, rows.dtype.name) for name, rows in found.pairs["coded"].items()} == {
        "mse": ((FRAMES,), "float64"),
        "ssim": ((FRAMES,), "float64"),
    }
    assert {*features, *found.pairs["coded"]} == found.made_by.keys()
    assert facts.fps == 25 and facts.has_sound


def test_results_are_named_by_what_made_them(found: Extraction) -> None:
    assert found.made_by["points68"] == "mediapipe-mesh68@64184e22"
    assert found.made_by["identity"] == "dlib-face@55533b28"
    assert found.made_by["expression3dmm"] == "3ddfa-v2@f93ed7f1"
    assert found.made_by["dnsmos"] == "dnsmos@269fbebd"
    assert found.weights["face-landmarker"].startswith("64184e22") and all(len(v) == 64 for v in found.weights.values())


def test_the_talker_is_seen_heard_and_known(found: Extraction) -> None:
    real, bad = (found.videos["coded", side][0] for side in ("real", "generated"))
    assert real["face"].all()
    points = real["points68"]
    assert np.isfinite(points).all() and points.min() > 0 and points.max() < 256
    assert np.abs(points - bad["points68"]).mean() < 8
    own = np.linalg.norm(real["identity"] - bad["identity"], axis=1)
    assert own.max() < 0.6, "coding does not change who it is"
    for name in ("emotion", *(name for name in real if name.startswith("emotion/"))):
        assert real[name].sum() == pytest.approx(1) and (real[name] >= 0).all() and real[name].shape[1] == len(EMOTIONS)
    members = np.stack([rows[0] for name, rows in real.items() if name.startswith("emotion/")])
    assert np.array_equal(real["emotion"][0], members.mean(axis=0))
    assert 0 < real["intensity"][0, 0] < 1
    peak, _, _, chance, known = real["mouth_audio"][0]
    assert 0 < peak <= 1 and 0 <= chance <= 1 and known in (0.0, 1.0)
    assert ((real["dnsmos"] > 1) & (real["dnsmos"] < 5)).all()


def test_pixels_are_plain_averages_and_differences(found: Extraction, talkers: Path) -> None:
    import av

    with av.open(str(talkers / "good.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    features = found.videos["coded", "real"][0]
    blocks = pictures[5].astype(np.float64).reshape(8, SIDE // 8, 8, SIDE // 8, 3).mean(axis=(1, 3)) / 255
    assert features["thumbs"][5] == pytest.approx(blocks.ravel(), abs=1e-5)
    luma = [np.rint(picture @ [0.299, 0.587, 0.114]) for picture in pictures[:2]]
    assert features["frame_difference"][0] == pytest.approx(np.abs(luma[1] - luma[0]).mean(), abs=0.02)
    pair = found.pairs["coded"]
    assert (pair["mse"] > 0).all() and ((pair["ssim"] > 0) & (pair["ssim"] < 1)).all()


def test_a_video_without_a_face_has_empty_rows_and_no_error(found: Extraction) -> None:
    features, facts = found.videos["texture", "generated"]
    assert not features["face"].any() and not facts.has_sound
    for name in ("points68", "identity", "emotion", "emotion/facs-mesh", "intensity", "expression3dmm"):
        assert np.isnan(features[name]).all(), name
    assert "mouth_audio" not in features and "dnsmos" not in features
    assert np.isfinite(features["thumbs"]).all() and np.isfinite(found.pairs["texture"]["ssim"]).all()


def test_workers_and_company_do_not_change_a_byte(found: Extraction, talkers: Path, tmp_path: Path) -> None:
    """In other processes, in another order, beside other videos, and one of them against itself."""
    apart = [Pair("t", *[talkers / "texture.mp4"] * 2), Pair("coded", talkers / "good.mp4", talkers / "bad.mp4")]
    two = extract(apart, every(), tmp_path, workers=2)
    assert two.errors == {} and len(two.opened) >= len(MODELS)
    for side in ("real", "generated"):
        same_features(two.videos["coded", side][0], found.videos["coded", side][0])
    same_features(two.pairs["coded"], found.pairs["coded"])
    same_features(two.videos["t", "real"][0], found.videos["texture", "generated"][0])


def same_features(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_embeddings_are_of_frames_spread_over_the_video(found: Extraction, talkers: Path, tmp_path: Path) -> None:
    from benchmark.extract.identity import COUNT

    shorter = extract(
        [Pair("coded", talkers / "good.mp4", talkers / "bad.mp4")],
        replace(every(24), extractors=("identity",)),
        tmp_path,
    )
    assert shorter.errors == {}, "both have more frames than are asked for, and equally many"
    whole, half = (e.videos["coded", "real"][0]["identity"] for e in (found, shorter))
    both = [
        (i, j)
        for i, one in enumerate(spread(FRAMES, COUNT))
        for j, other in enumerate(spread(24, COUNT))
        if one == other
    ]
    assert both and all(np.array_equal(whole[i], half[j]) for i, j in both)
    assert not np.array_equal(whole, half)


def test_a_face_that_the_detector_saw_late_has_rows_from_then_on(
    talkers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row has landmarks and nothing else: what is found by looking back is left out everywhere."""
    from perception.faces import FaceDetector

    whole, calls = FaceDetector.__call__, iter(range(1000))

    def late(self: FaceDetector, images: list[np.ndarray]) -> list[tuple]:
        blind = len(images[0]) == SIDE and next(calls) < 6  # both detectors, three frames; opening one is no call
        return [()] if blind else whole(self, images)

    monkeypatch.setattr(FaceDetector, "__call__", late)
    wanted = replace(every(12), extractors=("faces", "identity", "emotion", "expression3dmm"))
    found = extract([Pair("late", *[talkers / "good.mp4"] * 2)], wanted, tmp_path)
    assert found.errors == {}
    features = found.videos["late", "real"][0]
    assert features["face"].tolist() == [0] * 3 + [1] * 9
    for name in ("points68", "expression3dmm"):
        assert np.array_equal(np.isfinite(features[name]).reshape(12, -1).all(axis=1), features["face"] > 0)
    assert np.isfinite(features["identity"]).all(axis=1).tolist() == [k in range(3, 12) for k in spread(12, 8)]


def test_real_clips_are_told_apart(test_data: Path, tmp_path: Path) -> None:
    names = {"may": "talk_512_may_speech_5s.mp4", "happy": "emotion_mead_W009_happy_level3.mp4"}
    clips = {name: shortened(test_data / "videos" / file, tmp_path / f"{name}.mp4", 50) for name, file in names.items()}
    found = extract([Pair("x", clips["may"], clips["happy"])], every(50), tmp_path / "cache")
    assert found.errors == {}
    may, happy = (found.videos["x", side][0] for side in ("real", "generated"))
    assert may["face"].all() and happy["face"].all()
    assert np.linalg.norm(may["identity"].mean(axis=0) - happy["identity"].mean(axis=0)) > 0.6, "two persons"
    assert np.linalg.norm(may["identity"] - may["identity"][0], axis=1).max() < 0.5
    assert EMOTIONS[int(happy["emotion"].argmax())] == "happy"
    assert may["mouth_audio"][0, 3] < 0.1, "her own voice fits her lips"
    assert found.pairs["x"]["ssim"].mean() < 0.6


def track(face: int, first: int, frames: int, side: float, x: float, gaps: tuple[int, ...] = ()) -> FaceTrack:
    """A face that stays where it is; landmarks are missing in some of its frames."""
    box = (x, 0.0, x + side, side)
    mesh = FaceMesh(np.full((478, 3), float(face), np.float32), None, 0.0, 0.0, 0.0, 1.0)
    return FaceTrack(
        tuple(
            Observation(k, k, "tracked" if k in gaps else "meshed", box, 1.0, None if k in gaps else mesh, face, first)
            for k in range(first, first + frames)
        ),
        confirmed=len(gaps) * 2 <= frames,
    )


def numbers(main: MainFace) -> dict[int, int]:
    return dict(zip(main.frames.tolist(), main.numbers.tolist(), strict=True))


def test_the_main_face_is_seen_in_the_most_frames_times_its_size() -> None:
    large, long = track(0, 0, 20, 100.0, 0.0), track(1, 0, 50, 50.0, 300.0)
    assert set(numbers(main_face([large, long])).values()) == {1}
    assert set(numbers(main_face([track(0, 0, 30, 100.0, 0.0), long])).values()) == {0}
    assert numbers(main_face([track(0, 0, 20, 100.0, 0.0, (3, 4))])).keys() == set(range(20)) - {3, 4}
    assert set(numbers(main_face([track(0, 0, 9, 50.0, 0.0), track(1, 0, 9, 50.0, 300.0)])).values()) == {0}, "equal"


def test_what_is_no_face_is_no_main_face() -> None:
    dog = track(0, 0, 20, 300.0, 0.0, tuple(range(11)))
    assert len(main_face([dog]).frames) == 0 and main_face([dog]).points.shape == (0, 478, 3)
    assert len(main_face([]).frames) == 0


def test_a_face_that_was_lost_and_found_in_its_place_goes_on() -> None:
    first, again, elsewhere = track(0, 0, 30, 100.0, 0.0), track(1, 45, 20, 95.0, 10.0), track(2, 70, 10, 100.0, 400.0)
    found = numbers(main_face([first, again, elsewhere]))
    assert found == {**dict.fromkeys(range(30), 0), **dict.fromkeys(range(45, 65), 1)}
    overlapping = track(3, 20, 20, 90.0, 10.0)
    assert set(numbers(main_face([first, overlapping])).values()) == {0}
