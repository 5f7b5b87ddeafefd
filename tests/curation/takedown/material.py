"""A made manifest of three persons: one alone, one with another in a shared source, one who is never touched."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import manifests
from curation.certify import certify
from curation.download.ledger import Ledger
from curation.download.model import Downloaded, Remote
from curation.pipeline import build
from curation.sources.inputs import Facts
from curation.whole.step import WholeManifest
from manifests.outcomes import Kept
from manifests.recipe import load_recipe
from manifests.schema import make_id, table_from_rows
from manifests.store import Head, Store
from tests.manifests.material import KEY, clip_row, expressions_table, frames_table, outcome, span
from tests.manifests.publish.material import film_file

WHO = {"alone.mp4": ["P"], "both.mp4": ["P", "Q"], "second.mp4": ["Q"], "third.mp4": ["R"]}
MODEL = "dlib-face@000000000000"
URL = "https://videos.example/watch?v="
UPLOADER = "Ada <b>& Co</b>"
RECIPE = "talking-head"


def original(name: str) -> bytes:
    """The bytes of a made source's file."""
    return b"original " + name.encode()


def sha256_of(name: str) -> str:
    """Their hash."""
    return hashlib.sha256(original(name)).hexdigest()


def source_of(name: str) -> str:
    """The id of a made source."""
    return make_id("source", sha256_of(name))


def track_of(name: str, number: int = 0) -> str:
    """The id of a made track."""
    return make_id("track", source_of(name), number)


