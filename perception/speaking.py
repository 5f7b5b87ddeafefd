"""Whether a mouth makes the sound that is heard: how well its opening follows the onsets of the sound, and how late.

Both are differentiated (Gaussian, 40 ms) and correlated at every lag up to 0.6 s. Unrelated signals correlate too when
they are short; Bartlett's formula says how much, from their own autocorrelations, so that the peak can be told in
standard deviations of what chance gives, and Rice's formula how often chance gives as much at any of the lags. No
constant of these was fitted to talking faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perception.flux import Flux
from perception.mouth import RATE, STILL, Mouth, motion

MAX_LAG = 60  # steps of 10 ms, both ways
SIGMA = 4  # steps: 40 ms
LEAST = 100  # steps of mouth and sound together, below which nothing is said
MEMORY = 50  # steps over which the signals' own correlation is summed: they are high-passed, it is gone long before
AGREE_MS = 80.0  # two signals agree on the lag when they differ by no more: two frames at 25 per second
LIKELY = 0.1
"""A lag is told only where at most a tenth of unrelated sounds would fit as well. Agreement alone is cheap: both
signals come from one mouth and find the same accidents, on real clips with three quarters of foreign sounds.
"""
WINDOW = 500  # steps: 5 s
SPOKEN = 100  # steps of speech that make a window count
SEEN = 0.8  # share of a window in which the mouth must be seen
BIAS_MS = {"height": -37.0, "area": -38.0}
"""By how much the measured lag differs from the true one, for sound that is exact.

Origin: medians over the speakers of the rendered sample (`curation.sample`), whose lips follow the voice without
delay and whose offset is in truth.parquet; `perf.scores.speaker` prints them again. Onsets of sound precede the middle
of the change that the mouth shows, so the sound seems early. Real clips had no part in it.
"""

Turns = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Match:
    """How one signal of a mouth matches a sound.

    peak: -1..1, the highest correlation over all lags.
    margin: that peak in standard deviations of the correlation of unrelated signals of this length and colour.
    chance: 0..1, how often an unrelated sound would reach that margin at some lag.
    lag_ms: how much later the sound comes than the mouth, bias removed.
    seconds: that mouth and sound share at that lag.
    """

    peak: float
    margin: float
    chance: float
    lag_ms: float
    seconds: float


@dataclass(frozen=True)
class Synchrony:
    """How a mouth matches a sound by its outer height (which counts) and by its inner area (which must agree).

    height, area: the two matches; the area's is None where it never changes.
    """

    height: Match
    area: Match | None

    @property
    def agreed(self) -> bool:
        """Whether both signals find the same lag, to 80 ms."""
        return self.area is not None and abs(self.height.lag_ms - self.area.lag_ms) <= AGREE_MS

    @property
    def lag_ms(self) -> float | None:
        """How much later the sound comes than the lips, ms; None where the signals disagree or chance would do."""
        return self.height.lag_ms if self.agreed and self.height.chance <= LIKELY else None


def synchrony(mouth: Mouth, sound: Flux) -> Synchrony | None:
    """Match a mouth with a sound; both on the container's clock.

    Args:
        mouth: of one face, any length.
        sound: of the same source, or any other to compare with; only what lies within 0.6 s of the mouth is used.

    Returns:
        None where they share less than 1 s, or where the height of the mouth or the sound never changes.
    """
    near = sound.between(mouth.first - MAX_LAG - 4 * SIGMA, mouth.last + MAX_LAG + 4 * SIGMA)
    heard, _ = _change(near.values)
    offset = near.first - mouth.first
    height, area = (_match(*_change(getattr(mouth, name)), heard, offset, BIAS_MS[name]) for name in ("height", "area"))
    return None if height is None else Synchrony(height, area)


def _change(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivative of a signal, zero where it is not known, and where it is known."""
    from scipy.ndimage import gaussian_filter1d

    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    if known.sum() < 2:
        return np.zeros(len(values)), np.zeros(len(values), bool)
    places = np.arange(len(values))
    filled = np.interp(places, places[known], values[known])
    changed = gaussian_filter1d(filled, SIGMA, order=1, mode="nearest")
    return np.where(known, changed, 0.0), known


def _match(moved: np.ndarray, seen: np.ndarray, heard: np.ndarray, offset: int, bias: float) -> Match | None:
    """The best lag of two signals; `heard` begins `offset` steps after `moved`."""
    correlation, count = _correlations(moved, seen.astype(np.float64), heard, offset)
    enough = count >= LEAST
    spread, crossings = _chance_spread(moved[seen], heard)
    if not enough.any() or spread is None:
        return None
    deviations = np.where(enough, correlation * np.sqrt(np.maximum(count, 1) / spread), -np.inf)
    best = int(np.argmax(deviations))
    margin = float(deviations[best])
    lags = 2 * MAX_LAG * crossings
    from scipy.special import ndtr

    chance = 1.0 - float(np.exp(-lags * np.exp(-(margin**2) / 2)) * ndtr(margin)) if margin > 0 else 1.0
    lag = (best + _vertex(deviations, best) - MAX_LAG) * 1000 / RATE - bias
    return Match(float(correlation[best]), margin, min(max(chance, 0.0), 1.0), lag, float(count[best]) / RATE)


