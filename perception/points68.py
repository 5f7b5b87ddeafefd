"""The 68 landmarks of iBUG's 300-W out of MediaPipe's face mesh: jaw, brows, nose, eyes and lips in their usual order.

C. Sagonas et al., 300 Faces In-The-Wild Challenge, 2016, define them: 0-16 the jaw from the ear at the picture's left
over the chin (8) to the other ear, 17-21 and 22-26 the brows from left to right, 27-30 the bridge of the nose down to
its tip, 31-35 the nose's base, 36-41 and 42-47 the eyes from the corner at the left over the upper lid, 48-59 the outer
edge of the lips from the corner at the left over the upper lip, 60-67 their inner edge.

The mesh has points on the same lines, and more of them. Ends, corners, chin and tip are the mesh's own; between them
the vertices are taken that lie nearest to equal parts of the line, measured on frontal faces; on each lid the two on
either side of the pupil. Both halves of the face mirror each other. The jaw is the mesh's outline, which runs over the
ear's front rather than behind the cheek at a turned head: distances are comparable only among points made this way.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from perception.errors import PerceptionError

JAW: Final = (127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356)
BROWS: Final = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
NOSE: Final = (168, 197, 195, 4, 98, 97, 2, 326, 327)
EYES: Final = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
OUTER_LIPS: Final = (61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91)
INNER_LIPS: Final = (78, 81, 13, 311, 308, 402, 14, 178)
INDICES: Final = (*JAW, *BROWS, *NOSE, *EYES, *OUTER_LIPS, *INNER_LIPS)
"""Of each of the 68 landmarks, its place in MediaPipe's mesh of 468 or 478 points."""
MOUTH: Final = tuple(range(48, 68))
"""Which of the 68 are the mouth."""
_MESH: Final = 468


def points68(mesh: np.ndarray) -> np.ndarray:
    """Pick the 68 landmarks.

    Args:
        mesh: [..., 468 or 478, d >= 2] in MediaPipe's order, any unit.

    Returns:
        [..., 68, 2] x and y in the same unit and type.

    Raises:
        PerceptionError: another shape.
    """
    if mesh.ndim < 2 or mesh.shape[-2] < _MESH or mesh.shape[-1] < 2:
        raise PerceptionError(f"The 68 landmarks are picked from a mesh [..., 468 or 478, 2 or 3], not {mesh.shape}.")
    return np.ascontiguousarray(mesh[..., list(INDICES), :2])
