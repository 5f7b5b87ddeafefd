"""The emotion panel: what a member is, and which members this machine can run.

A member judges single frames. Two of them score facial actions (`perception.facs`) and need no picture; the others are
networks that see a crop of the face. Each says what its classes are, in its makers' words and order; whoever pools them
maps these words into one taxonomy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class About:
    """What is known of a member without opening it.

    name: as it stands in tables and reports, `fer2013-mini-xception`.
    label_set: whose labels they are (`FER2013`, `AffectNet-8`, ...); empty for a member that judges no emotion.
    labels: as its makers write them, in the order of its outputs.
    action_units: FACS numbers in the order of its outputs; empty for a member that judges none.
    frequencies: how often each label occurs in the data that the network was trained on, sum 1: what the network would
        say of a face that it cannot see. Pooling divides them out, so that each emotion is as likely before the look
        (Saerens, Latinne and Decaestecker 2002); empty where training made up for them.
    scale: of the action units: `intensity` (0..5) or `presence` (probability 0..1); empty without them.
    trained_on: the data that its weights come from, or the publication that its constants come from.
    licence: of the weights.
    noncommercial: whether that licence, or that of the data, forbids commercial use.
    """

    name: str
    label_set: str
    labels: tuple[str, ...]
    trained_on: str
    licence: str
    noncommercial: bool
    action_units: tuple[int, ...] = ()
    scale: str = ""
    frequencies: tuple[float, ...] = ()


@dataclass(frozen=True)
class FaceCrop:
    """The square that a network wants to see.

    side: px.
    scale: side of the square over the longer side of the box around the landmarks.
    upright: whether the eyes are brought level.
    down: by how much the square's centre lies below that of the box, in sides of the square.
    """

    side: int
    scale: float
    upright: bool = True
    down: float = 0.0


@dataclass(frozen=True)
class Looks:
    """What a member says of n faces.

    probabilities: [n, labels] float32, rows sum to 1; None for a member that judges no emotion.
    action_units: [n, action units] float32 on the member's scale; None for a member that judges none.
    """

    probabilities: np.ndarray | None
    action_units: np.ndarray | None = None


class PixelMember(Protocol):
    """A network of the panel, opened on a device by its own `load(device)`.

    about: see `About`; model_hashes: sha256 by name; crop: what it wants to see; stride: frames from one look to the
    next that its cost suggests at 25 frames a second.
    """

    about: About
    model_hashes: dict[str, str]
    crop: FaceCrop
    stride: int

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        """Judge faces.

        Args:
            crops: [side, side, 3] uint8 RGB each, made by `face_crop` with the member's own `crop`.

        Raises:
            PerceptionError: a crop of another size.
        """


def face_crop(rgb: np.ndarray, points: np.ndarray, crop: FaceCrop) -> np.ndarray:
    """Cut out the square around a face.

    Args:
        rgb: picture [H, W, 3] uint8.
        points: MediaPipe's landmarks [>= 468, >= 2], px of the picture.
        crop: which square.

    Returns:
        [side, side, 3] uint8, averaged over the picture's pixels where the face is scaled down; beyond the picture's
        edge its border pixels go on.
    """
    import cv2

    found = np.asarray(points[:468, :2], np.float64)
    across = found[263] - found[33]
    length = float(np.hypot(*across))
    axis = across / length if crop.upright and length > 0 else np.array([1.0, 0.0])
    turn = np.array([axis, [-axis[1], axis[0]]])
    turned = found @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    side = max(float((high - low).max()) * crop.scale, 1.0)
    centre = (low + high) / 2 + (0.0, crop.down * side)
    samples = int(np.clip(np.ceil(side / crop.side), 1, 8))  # per crop pixel and axis, against aliasing
    count = crop.side * samples
    step = side / count
    corner = centre - side / 2 + step / 2 - turn @ np.array([0.5, 0.5])  # landmarks count from pixel corners
    back = turn.T
    matrix = np.column_stack([back * step, back @ corner])
    wide = cv2.warpAffine(
        rgb, matrix, (count, count), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return wide if samples == 1 else cv2.resize(wide, (crop.side, crop.side), interpolation=cv2.INTER_AREA)
