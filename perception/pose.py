"""Head pose as yaw, pitch and roll, from a rotation matrix or from the points of a face mesh.

Conventions, the same for both: the axes are x to the picture's right, y up, z towards the viewer; angles are in
degrees, 0 for a face that looks straight into the camera, and relative to the line of sight to the face.

yaw    > 0: the nose points to the picture's right
pitch  > 0: the face looks up
roll   > 0: the head is turned counter-clockwise in the picture (its top to the picture's left)

The rotation is R = R_y(yaw) R_x(-pitch) R_z(roll): first roll, then pitch, then yaw.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pose(NamedTuple):
    """Head pose in degrees; the module's docstring says the signs."""

    yaw: float
    pitch: float
    roll: float


def pose_from_rotation(rotation: np.ndarray) -> Pose:
    """Return the pose of a rotation.

    Args:
        rotation: [3, 3], takes the upright face's axes to the camera's; a uniform scale in it does no harm.
    """
    matrix = np.asarray(rotation, np.float64)
    matrix = matrix / np.cbrt(np.linalg.det(matrix))
    yaw = np.arctan2(matrix[0, 2], matrix[2, 2])
    pitch = np.arcsin(np.clip(matrix[1, 2], -1.0, 1.0))
    roll = np.arctan2(matrix[1, 0], matrix[1, 1])
    return Pose(*(float(np.degrees(angle)) for angle in (yaw, pitch, roll)))


def rotation_from_pose(pose: Pose) -> np.ndarray:
    """Return the rotation [3, 3] of a pose; the inverse of `pose_from_rotation`."""
    yaw, pitch, roll = np.radians(pose)
    turn_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    turn_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return turn_y @ turn_x @ turn_z


# Points of the face mesh that neither speech nor expression moves much, and where they lie on an upright face (x to the
# picture's right, y up, z to the viewer; unit: distance of the outer eye corners). Measured, not copied: meshes of
# 308 frames of 36 real clips turned upright by FaceLandmarker's pose matrix, averaged per clip, then over clips and
# over left and right. Poses from these points agree with that matrix to 1.1, 1.6 and 0.5 degrees (median of yaw,
# pitch, roll; 95 %: 3.0, 4.9, 2.5).
UPRIGHT_FACE = {
    33: (-0.500, 0.129, 0.117),  # outer corner of the right eye
    263: (0.500, 0.129, 0.117),  # of the left eye
    133: (-0.194, 0.112, 0.174),  # inner corner of the right eye
    362: (0.194, 0.112, 0.174),  # of the left eye
    127: (-0.762, 0.074, -0.425),  # right temple
    356: (0.762, 0.074, -0.425),  # left temple
    10: (0.0, 0.721, 0.279),  # hairline
    151: (0.0, 0.548, 0.327),  # forehead
    9: (0.0, 0.369, 0.365),  # between the brows
    168: (0.0, 0.184, 0.354),  # root of the nose
    6: (0.0, 0.095, 0.405),  # bridge of the nose
    197: (0.0, 0.016, 0.463),  # middle of the nose
}


def pose_from_mesh(points: np.ndarray) -> Pose:
    """Return the pose of a face mesh: the rotation that best takes `UPRIGHT_FACE` to it (Kabsch, 1976).

    Args:
        points: [N >= 468, 3] px, x to the right, y down, z away from the viewer (MediaPipe's order of points).
    """
    seen = points[list(UPRIGHT_FACE)].astype(np.float64) * (1.0, -1.0, -1.0)
    upright = np.array(list(UPRIGHT_FACE.values()))
    covariance = (seen - seen.mean(0)).T @ (upright - upright.mean(0))
    left, _, right = np.linalg.svd(covariance)
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
    return pose_from_rotation(left @ mirror @ right)
