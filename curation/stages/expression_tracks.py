"""A face track as the panel sees it: its frames with landmarks, their action units, and each member's probabilities."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from curation.stage import SourceWork
from curation.stages.looks import Looks

BATCH = 2000  # frames whose landmarks are unpacked at a time


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
        spoken: [n] bool, frames whose units a network told, over those of the landmarks.
        model: what told the landmarks' action units.
        network: the network that told units, or None.
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
    spoken: np.ndarray
    model: str
    network: str | None
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
        names = ("frames", "pts", "yaw", "units", "beyond", "neutral", "spoken")
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
            "action_units_model": f"{self.network}+{self.model}" if self.spoken.any() else self.model,
            "neutral_frames": int(self.neutral.sum()),
        }


def expression_tracks(work: SourceWork) -> Iterator[ExpressionTrack]:
    """The confirmed tracks of a source in which landmarks were found, in the order of the table."""
    import pyarrow.compute as pc

    frames = work.tables["frames"].select(["track", "frame", "pts", "yaw", "landmarks", "blendshapes"])
    meshed = frames.column("landmarks").is_valid().to_numpy()
    numbers = frames.column("frame").to_numpy()
    looks = Looks(work)
    for row in work.tables["tracks"].select(["id", "confirmed"]).to_pylist():
        if row["confirmed"]:
            mine = pc.equal(frames.column("track"), row["id"]).to_numpy(zero_copy_only=False) & meshed
            own = np.flatnonzero(mine)
            if len(own):
                yield _read(row["id"], frames, own[np.argsort(numbers[own], kind="stable")], looks)


def _read(track: str, table: Any, own: np.ndarray, looks: Looks) -> ExpressionTrack:
    from perception.facs_track import read_track

    found = read_track(*_raw(table, own))
    frames, pts, yaw = (table.column(name).to_numpy()[own] for name in ("frame", "pts", "yaw"))
    units, spoken, network = looks.units(track, frames, found.units) or (found.units, np.zeros(len(own), bool), None)
    return ExpressionTrack(
        track,
        frames,
        pts,
        yaw,
        units,
        found.beyond,
        found.neutral,
        spoken,
        found.model,
        network,
        {name: (frames, said) for name, said in found.members.items()} | looks.emotions(track),
        looks.noncommercial(track),
    )


def _raw(table: Any, own: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """[n, 23] of the mesh and of the blendshapes, if there are any, of these rows; a few are unpacked at a time."""
    from perception.facs_blendshapes import raw_blendshapes
    from perception.facs_geometry import raw_geometry

    mesh, shapes = [], []
    told = bool(table.column("blendshapes").is_valid().to_numpy()[own].all())
    for start in range(0, len(own), BATCH):
        batch = table.select(["landmarks", "blendshapes"]).take(own[start : start + BATCH])
        mesh.append(raw_geometry(_matrix(batch, "landmarks").reshape(batch.num_rows, -1, 3)))
        if told:
            shapes.append(raw_blendshapes(_matrix(batch, "blendshapes") / np.float32(65535)))
    return np.concatenate(mesh), np.concatenate(shapes) if told else None


def _matrix(batch: Any, name: str) -> np.ndarray:
    """A list column [rows, width] as float32; the mesh's unit does not matter to distances on the face."""
    values = batch.column(name).combine_chunks().flatten().to_numpy()
    return np.asarray(values.reshape(batch.num_rows, -1), np.float32)
