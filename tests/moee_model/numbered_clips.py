"""A manifest to train on whose truth is known: every picture shows its number, every mouth is where it was put."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from manifests.outcomes import Kept
from manifests.schema import landmark_units, list_column, make_id, table_from_columns, table_from_rows
from manifests.store import Head, Store
from moee_model.mouth_mask import OUTLINE
from tests.manifests.material import KEY, clip_row, outcome, source_row, span
from tests.media import material

SIDE = 96  # px of the square picture
WHOLE = {"crop_x0": 0.0, "crop_y0": 0.0, "crop_x1": 1.0, "crop_y1": 1.0}
SHAPE = {"source_width": SIDE, "source_height": SIDE}
UNITS = np.arange(22) * 11 % 256


@dataclass(frozen=True)
class Clip:
    """A clip of `frames` pictures, 25 a second, from frame `first` of a source of its own; content: of its file, where
    that is no video. faces: whether landmarks and action units were measured."""

    name: str
    frames: int = 24
    first: int = 0
    sound: bool = True
    faces: bool = True
    content: bytes | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The clip's id in the manifest."""
        source = make_id("source", self.name)
        return make_id("clip", source, make_id("track", source, 0), self.first, self.first + self.frames)


def given(emotion: str | None = None, split: str | None = "train", **more: Any) -> dict[str, Any]:
    """Columns of a clip with a label of its dataset and a split."""
    return {"given_emotion": emotion, "split": split, "dataset": "numbers", "given_identity": "one", **more}


def clips() -> list[Clip]:
    """Clips of every kind that training tells apart."""
    measured = {"ambiguous": [], "split": "train"}
    return [
        Clip("happy", columns=given("happy", given_text="She is glad.", caption="A person smiles.")),
        Clip("surprised", 30, first=3, columns=given("surprised", caption="A person seems surprised.")),
        Clip("neutral", 25, columns=given("neutral")),
        Clip("contempt", 26, columns=given("contempt")),
        Clip("compound", 27, columns=given(given_compound="happily-surprised")),
        Clip("measured", 28, columns=measured | {"emotion": "fear", "identity": make_id("identity", 2)}),
        Clip("doubtful", 29, columns=measured | {"emotion": "fear", "ambiguous": ["members"]}),
        Clip("unmeasured", 31, faces=False, columns=given("sad")),
        Clip("short", 10, columns=given("angry")),
        Clip("validation", 22, columns=given("sad", "validation")),
        Clip("test", 23, columns=given("angry", "test")),
        Clip("aside", 21, columns=given("angry", None, split_note="joins persons of two splits")),
    ]


def mouth(frame: int) -> tuple[float, float]:
    """Where the middle of the mouth is in a frame of a source, px."""
    return 30.0 + frame % 25, 70.0 - frame % 10


def face(frame: int) -> np.ndarray:
    """[468, 3] px: eyes 30 px apart, lips on a ring of 8 x 4 px around `mouth`."""
    points = np.full((468, 3), SIDE / 2)
    points[[33, 263], :2] = (33.0, 30.0), (63.0, 30.0)
    turn = np.linspace(0, 2 * np.pi, len(OUTLINE), endpoint=False)
    points[list(OUTLINE), :2] = mouth(frame) + np.column_stack([8 * np.cos(turn), 4 * np.sin(turn)])
    return points


def video(folder: Path, name: str, frames: int, sound: bool) -> bytes:
    """A square film of `frames` pictures that show the numbers from 0."""
    heard = material.Sound(seconds=frames / 25) if sound else None
    recipe = material.Recipe(
        name, "mp4", "mp4", "libx264", Fraction(1, 12800), material.steady(frames, 512), 512, heard,
        options={"preset": "ultrafast", "crf": "12", "bf": "0"}, size=(SIDE, SIDE),
    )  # fmt: skip
    return material.render(folder, recipe).read_bytes()


def _face_tables(clip: Clip, source: str, track: str) -> dict[str, pa.Table]:
    """Landmarks in all frames but every fifth, action units in every second."""
    count = clip.first + clip.frames + 3
    at = np.arange(count)
    columns: dict[str, Any] = {"source": [source] * count, "track": [track] * count, "frame": at, "pts": at}
    faces = np.stack([landmark_units(face(frame), SIDE, SIDE) for frame in at])
    told = columns | {side: np.full(count, 10.0) for side in ("x0", "y0", "x1", "y1")} | {"state": ["meshed"] * count}
    told["landmarks"] = list_column(faces, (at % 5 != 4) & clip.faces, pa.int16())
    half = {name: values[::2] for name, values in columns.items()}
    half["action_units"] = list_column(np.tile(UNITS, (len(half["frame"]), 1)), half["frame"] >= 0, pa.uint8())
    tables = {"frames": table_from_columns("frames", told)}
    return tables | ({"expressions": table_from_columns("expressions", half)} if clip.faces else {})


def _commit(store: Store, clip: Clip) -> None:
    source = make_id("source", clip.name)
    shot, track = make_id("shot", source, 0), make_id("track", source, 0)
    count = clip.first + clip.frames + 3
    folder = store.root / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    content = clip.content
    if content is None:
        content = video(folder, clip.id, clip.frames, clip.sound)
    else:
        (folder / f"{clip.id}.mp4").write_bytes(content)
    row = clip_row(source, shot, track, clip.first, clip.first + clip.frames, **SHAPE, **WHOLE)
    row |= {"file": f"clips/{clip.id}.mp4", "file_sha256": hashlib.sha256(content).hexdigest()}
    row |= {"file_bytes": len(content), "audio_priming": 1024, **clip.columns}
    seen = {"frames": count, "detected": 0, "meshed": count, "tracked": 0, "confirmed": True, "face": 0}
    facts = {"width": SIDE, "height": SIDE, "audio_codec": "aac", "sha256": hashlib.sha256(source.encode()).hexdigest()}
    tables = {
        "sources": table_from_rows("sources", [source_row(source, f"{clip.name}.mp4", count) | facts]),
        "shots": table_from_rows("shots", [{"id": shot, "source": source, "index": 0, **span(0, count)}]),
        "tracks": table_from_rows(
            "tracks", [{"id": track, "source": source, "shot": shot, "index": 0, **span(0, count), **seen}]
        ),
        "clips": table_from_rows("clips", [row]),
        **_face_tables(clip, source, track),
    }
    outcomes = [outcome(Kept(), "export", source), outcome(Kept(), "export", source, row["id"])]
    store.commit(source, "export", KEY, tables, outcomes)
    store.write_head(Head(source, clip.name, f"/videos/{clip.name}", "f" * 64, 10, 1, {"export": KEY}))


def make(root: Path, wanted: Sequence[Clip], crop: str = "none") -> Path:
    """A manifest of these clips; `crop`: what its recipe says that the files show."""
    store = Store(root)
    for clip in wanted:
        _commit(store, clip)
    store.snapshot({"name": "numbers", "select": {}, "export": {"fps": None, "crop": crop, "size": None}})
    return root
