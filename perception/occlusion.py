"""Something before the face: the lower face compared with the person's own skin and with itself over the clip.

Every face is warped to one small picture in which eyes and chin lie at fixed places. Cells of the lower face that are
neither of the colour of this person's cheeks, nose and forehead nor like the clip's median face are covered.
"""

from __future__ import annotations

import numpy as np

SIDE = 24  # px of the warped face
RIGHT_EYE, LEFT_EYE, CHIN = (33, 133), (263, 362), 152
PLACES = np.array([[7.5, 8.0], [16.5, 8.0], [12.0, 23.0]], np.float32)
CHROMA = 3.0  # deviations from the skin's colour
LEAST_DEVIATION = 4.0  # levels of Cr and Cb
LIPS = 3.0  # lips are redder than skin: this much more is allowed towards red
DARK, LIGHT = 0.45, 1.9  # of the skin's luma
CHANGE = 18.0  # levels of Cr and Cb between a face and the clip's median face
WORST = 0.9  # quantile over a clip's faces


def warped_face(rgb: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """Return the face as [24, 24, 3] uint8 RGB with eyes and chin at fixed places.

    Args:
        rgb: picture [H, W, 3] uint8.
        points: landmarks [>= 468, >= 2] float, px, in the order of MediaPipe's face mesh.

    Returns:
        The warped face, or None when eyes and chin lie on a line (a face in full profile).
    """
    import cv2

    anchors = np.stack([points[list(RIGHT_EYE), :2].mean(0), points[list(LEFT_EYE), :2].mean(0), points[CHIN, :2]])
    anchors = anchors.astype(np.float32)
    first, second = anchors[1] - anchors[0], anchors[2] - anchors[0]
    if abs(float(first[0] * second[1] - first[1] * second[0])) < 16:
        return None
    # four times as large first, then averaged: a cell is a mean, not a pixel
    large = cv2.warpAffine(
        rgb, cv2.getAffineTransform(anchors, PLACES * 4), (SIDE * 4, SIDE * 4), borderMode=cv2.BORDER_REPLICATE
    )
    face: np.ndarray = cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return face


def covered(faces: np.ndarray) -> np.ndarray:
    """Return for each face the share of its lower half that something covers.

    Args:
        faces: [n, 24, 24, 3] uint8 RGB, the warped faces of one clip.

    Returns:
        [n] float64 in 0..1. A beard, deep shadow or open mouth counts as covered in part: a bare face has 0 to 0.2.
    """
    import cv2

    lower, skin = _regions()
    colours = cv2.cvtColor(faces.reshape(-1, SIDE, 3), cv2.COLOR_RGB2YCrCb).reshape(len(faces), SIDE, SIDE, 3)
    colours = colours.astype(np.float64)
    own = np.median(colours[:, skin].reshape(-1, 3), axis=0)
    spread = np.median(np.abs(colours[:, skin].reshape(-1, 3) - own), axis=0) * 1.4826
    deviation = np.maximum(spread, LEAST_DEVIATION)
    away = (colours[:, lower] - own) / deviation
    red = np.where(away[..., 1] > 0, away[..., 1] / LIPS, away[..., 1])
    other = red**2 + away[..., 2] ** 2 > CHROMA**2
    level = colours[:, lower][..., 0] / max(own[0], 1.0)
    other |= (level < DARK) | (level > LIGHT)
    usual = np.median(colours, axis=0)[lower]
    changed = np.abs(colours[:, lower] - usual)[..., 1:].max(axis=-1) > CHANGE
    return (other | changed).mean(axis=1)


def occlusion(faces: np.ndarray) -> float | None:
    """Return the covered share of the lower face that a tenth of the clip's faces exceed; None without faces."""
    return float(np.quantile(covered(faces), WORST)) if len(faces) else None


def _regions() -> tuple[np.ndarray, np.ndarray]:
    """Cells of the lower face, and of the skin that tells its colour: forehead, nose and upper cheeks."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    oval = ((x - 12) / 8.0) ** 2 + ((y - 11.5) / 11.5) ** 2 <= 1
    lower = oval & (y > 13.5)
    forehead = oval & (y > 3) & (y < 5.5) & (np.abs(x - 12) < 6)
    cheeks = oval & (y > 10) & (y < 13)
    return lower, forehead | cheeks
