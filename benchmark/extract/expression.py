"""What the face does, as coefficients of a 3D morphable model: 3DDFA-V2's ten of expression in every frame."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from benchmark.extract.extractor import Blank, Extractor, Shown, Watch
from benchmark.extract.faces import Faces, MainFace
from benchmark.extract.models import lacking, shared

DIM: Final = 10


class Expression(Extractor):
    """3DDFA-V2 on the crop around the 68 landmarks, as its makers crop a face that is followed through a video.

    Their other crop, around a detector's box, was tried too: faces then fill less of it than in the network's training
    (the scale is 2.9 deviations off its mean, against 0.3), and a crop that trembles by 3 % moves the expression by
    half as much again.
    """

    name: ClassVar[str] = "expression3dmm"
    reads: ClassVar[tuple[str, ...]] = (Faces.name,)
    blank: ClassVar[Blank] = "faceless"

    def made_by(self) -> dict[str, str]:
        """The network."""
        from perception.tddfa import MODEL
        from perception.weights import entry

        return {"expression3dmm": self.named(MODEL, entry(MODEL).sha256)}

    def weights(self) -> tuple[str, ...]:
        """The network."""
        from perception.tddfa import MODEL
        from perception.weights import entry

        return (f"{MODEL}@{entry(MODEL).sha256}",)

    def missing(self) -> str | None:
        """PyTorch or the network."""
        from perception.tddfa import MODEL

        return lacking((MODEL,), ("torch", "cv2"), "benchmark")

    def sight(self, watch: Watch) -> _Expression:
        """Every face is fitted, as the main one is known only at the end; there is seldom a second one."""
        return _Expression(watch)


class _Expression:
    def __init__(self, watch: Watch) -> None:
        from perception.tddfa import MODEL, Tddfa

        self.watch = watch
        self.network = shared(MODEL, Tddfa.load)
        self.found: dict[tuple[int, int], np.ndarray] = {}

    def see(self, frame: Shown) -> None:
        from perception.points68 import points68
        from perception.tddfa import EXPRESSION, crop, roi_of_points

        for face in frame.faces:
            if face.mesh is not None:
                picture = crop(frame.rgb, roi_of_points(points68(face.mesh.points)))
                self.found[face.face, frame.index] = self.network([picture])[0, EXPRESSION]

    def finish(self) -> dict[str, np.ndarray]:
        main: MainFace = self.watch.left[Faces.name]
        values = np.full((self.watch.frames, DIM), np.nan, np.float32)
        for key in main.places():
            values[key[1]] = self.found[key]
        return {"expression3dmm": values}
