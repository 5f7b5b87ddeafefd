"""Rows of a large manifest that is made up: a million clips as columns, without a loop over rows.

Persons are of very different frequency, a source shows mostly one of them, some sources are copies of others, and the
measured values lie around the thresholds of a recipe, so that selection, splits and checks have real work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.emotions import EMOTIONS
from manifests.schema import PREFIXES, SCHEMAS, list_column, measured, table_from_columns

if TYPE_CHECKING:
    from manifests.recipe import Recipe

CLIPS_PER_SOURCE, SHOTS_PER_SOURCE = 50, 10
FPS, CLIP_FRAMES, SLOT = 25, 150, 200  # clips of up to 6 s, one begins every 8 s
VECTOR = 128
MODEL = "dlib-face@000000000000"
ONE_IN = 50  # sources that are copies
BASE = {"time_base_num": 1, "time_base_den": FPS}


@dataclass(frozen=True)
class Size:
    """How large: clips in sources of 50, and persons."""

    clips: int
    persons: int

    @property
    def sources(self) -> int:
        """Sources of these clips."""
        return self.clips // CLIPS_PER_SOURCE


def ids(kind: str, numbers: np.ndarray) -> pa.Array:
    """Ids as `make_id` writes them, of 64-bit numbers, without a loop: [rows] text."""
    digits = np.frombuffer(np.asarray(numbers, ">u8").tobytes().hex().encode(), np.uint8).reshape(-1, 16)
    text = np.empty((len(digits), 18), np.uint8)
    text[:, 0], text[:, 1], text[:, 2:] = ord(PREFIXES[kind]), ord("_"), digits
    offsets = np.arange(len(digits) + 1, dtype=np.int32) * 18
    return pa.StringArray.from_buffers(len(digits), pa.py_buffer(offsets), pa.py_buffer(text))


def text_of(digits: int, rows: int, rng: np.random.Generator) -> pa.Array:
    """Random hexadecimal text of one length: hashes."""
    content = np.frombuffer(rng.bytes(rows * digits // 2).hex().encode(), np.uint8)
    return pa.StringArray.from_buffers(
        rows, pa.py_buffer(np.arange(rows + 1, dtype=np.int32) * digits), pa.py_buffer(content)
    )


class World:
    """Who is where: the numbers behind all tables.

    Attributes:
        source, shot: sorted random numbers that ids are made of; a shot has one face track.
        person: [shots] person of the track; -1 for a face that was not told apart.
    """

    def __init__(self, size: Size, seed: int = 0) -> None:
        rng = self.rng = np.random.default_rng(seed)
        self.size = size
        self.source = _numbers(size.sources, rng)
        shots = size.sources * SHOTS_PER_SOURCE
        self.shot, self.track = _numbers(shots, rng), _numbers(shots, rng)
        self.shot_source = rng.permutation(shots) // SHOTS_PER_SOURCE  # rows are sorted by id, so by nothing else
        self.shot_place = _place(self.shot_source)
        main = (size.persons * rng.random(size.sources) ** 1.6).astype(np.int64)
        other = rng.random(shots) < 0.1
        self.person = np.where(
            other, (size.persons * rng.random(shots) ** 1.6).astype(np.int64), main[self.shot_source]
        )
        self.person[rng.random(shots) < 0.05] = -1
        self.copy_of = np.full(size.sources, -1)  # a source that a source copies
        copies = np.flatnonzero(rng.random(size.sources) < 1 / ONE_IN)
        originals = np.setdiff1d(np.arange(size.sources), copies)
        self.copy_of[copies] = rng.choice(originals, len(copies))

    def source_ids(self) -> pa.Array:
        """[sources] ids, sorted."""
        return ids("source", self.source)

    def persons(self, who: np.ndarray) -> pa.Array:
        """Ids of persons, null where it is -1."""
        numbers = np.random.default_rng(7).integers(0, 2**63, self.size.persons, dtype=np.int64)
        return pc.if_else(pa.array(who >= 0), ids("identity", numbers[np.maximum(who, 0)]), None)


def sources(world: World) -> pa.Table:
    """The table `sources`."""
    rows, rng = world.size.sources, world.rng
    frames = SLOT * CLIPS_PER_SOURCE
    number = pa.array(np.arange(rows)).cast(pa.string())
    constant: Mapping[str, Any] = {
        "container": "mov,mp4", "video_codec": "h264", "width": 1920, "height": 1080, "rotation": 0,
        "pixel_format": "yuv420p", "frame_rate_num": FPS, "frame_rate_den": 1, **BASE, "start_pts": 0,
        "end_pts": frames, "frames": frames, "audio_codec": "aac", "audio_rate": 44100, "audio_channels": 2,
        "licence": "CC BY 4.0",
    }  # fmt: skip
    return table_from_columns(
        "sources",
        {
            "id": world.source_ids(),
            "name": pc.binary_join_element_wise("talk ", number, ".mp4", ""),
            "origin": pc.binary_join_element_wise("https://videos.example/", number, ""),
            "sha256": text_of(64, rows, rng),
            "bytes": rng.integers(10**7, 10**9, rows),
            "flags": pa.array([[]] * rows, pa.list_(pa.string())),
            **{name: filled(value, rows) for name, value in constant.items()},
        },
    )


def filled(value: Any, rows: int) -> pa.Array:
    """One value in every row."""
    return pa.repeat(pa.scalar(value), rows)


def shots(world: World) -> pa.Table:
    """The table `shots`: ten of equal length per source."""
    return table_from_columns(
        "shots", {"id": ids("shot", world.shot), "source": _of(world), "index": world.shot_place, **_shot_span(world)}
    )


def tracks(world: World, frames: int) -> pa.Table:
    """The table `tracks`: one face per shot; `frames` rows of each lie in the tables of frames."""
    rows = len(world.track)
    order = np.argsort(world.track)
    count = np.full(rows, frames)
    table = table_from_columns(
        "tracks",
        {
            "id": ids("track", world.track), "source": _of(world), "shot": ids("shot", world.shot),
            "index": world.shot_place, **_shot_span(world), "frames": count, "detected": np.zeros(rows, np.int64),
            "meshed": count, "tracked": np.zeros(rows, np.int64), "confirmed": np.ones(rows, bool),
            "face": world.shot_place, "face_size": world.rng.uniform(80, 300, rows),
            "score": world.rng.uniform(0.7, 1, rows), "landmarks_model": filled("face-landmarker", rows),
        },
    )  # fmt: skip
    return table.take(pa.array(order))


def embeddings(world: World) -> pa.Table:
    """The table `embeddings`: a person's tracks lie around one point, 1.0 apart from others on average."""
    rng, rows = world.rng, len(world.track)
    centres = rng.standard_normal((world.size.persons + 1, VECTOR)) * (0.7 / VECTOR**0.5)
    vectors = centres[world.person] + rng.standard_normal((rows, VECTOR)) * (0.2 / VECTOR**0.5)
    all_rows = np.ones(rows, bool)
    table = table_from_columns(
        "embeddings",
        {
            "id": ids("track", world.track), "source": _of(world), "model": filled(MODEL, rows),
            "noncommercial": np.zeros(rows, bool), "spread": rng.uniform(0.1, 0.3, rows),
            "frames": list_column(np.tile(np.arange(5) * 40, (rows, 1)), all_rows, pa.int64()),
            "vector": list_column(vectors.astype(np.float32), all_rows, pa.float32()),
        },
    )  # fmt: skip
    return table.sort_by("id")


