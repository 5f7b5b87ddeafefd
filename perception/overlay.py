"""What was laid over a picture: burnt-in text, subtitles and logos, found by strokes and edges that stay.

No network: a picture is turned into two small maps, one of strokes that stand in lines like letters, one of strong
edges that are the same as in the picture before. What persists over the maps of a clip is text or logo.
"""

from __future__ import annotations

import numpy as np

GRID = 32  # rows and columns of a map
LONG_SIDE = 640  # px at which overlays are sought
STROKE = 7  # px; letters' strokes are thinner than this
CONTRAST = 48  # grey levels between a stroke and its ground
EDGE = 48  # grey levels per px of a strong edge
SAME = 4  # an edge stays when this many times its change is less than its strength
AROUND = (33, 11)  # px, width and height of a letter's neighbourhood
COVERED = (0.08, 0.85)  # share of it that is strokes
TURNS = 0.05  # share of it at which a stroke begins or ends
LINE = (33, 7)  # px; a line of text is at least as wide and as high
CORNER = 8  # rows and columns of a map that make a corner
HELD = 3  # pictures in a row in which text must stand
STAYS = 0.8  # share of a clip in which a logo must stay


def small(grey: np.ndarray) -> np.ndarray:
    """Return a picture [H, W] uint8 at the size for overlays: long side at most 640 px."""
    import cv2

    height, width = grey.shape
    scale = LONG_SIDE / max(height, width)
    if scale >= 1:
        return grey
    size = (max(GRID, round(width * scale)), max(GRID, round(height * scale)))
    result: np.ndarray = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return result


def text_map(grey: np.ndarray) -> np.ndarray:
    """Say where lines of thin, contrasting strokes stand.

    Light strokes are what a top-hat of 7 px finds, dark ones what a black-hat finds; each kind is taken for itself. A
    pixel belongs to a line of text when strokes cover 8 to 85 % of its neighbourhood (33 x 11 px) and begin or end in
    5 % of it, along the row, and when this holds over a rectangle of 33 x 7 px.

    Args:
        grey: luma [h, w] uint8 from `small`.

    Returns:
        [32, 32] uint8: share of each cell that is text, 255 is all.
    """
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (STROKE, STROKE))
    light = _lines(cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, kernel))
    dark = _lines(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel))
    return _cells(cv2.max(light, dark))


def _lines(contrast: np.ndarray) -> np.ndarray:
    """Where strokes stand in lines, 0 or 255, from how much each pixel stands out."""
    import cv2

    strokes = cv2.threshold(contrast, CONTRAST, 255, cv2.THRESH_BINARY)[1]
    turns = np.zeros_like(strokes)
    turns[:, 1:] = cv2.bitwise_xor(strokes[:, 1:], strokes[:, :-1])
    least, most = (round(255 * share) for share in COVERED)
    found = cv2.bitwise_and(
        cv2.inRange(cv2.blur(strokes, AROUND), least, most),
        cv2.inRange(cv2.blur(turns, AROUND), round(255 * TURNS), 255),
    )
    line: np.ndarray = cv2.morphologyEx(found, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, LINE))
    return line


class StillEdges:
    """Compares the strong edges of each picture with those of the picture before."""

    def __init__(self) -> None:
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, grey: np.ndarray, fresh: bool) -> np.ndarray | None:
        """Say where strong edges stayed.

        Args:
            grey: luma [h, w] uint8 from `small`; all of one source have one size.
            fresh: the picture begins a shot, so there is none before.

        Returns:
            [32, 32] uint8: share of each cell that is a strong edge which stayed, 255 is all; None for a fresh one.
        """
        import cv2

        across = cv2.Sobel(grey, cv2.CV_16S, 1, 0, ksize=3)
        down = cv2.Sobel(grey, cv2.CV_16S, 0, 1, ksize=3)
        before, self._before = self._before, (across, down)
        if before is None or fresh:
            return None
        zero = np.zeros_like(across)
        strength = cv2.add(cv2.absdiff(across, zero), cv2.absdiff(down, zero))
        change = cv2.add(cv2.absdiff(across, before[0]), cv2.absdiff(down, before[1]))
        still = cv2.compare(change * np.int16(SAME), strength, cv2.CMP_LT)
        return _cells(cv2.bitwise_and(still, cv2.compare(strength, zero + 4 * EDGE, cv2.CMP_GT)))


def text_share(maps: np.ndarray) -> float | None:
    """Return the mean share of the picture under text that stands for 3 maps in a row.

    Args:
        maps: [n, 32, 32] uint8 from `text_map`, in order; fewer than 3 are taken as they are.
    """
    if not len(maps):
        return None
    held = maps
    if len(maps) >= HELD:
        held = np.minimum.reduce([maps[offset : len(maps) - HELD + 1 + offset] for offset in range(HELD)])
    return float(held.mean(dtype=np.float64)) / 255


def logo_share(maps: np.ndarray) -> float | None:
    """Return by how much the corners hold more lasting edges than the rest of the picture.

    Args:
        maps: [n, 32, 32] uint8 from `StillEdges`.

    Returns:
        Share of the four corners (a quarter of the width and height each) covered by edges that stay in 80 % of the
        maps, less that share elsewhere; not below 0. None without maps.
    """
    if not len(maps):
        return None
    lasting = np.quantile(maps, 1 - STAYS, axis=0, method="lower") / 255
    edge = np.zeros(GRID, bool)
    edge[:CORNER] = edge[-CORNER:] = True
    corners = edge[:, None] & edge[None, :]
    return float(max(0.0, lasting[corners].mean() - lasting[~corners].mean()))


def _cells(mask: np.ndarray) -> np.ndarray:
    """Mean of a mask [h, w] of 0 and 255 in each of 32 x 32 cells."""
    import cv2

    cells: np.ndarray = cv2.resize(mask, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return cells
