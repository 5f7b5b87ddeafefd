"""What metrics of whole sets call: a Frechet distance or KID with its bias, error and intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.statistics.frechet import frechet, of_moments
from benchmark.statistics.grams import Grams
from benchmark.statistics.inputs import both, places
from benchmark.statistics.jackknife import jackknife
from benchmark.statistics.mmd import KernelSums
from benchmark.statistics.moments import GroupMoments

GRAM_ROWS = 6000  # of either set, up to which all inner products are kept
STACK = 2**23  # numbers of covariances worked on at once


@dataclass(frozen=True)
class SetEstimate:
    """A number of two sets, and how sure it is.

    plain: of all rows: what other programs print; it depends on how many rows there are.
    corrected: without that bias, for the population; may lie below 0 where the population's value is near 0.
    error: standard error.
    interval_plain: 95 %, around `plain`: for the expectation of a set of this size.
    interval_corrected: 95 %, around `corrected`: for the population's value.
    rows_x, rows_y: rows of both sides.
    groups: that were deleted in turn.
    method: in words.
    """

    plain: float
    corrected: float
    error: float
    interval_plain: tuple[float, float]
    interval_corrected: tuple[float, float]
    rows_x: int
    rows_y: int
    groups: int
    method: str


def frechet_sets(
    x: np.ndarray,
    owners_x: np.ndarray,
    y: np.ndarray,
    owners_y: np.ndarray,
    groups: np.ndarray,
    ddof: int = 1,
    seed: int = 0,
    device: str = "cpu",
) -> SetEstimate:
    """The squared Frechet distance of two sets of rows, with intervals from groups of clips.

    Deleting a group deletes its clips' rows from both sides. Where both sides show the same clips (ground truth and a
    system's videos of it) this is needed: the sides depend on each other. Where they are other clips, number them
    apart and give each side the same group numbers: pairs of independent groups are independent draws of a pair all
    the same, so nothing else changes.

    Args:
        x: [n, d] features of the first side; y: [m, d] of the second.
        owners_x, owners_y: [n], [m] int, each row's clip: a place in `groups`.
        groups: [clips] int >= 0, each clip's group, as from `make_groups`.
        ddof: as in `frechet`.
        seed: of the jackknife's coarse partitions.
        device: as in `frechet`; used where covariances are, with more rows than features.

    Returns:
        The estimate; see `benchmark.statistics.jackknife` for its method. The correction is an expansion in 1/clips:
        it needs more clips than the features have dimensions that matter. With fewer clips than features it only
        lessens the bias, and the method says so: then the interval need not hold the population's value.

    Raises:
        BenchmarkError: sets that do not fit, owners or groups out of range, fewer than 2 groups, a group without which
            a side has fewer than 2 rows.
    """
    x, y, of_x, of_y, count = _grouped(x, owners_x, y, owners_y, groups)
    middle = (x.mean(0) + y.mean(0)) / 2
    evaluate = _Frechet(x - middle, of_x, y - middle, of_y, count, ddof, device)
    found = _estimate(evaluate, of_x, of_y, count, seed)
    if min(len(np.unique(owners_x)), len(np.unique(owners_y))) > x.shape[1]:
        return found
    return replace(found, method=f"{found.method}; fewer clips than features: the correction only lessens the bias")


def kid_sets(
    x: np.ndarray,
    owners_x: np.ndarray,
    y: np.ndarray,
    owners_y: np.ndarray,
    groups: np.ndarray,
    seed: int = 0,
) -> SetEstimate:
    """KID of two sets of rows, with intervals from groups of clips; arguments and errors as `frechet_sets`.

    `plain` is the U-statistic over all rows. It is unbiased for independent rows; frames of one clip are not, and
    `corrected` takes off what they add.
    """
    x, y, of_x, of_y, count = _grouped(x, owners_x, y, owners_y, groups)
    return _estimate(KernelSums.of(x, of_x, y, of_y, count).kid, of_x, of_y, count, seed)


def make_groups(
    identities: Sequence[str], most: int = 20, least: int = 10, seed: int = 0, ids: Sequence[str] | None = None
) -> tuple[np.ndarray, str]:
    """Groups of clips that depend on each other only within a group.

    Identities are groups when there are enough of them; more than `most` are merged into that many of about equal
    size. With fewer identities the groups are made of clips, and intervals speak about these identities only.

    Args:
        identities: [clips] who is shown.
        most: groups at most, >= 2.
        least: identities from which on they are the groups.
        seed: of the order in which equals are dealt out.
        ids: [clips] names of the clips, all different: then a clip's group does not depend on the order. Without them
            a clip is known by its place among its identity's clips.

    Returns:
        [clips] int64 group of each clip, 0..g - 1, and what the groups are, such as `20 groups of clips`.

    Raises:
        BenchmarkError: no clips, or ids that do not fit.
    """
    names = list(identities)
    if not names or most < 2:
        raise BenchmarkError("Groups need at least one clip, and at least 2 groups are allowed.")
    if ids is not None and (len(ids) != len(names) or len(set(ids)) != len(names)):
        raise BenchmarkError("Groups need a name of its own for each clip.")
    sizes: dict[str, int] = {}
    units = []
    for place, name in enumerate(names):
        sizes[name] = sizes.get(name, 0) + 1
        units.append(ids[place] if ids is not None else f"{name}\0{sizes[name]}")
    if len(sizes) >= least:
        dealt = _dealt(sizes, min(most, len(sizes)), seed)
        text = f"{len(sizes)} identities" if len(sizes) <= most else f"{most} groups of {len(sizes)} identities"
        return np.array([dealt[name] for name in names], np.int64), text
    count = min(most, len(units))
    dealt = _dealt(dict.fromkeys(units, 1), count, seed)
    text = f"{count} clips" if count == len(units) else f"{count} groups of clips"
    return np.array([dealt[unit] for unit in units], np.int64), text


def _dealt(sizes: dict[str, int], count: int, seed: int) -> dict[str, int]:
    """Units to the lightest group each, the largest first; equals in an order that only names and seed decide."""
    mixed = {name: hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in sizes}
    weights = [0] * count
    found = {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], mixed[name])):
        found[name] = weights.index(min(weights))
        weights[found[name]] += sizes[name]
    return found


def _grouped(
    x: np.ndarray, owners_x: np.ndarray, y: np.ndarray, owners_y: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Checked features, the group of each row of both sides, and how many groups have rows, numbered from 0."""
    x, y = both(x, y)
    groups = places(groups, np.size(groups), None, "The groups of clips")
    of_x = groups[places(owners_x, len(x), len(groups), "The first set's owners")]
    of_y = groups[places(owners_y, len(y), len(groups), "The second set's owners")]
    used, numbers = np.unique(np.concatenate([of_x, of_y]), return_inverse=True)
    return x, y, numbers[: len(x)], numbers[len(x) :], len(used)