def identities(world: World) -> pa.Table:
    """The table `identities`; one track in 200 lies near another person too."""
    told = np.flatnonzero(world.person >= 0)
    near = world.rng.random(len(told)) < 0.005
    other = world.persons(world.rng.integers(0, world.size.persons, int(near.sum())))
    offsets = np.append(0, np.cumsum(near)).astype(np.int32)
    columns = {
        "id": ids("track", world.track[told]), "source": world.source_ids().take(pa.array(world.shot_source[told])),
        "identity": world.persons(world.person[told]), "distance": world.rng.uniform(0.1, 0.4, len(told)),
        "margin": world.rng.uniform(0.1, 0.5, len(told)), "model": filled(MODEL, len(told)),
        "bridges": pa.ListArray.from_arrays(pa.array(offsets), other),
    }  # fmt: skip
    return table_from_columns("identities", columns).sort_by("id")


def speech(world: World) -> pa.Table:
    """The table `speech`: a turn per shot."""
    rows = len(world.shot)
    length = SLOT * CLIPS_PER_SOURCE // SHOTS_PER_SOURCE * 16000 // FPS
    start = world.shot_place * length
    columns = {
        "id": ids("speech", world.shot), "source": _of(world), "index": world.shot_place, "start_pts": start,
        "end_pts": start + length - 8000, "time_base_num": filled(1, rows), "time_base_den": filled(16000, rows),
        "probability": world.rng.uniform(0.6, 1, rows), "model": filled("voice-activity", rows),
    }  # fmt: skip
    return table_from_columns("speech", columns)


def candidates(world: World, recipe: "Recipe") -> pa.Table:
    """The table `clips` before selection: every measured column that the recipe bounds fails in one of 40 rows."""
    rng, rows = world.rng, world.size.clips
    numbers = _numbers(rows, rng)
    which = rng.permutation(rows)
    shot, place = which % len(world.shot), which // len(world.shot)
    per_shot = CLIPS_PER_SOURCE // SHOTS_PER_SOURCE
    start = (world.shot_place[shot] * per_shot + place) * SLOT
    frames = rng.integers(40, CLIP_FRAMES + 1, rows)
    owner = world.shot_source[shot]
    columns: dict[str, Any] = {
        "id": ids("clip", numbers), "source": world.source_ids().take(pa.array(owner)),
        "shot": ids("shot", world.shot).take(pa.array(shot)), "track": ids("track", world.track).take(pa.array(shot)),
        "start_pts": start, "end_pts": start + frames, "start_frame": start, "end_frame": start + frames,
        **{name: filled(value, rows) for name, value in BASE.items()}, "frames": frames, "seconds": frames / FPS,
        "source_width": filled(1920, rows), "source_height": filled(1080, rows),
        "recipe": filled(recipe.hash, rows), "crop_from": filled("face", rows),
        "identity": world.persons(world.person[shot]), "identity_distance": rng.uniform(0.1, 0.4, rows),
        **{f"crop_{side}": rng.random(rows, np.float32) for side in ("x0", "y0", "x1", "y1")},
        **_measures(rng, rows, recipe), **_expression(rng, rows), **_given(world, owner, shot),
    }  # fmt: skip
    nothing = pa.array([[]], pa.list_(pa.string())).take(pa.array(np.zeros(rows, np.int64)))
    return table_from_columns("clips", columns | {"status": filled("kept", rows), "reasons": nothing})


