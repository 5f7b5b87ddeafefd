"""The 68 landmarks: where each lies on a real face, that both halves mirror each other, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from perception.errors import PerceptionError
from perception.points68 import BROWS, EYES, INDICES, INNER_LIPS, JAW, MOUTH, NOSE, OUTER_LIPS, points68

MIRROR = {  # the usual order read from the other side
    **{k: 16 - k for k in range(17)},
    **{17 + k: 26 - k for k in range(10)},
    **{27 + k: 27 + k for k in range(4)},
    **{31 + k: 35 - k for k in range(5)},
    36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46, 42: 39, 43: 38, 44: 37, 45: 36, 46: 41, 47: 40,
    48: 54, 49: 53, 50: 52, 51: 51, 52: 50, 53: 49, 54: 48, 55: 59, 56: 58, 57: 57, 58: 56, 59: 55,
    60: 64, 61: 63, 62: 62, 63: 61, 64: 60, 65: 67, 66: 66, 67: 65,
}  # fmt: skip


def test_there_are_68_different_points_in_ibugs_groups() -> None:
    assert [len(group) for group in (JAW, BROWS, NOSE, EYES, OUTER_LIPS, INNER_LIPS)] == [17, 10, 9, 12, 12, 8]
    assert len(set(INDICES)) == 68
    assert [INDICES[place] for place in MOUTH] == [*OUTER_LIPS, *INNER_LIPS]


@pytest.mark.parametrize("count", [468, 478])
def test_the_points_are_those_of_the_mesh_for_one_face_and_for_many(count: int) -> None:
    mesh = np.random.default_rng(0).normal(size=(2, count, 3)).astype(np.float32)
    picked = points68(mesh)
    assert picked.shape == (2, 68, 2) and picked.dtype == np.float32
    assert np.array_equal(picked[1, 30], mesh[1, 4, :2])
    assert np.array_equal(points68(mesh[0]), picked[0])


@pytest.mark.parametrize("shape", [(68, 2), (467, 3), (478, 1), (478,)])
def test_what_is_no_mesh_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PerceptionError, match="468 or 478"):
        points68(np.zeros(shape, np.float32))


def test_on_a_real_face_each_point_lies_where_its_number_says(landmarker, full_range, test_data) -> None:
    import cv2

    rgb = cv2.imread(str(test_data / "images" / "fr_obama.jpg"))[:, :, ::-1].copy()
    (mesh,) = landmarker([rgb], [full_range([rgb])[0][0].box])
    p = points68(mesh.points)
    x, y = p[:, 0], p[:, 1]
    assert (np.diff(x[:17]) > -2).all() and y[8] == y.max(), "the jaw runs from left to right over the chin"
    assert (np.diff(x[17:27]) > 0).all() and y[17:27].max() < y[36:48].min(), "brows lie over the eyes, left to right"
    assert (np.diff(y[27:31]) > 0).all(), "the bridge runs down"
    assert (np.diff(x[31:36]) > 0).all() and y[33] > y[30], "the nose's base lies under its tip"
    assert x[36] == x[36:42].min() and x[39] == x[36:42].max() and x[42] == x[42:48].min() and x[45] == x[42:48].max()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (50, 58), (51, 57), (52, 56), (62, 66)):
        assert y[upper] < y[lower] and abs(x[upper] - x[lower]) < 0.06 * np.ptp(x)
    assert x[48] == x[48:60].min() and x[54] == x[48:60].max()
    inside = (x[60:68] > x[48]) & (x[60:68] < x[54]) & (y[60:68] > y[51]) & (y[60:68] < y[57])
    assert inside.all(), "the inner edge of the lips lies within the outer one"


def test_both_halves_mirror_each_other(landmarker, full_range, test_data) -> None:
    import cv2

    rgb = cv2.imread(str(test_data / "images" / "fr_obama.jpg"))[:, :, ::-1].copy()
    found = []
    for picture in (rgb, np.ascontiguousarray(rgb[:, ::-1])):
        (mesh,) = landmarker([picture], [full_range([picture])[0][0].box])
        found.append(points68(mesh.points))
    here, there = found[0], found[1][[MIRROR[k] for k in range(68)]]
    there = np.column_stack([rgb.shape[1] - there[:, 0], there[:, 1]])
    eyes = np.linalg.norm(here[45] - here[36])
    assert np.linalg.norm(here - there, axis=1).max() < 0.12 * eyes