def _estimate(
    evaluate: Callable[[np.ndarray], np.ndarray], of_x: np.ndarray, of_y: np.ndarray, count: int, seed: int
) -> SetEstimate:
    share_x, share_y = np.bincount(of_x, minlength=count) / len(of_x), np.bincount(of_y, minlength=count) / len(of_y)
    found = jackknife(evaluate, (share_x + share_y) / 2, seed)
    around_plain, around_corrected = found.interval(found.plain), found.interval(found.corrected)
    return SetEstimate(
        found.plain, found.corrected, found.error, around_plain, around_corrected,
        len(of_x), len(of_y), count, found.method,
    )  # fmt: skip


class _Frechet:
    """Distances of the rows that are left in kept groups: from moments where rows are many, from Grams where few."""

    def __init__(
        self, x: np.ndarray, of_x: np.ndarray, y: np.ndarray, of_y: np.ndarray, count: int, ddof: int, device: str
    ) -> None:
        self.x, self.of_x, self.y, self.of_y = x, of_x, y, of_y
        self.count, self.ddof, self.device = count, ddof, device

    def __call__(self, kept: np.ndarray) -> np.ndarray:
        """[k] distances of kept groups [k, g] bool."""
        rows_x = kept @ np.bincount(self.of_x, minlength=self.count)
        rows_y = kept @ np.bincount(self.of_y, minlength=self.count)
        if min(rows_x.min(), rows_y.min()) < 2:
            raise BenchmarkError("Without one group of clips fewer than 2 rows are left: more clips are needed.")
        many = np.minimum(rows_x, rows_y) > self.x.shape[1]
        found = np.empty(len(kept))
        if many.any():
            found[many] = self._from_moments(kept[many])
        if not many.all():
            found[~many] = self._from_rows(kept[~many])
        return found

    def _from_moments(self, kept: np.ndarray) -> np.ndarray:
        x = GroupMoments(self.x, self.of_x, self.count)
        y = GroupMoments(self.y, self.of_y, self.count)
        step = max(1, STACK // self.x.shape[1] ** 2)
        found = []
        for start in range(0, len(kept), step):
            part = kept[start : start + step]
            (mean_x, cov_x), (mean_y, cov_y) = x.kept(part, self.ddof), y.kept(part, self.ddof)
            found.append(_on_device(self.device, mean_x - mean_y, cov_x, cov_y))
        return np.concatenate(found)

    def _from_rows(self, kept: np.ndarray) -> np.ndarray:
        kept_x, kept_y = kept[:, self.of_x], kept[:, self.of_y]
        if max(len(self.x), len(self.y)) <= GRAM_ROWS and self.device == "cpu":
            return Grams.of(self.x, self.y).without(~kept_x, ~kept_y, self.ddof)
        pairs = zip(kept_x, kept_y, strict=True)
        return np.array([frechet(self.x[a], self.y[b], self.ddof, self.device) for a, b in pairs])


def _on_device(device: str, shift: np.ndarray, cov_x: np.ndarray, cov_y: np.ndarray) -> np.ndarray:
    if device == "cpu":
        return np.asarray(of_moments(np, shift, cov_x, cov_y))
    import torch

    placed = [torch.as_tensor(part, dtype=torch.float64, device=device) for part in (shift, cov_x, cov_y)]
    return np.asarray(of_moments(torch, *placed).cpu().numpy())
