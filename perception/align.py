"""Aligned face crops: a similarity transform puts the landmarks where an embedding network was trained to see them.

Two published references are kept: dlib's five points (both corners of each eye and the base of the nose,
`get_face_chip_details` in dlib/image_transforms/interpolation.h, D. E. King, with the padding of 0.25 and the side of
150 px that its face_recognition_model_v1 was trained with) and ArcFace's five on 112 px (eyes, nose tip, mouth corners,
`arcface_dst` in insightface/utils/face_align.py, J. Guo and J. Deng).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perception.errors import PerceptionError

MOST_SAMPLES = 8  # per crop pixel and axis, against aliasing when a large face is scaled down


@dataclass(frozen=True)
class Reference:
    """Where an aligned crop shows which landmarks.

    side: of the square crop, px.
    marks: per point the MediaPipe landmarks whose mean it is.
    points: [points, 2] x, y of each in the crop, px between pixel centres.
    """

    side: int
    marks: tuple[tuple[int, ...], ...]
    points: tuple[tuple[float, float], ...]


def _padded(side: int, padding: float, shape: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """A shape on the unit square as dlib places it; its crops were measured to begin at the corner of a pixel."""
    scale = side / (2 * padding + 1)
    return tuple((scale * (padding + x) - 0.5, scale * (padding + y) - 0.5) for x, y in shape)


DLIB = Reference(
    side=150,
    marks=((263,), (362,), (33,), (133,), (2,)),
    points=_padded(
        150,
        0.25,
        (
            (0.8595674595992, 0.2134981538014),
            (0.6460604764104, 0.2289674387677),
            (0.1205750620789, 0.2137274526848),
            (0.3340850613712, 0.2290642403242),
            (0.4901123135679, 0.6277975316475),
        ),
    ),
)
ARCFACE = Reference(
    side=112,
    marks=((33, 133, 159, 145), (263, 362, 386, 374), (1,), (61,), (291,)),
    points=((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)),
)


def align(rgb: np.ndarray, points: np.ndarray, reference: Reference) -> np.ndarray:
    """Cut out a face, turned, scaled and moved so that its landmarks lie where `reference` wants them.

    Args:
        rgb: picture [H, W, 3] uint8.
        points: MediaPipe's landmarks [>= 468, >= 2], px of the picture (pixel corners, as `FaceMesh.points`).
        reference: of the network.

    Returns:
        [side, side, 3] uint8, black beyond the picture's edge; averaged over the source's pixels where the face is
        scaled down.

    Raises:
        PerceptionError: the landmarks lie on one spot or are not numbers.
    """
    import cv2

    found = np.array([points[list(marks), :2].mean(axis=0) for marks in reference.marks], np.float64)
    to_picture = similarity(np.array(reference.points), found - 0.5)  # warpAffine speaks of pixel centres
    scale = float(np.hypot(to_picture[0, 0], to_picture[1, 0]))  # px of the picture per px of the crop
    samples = min(MOST_SAMPLES, max(1, round(scale)))
    fine = np.diag([1 / samples, 1 / samples, 1.0])
    fine[:2, 2] = 0.5 / samples - 0.5
    side = reference.side * samples
    crop = cv2.warpAffine(
        rgb,
        (to_picture @ fine)[:2],
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    if samples > 1:
        crop = cv2.resize(crop, (reference.side, reference.side), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(crop)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The turn, scale and shift that bring points nearest to others, by least squares.

    S. Umeyama, Least-squares estimation of transformation parameters between two point patterns, 1991, in the plane
    and without mirroring.

    Args:
        source: [n, 2].
        target: [n, 2].

    Returns:
        [3, 3] homogeneous matrix.

    Raises:
        PerceptionError: a set of points lies on one spot or holds something that is no number.
    """
    centre, aim = source.mean(axis=0), target.mean(axis=0)
    a = (source - centre) @ np.array([1, 1j])
    b = (target - aim) @ np.array([1, 1j])
    size = float(np.vdot(a, a).real)
    turn = np.vdot(a, b) / size if size > 0 else 0.0
    if not np.isfinite(turn) or abs(turn) < 1e-9:
        raise PerceptionError("The landmarks of a face lie on one spot or are no numbers: it cannot be aligned.")
    matrix = np.eye(3)
    matrix[:2, :2] = [[turn.real, -turn.imag], [turn.imag, turn.real]]
    matrix[:2, 2] = aim - matrix[:2, :2] @ centre
    return matrix
