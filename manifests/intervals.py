"""The interval of a share of few items: what their number allows to say."""

from math import sqrt

Z = 1.959963984540054  # 97.5th percentile of the normal distribution


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of a share (E. B. Wilson, 1927), 0..1; (0, 1) for no items."""
    if of == 0:
        return 0.0, 1.0
    share, spread = hits / of, Z * Z / of
    centre = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
