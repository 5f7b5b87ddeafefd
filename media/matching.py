"""Compares two fingerprints: which part of one is a part of the other, how fast, mirrored or not, and how surely.

Both kinds of fingerprint become features: the change from step to step, smoothed over half a second, in waves over the
picture or over the spectrum. A common part is a line in the plane of both times: from a seed, windows of two seconds
are followed along the best agreement in both directions, a line is fitted, and the parts are correlated along it.

Thresholds come from material that is not scored: the embedded sample, outputs of other models and speech files, each
altered in seven ways. Copies there have a certainty of 10 or more, but for four that hardly move or are under 1.5 s;
different recordings at most 5.6. Portraits rendered from one still, which move their heads alike, reach 8.2 without
sound (15 with other sound, which then decides: curation/whole/copies.py). perf/scores/duplicates.py measures both on
real clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from media.fingerprint import BANDS, FLOOR_DB, STEPS, WAVES, Fingerprint, unrooted

WINDOW: Final = 16  # steps that are compared at once
HOP: Final = 4  # steps from one compared window to the next
ALIKE: Final = 0.55  # agreement of a window from which a seed is followed, and is followed on
FAILS: Final = 3  # windows in a row below it end the common part
FASTEST: Final = 1.08  # of one source's time to the other's
SCORE: Final = 0.6  # least agreement of the whole common part
CERTAIN: Final = 8.5  # least number of standard deviations above what chance gives
INDEPENDENT: Final = 4.0  # degrees of freedom per step of a fingerprint, from the spread of what chance gives
# Mean size of a step's features below which nothing happens: a still picture with camera noise of 8 levels has 0.32.
STILL: Final = {"picture": 0.4, "sound": 4.0}
LOUD_RANGE: Final = 35.0  # dB below the loudest band within 1.5 s that count; coding alters what lies lower
SILENCE: Final = -75.0  # dB of full scale


@dataclass(frozen=True)
class Features:
    """What is compared of a fingerprint.

    Attributes:
        kind: `picture` or `sound`.
        steps: [n] int64, the step of each row.
        values: [n, c] float32; the first `LEADING` columns are the broadest waves.
        sizes: [n] float32, length of each row.
    """

    kind: str
    steps: np.ndarray
    values: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    def time(self, place: float) -> float:
        """Seconds on the source's clock at a place between rows; half a step beyond the ends is the end itself."""
        if not len(self.steps):
            return 0.0
        inside = min(max(place, 0.0), len(self.steps) - 1.0)
        step = float(np.interp(inside, np.arange(len(self.steps)), self.steps))
        return (step + 0.5 + place - inside) / STEPS


@dataclass(frozen=True)
class Match:
    """A common part of two sources.

    Attributes:
        start, end: seconds on the first source's clock.
        other_start, other_end: seconds on the other's.
        speed: the other's time per time of the first; below 1 the other plays faster.
        mirrored: one picture is the other's mirror image; False for sound.
        score: agreement of the whole common part, at most 1.
        certainty: standard deviations above what chance gives.
    """

    start: float
    end: float
    other_start: float
    other_end: float
    speed: float
    mirrored: bool
    score: float
    certainty: float

    @property
    def sure(self) -> bool:
        """Whether this is no chance."""
        return self.score >= SCORE and self.certainty >= CERTAIN


@dataclass(frozen=True)
class Seed:
    """A place of which a comparison begins: rows of both features, and whether one picture is mirrored."""

    place: float
    other: float
    mirrored: bool = False


def picture_features(found: Fingerprint) -> Features:
    """Features of a fingerprint of pictures."""
    change = _smoothed(_smoothed(_smoothed(unrooted(found.values))))
    values = np.sign(change) * np.sqrt(np.abs(change))
    return _features("picture", found.steps, values[:, _broadest()])


