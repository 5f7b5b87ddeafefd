"""A small sound manifest, made with the store itself: sources that are kept, dropped and failed."""

import hashlib
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from manifests.outcomes import Dropped, Failed, Kept, Outcome, Result
from manifests.schema import list_column, make_id, table_from_columns, table_from_rows
from manifests.select import select
from manifests.store import Head, Store

RECIPE = {"name": "test", "select": {"seconds": {"min": 2.0, "max": None}}}
KEY = "0" * 32
FRAMES = 200  # of each source, at 25 frames per second


def outcome(result: Result, stage: str, source: str, item: str | None = None, **more: Any) -> Outcome:
    """An outcome of a source, or of a clip when `item` is given."""
    kind = "clip" if item else "source"
    return Outcome.of(
        result, item=item or source, kind=kind, source=source, stage=stage, version=1, config="c", key=KEY, **more
    )


def source_row(source: str, name: str, frames: int | None = FRAMES) -> dict[str, Any]:
    """A row of `sources`; frames=None makes one that could not be read."""
    row: dict[str, Any] = {"id": source, "name": name, "origin": f"/videos/{name}", "flags": []}
    if frames is not None:
        row |= {"width": 640, "height": 480, "frames": frames, "start_pts": 0, "end_pts": frames}
        row |= {"time_base_num": 1, "time_base_den": 25, "sha256": "f" * 64, "bytes": 10}
    return row


def span(first: int, last: int) -> dict[str, int]:
    """The span columns of the frames [first, last) at one tick per frame."""
    base = {"time_base_num": 1, "time_base_den": 25}
    return {"start_pts": first, "end_pts": last, "start_frame": first, "end_frame": last, **base}


def clip_row(source: str, shot: str, track: str, first: int, last: int, **more: Any) -> dict[str, Any]:
    """A row of `clips` that the talking-head thresholds keep, but for its length."""
    row = {"id": make_id("clip", source, track, first, last), "source": source, "shot": shot, "track": track}
    row |= span(first, last) | {"frames": last - first, "seconds": (last - first) / 25}
    row |= {"source_width": 640, "source_height": 480, "faces": 1, "face_size": 90.0, "face_share": 1.0}
    row |= {"speech_share": 0.6, "longest_pause": 0.4, "recipe": "r", "status": "kept", "reasons": []}
    return row | more


def frames_table(source: str, track: str, count: int) -> pa.Table:
    """`count` frames of a track from frame 0, with landmarks in every second one."""
    landmarks = np.arange(count * 6).reshape(count, 6)
    columns: dict[str, Any] = {"source": [source] * count, "track": [track] * count}
    columns |= {"frame": np.arange(count), "pts": np.arange(count), "state": ["meshed"] * count}
    columns |= {side: np.full(count, 10.0) for side in ("x0", "y0", "x1", "y1")}
    columns["landmarks"] = list_column(landmarks, np.arange(count) % 2 == 0, pa.int16())
    return table_from_columns("frames", columns)


def expressions_table(source: str, track: str, count: int) -> pa.Table:
    """What the face of a track says in `count` frames from frame 0, with emotions in every second one."""
    at = np.arange(count)
    columns: dict[str, Any] = {"source": [source] * count, "track": [track] * count, "frame": at, "pts": at}
    units = (at[:, None] * 7 + np.arange(22) * 11) % 256
    columns["action_units"] = list_column(units, np.ones(count, bool), pa.uint8())
    shares = np.tile(np.array([65535 - 7 * 900, *[900] * 7]), (count, 1))
    columns["emotions"] = list_column(shares, at % 2 == 0, pa.uint16())
    return table_from_columns("expressions", columns)


