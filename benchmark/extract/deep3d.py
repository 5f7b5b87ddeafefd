"""What the face does, as coefficients of a 3D morphable model: Deep3DFaceRecon's 64 of expression in every frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from benchmark.extract.extractor import Blank, FixedBatches, Shown, Watch
from benchmark.extract.faces import Faces, MainFace
from benchmark.extract.network import NetworkExtractor
from perception.deep3d import EXPRESSION, Deep3d, crop, model
from perception.points68 import points68

FEATURE: Final = "expression-deep3d"
BATCH: Final = 8
MOST_WAITING: Final = 64  # crops of a video that wait until the main face is known; 10 MB


class Expression64(NetworkExtractor):
    """Deep3DFaceRecon on each frame's face, cut out as its makers do from five of our 68 landmarks."""

    name: ClassVar[str] = "deep3d"
    reads: ClassVar[tuple[str, ...]] = (Faces.name,)
    blank: ClassVar[Blank] = "faceless"
    packages: ClassVar[tuple[str, ...]] = ("torch", "PIL")

    @property
    def models(self) -> tuple[str, ...]:  # type: ignore[override]
        """The weights of 2023 where they are here, else those of 2021; seeded ones stand for either."""
        return ("deep3d",) if self.seeded else (model(),)

    @property
    def gives(self) -> Mapping[str, str]:  # type: ignore[override]
        """The method is named by its weights' year."""
        return {FEATURE: self.models[0]}

    def sight(self, watch: Watch) -> _Expression64:
        """Crops wait, as far as memory allows, so that a second face is seldom fitted in vain."""
        return _Expression64(watch, self.shared(self.models[0], lambda: Deep3d.load(seeded=self.seeded)))


class _Expression64:
    def __init__(self, watch: Watch, network: Deep3d) -> None:
        self.watch, self.network = watch, network
        self.waiting: dict[int, list[tuple[int, np.ndarray]]] = {}  # face -> frame and crop
        self.found: dict[tuple[int, int], np.ndarray] = {}

    def see(self, frame: Shown) -> None:
        for face in frame.faces:
            if face.mesh is not None:
                picture = crop(frame.rgb, points68(face.mesh.points))
                self.waiting.setdefault(face.face, []).append((frame.index, picture))
        if sum(map(len, self.waiting.values())) > MOST_WAITING:
            self._fit(max(self.waiting, key=lambda face: len(self.waiting[face])))

    def finish(self) -> dict[str, np.ndarray]:
        main: MainFace = self.watch.left[Faces.name]
        for face in dict.fromkeys(main.numbers.tolist()):
            self._fit(face)
        values = np.full((self.watch.frames, EXPRESSION.stop - EXPRESSION.start), np.nan, np.float32)
        for key in main.places():
            values[key[1]] = self.found[key]
        return {FEATURE: values}

    def _fit(self, face: int) -> None:
        """Fit what waits of a face."""
        held = self.waiting.pop(face, [])
        if held:
            batches = FixedBatches(self.network, BATCH)
            for _, picture in held:
                batches.add(picture)
            for (frame, _), row in zip(held, batches.finish(), strict=True):
                self.found[face, frame] = row[EXPRESSION]
