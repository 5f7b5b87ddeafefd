"""The mouth-audio lag finds a shift of the sound on real talkers: nothing of it was fitted to them."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.extract.extractor import Shown, Watch
from benchmark.extract.faces import Faces
from benchmark.extract.sound import MouthAudio
from manifests.intervals import wilson
from media.audio import waveform
from media.decode import Decoder
from media.probe import probe
from tests.extent import FULL

SHIFTS = tuple(shift for shift in range(-400, 401, 80) if shift)  # ms by which the sound comes later
MOST = 12  # s of each clip; every second clip where not in full
NEAR = 40.0  # ms: a frame


def watched(path: Path) -> Watch:
    """A clip's main face, as the benchmark's own extractor finds it."""
    video = probe(path).video
    assert video is not None
    watch = Watch(path, 0, Fraction(25), video.width, video.height, video.time_base, has_sound=True)
    with Decoder(path) as frames:
        for frame in frames:
            if frame.index == 0:
                watch.first_pts = frame.pts
                sight = Faces().sight(watch)
            seconds = float((frame.pts - watch.first_pts) * watch.time_base)
            if seconds >= MOST:
                break
            watch.seconds.append(seconds)
            sight.see(Shown(frame.index, frame.pts, frame.rgb()))
    watch.frames = len(watch.seconds)
    sight.finish()
    return watch


def lag(watch: Watch, shift: int) -> float:
    """The lag in ms that is found when the sound comes `shift` ms later."""
    start = watch.first_pts * watch.time_base - Fraction(shift, 1000)
    length = Fraction(round(1000 * watch.seconds[-1]), 1000)
    watch.__dict__["sound"] = waveform(watch.path, start, start + length)
    return float(MouthAudio().sight(watch).finish()["mouth_audio"][0, 1])


@pytest.mark.proof
def test_an_injected_shift_is_found_within_40_ms_in_nine_of_ten(test_data: Path, table: Callable[[str], None]) -> None:
    clips = sorted((test_data / "videos").glob("talk_*"))
    assert len(clips) == 14
    clips = clips if FULL else clips[::2]
    found = total = 0
    for path in clips:
        watch = watched(path)
        own = lag(watch, 0)
        errors = np.array([lag(watch, shift) - own - shift for shift in SHIFTS])
        near = int((np.abs(errors) <= NEAR).sum())
        found, total = found + near, total + len(SHIFTS)
        worst = np.abs(errors).max()
        table(f"{path.name}: own lag {own:.0f} ms, {near} of {len(SHIFTS)} shifts, largest error {worst:.0f} ms")
    low, high = wilson(found, total)
    table(f"{found} of {total} within {NEAR:.0f} ms = {found / total:.3f} [{low:.3f}, {high:.3f}]")
    assert found / total >= 0.9
