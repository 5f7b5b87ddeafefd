"""Decompositions of dense float64 matrices by whichever library does them fastest.

Small ones and stacks go to NumPy. From 512 rows on the library matters more than its call: on one thread at d = 2048
torch's `eigvalsh` takes half the time of NumPy's and SciPy's, its `svdvals` three quarters, SciPy's `dpotrf` half of
NumPy's `cholesky`, and `dsygst` does in 0.2 s what two products do in 0.6 s. Size alone decides, so that a number does
not depend on what else was imported. Torch arrays, on a GPU, stay with torch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

LARGE = 512


def cholesky(xp: Any, cov: Any) -> Any:
    """L [..., d, d] with L L' = S; raises `xp.linalg.LinAlgError` where S is not positive definite."""
    if not _large(xp, cov):
        return xp.linalg.cholesky(cov)
    from scipy.linalg.lapack import dpotrf

    # LAPACK reads columns first: it sees the transpose, and its upper triangle is our lower one.
    upper, info = dpotrf(cov.T, lower=0, clean=1)
    if info != 0:
        raise np.linalg.LinAlgError(f"The leading minor {info} is not positive definite.")
    return upper.T


def reduced(xp: Any, lower: Any, cov: Any) -> Any:
    """L' S L [..., d, d], of which the lower triangle counts."""
    if not _large(xp, cov):
        return lower.mT @ cov @ lower
    from scipy.linalg.lapack import dsygst

    found, info = dsygst(cov.T, lower.T, itype=2, lower=0)
    if info != 0:
        raise ValueError(f"LAPACK's dsygst refused argument {-info}.")
    return found.T


def eigvalsh(xp: Any, matrix: Any) -> Any:
    """Eigenvalues [..., d], ascending, of symmetric matrices, read from their lower triangle."""
    if not _large(xp, matrix):
        return xp.linalg.eigvalsh(matrix)
    import torch

    return torch.linalg.eigvalsh(torch.from_numpy(matrix), UPLO="L").numpy()


def svdvals(xp: Any, matrix: Any) -> Any:
    """Singular values [min(n, m)] of [n, m]."""
    if not _large(xp, matrix):
        return xp.linalg.svdvals(matrix)
    import torch

    return torch.linalg.svdvals(torch.from_numpy(matrix)).numpy()


def each(work: Callable[[int], float], count: int, size: int) -> np.ndarray:
    """The numbers [count] of independent pieces of work on matrices of about `size` rows.

    Large ones are shared among as many workers as torch has threads, each with one thread: threads within a
    decomposition wait for each other, many times a second, and on a busy machine that took 7 times as long.
    """
    if size < LARGE:
        return np.array([work(i) for i in range(count)])
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as workers:
            return np.array(list(workers.map(work, range(count))))
    finally:
        torch.set_num_threads(threads)


def _large(xp: Any, matrix: Any) -> bool:
    """Whether a matrix is worth the choice; stacks are not, their matrices are taken one by one where they are."""
    return xp is np and matrix.ndim == 2 and min(matrix.shape) >= LARGE