def _correlations(moved: np.ndarray, seen: np.ndarray, heard: np.ndarray, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's correlation at each lag of -0.6..0.6 s (sound later: positive), and the steps behind it."""
    found, counts = np.zeros(2 * MAX_LAG + 1), np.zeros(2 * MAX_LAG + 1)
    for place, lag in enumerate(range(-MAX_LAG, MAX_LAG + 1)):
        low, high = max(0, offset - lag), min(len(moved), offset - lag + len(heard))
        if high - low < LEAST:
            continue
        x, w = moved[low:high], seen[low:high]
        y = heard[low + lag - offset : high + lag - offset]
        n = w.sum()
        if n < LEAST:
            continue
        mean_x, mean_y = x.sum() / n, (w @ y) / n
        product = (x @ x - n * mean_x**2) * (w @ (y * y) - n * mean_y**2)
        counts[place] = n
        if product > 1e-24 * (1 + n):
            found[place] = (x @ y - n * mean_x * mean_y) / np.sqrt(product)
    return found, counts


def _chance_spread(moved: np.ndarray, heard: np.ndarray) -> tuple[float | None, float]:
    """What chance gives: the variance of a correlation over n steps times n, and how fast it changes from lag to lag.

    Bartlett (1946): the variance is the sum of the products of the two autocorrelations. Rice (1944): a process whose
    autocorrelation falls by d at a step crosses a level z upwards sqrt(2 d) / 2 pi exp(-z^2 / 2) times a step.

    Returns:
        That variance (None where a signal is constant), and the factor before the exponential.
    """
    a, b = _autocorrelation(moved), _autocorrelation(heard)
    if a is None or b is None:
        return None, 0.0
    both = np.convolve(np.concatenate([a[:0:-1], a]), np.concatenate([b[:0:-1], b]))
    middle = len(both) // 2
    variance = float(both[middle])
    if variance <= 0:
        return None, 0.0
    return variance, float(np.sqrt(2 * max(0.0, 1 - both[middle + 1] / variance)) / (2 * np.pi))


def _autocorrelation(values: np.ndarray) -> np.ndarray | None:
    centred = values - values.mean() if len(values) else values
    energy = float(centred @ centred)
    if len(centred) < 2 * MEMORY or energy <= 1e-20 * len(centred):
        return None
    found = np.array([centred[lag:] @ centred[: len(centred) - lag] for lag in range(MEMORY)]) / energy
    return found * np.sqrt(1 - np.arange(MEMORY) / MEMORY)  # the product of two is tapered: far lags are mostly noise


def _vertex(values: np.ndarray, best: int) -> float:
    """Where between the steps the peak lies: the parabola through it and its neighbours, -0.5..0.5."""
    if not 0 < best < len(values) - 1 or not np.isfinite(values[best - 1 : best + 2]).all():
        return 0.0
    left, middle, right = values[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def spoken(turns: Turns, first: int, count: int) -> np.ndarray:
    """[count] bool, which steps from `first` on lie in a turn of speech (start, end in s)."""
    marks = np.zeros(count, bool)
    for start, end in turns:
        low, high = (round(edge * RATE) - first for edge in (start, end))
        marks[max(0, low) : max(0, high)] = True
    return marks


def offscreen(mouth: Mouth, turns: Turns) -> float | None:
    """The share of the speech during which the mouth is seen and stays still, 0..1.

    Returns:
        None where no speech falls onto a time when the mouth was seen.
    """
    moves = motion(mouth)
    judged = spoken(turns, mouth.first, len(moves)) & np.isfinite(moves)
    return float(np.mean(moves[judged] < STILL)) if judged.any() else None


def windows(mouth: Mouth, sound: Flux, turns: Turns) -> tuple[int, int]:
    """Count the windows of 5 s in which someone speaks and the mouth is seen.

    The last window takes what is left, so a track shorter than 10 s has one.

    Returns:
        All of them, and those in which a lag can be told.
    """
    count = len(mouth.height)
    talk, seen = spoken(turns, mouth.first, count), np.isfinite(mouth.height)
    found = valid = 0
    for low in range(0, max(1, count - WINDOW + 1), WINDOW):
        high = count if low + 2 * WINDOW > count else low + WINDOW
        if talk[low:high].sum() < SPOKEN or seen[low:high].mean() < SEEN:
            continue
        found += 1
        match = synchrony(mouth.between(mouth.first + low, mouth.first + high), sound)
        valid += match is not None and match.lag_ms is not None
    return found, valid
