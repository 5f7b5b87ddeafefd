"""Who is it: a vector per aligned face crop, near for one person and far for two; dlib's network or InsightFace's.

dlib's face_recognition_model_v1 (D. E. King, 2017; 128 numbers, CC0) is the default. A pack of InsightFace is used when
its folder is on this machine: `insightface/PACK` in the weights folder, or `models/PACK` in `$INSIGHTFACE_HOME`
(`~/.insightface`). Its recognition network is told from the others by its ONNX: a picture of 112 x 112 px in, one
vector out. The published packs are for non-commercial research only, so every pack is flagged so. None is downloaded.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from perception import weights
from perception.align import ARCFACE, DLIB, Reference, align
from perception.errors import PerceptionError
from perception.quiet import native_logs_hidden

log = logging.getLogger(__name__)

MODEL = "dlib-face"
PACKS = "insightface"
BATCH = 32  # crops that a network on a GPU sees at once, always
NAMES = ("auto", "dlib", "insightface")
PUBLISHED = {  # recognition networks of published packs, by file name; another file of that name is damaged
    "w600k_r50.onnx": "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
}
SAME_PERSON = {MODEL: 0.50, PACKS: 1.20}
"""Mean distance up to which clusters are one person, as the makers' own examples have it: 0.5 in dlib's
python_examples/face_clustering.py (its 0.6 is for a single pair of pictures), and for InsightFace the cosine 0.28 of
examples that call two faces the same from there on, which is 1.2 between vectors of length 1 (not measured here)."""


@dataclass(frozen=True)
class Pack:
    """The recognition network of an InsightFace pack: the pack's name, its file, and the file's sha256."""

    name: str
    path: Path
    sha256: str


class _Network(Protocol):
    def __call__(self, crops: list[np.ndarray]) -> np.ndarray: ...


@dataclass(frozen=True)
class EmbedderFacts:
    """What is known of an opened embedder beside its network; see `FaceEmbedder`."""

    name: str
    sha256: str
    reference: Reference
    noncommercial: bool
    dim: int


class FaceEmbedder:
    """Embeds aligned crops: on a processor one at a time on one thread, on a GPU in batches that are always full
    (`networks.full_batches`), so that a crop's vector depends on nothing else.

    name: "dlib-face" or "insightface/PACK"; model_hashes: its sha256 by name; noncommercial: whether its licence
    forbids commercial use; size: side of a crop in px; dim: length of a vector; same_person: see `SAME_PERSON`.
    """

    def __init__(self, network: _Network, facts: EmbedderFacts) -> None:
        self._network = network
        self.facts = facts
        self.name = facts.name
        self.model_hashes = {facts.name: facts.sha256}
        self.noncommercial = facts.noncommercial
        self.size = facts.reference.side
        self.dim = facts.dim
        self.same_person = SAME_PERSON[facts.name.split("/")[0]]

    @classmethod
    def load(cls, name: str = "auto", device: str = "cpu") -> FaceEmbedder:
        """Open an embedding network.

        Args:
            name: "dlib", "insightface", or "auto": InsightFace where a pack of it is on this machine, else dlib.
            device: "cpu", or "cuda" for InsightFace with an onnxruntime that has it (dlib stays on the processor).

        Raises:
            PerceptionError: the network or its library is missing or cannot be read; says how to get it.
        """
        _known(name)
        if device.split(":")[0] not in ("cpu", "cuda"):
            raise PerceptionError(f"Face embeddings run on the CPU or on CUDA, not on {device!r}; use device='cpu'.")
        pack = None if name == "dlib" else find_pack()
        if pack is not None:
            network = _Insight(pack, device)
            return cls(network, EmbedderFacts(f"{PACKS}/{pack.name}", pack.sha256, ARCFACE, True, network.dim))
        if name == "insightface":
            raise PerceptionError(
                "No InsightFace pack is on this machine: put its folder (such as buffalo_l, with its .onnx files) into "
                f"{PACKS}/ of the folder that MOEE_WEIGHTS names, or into ~/.insightface/models, and "
                "`pip install 'moee[curation]'`."
            )
        entry = weights.entry(MODEL)
        return cls(_Dlib(), EmbedderFacts(MODEL, entry.sha256, DLIB, entry.noncommercial, 128))

    def __call__(self, crops: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Embed faces.

        Args:
            crops: aligned crops [n, size, size, 3] uint8 RGB, as `crop` gives them.

        Returns:
            [n, dim] float32; distances between them are Euclidean (InsightFace's are scaled to length 1).

        Raises:
            PerceptionError: a crop has another shape or type.
        """
        for crop in crops:
            if crop.shape != (self.size, self.size, 3) or crop.dtype != np.uint8:
                raise PerceptionError(
                    f"{self.name} takes crops [{self.size}, {self.size}, 3] uint8, not {list(crop.shape)} {crop.dtype}."
                )
        if not len(crops):
            return np.empty((0, self.dim), np.float32)
        return np.asarray(self._network([np.ascontiguousarray(crop) for crop in crops]), np.float32)

    def crop(self, rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Cut out a face as this network wants it: `perception.align.align` with its reference."""
        return align(rgb, points, self.facts.reference)


def usable(name: str = "auto") -> tuple[str, str] | None:
    """Name and sha256 of the network that `FaceEmbedder.load(name)` would open, or None; nothing heavy is imported.

    Raises:
        PerceptionError: there is no such name.
    """
    _known(name)
    pack = None if name == "dlib" else find_pack()
    if pack is not None:
        return f"{PACKS}/{pack.name}", pack.sha256
    if name != "insightface" and weights.available(MODEL) and importlib.util.find_spec("dlib") is not None:
        return MODEL, weights.entry(MODEL).sha256
    return None


def find_pack() -> Pack | None:
    """The first InsightFace pack of this machine with a recognition network, or None; the library must be installed."""
    for path in _network_files():
        try:
            facts = path.stat()
            sha256 = _recognises(path, facts.st_size, facts.st_mtime_ns)
        except OSError as error:
            log.warning("%s cannot be read (%s) and is not used", path, error.strerror)
            continue
        if sha256 is not None:
            return Pack(path.parent.name, path, sha256)
    return None


def robust_mean(vectors: np.ndarray) -> np.ndarray:
    """The geometric median of a track's vectors: up to half of them may be wrong without moving it far.

    E. Weiszfeld, 1937, with the step of Y. Vardi and C.-H. Zhang, 2000, where it meets one of the vectors. It has no
    threshold to choose. Two vectors have no middle but their mean.

    Args:
        vectors: [n, dim], n > 0.

    Returns:
        [dim] float32.
    """
    points = np.asarray(vectors, np.float64)
    middle = points.mean(axis=0)
    if len(points) < 3:
        return middle.astype(np.float32)
    for _ in range(200):
        away = np.linalg.norm(points - middle, axis=1)
        far = away > 1e-12
        if not far.any():
            break
        share = 1 / away[far]
        aim = (points[far] * share[:, None]).sum(axis=0) / share.sum()
        here = int((~far).sum())
        if here:
            pull = float(np.linalg.norm(((points[far] - middle) * share[:, None]).sum(axis=0)))
            stay = min(1.0, here / pull) if pull > 0 else 1.0
            aim = (1 - stay) * aim + stay * middle
        moved = float(np.linalg.norm(aim - middle))
        middle = aim
        if moved < 1e-9:
            break
    return middle.astype(np.float32)


def _known(name: str) -> None:
    if name not in NAMES:
        raise PerceptionError(f"There is no face embedding {name!r}; use {', '.join(map(repr, NAMES))}.")


def _network_files() -> Iterator[Path]:
    if importlib.util.find_spec("insightface") is None:
        return
    own = weights.weights_folder()
    home = Path(os.environ.get("INSIGHTFACE_HOME") or "~/.insightface").expanduser()
    for folder in (own / PACKS if own is not None else None, home / "models"):
        if folder is not None:
            yield from sorted(folder.glob("*/*.onnx"))


@lru_cache(maxsize=256)
def _recognises(path: Path, size: int, changed: int) -> str | None:
    """The sha256 of a file that is a whole recognition network, else None; `size` and `changed` renew the answer."""
    sha256 = weights.file_sha256(path)
    if PUBLISHED.get(path.name, sha256) != sha256:
        log.warning("%s is not the published file of that name (sha256 differs) and is not used", path)
        return None
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except DecodeError as error:
        log.warning("%s is no readable ONNX file (%s) and is not used", path, str(error).split("\n")[0])
        return None
    fed = [value for value in graph.input if value.name not in {tensor.name for tensor in graph.initializer}]
    if len(fed) != 1 or len(graph.output) != 1:
        return None
    taken, given = (
        [side.dim_value for side in value.type.tensor_type.shape.dim] for value in (fed[0], graph.output[0])
    )
    right = taken[1:] == [3, ARCFACE.side, ARCFACE.side] and len(given) == 2 and given[1] >= 64
    return sha256 if right else None


class _Dlib:
    def __init__(self) -> None:
        path = weights.find(MODEL)
        try:
            import dlib
        except ImportError as error:
            raise PerceptionError(f"dlib cannot be loaded ({error}); run `pip install 'moee[curation]'`.") from error
        try:
            self.network: Any = dlib.face_recognition_model_v1(str(path))
        except RuntimeError as error:
            raise PerceptionError(f"dlib cannot read {path} ({error}); run `moee models fetch {MODEL}`.") from error

    def __call__(self, crops: list[np.ndarray]) -> np.ndarray:
        return np.stack([np.array(self.network.compute_face_descriptor(crop)) for crop in crops])


class _Insight:
    def __init__(self, pack: Pack, device: str) -> None:
        self.batch = 1 if device == "cpu" else BATCH
        providers = ["CPUExecutionProvider"] if device == "cpu" else ["CUDAExecutionProvider"]
        with native_logs_hidden():
            try:
                import onnxruntime
                from insightface.model_zoo import get_model
            except ImportError as error:
                raise PerceptionError(
                    f"InsightFace cannot be loaded ({error}); run `pip install 'moee[curation]'`."
                ) from error
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            try:
                self.network: Any = get_model(str(pack.path), providers=providers, sess_options=options, download=False)
            except Exception as error:  # onnxruntime's own classes, one per kind of damage
                raise PerceptionError(
                    f"InsightFace cannot open {pack.path} ({str(error).splitlines()[0]}): put the pack there again."
                ) from error
        if getattr(self.network, "taskname", None) != "recognition":
            raise PerceptionError(f"InsightFace does not take {pack.path} for a recognition network: remove it.")
        self.dim = int(self.network.output_shape[1])

    def __call__(self, crops: list[np.ndarray]) -> np.ndarray:
        from perception.networks import full_batches

        given = full_batches([crop[:, :, ::-1] for crop in crops], self.batch)  # it wants OpenCV's BGR
        vectors = np.concatenate([np.asarray(self.network.get_feat(batch), np.float64) for batch in given])[
            : len(crops)
        ]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.where(lengths > 0, vectors / np.where(lengths > 0, lengths, 1.0), vectors)
