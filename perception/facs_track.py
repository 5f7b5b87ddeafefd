"""A face track's action units, and what the two members of the panel that need no picture say of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perception.action_units import COUNT, PRESENT, place
from perception.facs import CLASSES, LABEL_SET, score
from perception.facs_blendshapes import DEAD
from perception.facs_scale import scale
from perception.panel import About

_SOURCE = (
    "no labelled face, two constants on rendered ones: Du, Tao and Martinez (PNAS 2014, table 1), anchors of ordinary "
    "talk (facs_norms.toml)"
)
ABOUT = {
    "facs-blendshapes": About("facs-blendshapes", LABEL_SET, CLASSES, _SOURCE, "Apache-2.0", False),
    "facs-mesh": About("facs-mesh", LABEL_SET, CLASSES, _SOURCE, "Apache-2.0", False),
}
_UNSURE_IN_MESH = (14,)  # a dimple is a matter of skin, not of the mesh
_AT_REST = [place(number) for number in (1, 2, 4, 5, 10, 12, 15, 20)]


@dataclass(frozen=True)
class FacsTrack:
    """What the landmarks of one track say.

    units: [n, 22] float64 0..5, in the order of `action_units.NUMBERS`: from blendshapes where there are any (6 and 9
        from the mesh), else from the mesh.
    beyond: [n, 23] the same before they are cut off at 5, then how unequal the lip corners are.
    neutral: [n] bool: no action of the brows, upper lids or lips is there that speech does not make; all False for a
        track without a rest of its own.
    members: member's name -> [n, 8] probabilities in the order of `facs.CLASSES`.
    model: what told the action units, `blendshapes` or `mesh`.
    """

    units: np.ndarray
    beyond: np.ndarray
    neutral: np.ndarray
    members: dict[str, np.ndarray]
    model: str


def read_track(mesh: np.ndarray, blendshapes: np.ndarray | None) -> FacsTrack:
    """Read a track from the raw values of its frames.

    Args:
        mesh: [n, 23] of `raw_geometry`, one row per frame with landmarks, n > 0.
        blendshapes: [n, 23] of `raw_blendshapes`, or None where the landmark model gives no blendshapes.
    """
    found, usual, model = _measured("mesh", mesh), scale("mesh").usual, "mesh"
    members = {"facs-mesh": score(found.prominence, usual, _UNSURE_IN_MESH)}
    if blendshapes is not None:
        geometry, model = found, "blendshapes"
        dead = [place(number) for number in DEAD]
        found, usual = _measured("blendshapes", blendshapes), scale("blendshapes").usual.copy()
        found.prominence[:, dead] = geometry.prominence[:, dead]
        found.intensity[:, dead] = geometry.intensity[:, dead]
        usual[dead] = scale("mesh").usual[dead]
        members = {"facs-blendshapes": score(found.prominence, usual), **members}
    units = np.minimum(found.intensity[:, :COUNT], 5.0)
    quiet = np.logical_and((found.prominence[:, _AT_REST] < PRESENT).all(axis=1), found.own)
    return FacsTrack(units, found.intensity, quiet, members, model)


@dataclass(frozen=True)
class _Measured:
    """[n, 23] each on its scale without an upper end, and whether an action of emotion has a rest of its own."""

    prominence: np.ndarray
    intensity: np.ndarray
    own: bool


def _measured(kind: str, raw: np.ndarray) -> _Measured:
    anchors = scale(kind)
    rest, own = anchors.own_rest(raw)
    return _Measured(anchors.prominence(raw, rest), anchors.intensity(raw, rest), bool(own[_AT_REST].any()))
