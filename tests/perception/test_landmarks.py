"""Landmarks and pose of the face in a box, with the bundle and with the 468-point mesh."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception.boxes import box_of_mesh, distance, side
from perception.errors import PerceptionError
from perception.landmarks import FaceLandmarker, square_crop
from perception.pose import UPRIGHT_FACE, Pose, pose_from_mesh, pose_from_rotation, rotation_from_pose
from tests.perception.conftest import need

NOSE_TIP, RIGHT_EYE, LEFT_EYE, CHIN, FOREHEAD = 1, 33, 263, 152, 10
ANGLES = st.tuples(*[st.floats(-80, 80)] * 3)


# --- pose: arithmetic -----------------------------------------------------------------------------------------------


@given(ANGLES)
def test_a_pose_survives_its_rotation(angles: tuple[float, float, float]) -> None:
    assert np.allclose(pose_from_rotation(3.7 * rotation_from_pose(Pose(*angles))), angles, atol=1e-6)


@given(ANGLES)
def test_a_mirrored_head_has_yaw_and_roll_of_the_other_sign(angles: tuple[float, float, float]) -> None:
    mirror = np.diag([-1.0, 1.0, 1.0])
    yaw, pitch, roll = angles
    assert np.allclose(pose_from_rotation(mirror @ rotation_from_pose(Pose(*angles)) @ mirror), (-yaw, pitch, -roll))


@given(ANGLES)
def test_the_pose_of_a_rigid_mesh_is_exact(angles: tuple[float, float, float]) -> None:
    upright = np.zeros((468, 3))
    upright[list(UPRIGHT_FACE)] = list(UPRIGHT_FACE.values())
    turned = upright @ rotation_from_pose(Pose(*angles)).T
    in_picture = 90 * turned * (1, -1, -1) + (300, 200, 0)
    assert np.allclose(pose_from_mesh(in_picture.astype(np.float32)), angles, atol=0.01)


def test_the_signs_are_those_of_the_docstring() -> None:
    """Where the nose goes in the picture (x to the right, y up) when one angle is positive."""
    nose, top = np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    assert (rotation_from_pose(Pose(20, 0, 0)) @ nose)[0] > 0.3  # to the picture's right
    assert (rotation_from_pose(Pose(0, 20, 0)) @ nose)[1] > 0.3  # up
    assert (rotation_from_pose(Pose(0, 0, 20)) @ top)[0] < -0.3  # counter-clockwise


# --- both models on real faces --------------------------------------------------------------------------------------


@pytest.fixture
def may(frames, full_range):
    """A frontal woman at 512 x 512 and the detector's box of her face."""
    picture = frames("talk_512_may_speech_5s.mp4", 40)[0]
    return picture, full_range([picture])[0][0].box


def test_the_points_lie_on_the_face(landmarker, may, full_range) -> None:
    picture, box = may
    (mesh,) = landmarker([picture], [box])
    eyes = full_range([picture])[0][0].keypoints[:2]
    assert mesh.points.shape == (landmarker.points, 3)
    assert mesh.points.dtype == np.float32
    for corner, eye in zip((RIGHT_EYE, LEFT_EYE), eyes, strict=True):
        assert np.hypot(*(mesh.points[corner, :2] - eye)) < 0.15 * side(box)
    assert mesh.points[FOREHEAD, 1] < mesh.points[NOSE_TIP, 1] < mesh.points[CHIN, 1]
    assert distance(box_of_mesh(mesh.points), box) < 0.1
    assert 0.85 < side(box_of_mesh(mesh.points)) / side(box) < 1.15


def test_only_the_bundle_has_blendshapes(landmarker, may) -> None:
    (mesh,) = landmarker([may[0]], [may[1]])
    if landmarker.name == "face-mesh":
        assert mesh.blendshapes is None
    else:
        assert mesh.blendshapes.shape == (52,)
        assert 0 <= mesh.blendshapes.min() <= mesh.blendshapes.max() <= 1
    assert 0.5 <= mesh.presence <= 1


def test_a_mirrored_picture_flips_yaw_and_roll(landmarker, frames, full_range) -> None:
    for picture in frames("talk_700_woman_lively_30fps_speech_7s.mp4", 0, 4, every=45):
        mirrored = np.ascontiguousarray(picture[:, ::-1])
        meshes = landmarker([picture, mirrored], [full_range([p])[0][0].box for p in (picture, mirrored)])
        one, other = (np.array([m.yaw, m.pitch, m.roll]) for m in meshes)
        assert np.abs(one - other * (-1, 1, -1)).max() < 4


@pytest.mark.parametrize("turn", [-25, -12, 12, 25])
def test_a_turned_picture_turns_the_roll_alone(landmarker, may, turn: int) -> None:
    import cv2

    picture, box = may
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    turned = cv2.warpAffine(picture, cv2.getRotationMatrix2D(centre, turn, 1.0), picture.shape[1::-1])
    (before,), (after,) = landmarker([picture], [box]), landmarker([turned], [box])
    assert abs(after.roll - before.roll - turn) < 5  # OpenCV, too, turns counter-clockwise
    assert abs(after.yaw - before.yaw) < 8


