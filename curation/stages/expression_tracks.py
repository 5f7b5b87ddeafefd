"""A face track as the panel sees it: its frames with landmarks, their action units, and each member's probabilities."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from curation.stage import SourceWork

BATCH = 2000  # frames whose landmarks are unpacked at a time
NETWORK_UNITS = ("opengraphau", "libreface")  # families of members that tell action units, best first


@dataclass(frozen=True)
class ExpressionTrack:
    """A confirmed track, or the part of it that a clip shows.

    Args:
        id: of the track.
        frames: [n] frames of the source that have landmarks, rising.
        pts: [n] their ticks.
        yaw: [n] degrees.
        units: [n, 22] intensities 0..5.
        beyond: [n, 23] intensities of the landmarks' own units before they are cut off at 5.
        neutral: [n] bool, frames at rest, all False for a track that has no rest of its own.
        model: what told the action units.
        members: name -> (frames that it looked at [m], probabilities [m, 8] in our order), first the ones that always
            speak.
        noncommercial: whether a member forbids commercial use.
    """

    id: str
    frames: np.ndarray
    pts: np.ndarray
    yaw: np.ndarray
    units: np.ndarray
    beyond: np.ndarray
    neutral: np.ndarray
    model: str
    members: dict[str, tuple[np.ndarray, np.ndarray]]
    noncommercial: bool

    def inside(self, first: int, last: int) -> "ExpressionTrack":
        """The part of it in the frames [first, last); members that did not look there fall silent."""
        low, high = np.searchsorted(self.frames, (first, last))
        members = {}
        for name, (looked, said) in self.members.items():
            start, end = np.searchsorted(looked, (first, last))
            if end > start:
                members[name] = looked[start:end], said[start:end]
        rows = slice(int(low), int(high))
        names = ("frames", "pts", "yaw", "units", "beyond", "neutral")
        return replace(self, members=members, **{name: getattr(self, name)[rows] for name in names})

    def halves(self) -> "tuple[ExpressionTrack, ExpressionTrack]":
        """Its first and its second half, by frames."""
        middle = int(self.frames[len(self.frames) // 2])
        return self.inside(int(self.frames[0]), middle), self.inside(middle, int(self.frames[-1]) + 1)

    def pooled(self) -> dict[str, np.ndarray]:
        """Each member's say, [8]."""
        from perception.verdict import pooled

        return {name: pooled(said) for name, (_, said) in self.members.items()}

    def summary(self) -> dict[str, Any]:
        """Columns of a clip that shows these frames: its action units, its intensity, its frames at rest."""
        from perception.action_units import PRESENT
        from perception.facs import strength
        from perception.verdict import POOL

        return {
            "intensity": strength(self.beyond, POOL),
            "action_units": np.percentile(self.units, POOL, axis=0).tolist(),
            "action_unit_frames": (self.units >= PRESENT).mean(axis=0).tolist(),
            "action_units_model": self.model,
            "neutral_frames": int(self.neutral.sum()),
        }


def expression_tracks(work: SourceWork) -> Iterator[ExpressionTrack]:
    """The confirmed tracks of a source in which landmarks were found, in the order of the table."""
    import pyarrow.compute as pc

    names = ["track", "frame", "pts", "yaw", "landmarks", "blendshapes"]
    frames = work.tables["frames"].select(names)
    frames = frames.filter(frames.column("landmarks").is_valid())
    looks = _Looks(work)
    for row in work.tables["tracks"].select(["id", "confirmed"]).to_pylist():
        own = frames.filter(pc.equal(frames.column("track"), row["id"])) if row["confirmed"] else frames.slice(0, 0)
        if own.num_rows:
            own = own.take(pc.sort_indices(own, sort_keys=[("frame", "ascending")])).combine_chunks()
            yield _read(row["id"], own, looks)


def _read(track: str, rows: Any, looks: "_Looks") -> ExpressionTrack:
    from perception.facs_track import read_track

    found = read_track(*_raw(rows))
    frames = rows.column("frame").to_numpy()
    members = {name: (frames, said) for name, said in found.members.items()} | looks.emotions(track)
    units, model = looks.units(track, frames) or (found.units, found.model)
    return ExpressionTrack(
        track,
        frames,
        rows.column("pts").to_numpy(),
        rows.column("yaw").to_numpy(),
        units,
        found.beyond,
        found.neutral,
        model,
        members,
        looks.noncommercial(track),
    )


