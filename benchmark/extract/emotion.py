"""Which emotion the main face shows: each member of the panel pooled over the video, their mean, and the intensity."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar, Final

import numpy as np

from benchmark.extract.extractor import Blank, Extractor, Shown, Watch
from benchmark.extract.faces import Faces, MainFace, landmark_model
from benchmark.extract.models import lacking, shared

CLASSES: Final = 8
STRIDE_FPS: Final = 25  # a network's stride counts frames at that rate


class Emotion(Extractor):
    """The panel of `perception.members` as this machine has it, and the two members that need landmarks only.

    A network looks at some frames a second, as its cost suggests: at the first frame with landmarks in each of its
    spans.
    """

    name: ClassVar[str] = "emotion"
    reads: ClassVar[tuple[str, ...]] = (Faces.name,)
    timed: ClassVar[bool] = True
    blank: ClassVar[Blank] = "faceless"

    def made_by(self) -> dict[str, str]:
        """Each member by its own weights; the mean by all of theirs, so that another panel has another name."""
        facs = _facs_hashes()
        made = {f"emotion/{name}": self.named(name, *facs) for name in landmark_members()}
        made |= {f"emotion/{name}": self.named(name, sha256) for name, sha256 in networks()}
        panel = self.named("panel", *made.values()) if len(made) > 1 else next(iter(made.values()))
        return made | {"emotion": panel, "intensity": self.named("facs-intensity", *facs)}

    def weights(self) -> tuple[str, ...]:
        """The networks, and the programs and anchors that score facial actions."""
        programs, anchors, _ = _facs_hashes()
        return f"facs@{programs}", f"facs-norms@{anchors}", *(f"{name}@{sha256}" for name, sha256 in networks())

    def missing(self) -> str | None:
        """Nothing beyond the landmarks is needed: the panel is what is here, and its name says so."""
        return lacking((), ("cv2",), "curation")

    def sight(self, watch: Watch) -> _Emotion:
        """Crops wait until the main face is known."""
        return _Emotion(watch)


def networks() -> tuple[tuple[str, str], ...]:
    """Name and sha256 of the panel's networks on this machine that judge emotion."""
    from perception import members

    return tuple(member for member in members.usable() if members.about(member[0]).labels)


def landmark_members() -> tuple[str, ...]:
    """The members that need landmarks only; blendshapes come from the whole landmark model."""
    from perception.landmarks import BUNDLE

    return ("facs-blendshapes", "facs-mesh") if landmark_model()[0] == BUNDLE else ("facs-mesh",)


def _facs_hashes() -> tuple[str, str, str]:
    """Of the programs that score facial actions, of their anchors, and of the landmarks."""
    from perception.facs import fingerprint
    from perception.facs_scale import NORMS
    from perception.weights import file_sha256

    return fingerprint(), file_sha256(NORMS), landmark_model()[1]


class _Look:
    """A network: which spans of time it has seen of each face, and the crops that wait for it."""

    def __init__(self, network: Any, fps: Fraction) -> None:
        self.network = network
        self.span = Fraction(network.stride, STRIDE_FPS) * fps  # frames
        self.seen: dict[int, int] = {}  # face -> last span looked at
        self.crops: dict[tuple[int, int], np.ndarray] = {}

    def is_due(self, face: int, frame: int) -> bool:
        slot = int(frame / self.span)
        is_due = self.seen.get(face) != slot
        self.seen[face] = slot
        return is_due

    def judge(self, main: MainFace) -> np.ndarray:
        """[m, 8] what it says of its looks at the main face, in our taxonomy."""
        from curation.stages.looks import ours

        crops = [self.crops[key] for key in main.places() if key in self.crops]
        said = self.network(crops).probabilities.astype(np.float64) @ ours(self.network.about.name)
        return np.asarray(said / said.sum(axis=1, keepdims=True))


class _Emotion:
    def __init__(self, watch: Watch) -> None:
        from perception import members

        self.watch = watch
        self.looks = [
            _Look(shared(name, lambda name=name: members.load(name)), watch.fps)  # type: ignore[misc]
            for name, _ in networks()
        ]

    def see(self, frame: Shown) -> None:
        from perception.panel import face_crop

        for face in frame.faces:
            if face.mesh is None:
                continue
            cut: dict[Any, np.ndarray] = {}  # networks that want the same crop share it
            for look in self.looks:
                if look.is_due(face.face, frame.index):
                    wanted = look.network.crop
                    if wanted not in cut:
                        cut[wanted] = face_crop(frame.rgb, face.mesh.points, wanted)
                    look.crops[face.face, frame.index] = cut[wanted]

    def finish(self) -> dict[str, np.ndarray]:
        from perception.verdict import pooled

        main: MainFace = self.watch.left[Faces.name]
        names = [*landmark_members(), *(look.network.about.name for look in self.looks)]
        if not main.meshes:
            blank = {f"emotion/{name}": np.full((1, CLASSES), np.nan) for name in names}
            return blank | {"emotion": np.full((1, CLASSES), np.nan), "intensity": np.full((1, 1), np.nan)}
        said, intensity = _by_landmarks(main)
        said |= {look.network.about.name: look.judge(main) for look in self.looks}
        rows = [pooled(said[name]) for name in names]
        found = {f"emotion/{name}": row[None] for name, row in zip(names, rows, strict=True)}
        return found | {"emotion": _mean(rows)[None], "intensity": np.array([[intensity]])}


def _by_landmarks(main: MainFace) -> tuple[dict[str, np.ndarray], float]:
    """Member -> [m, 8], and how strongly the face shows anything, 0..1."""
    from perception.facs import strength
    from perception.facs_blendshapes import raw_blendshapes
    from perception.facs_geometry import raw_geometry
    from perception.facs_track import read_track
    from perception.verdict import POOL

    shapes = [mesh.blendshapes for mesh in main.meshes if mesh.blendshapes is not None]
    told = raw_blendshapes(np.stack(shapes)) if len(shapes) == len(main.meshes) else None
    track = read_track(raw_geometry(main.points), told)
    return track.members, strength(track.beyond, POOL)


def _mean(rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.asarray(np.mean(np.stack(rows), axis=0))