def sound_features(found: Fingerprint) -> Features:
    """Features of a fingerprint of sound."""
    if not len(found.steps):
        return _features("sound", found.steps, np.zeros((0, BANDS), np.float32))
    level = found.values.astype(np.float32) / 2 + np.float32(FLOOR_DB)
    reach = 12  # steps to both sides
    padded = np.pad(level.max(axis=1), reach, mode="edge")
    loudest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    level = np.maximum(level, np.maximum(loudest - LOUD_RANGE, SILENCE)[:, None].astype(np.float32))
    level = _smoothed(_smoothed(level))
    change = np.zeros_like(level)
    change[1:-1] = level[2:] - level[:-2]
    return _features("sound", found.steps, change @ _cepstrum().T)


def mirror(kind: str) -> np.ndarray:
    """[c] float32, by which features are multiplied to show the mirror image."""
    if kind == "sound":
        return np.ones(BANDS, np.float32)
    odd = np.array([u % 2 for _, u in WAVES])[_broadest()]
    return np.where(odd == 1, -1, 1).astype(np.float32)


def matches(a: Features, b: Features, seeds: Sequence[Seed], most: int = 3) -> list[Match]:
    """The common parts of two sources that begin at some of the seeds.

    Args:
        a, b: features of the same kind.
        seeds: places to begin at, best first.
        most: number of parts to look for.

    Returns:
        Parts that do not overlap, the surest first; not all need be `sure`.
    """
    found: list[tuple[_Line, Match]] = []
    for seed in seeds:
        if len(found) >= most:
            break
        if any(line.explains(seed) for line, _ in found):
            continue
        line = _follow(a, b, seed)
        if line is not None:
            match = _judged(a, b, line)
            if match is not None:
                found.append((line, match))
    return sorted((match for _, match in found), key=lambda m: (-m.certainty, m.start, m.other_start))


def along(a: Features, b: Features, match: Match, mirrored: bool = False) -> Match | None:
    """How two sources agree along a common part that was found otherwise, such as their pictures along their sound.

    Returns:
        None where one of them has no rows there.
    """
    if not len(a) or not len(b):
        return None
    middle = (match.start + match.end) / 2
    offset = (match.other_start + match.other_end) / 2 - match.speed * middle
    rows = _place(a, np.array([match.start, match.end]))
    other = _place(b, np.array([match.speed * a.time(0) + offset]))[0]
    line = _Line(max(0.0, rows[0]), min(len(a) - 1.0, rows[1]), match.speed, other, mirrored)
    return _judged(a, b, line, shifts=np.arange(-3, 3.25, 0.5)) if line.low < line.high else None


def lively(a: Features, start: float, end: float) -> bool:
    """Whether enough happens between two moments (seconds) to tell the part from any other."""
    rows = np.clip(np.rint(_place(a, np.array([start, end]))).astype(int), 0, len(a))
    sizes = a.sizes[rows[0] : rows[1]]
    return len(sizes) >= WINDOW and float(sizes.mean()) >= STILL[a.kind]


def window_agreement(a: Features, b: Features, seeds: Sequence[Seed]) -> np.ndarray:
    """[seeds] agreement of the windows around each seed, -1..1; -1 where nothing happens in one of them."""
    if not seeds:
        return np.zeros(0, np.float32)
    best = np.full(len(seeds), -1.0, np.float32)
    for mirrored in (False, True):
        chosen = [i for i, seed in enumerate(seeds) if seed.mirrored == mirrored]
        if not chosen:
            continue
        other = b.values * mirror(b.kind) if mirrored else b.values
        speeds = np.ones(len(chosen))
        ours = _windows(a.values, np.array([seeds[i].place for i in chosen]), speeds)
        for shift in (-0.5, 0.0, 0.5):
            theirs = _windows(other, np.array([seeds[i].other + shift for i in chosen]), speeds)
            best[chosen] = np.maximum(best[chosen], _agreement(a.kind, ours, theirs))
    return best


# -- following a common part ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    """Row `speed * r + offset` of the other for rows r in [low, high]."""

    low: float
    high: float
    speed: float
    offset: float
    mirrored: bool

    def explains(self, seed: Seed) -> bool:
        near = abs(self.speed * seed.place + self.offset - seed.other) <= 3
        return near and self.mirrored == seed.mirrored and self.low - WINDOW <= seed.place <= self.high + WINDOW


