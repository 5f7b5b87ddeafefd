"""What is found over a whole manifest, for reports: persons, speakers, duplicates, splits and a certificate."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.schema import schema, table_from_columns, table_from_rows

MODEL = "dlib-face@0123456789ab"
SPLITS = np.array(["train", "validation", "test"])
NO_LISTS = pa.list_(pa.string())


def found_over(clips: pa.Table, random: np.random.Generator) -> dict[str, pa.Table]:
    """Tables for clips of `large`: two clips per track, few large persons and many small ones, 2 % duplicates."""
    count = clips.num_rows
    tracks = (count + 1) // 2
    person_of = (max(1, tracks // 8) * random.random(tracks) ** 3).astype(np.int64)
    persons = np.array([f"i_{index:016x}" for index in range(int(person_of.max()) + 1)])
    ids = np.array([f"t_{index:016x}" for index in range(tracks)])
    sources = clips.column("source").take(pa.array(np.minimum(np.arange(tracks) * 2, count - 1)))
    distance = random.beta(4, 8, tracks).astype(np.float32)
    margin = random.normal(0.3, 0.1, tracks).astype(np.float32)
    of_clip = np.arange(count) // 2
    person = persons[person_of][of_clip]
    split = SPLITS[np.minimum((person_of * 2654435761 >> 7) % 10 // 4, 2)][of_clip]
    bridging = random.random(tracks) < 0.01
    bridges = pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], np.cumsum(bridging)]).astype(np.int32)),
        pa.array(persons[random.integers(0, len(persons), int(bridging.sum()))], pa.string()),
    )
    embedded = {"id": ids, "source": sources, "model": [MODEL] * tracks, "noncommercial": np.zeros(tracks, bool)}
    embedded |= {"frames": _empty(tracks, pa.int64()), "vector": _empty(tracks, pa.float32())}
    named = {"id": ids, "source": sources, "model": [MODEL] * tracks, "identity": persons[person_of]}
    named |= {
        "distance": distance,
        "margin": margin,
        "given": [f"person {n % 800}" for n in person_of.tolist()],
        "bridges": bridges,
    }
    spoken = {"id": ids, "source": sources, "windows": random.integers(0, 4, tracks).astype(np.int32)}
    spoken |= {"valid": random.integers(0, 2, tracks).astype(np.int32)}
    there = {"id": ids, "source": sources, "shot": ["h_0"] * tracks, "confirmed": np.ones(tracks, bool)}
    zeros = np.zeros(tracks, np.int64)
    for name in ("index", "start_pts", "end_pts", "start_frame", "end_frame", "frames", "detected", "meshed", "tracked",
                 "face"):  # fmt: skip
        there[name] = zeros
    there |= {"time_base_num": zeros + 1, "time_base_den": zeros + 25}
    clips, pairs = _duplicates(clips, random)
    kept = pc.equal(clips.column("status"), "kept").to_numpy()
    aside = kept & (np.arange(count) % 100 == 3)
    lag = pa.array(random.normal(0, 60, count), mask=random.random(count) < 0.2)
    changed = {"track": ids[of_clip], "identity": person, "identity_distance": distance[of_clip], "av_lag": lag}
    changed |= {"split": pa.array(split, mask=~kept | aside)}
    changed |= {"split_note": pa.array(["joins identities of train and test"] * count, mask=~aside)}
    return {
        "clips": with_columns(clips, changed),
        "tracks": table_from_columns("tracks", there),
        "embeddings": table_from_columns("embeddings", embedded | {"spread": distance}),
        "identities": table_from_columns("identities", named),
        "speaking": table_from_columns("speaking", spoken),
        "duplicates": pairs,
    }


def _duplicates(clips: pa.Table, random: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """Every 50th clip is a duplicate of the clip of the same place one source on."""
    count, ids = clips.num_rows, np.array(clips.column("id").to_pylist())
    sources = np.array(clips.column("source").to_pylist())
    one = np.arange(0, max(0, count - 50), 100)
    two = one + 50
    none = np.ones(count, bool)
    group, of = np.full(count, "", ids.dtype), np.full(count, "", ids.dtype)
    group[one] = group[two] = ids[one]
    of[two] = ids[one]
    lists = np.full(count, None, object)
    status = np.array(clips.column("status").to_pylist())
    lists[:] = clips.column("reasons").to_pylist()
    for place in two:
        status[place], lists[place] = "dropped", [*lists[place], "duplicate"]
    changed = {"duplicate_group": pa.array(group, mask=none & (group == ""))}
    changed |= {"duplicate_of": pa.array(of, mask=none & (of == "")), "status": status}
    changed |= {"reasons": pa.array(lists.tolist(), NO_LISTS)}
    many = len(one)
    zero = np.zeros(many, np.int64)
    pairs = {"id": [f"d_{i:016x}" for i in range(many)], "source": sources[one], "other": sources[two]}
    pairs |= {"how": np.array(["picture", "sound", "both"])[np.arange(many) % 3], "start_ms": zero}
    pairs |= {"end_ms": zero + 2000, "other_start_ms": zero + 100, "other_end_ms": zero + 2100}
    pairs |= {
        "speed": np.where(np.arange(many) % 7, 1.0, 1.05).astype(np.float32),
        "mirrored": np.arange(many) % 5 == 0,
    }
    pairs |= {"score": random.beta(20, 2, many).astype(np.float32)}
    return with_columns(clips, changed), table_from_columns("duplicates", pairs)


def with_columns(table: pa.Table, changed: dict[str, Any]) -> pa.Table:
    """The table with some columns replaced."""
    for name, values in changed.items():
        field = table.schema.field(name)
        column = pa.chunked_array([pa.array(values) if isinstance(values, np.ndarray) else values]).cast(field.type)
        table = table.set_column(table.schema.get_field_index(name), field, column)
    return table


def _empty(count: int, kind: pa.DataType) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], kind))


def hostile_tables(names: list[tuple[int, str]]) -> dict[str, pa.Table]:
    """Names in every text of the tables over the whole manifest; one track, person and pair each."""
    span = {"start_pts": 0, "end_pts": 9, "start_frame": 0, "end_frame": 9, "time_base_num": 1, "time_base_den": 25}
    track = {**span, "shot": "h_0", "index": 0, "frames": 9, "detected": 9, "meshed": 9, "tracked": 0, "face": 0}
    pair = {"start_ms": 0, "end_ms": 10, "other_start_ms": 0, "other_end_ms": 10, "speed": 1.0, "mirrored": False}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in schema_names()}
    for i, name in names:
        own = {"id": f"t_{i}", "source": f"s_{i}"}
        rows["tracks"].append({**own, **track, "confirmed": True})
        rows["embeddings"].append(
            {**own, "model": name, "noncommercial": i % 2 == 0, "frames": [], "vector": [], "spread": 0.1}
        )
        rows["identities"].append(
            {**own, "identity": f"{i}{name}", "given": name, "distance": 0.1, "margin": 0.1, "model": name}
            | {"bridges": [name]}
        )
        rows["speaking"].append({**own, "windows": 1, "valid": 0, "moving_mouth_model": name})
        rows["duplicates"].append(
            {"id": f"d_{i}", "source": f"s_{i}", "other": f"s_{(i + 1) % len(names)}", "how": name, "score": 0.5} | pair
        )
        turn = {"start_pts": 0, "end_pts": 9, "time_base_num": 1, "time_base_den": 25, "speaker": name, "model": name}
        rows["speech"].append({"id": f"p_{i}", "source": f"s_{i}", "index": 0, **turn})
    return {name: table_from_rows(name, listed) for name, listed in rows.items()}


def schema_names() -> tuple[str, ...]:
    """The tables that `hostile_tables` fills."""
    names = ("tracks", "embeddings", "identities", "speaking", "duplicates", "speech")
    assert all(schema(name) for name in names)
    return names


def hostile_clip(i: int, names: tuple[str, ...]) -> dict[str, Any]:
    """What is found of a hostile clip over the whole manifest: clips share a group in pairs."""
    found: dict[str, Any] = {"track": f"t_{i}", "identity": f"{i}{names[i]}", "identity_distance": 0.1}
    found |= {"duplicate_group": f"group {i // 2}", "duplicate_of": None if i % 2 else f"c_{i + 1}"}
    members = {"emotion": names[i], "second_emotion": names[i], "compound": names[i] if i % 3 else None}
    if i % 2:
        members |= {"emotion": "happy", "compound": None}
    found |= members | {"ambiguous": [names[i]], "members": [names[i]], "member_emotions": [names[i]]}
    found |= {"action_units_model": names[i], "caption": names[i], "caption_model": names[i], "emotion_entropy": 2.0}
    return found | {"split": names[0] if i % 4 == 3 else None, "split_note": names[i]}


def hostile_certificate(root: Path, names: tuple[str, ...]) -> None:
    """A certificate with these names in every text, and as keys."""
    ids = [f"s_{i}" for i in range(len(names))]
    pairs = [
        {"sources": [source, source], "clips": [name, name], "score": 0.5, "distance": 0.5}
        for source, name in zip(ids, names, strict=True)
    ]
    near = [{"splits": [name, name], "pairs": [pair], "exact": False} for name, pair in zip(names, pairs, strict=True)]
    told = {
        name: {"same_person_pairs_within": name, "same_person_pairs_beyond_interval": [name], "identities": name}
        for name in names
    }
    content: dict[str, Any] = {name: {name: [name]} for name in names}
    content["how"] = {"embeddings": names, "identity_threshold": dict.fromkeys(names, 0.5), "linkage": names[0]}
    content["how"] |= {"unit": names[1], "seed": names[0], "shares": dict.fromkeys(names, 0.5) | {"train": names[0]}}
    content["shared"] = {"sources_first": ids, **dict.fromkeys(names, 1)}
    content |= {"nearest_faces": near, "nearest_sounds": {"how": names[1], "nearest": near}, "notes": names}
    content["leakage"] = {"estimate": names[0], "how": names[1], "limits": names[0], "near_training": told}
    content["unknown"] = {"clips_without_identity": 1, "means": names[0]}
    (root / "certificate.json").write_text(json.dumps(content))
