"""Fingerprints of a source's pictures and sound on one time axis: what changes, at 8 steps a second, in a few numbers.

One person in one studio looks the same in every clip, so a fingerprint holds how the picture changes, not what it
shows. Pictures: the mean over each step of 24 low cosine waves of the grey picture; the change from step to step is
stored, a root of it in 8 bits. Sound: the level of 16 bands spaced in octaves, 150 to 3800 Hz, in half decibels. Both
are averages over large areas of the picture or the spectrum, which coding at a low rate, scaling, a narrow crop and a
small change of pitch leave nearly alone. An hour takes 0.7 MB for pictures and 0.5 MB for sound.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import floor
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from media.frame import Frame

STEPS: Final = 8  # per second; step n is the time [n, n + 1) / STEPS on the container's clock
LONGEST_HOLD: Final = 10 * STEPS  # steps that one picture may fill: a gap of days in the time stamps costs no memory
SIDE: Final = 32  # px: the grey picture that the waves are taken of
SMALL: Final = 256  # px of the long side of the picture that is asked for, the size that shot detection wants too
WAVES: Final = tuple((v, u) for v in range(5) for u in range(5) if (v, u) != (4, 4))  # half waves down, across
ROOT: Final = 63.0  # code = sign * sqrt(ROOT * change): 1 is 1/63 of a grey level, 127 the whole range
RATE: Final = 16_000
BANDS: Final = 16
LOWEST, HIGHEST = 150.0, 3800.0  # Hz, within what 8 kHz telephone sound and low-rate AAC keep
WINDOW, HOP = 1024, 500  # samples; four windows in a step of 2000 samples
FLOOR_DB: Final = -100.0  # level 0; one level is half a decibel


@dataclass(frozen=True)
class Fingerprint:
    """A fingerprint of pictures or of sound.

    Attributes:
        steps: [n] int64, the step that each row belongs to, ascending; without gaps but where one picture was held
            longer than `LONGEST_HOLD`.
        values: [n, 24] int8 of pictures: code of the change from the step before (see `WAVES`, `ROOT`); or
            [n, 16] uint8 of sound: half decibels above -100 dB of full scale.
    """

    steps: np.ndarray
    values: np.ndarray


class PictureFingerprint:
    """Takes a source's frames in order, of any frame rate, and gives the fingerprint of its pictures."""

    def __init__(self) -> None:
        self._sum = np.zeros(len(WAVES))
        self._weight = 0.0
        self._step: int | None = None
        self._last: np.ndarray | None = None
        self._steps: list[int] = []
        self._codes: list[np.ndarray] = []

    def see(self, frame: Frame) -> None:
        """Take the next frame; its shown size and turn do not matter."""
        start = float(frame.pts * frame.time_base)
        self.add(grey_picture(frame.scaled(SMALL)), start, start + float(frame.duration * frame.time_base))

    def add(self, grey: np.ndarray, start: float, end: float) -> None:
        """Take the next picture.

        Args:
            grey: [SIDE, SIDE] float32, 0..255.
            start, end: seconds on the container's clock during which it is shown.
        """
        waves = picture_waves() @ grey.reshape(-1)
        first, last = start * STEPS, end * STEPS
        last = min(last, floor(first) + 1.0 + LONGEST_HOLD)
        while first < last:
            step = floor(first)
            if step != self._step:
                self._close()
                self._step = step
            until = min(last, step + 1.0)
            self._sum += (until - first) * waves
            self._weight += until - first
            first = until

    def finish(self) -> Fingerprint:
        """The fingerprint of all pictures taken."""
        self._close()
        values = np.stack(self._codes) if self._codes else np.zeros((0, len(WAVES)), np.int8)
        return Fingerprint(np.array(self._steps, np.int64), values)

    def _close(self) -> None:
        if self._step is None or self._weight <= 0:
            return
        mean = self._sum / self._weight
        change = np.zeros(len(WAVES)) if self._last is None else mean - self._last
        self._steps.append(self._step)
        self._codes.append(rooted(change))
        self._last, self._sum, self._weight = mean, np.zeros(len(WAVES)), 0.0


