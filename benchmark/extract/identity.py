"""Who is seen: embeddings of the main face in eight frames spread over the video."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from benchmark.extract.extractor import Blank, Extractor, Shown, Watch, spread
from benchmark.extract.faces import Faces, MainFace
from benchmark.extract.models import lacking, shared

COUNT: Final = 8
DIM: Final = 128


class Identity(Extractor):
    """dlib's face recognition network (CC0), whatever else this machine has: everyone can repeat its numbers."""

    name: ClassVar[str] = "identity"
    reads: ClassVar[tuple[str, ...]] = (Faces.name,)
    blank: ClassVar[Blank] = "faceless"

    def made_by(self) -> dict[str, str]:
        """The embedding network."""
        from perception.embedding import MODEL
        from perception.weights import entry

        return {"identity": self.named(MODEL, entry(MODEL).sha256)}

    def weights(self) -> tuple[str, ...]:
        """The embedding network."""
        from perception.embedding import MODEL
        from perception.weights import entry

        return (f"{MODEL}@{entry(MODEL).sha256}",)

    def missing(self) -> str | None:
        """dlib or its network."""
        from perception.embedding import MODEL

        return lacking((MODEL,), ("dlib", "cv2"), "curation")

    def sight(self, watch: Watch) -> _Identity:
        """Crops wait until the main face is known."""
        return _Identity(watch)


class _Identity:
    def __init__(self, watch: Watch) -> None:
        from perception.embedding import MODEL, FaceEmbedder

        self.watch = watch
        self.wanted = spread(watch.frames, COUNT).tolist()
        self.embedder = shared(MODEL, lambda: FaceEmbedder.load("dlib"))
        self.crops: dict[tuple[int, int], np.ndarray] = {}

    def see(self, frame: Shown) -> None:
        if frame.index in self.wanted:
            for face in frame.faces:
                if face.mesh is not None:
                    self.crops[face.face, frame.index] = self.embedder.crop(frame.rgb, face.mesh.points)

    def finish(self) -> dict[str, np.ndarray]:
        main: MainFace = self.watch.left[Faces.name]
        vectors = np.full((COUNT, DIM), np.nan, np.float32)
        for key in main.places():
            if key in self.crops:
                vectors[[place for place, frame in enumerate(self.wanted) if frame == key[1]]] = self.embedder(
                    [self.crops[key]]
                )[0]
        return {"identity": vectors}