def _raw(rows: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """[n, 23] of the mesh and of the blendshapes, if there are any; landmarks are unpacked some frames at a time."""
    from perception.facs_blendshapes import raw_blendshapes
    from perception.facs_geometry import raw_geometry

    mesh, shapes = [], []
    told = not rows.column("blendshapes").null_count
    for batch in rows.to_batches(max_chunksize=BATCH):
        mesh.append(raw_geometry(_matrix(batch, "landmarks").reshape(batch.num_rows, -1, 3)))
        if told:
            shapes.append(raw_blendshapes(_matrix(batch, "blendshapes") / np.float32(65535)))
    return np.concatenate(mesh), np.concatenate(shapes) if told else None


def _matrix(batch: Any, name: str) -> np.ndarray:
    """A list column [rows, width] as float32; the mesh's unit does not matter to distances on the face."""
    values = batch.column(batch.schema.get_field_index(name)).flatten().to_numpy()
    return np.asarray(values.reshape(batch.num_rows, -1), np.float32)


class _Looks:
    """What the networks said, by track."""

    def __init__(self, work: SourceWork) -> None:
        self.rows: dict[str, dict[str, list[dict[str, Any]]]] = {}
        looks = work.tables["looks"].select(["track", "frame", "member", "probabilities", "action_units"])
        for row in looks.to_pylist():
            self.rows.setdefault(row["track"], {}).setdefault(row["member"], []).append(row)

    def emotions(self, track: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Name -> (frames [m], probabilities [m, 8] in our order) of the members that judge emotion, by name."""
        found = {}
        for member, rows in sorted(self.rows.get(track, {}).items()):
            if rows[0]["probabilities"] is not None:
                said = np.array([row["probabilities"] for row in rows], np.float64) @ _ours(member)
                found[member] = np.array([row["frame"] for row in rows]), said / said.sum(axis=1, keepdims=True)
        return found

    def units(self, track: str, frames: np.ndarray) -> tuple[np.ndarray, str] | None:
        """[n, 22] intensities on every frame by a network that tells them, and its name; None without one."""
        for family in NETWORK_UNITS:
            for member, rows in sorted(self.rows.get(track, {}).items()):
                if member.split("/")[0] == family and rows[0]["action_units"] is not None:
                    return _network_units(member, rows, frames), member
        return None

    def noncommercial(self, track: str) -> bool:
        """Whether a network that spoke forbids commercial use."""
        return any(_about(member).noncommercial for member in self.rows.get(track, {}))


@cache
def _about(member: str) -> Any:
    from perception import members

    return members.about(member)


@cache
def _ours(member: str) -> np.ndarray:
    """[its labels, 8]: one over a label's frequency in its training data where the label is our class, else 0."""
    from manifests.emotions import EMOTIONS, label_set

    about = _about(member)
    taxonomy = label_set(about.label_set)
    matrix = np.zeros((len(about.labels), len(EMOTIONS)))
    for place, label in enumerate(about.labels):
        name = taxonomy.ours(label)
        if name is not None:
            matrix[place, EMOTIONS.index(name)] = 1.0 / about.frequencies[place] if about.frequencies else 1.0
    return matrix


def _network_units(member: str, rows: list[dict[str, Any]], frames: np.ndarray) -> np.ndarray:
    """[n, 22] of the units that the network tells, 0 for the others; a probability of 1 counts as intensity 5."""
    from perception.action_units import NUMBERS
    from perception.verdict import held

    about = _about(member)
    said = np.array([row["action_units"] for row in rows], np.float64)
    units = np.zeros((len(rows), len(NUMBERS)))
    for place, number in enumerate(about.action_units):
        if number in NUMBERS:
            units[:, NUMBERS.index(number)] = said[:, place] * (5.0 if about.scale == "presence" else 1.0)
    return np.clip(held(frames, np.array([row["frame"] for row in rows]), units), 0.0, 5.0)
