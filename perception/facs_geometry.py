"""Action units from the 468-point mesh alone: distances on the face, turned upright and freed of its size.

Distances are taken in the face's own frame: x along the line through the eye corners, y down the nose, z out of the
face, the unit is the distance of the outer eye corners. Each action unit gets the distance that it changes; which way
is up is chosen so that a larger value is more of the action. The values mean nothing by themselves: people's faces
differ more than one face moves. `perception.facs_scale` puts them on the scale of action units.
"""

from __future__ import annotations

import numpy as np

from perception.action_units import NUMBERS

_EYES = (33, 133, 362, 263)
_NOSE_BASE, _NOSE_ROOT = 2, 168


def upright(points: np.ndarray) -> np.ndarray:
    """Faces in their own frame.

    Args:
        points: [n, >= 468, 3] px or any other unit, MediaPipe's order, z towards the viewer negative.

    Returns:
        [n, 468, 3] float64 in distances of the outer eye corners, the middle of the eye corners at 0.
    """
    face = np.asarray(points, np.float64)[:, :468]
    across = (face[:, 263] - face[:, 33]) + (face[:, 362] - face[:, 133])
    unit = np.maximum(np.linalg.norm(face[:, 263] - face[:, 33], axis=1), 1e-9)
    x = _unit(across)
    down = face[:, _NOSE_BASE] - face[:, _NOSE_ROOT]
    y = _unit(down - (down * x).sum(1, keepdims=True) * x)
    axes = np.stack([x, y, np.cross(x, y)], axis=1)
    middle = face[:, _EYES].mean(axis=1)
    moved = (face - middle[:, None]) / unit[:, None, None]
    turned: np.ndarray = np.einsum("nij,nkj->nki", axes, moved)
    return turned


def raw_geometry(points: np.ndarray) -> np.ndarray:
    """What the mesh says of each action unit, before any scale.

    Args:
        points: [n, >= 468, 3] px or any other unit.

    Returns:
        [n, 23] float64: the action units in the order of `NUMBERS`, then how unequal the two lip corners are.
    """
    face = upright(points)

    def x(*marks: int) -> np.ndarray:
        return np.asarray(face[:, marks, 0].mean(axis=1))

    def y(*marks: int) -> np.ndarray:
        return np.asarray(face[:, marks, 1].mean(axis=1))

    inner_brow = -((y(55, 107, 65) - y(133)) + (y(285, 336, 295) - y(362))) / 2
    outer_brow = -((y(70, 46, 53) - y(33)) + (y(300, 276, 283) - y(263))) / 2
    brow_gap = x(285, 336) - x(55, 107)
    upper_lid = -((y(159, 158, 160) - y(33, 133)) + (y(386, 385, 387) - y(263, 362))) / 2
    lower_lid = ((y(145, 144, 153) - y(33, 133)) + (y(374, 373, 380) - y(263, 362))) / 2
    corners_over_lip = y(0, 13) - y(61, 291)
    corners = y(_NOSE_BASE) - y(61, 291)
    width = x(291) - x(61)
    gap = y(14) - y(13)
    lips = (y(13) - y(0)) + (y(17) - y(14))
    forward = face[:, (61, 291), 2].mean(axis=1) - face[:, (0, 17), 2].mean(axis=1)
    units = {
        1: inner_brow,
        2: outer_brow,
        4: -brow_gap - 0.7 * inner_brow,
        5: upper_lid,
        6: -y(50, 280, 117, 346, 101, 330),
        7: -lower_lid,
        9: -y(98, 327, 64, 294),
        10: y(_NOSE_BASE) - y(0, 37, 267),
        12: corners + corners_over_lip + 0.5 * width,
        14: -width,
        15: -corners_over_lip - 0.5 * corners,
        16: y(14, 17) - y(13),
        17: y(17) - y(152, 199),
        18: -width,
        20: width - corners - 0.5 * corners_over_lip,
        22: forward,
        23: -lips,
        24: -lips - gap,
        25: gap,
        26: y(152) - y(_NOSE_BASE),
        28: -lips,
        43: -(upper_lid + lower_lid),
    }
    unequal = np.abs(y(61) - y(291))
    return np.stack([*(units[number] for number in NUMBERS), unequal], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.asarray(vectors / length)