def _follow(a: Features, b: Features, seed: Seed) -> _Line | None:
    """The line through a seed, as far as windows agree along it."""
    other = b.values * mirror(b.kind) if seed.mirrored else b.values
    shift, speed = (m.ravel() for m in np.meshgrid(np.arange(-3, 3.5, 0.5), np.linspace(0.94, 1.06, 5)))
    score = _scores(a, other, seed.place, seed.other + shift, speed)
    best = int(np.argmax(score))
    if score[best] < ALIKE:
        return None
    points = [(seed.place, seed.other + shift[best])]
    slope = float(speed[best])
    for direction in (1, -1):
        points, slope = _walk(a, other, points, slope, direction)
    places, others = np.array(sorted(points)).T
    if len(points) >= 4:
        slope, offset = _fitted(places, others, slope)
    else:
        offset = float(np.mean(others - slope * places))
    half = (WINDOW - 1) / 2
    return _extended(a, b, _Line(float(places[0]) - half, float(places[-1]) + half, slope, offset, seed.mirrored))


def _walk(
    a: Features, other: np.ndarray, points: list[tuple[float, float]], slope: float, direction: int
) -> tuple[list[tuple[float, float]], float]:
    """Points of the line beyond the last ones, forwards (1) or backwards (-1), and its slope."""
    place, there = max(points) if direction > 0 else min(points)
    fails, near = 0, np.array([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0])
    half = (WINDOW - 1) / 2
    while fails < FAILS:
        place, there = place + direction * HOP, there + direction * HOP * slope
        if not (half - 1 <= place <= len(a) - half and half - 1 <= there <= len(other) - half):
            break
        first = max(0, round(place - half))
        if a.sizes[first : first + WINDOW].mean() < STILL[a.kind]:
            continue  # nothing happens: it neither speaks for the line nor against it
        score = _scores(a, other, place, there + near, np.full(len(near), slope))
        best = int(np.argmax(score))
        if score[best] < ALIKE:
            fails += 1
            continue
        fails, there = 0, there + near[best]
        points = [*points, (place, there)]
        if len(points) >= 8:
            recent = np.array(sorted(points)[-60:] if direction > 0 else sorted(points)[:60])
            slope = _fitted(recent[:, 0], recent[:, 1], slope)[0]
    return points, slope


def _fitted(places: np.ndarray, others: np.ndarray, slope: float) -> tuple[float, float]:
    """Slope and offset by least squares, held near `slope` where few points lie close together."""
    middle, mean = places.mean(), others.mean()
    spread = float(((places - middle) ** 2).sum())
    doubt = 50.0  # steps squared
    fitted = (float(((places - middle) * (others - mean)).sum()) + doubt * slope) / (spread + doubt)
    fitted = min(max(fitted, 1 / FASTEST), FASTEST)
    return fitted, float(mean - fitted * middle)


def _extended(a: Features, b: Features, line: _Line) -> _Line:
    """The line to the end of a source where it ends just before."""
    first = max(0.0, -line.offset / line.speed)
    last = min(len(a) - 1.0, (len(b) - 1 - line.offset) / line.speed)
    low = first if line.low - first <= HOP + 2 else line.low
    high = last if last - line.high <= HOP + 2 else line.high
    return _Line(max(low, first), min(high, last), line.speed, line.offset, line.mirrored)


