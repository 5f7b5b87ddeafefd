"""A manifest whose clips are real videos: every picture carries its number, the sound is noise that never repeats."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from manifests.emotions import OTHER_COMPOUND, compound_of
from manifests.outcomes import Dropped, Failed, Kept
from manifests.schema import list_column, make_id, table_from_columns, table_from_rows
from manifests.store import Head, Store
from tests.manifests.material import KEY, RECIPE, clip_row, commit_ended, outcome, source_row, span
from tests.media import material

MODELS = ("toy-model@" + "a" * 64, "other-model@absent")
TICK = 512  # of 1/12800 s: 25 frames per second


@dataclass(frozen=True)
class Clip:
    """A clip of `frames` pictures from frame `first` of its source, and the columns that matter here.

    `padding` bytes stand behind the video in a box that every reader skips: a large file that is quickly made.
    """

    first: int = 0
    frames: int = 10
    sound: bool = True
    kept: bool = True
    padding: int = 0
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Film:
    """A source with its clips; `says`: whether its faces were measured."""

    name: str
    clips: Sequence[Clip] = (Clip(),)
    facts: Mapping[str, Any] = field(default_factory=dict)
    says: bool = False


def film_file(folder: Path, name: str, frames: int, first: int, sound: bool) -> bytes:
    """A video of `frames` pictures that show the numbers from 0, with sound; `first` only makes it differ in length."""
    heard = material.Sound(seconds=frames / 25 + 0.04 * (first % 3), channels=2) if sound else None
    times = material.steady(frames, TICK)
    options = {"preset": "ultrafast", "crf": "20", "bf": "0"}
    base = Fraction(1, 12800)
    recipe = material.Recipe(name, "mp4", "mp4", "libx264", base, times, TICK, heard, options=options, size=(96, 64))
    return material.render(folder, recipe).read_bytes()


def face_rows(source: str, track: str, count: int) -> pa.Table:
    """A face in `count` frames: landmarks in all, blendshapes in every second frame."""
    rng = np.random.default_rng(len(source) + count)
    columns: dict[str, Any] = {"source": [source] * count, "track": [track] * count}
    columns |= {"frame": np.arange(count), "pts": np.arange(count), "state": ["meshed"] * count}
    columns |= {side: rng.uniform(0, 90, count).astype(np.float32) for side in ("x0", "y0", "x1", "y1", "yaw")}
    columns["landmarks"] = list_column(rng.integers(0, 16384, (count, 12)), np.ones(count, bool), pa.int16())
    shapes = rng.integers(0, 65536, (count, 52))
    columns["blendshapes"] = list_column(shapes, np.arange(count) % 2 == 0, pa.uint16())
    return table_from_columns("frames", columns)


def face_says(source: str, track: str, count: int) -> pa.Table:
    """What that face says, in no order: no row for every fifth frame, no emotions in every third.

    Another face says something else in every frame.
    """
    rng = np.random.default_rng(count)
    own, other = [frame for frame in range(count) if frame % 5 != 4], make_id("track", source, "another")
    rows = rng.permutation([(frame, 0) for frame in own] + [(frame, 1) for frame in range(count)])
    at, tracks = rows[:, 0], [(track, other)[which] for which in rows[:, 1]]
    columns: dict[str, Any] = {"source": [source] * len(at), "track": tracks, "frame": at, "pts": at}
    units = rng.choice([0, 1, 50, 51, 52, 255], (len(at), 22))
    columns["action_units"] = list_column(units, np.ones(len(at), bool), pa.uint8())
    columns["emotions"] = list_column(rng.integers(0, 65536, (len(at), 8)), at % 3 != 2, pa.uint16())
    return table_from_columns("expressions", columns)


def seen(emotion: str, second: str | None = None, **more: Any) -> dict[str, Any]:
    """Columns of a clip whose face was measured."""
    compound = None if second is None else compound_of(emotion, second) or OTHER_COMPOUND
    columns: dict[str, Any] = {"emotion": emotion, "second_emotion": second, "compound": compound, "ambiguous": []}
    columns |= {"emotions": [1 / 8] * 8, "members": ["facs-mesh", "deepface"], "member_emotions": [emotion, "fear"]}
    columns |= {"member_probabilities": [1 / 8] * 16, "expression_noncommercial": False, "neutral_frames": 0}
    columns |= {"action_units": [0.5] * 22, "action_unit_frames": [0.25] * 22, "action_units_model": "facs-mesh"}
    return columns | more


def commit_film(store: Store, film: Film) -> None:
    """Commit a source with its clips, their files and its head."""
    source = make_id("source", film.name)
    shot, track = make_id("shot", source, 0), make_id("track", source, 0)
    count = max(clip.first + clip.frames for clip in film.clips) + 5
    rows, outcomes = [], []
    for clip in film.clips:
        row = clip_row(source, shot, track, clip.first, clip.first + clip.frames, **clip.columns)
        if clip.kept:
            row |= _exported(store.root, row["id"], clip)
        else:
            row |= {"status": "dropped", "reasons": ["length"]}
        result = Kept() if clip.kept else Dropped(("length",))
        outcomes.append(outcome(result, "export", source, row["id"], models=MODELS))
        rows.append(row)
    seen = {"frames": count, "detected": 0, "meshed": count, "tracked": 0, "confirmed": True, "face": 0}
    track_row = {"id": track, "source": source, "shot": shot, "index": 0, **span(0, count), **seen}
    tables = {
        "sources": table_from_rows("sources", [source_row(source, film.name, count) | dict(film.facts)]),
        "shots": table_from_rows("shots", [{"id": shot, "source": source, "index": 0, **span(0, count)}]),
        "tracks": table_from_rows("tracks", [track_row]),
        "frames": face_rows(source, track, count),
        "clips": table_from_rows("clips", rows),
    }
    if film.says:
        tables["expressions"] = face_says(source, track, count)
    store.commit(source, "export", KEY, tables, [outcome(Kept(), "export", source), *outcomes])
    store.write_head(Head(source, film.name, f"/videos/{film.name}", "f" * 64, 10, 1, {"export": KEY}))


def _exported(root: Path, clip_id: str, clip: Clip) -> dict[str, Any]:
    folder = root / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    content = film_file(folder, clip_id, clip.frames, clip.first, clip.sound)
    if clip.padding:
        noise = np.random.default_rng(clip.first).bytes(clip.padding)
        content += (clip.padding + 8).to_bytes(4, "big") + b"free" + noise
        (folder / f"{clip_id}.mp4").write_bytes(content)
    facts = {"file_sha256": hashlib.sha256(content).hexdigest(), "file_bytes": len(content), "audio_priming": 1024}
    return {"file": f"clips/{clip_id}.mp4", **facts}


def make(root: Path, films: Sequence[Film], recipe: Mapping[str, Any] = RECIPE) -> Path:
    """A manifest of these films, one dropped and one failed source."""
    store = Store(root)
    for film in films:
        commit_film(store, film)
    commit_ended(store, "empty street.mp4", Dropped(("faces",)))
    commit_ended(store, "broken.mp4", Failed("it is not a video"))
    store.snapshot(recipe)
    return root


def person(number: int) -> str:
    """The id of a person."""
    return make_id("identity", number)


def films() -> list[Film]:
    """Three persons in three splits, six kept clips, one without sound, one dropped, one set aside."""
    say = {"given_text": "The boat left the harbour.", "dataset": "toy"}
    train = {"identity": person(1), "split": "train", **say}
    test = {"identity": person(2), "split": "test", "given_emotion": "sad"}
    validation = {"identity": person(3), "split": "validation", "given_compound": "sadly-fear"}
    aside = {"identity": person(4), "split_note": "joins persons of two splits", "given_emotion": "happy"}
    happy, surprised = {"given_emotion": "happy"}, {"given_emotion": "surprised"}
    first = train | happy | seen("happy", caption="A person smiles.", caption_model="sentence")
    second = train | surprised | seen("happy", "surprised", ambiguous=["members"])
    return [
        Film("one.mp4", [Clip(0, 12, columns=first), Clip(12, 9, columns=second)], says=True),
        Film("two.mp4", [Clip(3, 15, sound=False, columns=train | happy)], {"licence": "CC-BY-4.0"}, says=True),
        Film("three.mp4", [Clip(0, 11, columns=test), Clip(20, 2, kept=False)], {"licence": "CC-BY-4.0"}),
        Film("four.mp4", [Clip(1, 10, columns=validation), Clip(11, 8, columns=aside)]),
    ]
