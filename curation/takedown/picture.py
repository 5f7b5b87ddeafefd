"""Finds a person by their own picture: which stored faces are near enough to be theirs, to be confirmed by a human."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from curation.errors import CurationError
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

THRESHOLDS: Final = {
    "dlib-face": (0.60, "dlib's face_recognition.py: two pictures of one person lie within 0.6"),
    "insightface": (1.20, "as for clusters: the cosine 0.28 of InsightFace's examples, vectors of length 1"),
}
"""Distance up to which a track may be the person in the picture, and who says so. It is wider than what clusters tracks
(`perception.embedding.SAME_PERSON`): a human confirms, and a miss is worse than a look at a stranger."""


@dataclass(frozen=True)
class Match:
    """A person of the manifest who may be the one in the picture.

    Attributes:
        identity: id of the person.
        distance: of the nearest of their tracks to the picture.
        tracks, clips: how many of them there are in all.
        example: file of one of their kept clips, to look at; None without one.
    """

    identity: str
    distance: float
    tracks: int
    clips: int
    example: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """The persons near a picture, nearest first, and the thresholds that were used: model -> (distance, origin)."""

    matches: tuple[Match, ...]
    thresholds: dict[str, tuple[float, str]]


def match(manifest: "Manifest", image: Path) -> Found:
    """Look for the person in a picture; the picture is only read, and its embedding is kept nowhere.

    Args:
        manifest: with embeddings and identities.
        image: a picture with exactly one face.

    Raises:
        CurationError: it cannot be read, shows no face or several, or the manifest has no embeddings.
        perception.errors.PerceptionError: a model is missing.
    """
    table = manifest.table("embeddings", ["id", "model", "vector"])
    if not table.num_rows:
        raise CurationError("the manifest has no embeddings of faces: name the clips by --source or --identity")
    models = table.column("model").to_pylist()
    names = sorted({model.split("@")[0] for model in models})
    aligned = _Aligned(image)
    nearest: dict[str, float] = {}
    for name in names:
        limit = _threshold(name)[0]
        rows = [place for place, model in enumerate(models) if model.split("@")[0] == name]
        part = table.take(rows)
        vectors = np.asarray(part.column("vector").combine_chunks().flatten()).reshape(len(rows), -1)
        away = np.linalg.norm(vectors.astype(np.float64) - aligned.vector(name), axis=1)
        near = np.flatnonzero(away <= limit)
        ids = part.column("id").take(near).to_pylist()
        nearest |= dict(zip(ids, away[near].tolist(), strict=True))
    return Found(_persons(manifest, nearest), {name: _threshold(name) for name in names})


def _threshold(name: str) -> tuple[float, str]:
    found = THRESHOLDS.get(name.split("/")[0])
    if found is None:
        raise CurationError(f"no distance is known for faces embedded by {printable(name)}: use --identity")
    return found


def _persons(manifest: "Manifest", nearest: dict[str, float]) -> tuple[Match, ...]:
    import pyarrow as pa
    import pyarrow.compute as pc

    identities = manifest.table("identities", ["id", "identity"])
    best: dict[str, float] = {}
    for row in identities.filter(
        pc.is_in(identities.column("id"), value_set=pa.array([*nearest], pa.string()))
    ).to_pylist():
        best[row["identity"]] = min(best.get(row["identity"], np.inf), nearest[row["id"]])
    clips = manifest.table("clips", ["identity", "status", "file"])
    clips = clips.filter(pc.is_in(clips.column("identity"), value_set=pa.array([*best], pa.string())))
    rows = clips.to_pylist()
    found = []
    for person, distance in sorted(best.items(), key=lambda item: (item[1], item[0])):
        files = [row["file"] for row in rows if row["identity"] == person and row["file"]]
        count = sum(row["identity"] == person for row in rows)
        tracks = pc.sum(pc.equal(identities.column("identity"), person)).as_py()
        found.append(Match(person, round(distance, 4), tracks, count, min(files, default=None)))
    return tuple(found)


class _Aligned:
    """The one face of a picture, and its vector by each network."""

    def __init__(self, image: Path) -> None:
        from perception.faces import FaceDetector
        from perception.landmarks import FaceLandmarker

        self.pixels = _pixels(image)
        name = printable(str(image))
        with FaceDetector.load() as detector:
            (faces,) = detector([self.pixels])
        if len(faces) != 1:
            what = "no face" if not faces else f"{len(faces)} faces"
            raise CurationError(f"{name} shows {what}: give a picture that shows the one person's face, from the front")
        with FaceLandmarker.load() as landmarker:
            (mesh,) = landmarker([self.pixels], [faces[0].box])
        if mesh is None:
            raise CurationError(f"the face in {name} cannot be told well: give a clearer picture, from the front")
        self.points = mesh.points

    def vector(self, name: str) -> np.ndarray:
        """[dim] float64 by the network of this name."""
        from perception.embedding import PACKS, FaceEmbedder

        embedder = FaceEmbedder.load("insightface" if name.startswith(PACKS) else "dlib")
        if embedder.name != name:
            raise CurationError(f"faces were embedded by {printable(name)}, and this machine has {embedder.name}")
        return embedder([embedder.crop(self.pixels, self.points)])[0].astype(np.float64)


def _pixels(image: Path) -> np.ndarray:
    """[H, W, 3] uint8 RGB, turned as the camera says."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(image) as opened:
            turned = ImageOps.exif_transpose(opened) or opened
            turned.thumbnail((1920, 1920))
            return np.asarray(turned.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise CurationError(f"the picture {printable(str(image))} cannot be read: give a JPEG or PNG file") from error