def test_the_nose_goes_where_yaw_says(landmarker, frames, full_range) -> None:
    yaws, noses = [], []
    for picture in frames("talk_700_woman_lively_30fps_speech_7s.mp4", 0, 12, every=16):
        box = full_range([picture])[0][0].box
        (mesh,) = landmarker([picture], [box])
        right, left, nose = mesh.points[[RIGHT_EYE, LEFT_EYE, NOSE_TIP], :2]
        yaws.append(mesh.yaw)
        noses.append((nose - (right + left) / 2) @ (left - right) / ((left - right) @ (left - right)))
    assert np.corrcoef(yaws, noses)[0, 1] > 0.8


def test_a_small_face_in_a_large_picture_has_landmarks(landmarker, frames, full_range) -> None:
    street = frames("crowd_1920x1080_street_4s.mp4", 60)[0]
    faces = full_range([street])[0]
    meshes = landmarker([street] * len(faces), [face.box for face in faces])
    assert sum(mesh is not None for mesh in meshes) >= 2


def test_each_of_two_people_gets_the_landmarks_of_their_own(landmarker, frames, full_range) -> None:
    girls = frames("twopeople_480x360_girls_mono_22s.mp4", 60)[0]
    faces = full_range([girls])[0]
    assert len(faces) == 2
    meshes = landmarker([girls, girls], [face.box for face in faces])
    for face, mesh in zip(faces, meshes, strict=True):
        assert distance(box_of_mesh(mesh.points), face.box) < 0.3


def test_a_neighbour_in_the_crop_does_not_hide_the_face_in_the_box(frames) -> None:
    need("face-landmarker")
    street = frames("crowd_1920x1080_street_4s.mp4", 24)[0]
    box = (957.0, 680.0, 1083.0, 806.0)  # a face in front of a smaller one, 70 px to its left
    with FaceLandmarker.load(model="face-landmarker") as bundle:
        (mesh,) = bundle([street], [box])
    assert mesh is not None
    assert distance(box_of_mesh(mesh.points), box) < 0.3


def test_a_box_without_a_face_gives_none(landmarker, frames) -> None:
    river = frames("noface_592x336_river_boat_6s.mp4")[0]
    boxes = [(100.0, 100.0, 200.0, 200.0), (-500.0, -500.0, -400.0, -400.0), (5.0, 5.0, 5.0, 5.0)]
    assert landmarker([river] * 3, boxes) == [None, None, None]


def test_a_rough_box_gives_nearly_the_same_points(landmarker, may) -> None:
    picture, box = may
    shift = 0.12 * side(box)
    rough = (box[0] - shift, box[1] + shift, box[2], box[3] + shift)
    (exact,), (other,) = landmarker([picture], [box]), landmarker([picture], [rough])
    assert np.abs(exact.points[:, :2] - other.points[:, :2]).mean() < 0.02 * side(box)


def test_the_past_leaves_no_trace(landmarker, may, frames) -> None:
    picture, box = may
    (first,) = landmarker([picture], [box])
    landmarker(frames("emotion_mead_W009_happy_level3.mp4"), [(40.0, 40.0, 210.0, 210.0)])
    (again,) = landmarker([picture], [box])
    assert np.array_equal(first.points, again.points)
    assert (first.yaw, first.pitch, first.roll) == (again.yaw, again.pitch, again.roll)


def test_both_models_agree_on_points_and_pose(frames, full_range) -> None:
    need("face-landmarker"), need("face-mesh")
    apart, turned = [], []
    with FaceLandmarker.load(model="face-landmarker") as bundle, FaceLandmarker.load(model="face-mesh") as mesh:
        for name in (
            "talk_512_may_speech_5s.mp4",
            "emotion_mead_M030_happy_level3.mp4",
            "talk_450_obama_speech_20s.mp4",
        ):
            for picture in frames(name, 0, 4, every=20):
                box = full_range([picture])[0][0].box
                (a,), (b,) = bundle([picture], [box]), mesh([picture], [box])
                apart.append(np.abs(a.points[:468, :2] - b.points[:, :2]).mean() / side(box))
                turned.append((abs(a.yaw - b.yaw), abs(a.pitch - b.pitch), abs(a.roll - b.roll)))
    assert np.median(apart) < 0.03
    assert (np.median(turned, axis=0) < (3, 4, 2)).all()


def test_wrong_use_is_one_sentence(landmarker) -> None:
    with pytest.raises(PerceptionError, match="one box"):
        landmarker([np.zeros((9, 9, 3), np.uint8)], [])
    with pytest.raises(PerceptionError, match="no landmark model"):
        FaceLandmarker.load(model="nose")


@given(
    st.tuples(st.integers(-80, 200), st.integers(-80, 160), st.integers(1, 300)),
    st.tuples(st.integers(1, 160), st.integers(1, 120)),
)
def test_a_crop_is_a_piece_of_the_picture_wherever_the_box_lies(place, size) -> None:
    x, y, length = place
    picture = np.random.default_rng(0).integers(1, 255, (size[1], size[0], 3), np.uint8)
    crop, (left, top), factor = square_crop(picture, (x, y, x + length, y + length), 1.5)
    assert crop.shape[0] == crop.shape[1] <= 512
    if factor == 1 and crop.any():
        rows, columns = np.nonzero(crop.any(axis=2))
        assert np.array_equal(crop[rows, columns], picture[rows + top, columns + left])
