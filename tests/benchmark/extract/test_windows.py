"""Windows of 16 frames: which frames they hold, what is left out, and seeded runs of the three video networks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.extract import Pair, extract, registry
from benchmark.extract.extractor import Defect, Shown, Watch
from benchmark.extract.i3d import I3dStyleGanV, I3dVideoGpt
from benchmark.extract.network import twin
from benchmark.extract.resnet3d import VideoResnet
from benchmark.extract.windows import FRAMES, Windows
from tests.benchmark.extract.made import moving, settings


class Mirror:
    """Stands for a network: a row is the windows' values, one for each frame; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []
        self.prepared = 0

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        self.prepared += 1
        return np.full((3, 2, 2), frame[0, 0, 0], np.float32)

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        self.asked.append(windows.shape)
        return windows[:, 0, :, 0, 0]


def shown(frames: int) -> tuple[Windows, Mirror]:
    network = Mirror()
    watch = Watch(Path("x.mp4"), frames, Fraction(25), 4, 4, Fraction(1, 25), False)
    windows = Windows("i3d", network, watch)
    for index in range(frames):
        windows.see(Shown(index, index, np.full((4, 4, 3), index, np.uint8)))
        assert len(windows.frames) < FRAMES
    return windows, network


@pytest.mark.parametrize(("frames", "count"), [(16, 1), (17, 1), (31, 1), (32, 2), (125, 7)])
def test_windows_follow_each_other_from_the_first_frame_and_the_rest_is_left_out(frames: int, count: int) -> None:
    windows, network = shown(frames)
    found = windows.finish()["i3d"]
    assert np.array_equal(found, np.arange(16 * count).reshape(count, 16))
    assert network.asked == [(1, 3, 16, 2, 2)] * count and network.prepared == 16 * count


@pytest.mark.parametrize("frames", [1, 10, 15])
def test_a_video_shorter_than_a_window_is_refused(frames: int) -> None:
    windows, network = shown(frames)
    with pytest.raises(Defect, match=f"i3d is made from windows of 16 frames, and it has {frames}"):
        windows.finish()
    assert not network.asked and not network.prepared


def test_seeded_runs_give_a_row_for_each_window_and_name_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("torch", "PIL"):
        pytest.importorskip(package)
    held = tuple(map(twin, (I3dStyleGanV(), I3dVideoGpt(), VideoResnet())))
    monkeypatch.setattr(registry, "EXTRACTORS", held)
    video = moving(tmp_path / "a.mp4", 1, 20)
    wanted = settings("i3d-seeded", "i3d-videogpt-seeded", "resnet3d50-seeded", frames=20)
    found = extract([Pair("same", video, video)], wanted, tmp_path / "cache")
    assert found.errors == {}
    features = found.videos["same", "real"][0]
    assert {name: (rows.shape, str(rows.dtype)) for name, rows in features.items()} == {
        "i3d": ((1, 400), "float32"),
        "i3d-videogpt": ((1, 400), "float32"),
        "resnet3d50": ((1, 2048), "float32"),
    }
    assert all(np.isfinite(rows).all() and rows.std() > 0 for rows in features.values())
    assert np.abs(features["i3d"] - features["i3d-videogpt"]).max() > 0.1, "a frame that is no square is seen otherwise"
    assert found.made_by == {
        "i3d": "i3d-styleganv-16f@seeded",
        "i3d-videogpt": "i3d-videogpt-16f@seeded",
        "resnet3d50": "resnet3d50-disco-16f@seeded",
    }


def test_without_weights_each_says_which_file_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("torch", "PIL"):
        pytest.importorskip(package)
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    files = {"i3d_torchscript.pt": I3dStyleGanV(), "i3d_pretrained_400.pt": I3dVideoGpt(), "resnet-50-kinetics.pth": VideoResnet()}  # fmt: skip # noqa: E501
    for file, extractor in files.items():
        assert file in (extractor.missing() or "") and twin(extractor).missing() is None
        (tmp_path / file).write_bytes(b"x")
        assert extractor.missing() is None
