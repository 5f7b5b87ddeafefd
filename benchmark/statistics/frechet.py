"""The squared Frechet distance between Gaussians fitted to two sets of features: FID, FVD and their relatives, exactly.

d^2 = |mu_x - mu_y|^2 + tr S_x + tr S_y - 2 tr (S_x S_y)^(1/2)  (Dowson & Landau 1982; Heusel et al. 2017, FID)

The last trace is the sum of the singular values of A' B for any A A' = S_x, B B' = S_y. So there is no square root of a
matrix, no complex number and no ridge on the diagonal:

- more rows than columns on both sides: S_x = L L' and the roots of `eigvalsh(L' S_y L)`, the fastest;
- otherwise the centred rows are their own A' and B': the singular values of X_c Y_c', exact for any n;
- a covariance that is singular, or so nearly that roots of its smallest eigenvalues are noise: factors of both sides
  (QR of the rows, or the eigenvectors of the covariances) and singular values again.

Everything is float64: NumPy with the fastest LAPACK at hand (`dense`) on the CPU, torch on a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.statistics import dense
from benchmark.statistics.inputs import both

EPS = float(np.finfo(np.float64).eps)
NOISE = 16 * EPS  # of an eigenvalue, relative to the largest one
TOLERATED = 1e-11  # error of the trace that such noise may make, relative to the trace of both covariances


def frechet(x: np.ndarray, y: np.ndarray, ddof: int = 1, device: str = "cpu") -> float:
    """The squared Frechet distance of Gaussians fitted to two sets of features.

    Args:
        x: [n, d] features, any real dtype, finite, n >= 2; computed in float64.
        y: [m, d] features, m >= 2.
        ddof: 1 divides covariances by n - 1 (FID), 0 by n (StyleGAN-V's FVD).
        device: `cpu`, or a torch device such as `cuda`.

    Returns:
        The distance, >= 0, in squared units of the features.

    Raises:
        BenchmarkError: the sets do not fit each other, have fewer than 2 rows or numbers that are not finite.
    """
    x, y = both(x, y)
    if ddof not in (0, 1):
        raise BenchmarkError(f"Covariances are divided by n - 1 or by n: ddof is 1 or 0, not {ddof}.")
    xp, (x, y) = _placed(device, x, y)
    return _of_rows(xp, x, y, ddof)


def frechet_from_moments(
    mean_x: np.ndarray, cov_x: np.ndarray, mean_y: np.ndarray, cov_y: np.ndarray, device: str = "cpu"
) -> float:
    """The squared Frechet distance of two Gaussians.

    Args:
        mean_x, mean_y: [d], finite.
        cov_x, cov_y: [d, d], symmetric, positive semidefinite.
        device: `cpu`, or a torch device such as `cuda`.

    Returns:
        The distance, >= 0.

    Raises:
        BenchmarkError: shapes do not fit, a number is not finite, a covariance is not one.
    """
    found = [np.asarray(part, np.float64) for part in (mean_x, cov_x, mean_y, cov_y)]
    d = found[0].size
    if [part.shape for part in found] != [(d,), (d, d), (d,), (d, d)] or d == 0:
        shapes = ", ".join(str(part.shape) for part in found)
        raise BenchmarkError(f"Moments are mean [d] and covariance [d, d] of each side, but have the shapes {shapes}.")
    if not all(np.isfinite(part).all() for part in found):
        raise BenchmarkError("Moments must be finite, but hold NaN or infinity.")
    for cov in (found[1], found[3]):
        if np.abs(cov - cov.T).max() > 1e-8 * max(cov.max(), -cov.min()):
            raise BenchmarkError("A covariance must be symmetric.")
    xp, placed = _placed(device, *found)
    return float(of_moments(xp, placed[0] - placed[2], placed[1], placed[3]))


def of_moments(xp: Any, shift: Any, cov_x: Any, cov_y: Any) -> Any:
    """The distances of Gaussians, one or a stack of them.

    Args:
        xp: numpy or torch, whose float64 arrays the others are.
        shift: [..., d] difference of the means.
        cov_x, cov_y: [..., d, d] covariances.

    Returns:
        [...] distances, >= 0.
    """
    scale = _trace(cov_x) + _trace(cov_y)
    if xp is np and cov_x.ndim > 2 and cov_x.shape[-1] >= dense.LARGE:
        return dense.each(lambda i: of_moments(np, shift[i], cov_x[i], cov_y[i]), len(cov_x), cov_x.shape[-1])
    root = _root_by_cholesky(xp, cov_x, cov_y, scale)
    if root is None and cov_x.ndim > 2:  # one of the stack is singular
        return xp.stack([of_moments(xp, *one) for one in zip(shift, cov_x, cov_y, strict=True)])
    if root is None:
        root = dense.svdvals(xp, _factor(xp, cov_x) @ _factor(xp, cov_y).mT).sum()
    return distance(xp, (shift * shift).sum(-1), scale, root)


def distance(xp: Any, shift: Any, traces: Any, root: Any) -> Any:
    """|mu_x - mu_y|^2 + (tr S_x + tr S_y) - 2 tr root, where only rounding may lie below 0, and becomes 0."""
    value = shift + traces - 2 * root
    if bool((value + 1e-7 * (shift + traces) < 0).any()):
        raise BenchmarkError("A Frechet distance came out negative: a covariance is not positive semidefinite.")
    return xp.clip(value, 0.0, None) + 0.0  # no -0.0


def _placed(device: str, *arrays: np.ndarray) -> tuple[Any, list[Any]]:
    """The library that computes on a device, and the arrays there."""
    if device == "cpu":
        return np, list(arrays)
    import torch

    try:
        return torch, [torch.as_tensor(array, dtype=torch.float64, device=device) for array in arrays]
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BenchmarkError(f"The device {device} cannot be used here ({reason}): use cpu.") from error


def _of_rows(xp: Any, x: Any, y: Any, ddof: int) -> float:
    """The distance of features [n, d] and [m, d] that lie on one device."""
    n, m, d = len(x), len(y), x.shape[1]
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = x - mean_x, y - mean_y
    shift = ((mean_x - mean_y) ** 2).sum()
    if min(n, m) > d:
        cov_x, cov_y = x.mT @ x / (n - ddof), y.mT @ y / (m - ddof)
        scale = _trace(cov_x) + _trace(cov_y)
        root = _root_by_cholesky(xp, cov_x, cov_y, scale)
    else:
        root, scale = None, (x * x).sum() / (n - ddof) + (y * y).sum() / (m - ddof)
    if root is None:
        root = dense.svdvals(xp, _shortened(xp, x) @ _shortened(xp, y).mT).sum() / ((n - ddof) * (m - ddof)) ** 0.5
    return float(distance(xp, shift, scale, root))


def _root_by_cholesky(xp: Any, cov_x: Any, cov_y: Any, scale: Any) -> Any | None:
    """tr (S_x S_y)^(1/2) [...] by L' S_y L; None where S_x is singular, or where roots of rounding would be seen."""
    try:
        lower = dense.cholesky(xp, cov_x)
    except xp.linalg.LinAlgError:
        return None
    found = dense.eigvalsh(xp, dense.reduced(xp, lower, cov_y))
    noise = NOISE * xp.clip(found[..., -1:], 0.0, None)
    roots = xp.sqrt(xp.clip(found, 0.0, None))
    # An error e of an eigenvalue l moves its root by about e / (2 sqrt l), and by sqrt e at most.
    blur = (noise / (2 * xp.maximum(roots, xp.sqrt(noise)) + 1e-300)).sum(-1)
    return None if bool((blur > TOLERATED * scale).any()) else roots.sum(-1)


def _factor(xp: Any, cov: Any) -> Any:
    """A [r, d] with A' A = S, without the directions in which S [d, d] is only rounding."""
    found, vectors = xp.linalg.eigh(cov)
    kept = found > EPS * len(cov) * max(float(found[-1]), 0.0)
    return (vectors[:, kept] * xp.sqrt(found[kept])).mT


def _shortened(xp: Any, centred: Any) -> Any:
    """A [min(n, d), d] with A' A = X_c' X_c: the rows themselves where they are few, else R of X_c = Q R."""
    if len(centred) <= centred.shape[1]:
        return centred
    return xp.linalg.qr(centred, mode="r") if xp is np else xp.linalg.qr(centred, mode="r")[1]


def _trace(matrix: Any) -> Any:
    return matrix.diagonal(0, -2, -1).sum(-1)