def make(root: Path, filmed: bool = False, licence: str | None = "CC BY 4.0") -> Store:
    """Write the manifest: tables, heads, parts, ledger, clips, downloads, contents, a report.

    `filmed`: the clips are real small videos, so that they can be published; `licence` of every source but the second.
    """
    store = Store(root)
    for name, people in WHO.items():
        _commit(store, name, people, filmed, "CC BY 4.0" if name == "second.mp4" else licence)
    recipe = load_recipe(RECIPE)
    store.snapshot(recipe.resolved(), WholeManifest(build(recipe).whole, root))
    certify(root, fresh=True)
    _download(root)
    (root / "report.html").write_text("<img src='data:...'>")
    (root / "pages").mkdir()
    (root / "pages" / "c_0.html").write_text("a page")
    lines = [{"path": repr(f"/given/{name}"), "bytes": 1, "mtime_ns": 1, "sha256": sha256_of(name)} for name in WHO]
    (root / ".contents.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return store


def _film(folder: Path, name: str, number: int) -> bytes:
    """A real video of 10 frames, another one for each clip."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = film_file(folder, f"{name}-{number}", 10 + number, list(WHO).index(name), True)
    (folder / f"{name}-{number}.mp4").unlink(missing_ok=True)
    mark = f"film {name} {number}".encode()
    return whole + (len(mark) + 8).to_bytes(4, "big") + b"free" + mark  # a box that every reader skips


def _commit(store: Store, name: str, people: list[str], filmed: bool, licence: str | None) -> None:
    source, frames = source_of(name), 100 * len(people)
    sha256, size = sha256_of(name), len(original(name))
    row: dict[str, Any] = {
        "id": source,
        "name": name,
        "origin": URL + name,
        "flags": [],
        "sha256": sha256,
        "bytes": size,
    }
    row |= {"width": 640, "height": 480, "frames": frames, "start_pts": 0, "end_pts": frames}
    row |= {"time_base_num": 1, "time_base_den": 25, "title": f"{name} with {people}", "licence": licence}
    row["uploader"] = UPLOADER if name == "third.mp4" else "someone else"
    shot = make_id("shot", source, 0)
    tracks, faces, clips, frame_rows, said, files, turns = [], [], [], [], [], {}, []
    for number, person in enumerate(people):
        track, first, last = track_of(name, number), 100 * number, 100 * number + 100
        seen = {"frames": 100, "detected": 0, "meshed": 100, "tracked": 0, "confirmed": True, "face": number}
        tracks.append({"id": track, "source": source, "shot": shot, "index": number, **span(first, last), **seen})
        vector = np.zeros(128, np.float32)
        vector["PQR".index(person)] = 1.0
        faces.append(
            {"id": track, "source": source, "model": MODEL, "noncommercial": False, "frames": [first]}
            | {"vector": vector.tolist(), "spread": 0.1}
        )
        clip = clip_row(source, shot, track, first, last)
        content = _film(store.root / "films", name, number) if filmed else f"film {name} {person}".encode()
        clip |= {"given_emotion": "happy"}
        clip |= {"file": f"clips/{clip['id']}.mp4", "file_sha256": hashlib.sha256(content).hexdigest()}
        clip |= {"file_bytes": len(content), "audio_priming": 1024}
        files[clip["file"]] = content
        clips.append(clip)
        frame_rows.append(_moved(frames_table(source, track, 100), first))
        said.append(_moved(expressions_table(source, track, 100), first))
        turn = {"id": make_id("speech", source, number), "source": source, "index": number, "probability": 0.9}
        turn |= {"start_pts": 4 * 16000 * number, "end_pts": 4 * 16000 * number + 32000, "model": "voice-activity"}
        turns.append(turn | {"time_base_num": 1, "time_base_den": 16000})
    for file, content in files.items():
        (store.root / "clips").mkdir(parents=True, exist_ok=True)
        (store.root / file).write_bytes(content)
    tables = {
        "sources": table_from_rows("sources", [row]),
        "shots": table_from_rows("shots", [{"id": shot, "source": source, "index": 0, **span(0, frames)}]),
        "tracks": table_from_rows("tracks", tracks),
        "embeddings": table_from_rows("embeddings", faces),
        "speech": table_from_rows("speech", turns),
        "clips": table_from_rows("clips", clips),
        "frames": pa.concat_tables(frame_rows),
        "expressions": pa.concat_tables(said),
    }
    store.commit(source, "faces", KEY, tables, [outcome(Kept(), "faces", source)])
    exported = [outcome(Kept(), "select", source, clip["id"]) for clip in clips]
    store.commit(source, "select", KEY, {"clips": tables["clips"]}, exported)
    store.write_head(Head(source, name, URL + name, sha256, size, 1, {"faces": KEY, "select": KEY}))


def _moved(table: pa.Table, first: int) -> pa.Table:
    at = pa.array(np.arange(first, first + table.num_rows))
    for name in ("frame", "pts"):
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(index), at)
    return table


def _download(root: Path) -> None:
    folder = root / "fetched"
    folder.mkdir()
    ledger = Ledger(folder)
    for name in WHO:
        url = URL + name
        file = folder / f"{Remote(url).key}.mp4"
        file.write_bytes(original(name))
        facts = Facts(uploader="x")
        size = len(original(name))
        ledger.write(Downloaded(url, "ok", path=file, facts=facts, bytes=size, sha256=sha256_of(name)))
    ledger.close()


def words_of_p(root: Path) -> list[str]:
    """All that names person P, the source that goes whole, and the clips of the shared one that go."""
    clips = manifests.open(root).table("clips").to_pylist()
    gone = [clip for clip in clips if clip["track"] in (track_of("alone.mp4"), track_of("both.mp4", 0))]
    words = [source_of("alone.mp4"), track_of("alone.mp4"), track_of("both.mp4", 0), URL + "alone.mp4"]
    words += [word for clip in gone for word in (clip["id"], clip["file_sha256"])]
    return [*words, sha256_of("alone.mp4"), person_of(root, track_of("alone.mp4"))]


def person_of(root: Path, track: str) -> str:
    """Id of the person of a track."""
    rows = pq.read_table(root / "identities.parquet").to_pylist()
    return next(row["identity"] for row in rows if row["id"] == track)


def texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Everything that can be read in a folder: names of files, text files, and every value of every Parquet file."""
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.name == ".lock":
            continue
        yield path, path.relative_to(root).as_posix()
        if path.suffix == ".parquet":
            yield path, repr(pq.read_table(path).to_pydict())
        else:
            yield path, path.read_bytes().decode("utf-8", "replace")


def holding(root: Path, words: list[str]) -> list[str]:
    """Where any of the words can still be read."""
    return [f"{path.relative_to(root)}: {word}" for path, text in texts(root) for word in words if word in text]
