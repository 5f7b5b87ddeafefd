"""Rows of a feature over many clips in one array, checked: what metrics work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.metrics._errors import NotApplicable
from manifests.text import printable


@dataclass(frozen=True, eq=False)
class Rows:
    """All rows of a feature of some clips, one clip behind the other.

    values: [n, ...], as extracted; rows without a face are all NaN.
    owners: [n] int64, each row's clip, a place in the clips that were asked for.
    seen: [n] bool, False for rows without a face.
    counts: [clips] int64, rows of each clip.
    """

    values: np.ndarray
    owners: np.ndarray
    seen: np.ndarray
    counts: np.ndarray


def living(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """The clips that did not fail."""
    return tuple(clip for clip in clips if clip.failure is None)


def usable(features: Features, feature: str) -> tuple[Clip, ...]:
    """The clips whose ground truth has a feature in at least one row; failed ones are among them.

    Raises:
        NotApplicable: there are none.
    """
    having = features.having(feature, "real")
    found = tuple(clip for clip in having if shown(clip.real[feature]))
    if not found:
        why = "its ground truth shows no face, or has no answer" if having else "it was not extracted, or has no sound"
        raise NotApplicable(f"No clip of the list has the feature {feature}: {why}.")
    return found


def paired(features: Features, feature: str, partial: bool = False) -> tuple[Clip, ...]:
    """The clips that have a feature of both videos; failed ones are among them.

    Args:
        features: of a run.
        feature: its name.
        partial: whether clips may lack it, because the feature needs something (sound) that not every ground truth has.

    Raises:
        NotApplicable: no clip that did not fail has it.
        BenchmarkError: some have it, one has not, and `partial` is off.
    """
    clips = features.having(feature, "pair")
    alive = living(features.clips)
    if not clips or (alive and not living(clips)):
        raise NotApplicable(f"No clip of the list has the feature {feature}: it was not extracted.")
    if len(living(clips)) < len(alive) and not partial:
        lacking = next(clip for clip in alive if feature not in clip.pair)
        raise BenchmarkError(f"{printable(lacking.id)} lacks the feature {feature}, which other clips have.")
    return clips


def shown(array: np.ndarray) -> bool:
    """Whether any row is not NaN."""
    return bool(array.size) and not bool(np.isnan(array.reshape(len(array), -1)[:, 0]).all())


def rows(
    clips: Sequence[Clip], side: str, feature: str, shape: tuple[int, ...] = (), gaps: bool = True, silent: bool = False
) -> Rows:
    """Put a feature's rows of clips one behind the other.

    Args:
        clips: that did not fail.
        side: `real`, `generated` or `pair`.
        feature: its name.
        shape: of a row.
        gaps: whether a row may be all NaN (no face).
        silent: whether a clip may lack the feature altogether (no sound): it has no rows then.

    Returns:
        The rows, their clips, and which of them have numbers.

    Raises:
        BenchmarkError: a clip lacks the feature, has rows of another shape, a number that is not finite beside others
            that are, or a row of NaN where none may be: one sentence that names the clip.
    """
    arrays, counts = [], np.zeros(len(clips), np.int64)
    for place, clip in enumerate(clips):
        array = getattr(clip, side).get(feature)
        if array is None and silent:
            continue
        if array is None:
            raise BenchmarkError(f"{printable(clip.id)} lacks the feature {feature} of its {side} side.")
        if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
            wanted = ", ".join(["n", *map(str, shape)])
            raise BenchmarkError(
                f"{printable(clip.id)}: {feature} has rows of the shape [{wanted}], here {list(array.shape)}."
            )
        arrays.append(array)
        counts[place] = len(array)
    values = np.concatenate(arrays) if arrays else np.empty((0, *shape))
    owners = np.repeat(np.arange(len(clips)), counts)
    return Rows(values, owners, _seen(clips, feature, values, owners, gaps), counts)


def _seen(clips: Sequence[Clip], feature: str, values: np.ndarray, owners: np.ndarray, gaps: bool) -> np.ndarray:
    flat = values.reshape(len(values), -1) if values.size else np.empty((len(values), 1))
    finite = np.asarray(np.isfinite(flat).all(axis=1))
    if finite.all():
        return finite
    at = np.flatnonzero(~finite)
    empty = np.isnan(flat[at]).all(axis=1)
    if gaps and empty.all():
        return finite
    first = at[0] if not gaps else at[~empty][0]
    raise BenchmarkError(
        f"{printable(clips[owners[first]].id)}: {feature} holds a number that is not finite where there is a face."
        if gaps
        else f"{printable(clips[owners[first]].id)}: {feature} holds a number that is not finite."
    )


def same_counts(clips: Sequence[Clip], feature: str, one: Rows, other: Rows) -> None:
    """Refuse clips whose two videos have different numbers of rows; the sentence names the first."""
    wrong = np.flatnonzero(one.counts != other.counts)
    if len(wrong):
        place = int(wrong[0])
        raise BenchmarkError(
            f"{printable(clips[place].id)}: {feature} has {one.counts[place]} rows of the ground truth and "
            f"{other.counts[place]} of the system's video; both videos have the same frames."
        )


def means(values: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    """Mean of the values [n] of each owner, [count] float64; NaN for an owner without any."""
    total, number = np.bincount(owners, values, count), np.bincount(owners, minlength=count)
    return np.divide(total, number, out=np.full(count, np.nan), where=number > 0)


def starts(counts: np.ndarray) -> np.ndarray:
    """Where each clip's rows begin, [clips]."""
    return np.asarray(np.cumsum(counts) - counts)


def check_range(clips: Sequence[Clip], feature: str, found: Rows, low: float, high: float) -> None:
    """Refuse rows with numbers that the feature cannot have, but for rounding; the sentence names the clip."""
    slack = 1e-6 * (high - low)
    if not found.seen.any():
        return
    flat = found.values[found.seen].reshape(int(found.seen.sum()), -1)
    wrong = np.flatnonzero(((flat < low - slack) | (flat > high + slack)).any(axis=1))
    if len(wrong):
        clip = clips[found.owners[found.seen][wrong[0]]]
        raise BenchmarkError(f"{printable(clip.id)}: {feature} lies outside {low:g} to {high:g}.")
