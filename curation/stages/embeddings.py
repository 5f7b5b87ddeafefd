"""Identity embeddings on the shared decode: some aligned crops of each face, one robust vector per track."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from curation.stage import FrameConsumer, PixelStage, Resources, SourceWork, Tables
from curation.stages.faces import LONG_SIDE
from curation.stages.quality import TRACED, stored_points

log = logging.getLogger(__name__)

TURNED = np.float32(45.0)  # degrees; beyond, the landmarks of the far eye, which the alignment needs, are guessed
LEAST = 3  # frames of a track: fewer cannot outvote a bad one
CROPS = 4  # crops waiting per frame that will be embedded
SPAN = 250  # frames embedded at once where shots are known only at the end of the source
MOST_WAITING = 32  # faces whose crops wait at a time; beyond that the one unseen for longest is embedded early


@dataclass(frozen=True)
class Embeddings(PixelStage):
    """Embeds the faces of each confirmed track, spread evenly over it, and keeps their geometric median.

    Args:
        model: dlib, insightface, or auto: InsightFace where a pack of it is on this machine, else dlib.
        frames: embedded per track.
    """

    name: ClassVar[str] = "embeddings"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("shots", "faces")
    resources: ClassVar[Resources] = Resources(cpus=1.0, gpus=0.25, memory=1 << 30)

    model: Literal["auto", "dlib", "insightface"] = "auto"
    frames: Annotated[int, Field(ge=1, le=100)] = 5

    def models(self) -> tuple[str, ...]:
        """The network that this machine has, or that it has none."""
        from perception.embedding import usable

        found = usable(self.model)
        wanted = "insightface" if self.model == "insightface" else "dlib-face"
        return (f"{found[0]}@{found[1]}" if found else f"{wanted}@absent",)

    def hosted(self) -> "dict[str, Callable[[str], Any]]":
        """The network, where this machine has one."""
        from perception.embedding import FaceEmbedder, usable

        return {f"embedding/{self.model}": partial(FaceEmbedder.load, self.model)} if usable(self.model) else {}

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A fresh consumer; it runs after the one that finds faces, or after its replay."""
        from perception.embedding import usable

        found = usable(self.model)
        return _Crops(self, work, _embedder(self.model, found) if found else None)


@cache
def _embedder(model: str, found: tuple[str, str]) -> Any:
    """The network, opened once per process, or None where its file is right and still cannot be opened."""
    from perception.embedding import FaceEmbedder
    from perception.errors import PerceptionError
    from perception.serving import opened

    try:
        return opened(f"embedding/{model}", partial(FaceEmbedder.load, model))
    except PerceptionError as error:
        log.warning("Clips get no identity from %s: %s", found[0], error)
        return None


@dataclass
class _Reservoir:
    """Crops of one face, evenly spread over what was seen of it, never more than `most`."""

    most: int
    seen: int = 0
    stride: int = 1
    kept: list[tuple[int, np.ndarray]] = field(default_factory=list)

    def wants_next(self) -> bool:
        """Count a sighting; say whether its crop is wanted."""
        self.seen += 1
        return (self.seen - 1) % self.stride == 0

    def put(self, frame: int, crop: np.ndarray) -> None:
        if len(self.kept) == self.most:
            self.kept, self.stride = self.kept[::2], 2 * self.stride
            if (self.seen - 1) % self.stride:
                return
        self.kept.append((frame, crop))


class _Crops:
    def __init__(self, stage: Embeddings, work: SourceWork, embedder: Any) -> None:
        self.stage = stage
        self.work = work
        self.embedder = embedder
        self.waiting: dict[int, _Reservoir] = {}  # by face, the one seen last at the end
        self.part: tuple[str, int] | None = None
        self.found: dict[int, list[tuple[int, np.ndarray]]] = {}  # by face: frame and vector

    def see(self, frame: Any) -> None:
        if self.embedder is None:
            return
        part = ("shot", frame.shot) if frame.shot is not None else ("span", frame.index // SPAN)
        if part != self.part:
            self._embed(list(self.waiting))
            self.part = part
        for seen in frame.faces:
            # frames that were traced back are seen in a replay and not at first: neither looks at them
            if seen.mesh is None or frame.index < seen.began + TRACED:
                continue
            if abs(np.float32(seen.mesh.yaw)) <= TURNED:
                self._wait(frame, seen)

    def _wait(self, frame: Any, seen: Any) -> None:
        from perception.errors import PerceptionError

        reservoir = self.waiting.pop(seen.face, None) or _Reservoir(CROPS * self.stage.frames)
        self.waiting[seen.face] = reservoir
        if reservoir.wants_next():
            scale = max(1.0, max(frame.width, frame.height) / LONG_SIDE)
            points = stored_points(seen, scale, frame.width, frame.height)
            try:
                reservoir.put(frame.index, self.embedder.crop(frame.scaled(LONG_SIDE), points))
            except PerceptionError as error:
                log.debug("%s, frame %d: %s", self.work.name, frame.index, error)
        if len(self.waiting) > MOST_WAITING:
            self._embed([next(iter(self.waiting))])

    def _embed(self, faces: list[int]) -> None:
        for face in faces:
            kept = spread_evenly(self.waiting.pop(face).kept, self.stage.frames)
            vectors = self.embedder([crop for _, crop in kept])
            self.found.setdefault(face, []).extend(zip((number for number, _ in kept), vectors, strict=True))

    def finish(self, report: Any) -> Tables:
        from manifests.schema import table_from_rows

        self._embed(list(self.waiting))
        tracks = self.work.tables["tracks"].to_pylist() if self.embedder is not None else []
        rows = [self._row(track) for track in tracks if track["confirmed"]]
        return {"embeddings": table_from_rows("embeddings", [row for row in rows if row is not None])}

    def _row(self, track: dict[str, Any]) -> dict[str, Any] | None:
        from perception.embedding import robust_mean

        inside = [
            (frame, vector)
            for frame, vector in self.found.get(track["face"], ())
            if track["start_frame"] <= frame < track["end_frame"]
        ]
        if len(inside) < min(LEAST, self.stage.frames):
            return None
        used = spread_evenly(inside, self.stage.frames)
        vectors = np.stack([vector for _, vector in used])
        mean = robust_mean(vectors)
        ((name, sha256),) = self.embedder.model_hashes.items()
        return {
            "id": track["id"],
            "source": self.work.id,
            "model": f"{name}@{sha256[:12]}",
            "noncommercial": self.embedder.noncommercial,
            "frames": [frame for frame, _ in used],
            "vector": mean.tolist(),
            "spread": float(np.median(np.linalg.norm(vectors - mean, axis=1))),
        }


def spread_evenly(items: list[Any], most: int) -> list[Any]:
    """At most `most` of the items, from the middles of equal parts of the list."""
    if len(items) <= most:
        return items
    return [items[int((place + 0.5) * len(items) / most)] for place in range(most)]