def grey_picture(rgb: np.ndarray) -> np.ndarray:
    """The picture [h, w, 3] uint8 RGB as [SIDE, SIDE] float32 grey, stretched to a square."""
    import cv2

    small = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


@cache
def picture_waves() -> np.ndarray:
    """[24, SIDE * SIDE] float32: each wave's weights, of mean square 1, so that its value is in grey levels."""
    place = (np.arange(SIDE) + 0.5) / SIDE
    wave = np.stack([np.cos(np.pi * k * place) * (np.sqrt(2) if k else 1) for k in range(5)])
    rows = [np.outer(wave[v], wave[u]).reshape(-1) / SIDE**2 for v, u in WAVES]
    return np.stack(rows).astype(np.float32)


def rooted(change: np.ndarray) -> np.ndarray:
    """Changes in grey levels as int8 codes; small ones keep their precision, cuts do not drown the rest."""
    return np.clip(np.rint(np.sign(change) * np.sqrt(ROOT * np.abs(change))), -127, 127).astype(np.int8)


def unrooted(codes: np.ndarray) -> np.ndarray:
    """The changes in grey levels, float32, that codes stand for."""
    wide = codes.astype(np.float32)
    return np.asarray(wide * np.abs(wide) / np.float32(ROOT))


def sound_fingerprint(chunks: Iterable[tuple[int, np.ndarray]]) -> Fingerprint | None:
    """The fingerprint of a sound, in bounded memory.

    Args:
        chunks: (index of the first sample on the container's clock, float32 mono [n] at 16 kHz), contiguous.

    Returns:
        Rows for the whole steps that the sound fills; None without sound or when it is shorter than a step.
    """
    step, reach = RATE // STEPS, (WINDOW - HOP) // 2  # a step's windows reach beyond it on both sides
    held, begin, skip = np.zeros(0, np.float32), 0, 0
    rows: list[np.ndarray] = []
    for number, (index, sound) in enumerate(chunks):
        if number == 0:
            begin = -(-index // step)
            before = index - (begin * step - reach)
            held, skip = np.zeros(max(0, before), np.float32), max(0, -before)
        taken, skip = sound[skip:], max(0, skip - len(sound))
        held = np.concatenate([held, taken])
        whole = (len(held) - 2 * reach) // step
        if whole > 0:
            rows.append(_levels(held[: whole * step + 2 * reach], whole))
            held = held[whole * step :]
    if len(held) - reach >= step:  # the last window may reach past the end of the sound
        rows.append(_levels(np.pad(held, (0, reach))[: step + 2 * reach], 1))
    if not rows:
        return None
    values = np.concatenate(rows)
    return Fingerprint(begin + np.arange(len(values), dtype=np.int64), values)


def _levels(sound: np.ndarray, steps: int) -> np.ndarray:
    """[steps, 16] uint8 levels of contiguous sound that reaches beyond its steps on both sides."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][: steps * 4]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)) ** 2
    bands = (power @ band_weights().T).reshape(steps, 4, BANDS).mean(axis=1)
    decibels = 10 * np.log10(bands + 1e-12)
    return np.clip(np.rint((decibels - FLOOR_DB) * 2), 0, 255).astype(np.uint8)


@cache
def band_weights() -> np.ndarray:
    """[16, WINDOW / 2 + 1]: overlapping triangles, evenly spaced in octaves; a sine of full scale has about 0 dB."""
    edges = np.geomspace(LOWEST, HIGHEST, BANDS + 2)
    octave = np.log2(np.maximum(np.fft.rfftfreq(WINDOW, 1 / RATE), 1.0))
    low, middle, high = (np.log2(edges[k : k + BANDS])[:, None] for k in range(3))
    shape = np.minimum((octave - low) / (middle - low), (high - octave) / (high - middle)).clip(min=0)
    return shape / (WINDOW / 4) ** 2 / 1.5  # 1.5 bins of a Hann window hold a sine's power


def seconds(steps: np.ndarray | int) -> Fraction | np.ndarray:
    """The time at which steps begin."""
    return Fraction(int(steps), STEPS) if isinstance(steps, int | np.integer) else steps / STEPS
