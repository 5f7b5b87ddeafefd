"""Sets of features for tests, and slow references that are written as their formulas are."""

from fractions import Fraction

import numpy as np


def features(n: int, d: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """[n, d] correlated rows with a spectrum that falls off."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((d, d)) * np.arange(1, d + 1) ** -0.5
    return rng.standard_normal((n, d)) @ mixing.T + shift


def moments(x: np.ndarray, ddof: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return x.mean(0), np.atleast_2d(np.cov(x.T, ddof=ddof))


def by_eigvals(x: np.ndarray, y: np.ndarray, ddof: int = 1) -> float:
    """The usual formula: roots of the eigenvalues of S_x S_y."""
    (mean_x, cov_x), (mean_y, cov_y) = moments(x, ddof), moments(y, ddof)
    root = np.sqrt(np.linalg.eigvals(cov_x @ cov_y).astype(complex)).real.sum()
    return float(((mean_x - mean_y) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * root)


def by_sqrtm(x: np.ndarray, y: np.ndarray, ddof: int = 1) -> float:
    """The same with SciPy's root of a matrix."""
    from scipy.linalg import sqrtm

    (mean_x, cov_x), (mean_y, cov_y) = moments(x, ddof), moments(y, ddof)
    root = np.trace(sqrtm(cov_x @ cov_y)).real
    return float(((mean_x - mean_y) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * root)


def by_mpmath(x: np.ndarray, y: np.ndarray, ddof: int = 1, digits: int = 50) -> float:
    """The same in 50 digits: roots of the eigenvalues of the Gram matrix of X_c Y_c'."""
    import mpmath

    with mpmath.workdps(digits):
        rows_x, rows_y = (mpmath.matrix([[mpmath.mpf(float(v)) for v in row] for row in rows]) for rows in (x, y))
        n, m, d = rows_x.rows, rows_y.rows, rows_x.cols
        means = [
            [mpmath.fsum(rows[i, j] for i in range(rows.rows)) / rows.rows for j in range(d)]
            for rows in (rows_x, rows_y)
        ]
        for rows, mean in zip((rows_x, rows_y), means, strict=True):
            for i in range(rows.rows):
                for j in range(d):
                    rows[i, j] -= mean[j]
        shift = mpmath.fsum((a - b) ** 2 for a, b in zip(*means, strict=True))
        spread_x = mpmath.fsum(v**2 for v in rows_x) / (n - ddof)
        spread_y = mpmath.fsum(v**2 for v in rows_y) / (m - ddof)
        cross = rows_x * rows_y.T / mpmath.sqrt((n - ddof) * (m - ddof))
        found = mpmath.eigsy(cross * cross.T if n <= m else cross.T * cross, eigvals_only=True)
        root = mpmath.fsum(mpmath.sqrt(v) for v in found if v > 0)
        return float(shift + spread_x + spread_y - 2 * root)


def kid_exact(x: np.ndarray, y: np.ndarray) -> float:
    """The definition of KID in fractions, for features that are whole numbers."""
    d = x.shape[1]

    def kernel(a: np.ndarray, b: np.ndarray) -> Fraction:
        return (Fraction(int(np.dot(a, b)), d) + 1) ** 3

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(kernel(a, b) for a in x for b in y)
    return float(Fraction(within_x, n * (n - 1)) + Fraction(within_y, m * (m - 1)) - 2 * Fraction(across, n * m))