def _measures(rng: np.random.Generator, rows: int, recipe: "Recipe") -> dict[str, Any]:
    """Every measured column but the length: most inside the recipe's bounds, three in a hundred null where allowed."""
    columns: dict[str, Any] = {}
    for name in measured():
        field = SCHEMAS["clips"].field(name)
        bound = recipe.select.get(name)
        low, high = 0.0, 1.0
        if bound is not None:
            low = bound.min if bound.min is not None else (bound.max or 0.0) - 1.0
            high = bound.max if bound.max is not None else low + abs(low) + 1.0
        values = rng.uniform(low, high, rows)
        outside = rng.random(rows) < (0.025 if bound is not None else 0.0)
        values[outside] = low - 1 if bound is not None and bound.min is not None else high + 1
        if name == "seconds":
            continue
        if not pa.types.is_floating(field.type):
            values = np.rint(values)
        null = field.nullable and bound is None
        kept = None if not null else rng.random(rows) < 0.03
        columns[name] = pa.array(values, mask=kept).cast(field.type, safe=False)
    return columns


def _expression(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """The columns of emotion, action units and caption of every clip."""
    kinds, everywhere = len(EMOTIONS), np.ones(rows, bool)
    share = rng.random((rows, kinds), np.float32)
    share /= share.sum(axis=1, keepdims=True)
    first = pa.array(EMOTIONS).take(pa.array(share.argmax(axis=1)))
    units = rng.random((rows, 22), np.float32)
    members = ["fer2013_mini_xception", "fer2013_big_xception"]
    pairs = pa.ListArray.from_arrays(
        pa.array(np.arange(rows + 1, dtype=np.int32) * 2), pa.array(members).take(pa.array(np.tile([0, 1], rows)))
    )
    said = pa.ListArray.from_arrays(pairs.offsets, first.take(pa.array(np.repeat(np.arange(rows), 2))))
    nothing = pa.array([[]], pa.list_(pa.string())).take(pa.array(np.zeros(rows, np.int64)))
    return {
        "emotion": first, "ambiguous": nothing, "members": pairs, "member_emotions": said,
        "emotions": list_column(share, everywhere, pa.float32()),
        "member_probabilities": list_column(np.hstack([share, share]), everywhere, pa.float32()),
        "action_units": list_column(units * 5, everywhere, pa.float32()),
        "action_unit_frames": list_column(units, everywhere, pa.float32()),
        "action_units_model": filled("blendshapes", rows), "neutral_frames": rng.integers(0, 100, rows),
        "expression_noncommercial": np.zeros(rows, bool), "caption_model": filled("sentence", rows),
        "caption": pc.binary_join_element_wise("A person looks at the camera and speaks, ", first, ".", ""),
    }  # fmt: skip


def _given(world: World, owner: np.ndarray, shot: np.ndarray) -> dict[str, Any]:
    """What a data set says of three sources in ten: the person's name, which is that of one person."""
    named = (world.source[owner] % 10 < 3) & (world.person[shot] >= 0)
    number = pa.array(world.person[shot]).cast(pa.string())
    return {
        "dataset": pc.if_else(pa.array(named), "hdtf", None),
        "given_identity": pc.if_else(pa.array(named), pc.binary_join_element_wise("RD_Person", number, ""), None),
    }


def _numbers(count: int, rng: np.random.Generator) -> np.ndarray:
    """So many different numbers, ascending."""
    numbers = np.unique(rng.integers(0, 2**63, count + count // 100 + 10, dtype=np.int64))
    return np.sort(rng.choice(numbers, count, replace=False))


def _place(owner: np.ndarray) -> np.ndarray:
    """[rows] the place of each row among those of its owner, owners having equally many."""
    place = np.empty(len(owner), np.int64)
    order = np.argsort(owner, kind="stable")
    place[order] = np.arange(len(owner)) % SHOTS_PER_SOURCE
    return place


def _of(world: World) -> pa.Array:
    return world.source_ids().take(pa.array(world.shot_source))


def _shot_span(world: World) -> dict[str, Any]:
    length = SLOT * CLIPS_PER_SOURCE // SHOTS_PER_SOURCE
    start, rows = world.shot_place * length, len(world.shot)
    ends = {"end_pts": start + length, "end_frame": start + length}
    return {"start_pts": start, "start_frame": start, **ends, **{name: filled(v, rows) for name, v in BASE.items()}}