def _judged(a: Features, b: Features, line: _Line, shifts: np.ndarray | None = None) -> Match | None:
    """The common part along a line with its score, at the best of small shifts; None where nothing overlaps."""
    sign = mirror(b.kind) if line.mirrored else np.float32(1)
    best: tuple[float, float, float] | None = None
    for shift in (np.arange(-1, 1.25, 0.25) if shifts is None else shifts).tolist():
        rows = np.arange(np.ceil(line.low), np.floor(line.high) + 1)
        there = line.speed * rows + line.offset + shift
        inside = (there >= 0) & (there <= len(b) - 1)
        if inside.sum() < WINDOW - 1:
            continue
        ours = a.values[rows[inside].astype(int)]
        theirs = _between(b.values, there[inside]) * sign
        sizes = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        whole = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
        score = float((ours * theirs).sum()) / whole if whole > 0 else 0.0
        if best is None or score > best[0]:
            spread = float(sizes.sum()) ** 2 / max(float((sizes**2).sum()), 1e-12)
            certainty = float(np.arctanh(min(score, 0.999)) * np.sqrt(INDEPENDENT * spread))
            best = (score, certainty, shift)
    if best is None:
        return None
    offset = line.offset + best[2]
    ends = [(r, line.speed * r + offset) for r in (line.low - 0.5, line.high + 0.5)]
    (start, other_start), (end, other_end) = ((a.time(r), b.time(o)) for r, o in ends)
    return Match(start, end, other_start, other_end, line.speed, line.mirrored, best[0], best[1])


# -- windows --------------------------------------------------------------------------------------


def _scores(a: Features, other: np.ndarray, place: float, others: np.ndarray, speeds: np.ndarray) -> np.ndarray:
    ours = _windows(a.values, np.array([place]), np.ones(1))
    return _agreement(a.kind, ours, _windows(other, others, speeds))


def _windows(values: np.ndarray, places: np.ndarray, speeds: np.ndarray) -> np.ndarray:
    """[places, WINDOW, c]: windows around places between rows, played at speeds; beyond the ends zeros."""
    around = np.arange(WINDOW) - (WINDOW - 1) / 2
    return _between(values, places[:, None] + around * speeds[:, None])


def _between(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows at places between rows, by linear interpolation; zeros beyond the ends."""
    first = np.floor(places).astype(np.int64)
    share = (places - first)[..., None].astype(np.float32)
    last = len(values) - 1
    inside = ((first >= 0) & (first <= last))[..., None]
    return np.where(
        inside,
        (1 - share) * values[np.clip(first, 0, last)] + share * values[np.clip(first + 1, 0, last)],
        np.float32(0),
    )


def _agreement(kind: str, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """[n] correlation of windows [n or 1, WINDOW, c]; -1 where nothing happens in one of them."""
    product = np.einsum("nwc,nwc->n", np.broadcast_to(ours, theirs.shape), theirs)
    squares = [np.einsum("nwc,nwc->n", side, side) for side in (ours, theirs)]
    least = WINDOW * (STILL[kind] / 2) ** 2
    still = np.minimum(squares[0], squares[1]) < least
    score = product / np.sqrt(np.maximum(squares[0] * squares[1], 1e-12))
    return np.where(still, -1, score)


def _features(kind: str, steps: np.ndarray, values: np.ndarray) -> Features:
    values = np.ascontiguousarray(values, np.float32)
    return Features(kind, steps, values, np.linalg.norm(values, axis=1))


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Rows weighted 1, 2, 1 with their neighbours."""
    if not len(values):
        return values
    padded = np.pad(values, ((1, 1), (0, 0)), mode="edge")
    return np.asarray((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4)


def _place(a: Features, times: np.ndarray) -> np.ndarray:
    """The rows (between rows) that lie at times in seconds."""
    steps = times * STEPS - 0.5
    before, after = np.minimum(steps - a.steps[0], 0), np.maximum(steps - a.steps[-1], 0)
    return np.asarray(np.interp(steps, a.steps, np.arange(len(a))) + before + after)


@cache
def _broadest() -> np.ndarray:
    """Order of the waves, the broadest first."""
    return np.argsort([v + u + 0.01 * v for v, u in WAVES], kind="stable")


@cache
def _cepstrum() -> np.ndarray:
    """[16, 16]: waves over the bands, narrower ones weighted more because they vary less."""
    place = (np.arange(BANDS) + 0.5) / BANDS
    rows = [np.cos(np.pi * k * place) * np.sqrt((2 if k else 1) / BANDS) * np.sqrt(1 + k) for k in range(BANDS)]
    return np.stack(rows).astype(np.float32)
