"""Both sides get the same frames, clips, pairs and sounds, made of any folder of videos."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.parity.inputs import LENGTH, write_inputs


def video(path: Path, frames: int, seed: int, sound: bool = True) -> Path:
    """Noise that differs from frame to frame, 96 x 72 px, 25 fps, and a tone."""
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as made:
        seen = made.add_stream("mpeg4", rate=25, width=96, height=72)
        seen.bit_rate = 4_000_000
        heard = made.add_stream("pcm_s16le", rate=16_000, layout="mono") if sound else None
        for _ in range(frames):
            grain = np.kron(rng.integers(0, 256, (9, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
            made.mux(seen.encode(av.VideoFrame.from_ndarray(grain, "rgb24")))
        made.mux(seen.encode(None))
        if heard is not None:
            tone = (9000 * np.sin(np.arange(frames * 640) * (0.05 + 0.01 * seed))).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(tone[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
            made.mux(heard.encode(frame))
            made.mux(heard.encode(None))
    return path


def test_two_videos_give_four_clips_of_different_parts_and_all_that_both_sides_need(tmp_path: Path) -> None:
    real, out = tmp_path / "real", tmp_path / "out"
    (real / "inner").mkdir(parents=True)
    out.mkdir()
    video(real / "one.mkv", 2 * LENGTH, 1)
    video(real / "inner" / "two.mkv", 2 * LENGTH, 2, sound=False)
    (real / "notes.txt").write_text("no video")
    made = write_inputs(out, real, frames=16, clips=4)
    assert (made.real, made.videos, made.clips, made.frames, made.pairs, made.sounds) == (True, 2, 4, 16, 6, 1)
    frames, clips = np.load(out / "frames.npz"), np.load(out / "clips.npz")
    assert frames["small"].shape == (8, 256, 256, 3) and frames["large"].shape == (8, 400, 400, 3)
    assert frames["first"].tolist() == ([True] * 4 + [False] * 4) * 2
    assert np.load(out / "given.npy").shape == (16, 5), "a set has more rows than numbers"
    assert clips["clips"].shape == (4, 16, 240, 320, 3) and clips["first"].tolist() == [True, True, False, False]
    assert len({clip.tobytes() for clip in clips["clips"]}) == 4
    crops, sounds = np.load(out / "crops.npz"), np.load(out / "sounds.npz")
    assert crops["crops"].shape == (4, LENGTH, 224, 224, 3) and crops["sounds"].shape == (4, 16_000)
    assert crops["sounds"].dtype == np.int16 and np.abs(sounds["sound00"]).max() > 8000
    pairs = np.load(out / "pairs.npz")
    assert pairs["one"].shape == pairs["other"].shape == (6, 256, 256, 3) and (pairs["one"] != pairs["other"]).any()


def test_what_cannot_be_made_is_refused_with_one_sentence(tmp_path: Path) -> None:
    real = tmp_path / "real"
    with pytest.raises(BenchmarkError, match="is no folder of videos"):
        write_inputs(tmp_path, real, 16, 4)
    real.mkdir()
    with pytest.raises(BenchmarkError, match="has no videos"):
        write_inputs(tmp_path, real, 16, 4)
    video(real / "one.mkv", 3 * LENGTH, 1, sound=False)
    with pytest.raises(BenchmarkError, match=f"give 3 clips of {LENGTH} frames, 4 are wanted"):
        write_inputs(tmp_path, real, 16, 4)
    video(real / "two.mkv", LENGTH, 2, sound=False)
    with pytest.raises(BenchmarkError, match="None of the videos has sound"):
        write_inputs(tmp_path, real, 16, 4)
    for frames, clips in ((16, 5), (16, 2), (12, 4), (4, 4)):
        with pytest.raises(BenchmarkError, match="an even number of clips, at least 4"):
            write_inputs(tmp_path, real, frames, clips)