def commit_source(store: Store, name: str, seed: int = 0, body: str = "") -> Head:
    """Commit a source with two clips: 100 frames, kept, and 10 frames, dropped for its length; write its head."""
    source = make_id("source", name)
    shot, track = make_id("shot", source, 0), make_id("track", source, 0)
    tables: Mapping[str, pa.Table] = {
        "sources": table_from_rows("sources", [source_row(source, name)]),
        "shots": table_from_rows("shots", [{"id": shot, "source": source, "index": 0, **span(0, FRAMES)}]),
    }
    store.commit(source, "shots", KEY, tables, [outcome(Kept(), "shots", source, frames_decoded=FRAMES)])
    seen = {"frames": 120, "detected": 20, "meshed": 100, "tracked": 0, "confirmed": True, "face": 0}
    row = {"id": track, "source": source, "shot": shot, "index": 0, **span(0, 120), **seen}
    turn = {"id": make_id("speech", source, 0), "source": source, "index": 0, "start_pts": -160, "end_pts": 32000}
    turn |= {"time_base_num": 1, "time_base_den": 16000, "probability": 0.9, "model": "voice-activity"}
    tables = {
        "tracks": table_from_rows("tracks", [row]),
        "frames": frames_table(source, track, 120),
        "speech": table_from_rows("speech", [turn]),
    }
    store.commit(source, "faces", KEY, tables, [outcome(Kept(), "faces", source)])
    rows = [clip_row(source, shot, track, 0, 100), clip_row(source, shot, track, 100, 110)]
    candidates = table_from_rows("clips", rows)
    tables = {"clips": candidates, "expressions": expressions_table(source, track, 120)}
    store.commit(source, "clips", KEY, tables, [outcome(Kept(), "clips", source)])
    chosen = select(candidates, thresholds())
    outcomes = [
        outcome(Kept() if row["status"] == "kept" else Dropped(tuple(row["reasons"])), "select", source, row["id"])
        for row in chosen.to_pylist()
    ]
    store.commit(source, "select", KEY, {"clips": chosen}, outcomes)
    rows = chosen.to_pylist()
    kept = next(row for row in rows if row["status"] == "kept")
    content = f"film {name} {seed} {body}".encode()
    folder = store.root / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{kept['id']}.mp4").write_bytes(content)
    kept |= {"file": f"clips/{kept['id']}.mp4", "file_sha256": hashlib.sha256(content).hexdigest()}
    kept |= {"file_bytes": len(content), "audio_priming": 1024}
    exported = [outcome(Kept(), "export", source, kept["id"], frames_decoded=100)]
    store.commit(source, "export", KEY, {"clips": table_from_rows("clips", rows)}, exported)
    keys = dict.fromkeys(("shots", "faces", "clips", "select", "export"), KEY)
    head = Head(source, name, f"/videos/{name}", "f" * 64, 10, 1, keys)
    store.write_head(head)
    return head


def commit_ended(store: Store, name: str, result: Dropped | Failed) -> Head:
    """Commit a source that ends at its first stage; write its head."""
    source = make_id("source", name)
    frames = None if isinstance(result, Failed) else FRAMES
    table = table_from_rows("sources", [source_row(source, name, frames)])
    store.commit(source, "shots", KEY, {"sources": table}, [outcome(result, "shots", source)])
    ended = outcome(result, "shots", source)
    head = Head(
        source, name, f"/videos/{name}", None, None, None, {"shots": KEY}, ended.status, ended.reasons, ended.error
    )
    store.write_head(head)
    return head


def make_manifest(root: Path, sources: int = 4, seed: int | None = None) -> Store:
    """A sound manifest: `sources` kept ones, one dropped and one failed; `seed` shuffles the order of the work."""
    store = Store(root)
    names = [f"video {index}.mp4" for index in range(sources)]
    work = [(commit_source, (store, name)) for name in names]
    work.append((commit_ended, (store, "empty street.mp4", Dropped(("faces", "speech")))))
    work.append((commit_ended, (store, "broken.mp4", Failed("it is not a video"))))
    if seed is not None:
        random.Random(seed).shuffle(work)
    for make, arguments in work:
        make(*arguments)
    store.snapshot(RECIPE)
    return store


def thresholds() -> dict[str, Any]:
    """Clips of at least two seconds."""
    from manifests.recipe import Bound

    return {"seconds": Bound(min=2.0)}
