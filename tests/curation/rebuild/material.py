"""Films with movement and voices, and a manifest whose clips are cut from them as `moee curate` cuts them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from curation.stages.fingerprints import fingerprint_row
from manifests.files import replace, write_aside, write_json
from manifests.parquet import write_table
from manifests.recipe import Export
from manifests.schema import SCHEMA_VERSION, SNAPSHOT_TABLES, empty, make_id, table_from_rows
from media.audio import chunks
from media.cut import CutOptions, cut
from media.decode import Decoder
from media.fingerprint import PictureFingerprint, sound_fingerprint
from media.probe import probe
from tests.media.moving import Moving, speaking

RATE = 16_000


def film(path: Path, seed: int, *, seconds: float = 6.0, side: int = 160, crf: int = 18, rate: int = 64_000) -> Path:
    """A film of soft spots that wander, with a voice without words; the same seed is the same film, however coded."""
    moving, sound = Moving(seed), speaking(seed, seconds)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, width=side, height=side, pix_fmt="yuv420p")
        video.options = {"crf": str(crf), "preset": "veryfast"}
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = rate
        for number in range(round(seconds * 25)):
            grey = np.kron(moving.picture(number / 25), np.ones((side // 32, side // 32))).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(np.stack([grey] * 3, axis=2), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            out.mux(video.encode(picture))
        heard = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
        heard.sample_rate, heard.pts = RATE, 0
        out.mux(audio.encode(heard))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    return path


def coded_again(source: Path, target: Path, *, scale: float = 0.75, crf: int = 28, rate: int = 48_000) -> Path:
    """The same film at another size, with more loss in pictures and sound."""
    with av.open(str(source)) as held, av.open(str(target), "w") as out:
        shown = held.streams.video[0]
        size = {name: max(2, round(getattr(shown, name) * scale / 2) * 2) for name in ("width", "height")}
        video = out.add_stream("libx264", rate=shown.average_rate, pix_fmt="yuv420p", **size)
        video.options = {"crf": str(crf), "preset": "veryfast"}
        video.codec_context.time_base = shown.time_base
        heard = held.streams.audio[0] if held.streams.audio else None
        audio = None
        if heard is not None:
            audio = out.add_stream("aac", rate=heard.rate, layout=heard.layout.name)
            audio.bit_rate = rate
        for frame in held.decode(*[stream for stream in (shown, heard) if stream is not None]):
            if isinstance(frame, av.VideoFrame):
                small = frame.reformat(**size, format="yuv420p")
                small.pts, small.time_base = frame.pts, frame.time_base
                small.pict_type = av.video.frame.PictureType.NONE
                out.mux(video.encode(small))
            elif audio is not None and isinstance(frame, av.AudioFrame):
                out.mux(audio.encode(frame))
        for stream in (video, audio):
            if stream is not None:
                out.mux(stream.encode(None))
    return target


@dataclass(frozen=True)
class Film:
    """A source: its file, what stands as its origin, and the spans of its clips in s."""

    path: Path
    origin: str
    spans: Sequence[tuple[float, float]] = ((0.4, 3.2), (3.2, 5.6))
    name: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)  # of its clips


def manifest_of(folder: Path, films: Sequence[Film], export: Mapping[str, Any] | None = None) -> Path:
    """A manifest of these films without faces: sources, shots, clips with their files, fingerprints."""
    (folder / "clips").mkdir(parents=True)
    settings = Export.model_validate(dict(export or {}))
    rows: dict[str, list[dict[str, Any]]] = {"sources": [], "shots": [], "clips": [], "fingerprints": []}
    for one in films:
        for table, found in _rows_of(folder, one, settings).items():
            rows[table] += found
    entries = {}
    for table in SNAPSHOT_TABLES:
        data = table_from_rows(table, rows[table]).sort_by("id") if table in rows else empty(table)
        aside, written = write_aside(folder, table, partial(write_table, table, [data]))
        replace(aside, folder / f"{table}.parquet")
        entries[table] = {"sha256": written.sha256, "bytes": written.bytes, "rows": data.num_rows}
    recipe = {"name": "films", "export": settings.model_dump(mode="json")}
    content = {"schema_version": SCHEMA_VERSION, "state": "0" * 64, "stages": [], "recipe": recipe, "tables": entries}
    write_json(folder / "manifest.json", {**content, "frames": {}, "expressions": {}})
    return folder


def _rows_of(folder: Path, one: Film, export: Export) -> dict[str, list[dict[str, Any]]]:
    content = one.path.read_bytes()
    name = one.name or (one.origin if "://" in one.origin else one.path.name)
    source = make_id("source", name, hashlib.sha256(content).hexdigest())
    facts, pictures, times = probe(one.path), PictureFingerprint(), []
    video = facts.video
    assert video is not None
    with Decoder(one.path) as decoder:
        for frame in decoder:
            pictures.see(frame)
            times.append(frame.pts)
            end = frame.pts + frame.duration
    base = {"time_base_num": video.time_base.numerator, "time_base_den": video.time_base.denominator}
    row = {
        "id": source, "name": name, "origin": one.origin, "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content), "retrieved_at": datetime(2026, 1, 1, tzinfo=UTC), "flags": [], "width": video.width,
        "height": video.height, "start_pts": times[0], "end_pts": end, "frames": len(times), **base,
    }  # fmt: skip
    whole = {"source": source, "start_pts": times[0], "end_pts": end, "start_frame": 0, "end_frame": len(times), **base}
    shot = {"id": make_id("shot", source, 0), "index": 0, **whole}
    prints = fingerprint_row(source, pictures.finish(), sound_fingerprint(chunks(one.path)))
    clips = [
        _clip(folder, one.path, shot, [*times, end], span, (video.width, video.height), export) | one.columns
        for span in one.spans
    ]
    return {"sources": [row], "shots": [shot], "clips": clips, "fingerprints": [prints]}


def _clip(
    folder: Path, path: Path, shot: Mapping[str, Any], times: list[int], span: tuple[float, float],
    size: tuple[int, int], export: Export,
) -> dict[str, Any]:  # fmt: skip
    from curation.rebuild.one_source import options_of

    tick = Fraction(shot["time_base_num"], shot["time_base_den"])
    first, last = (_nearest(times, Fraction(str(seconds)) / tick) for seconds in span)
    name = make_id("clip", shot["source"], times[first], times[last])
    row: dict[str, Any] = {
        "id": name, "source": shot["source"], "shot": shot["id"], "start_pts": times[first], "end_pts": times[last],
        "time_base_num": shot["time_base_num"], "time_base_den": shot["time_base_den"], "start_frame": first,
        "end_frame": last, "frames": last - first, "seconds": float((times[last] - times[first]) * tick),
        "source_width": size[0], "source_height": size[1], "recipe": "r", "status": "kept", "reasons": [],
        "crop_x0": 0.25, "crop_y0": 0.25, "crop_x1": 0.75, "crop_y1": 0.75, "crop_from": "face",
    }  # fmt: skip
    options: CutOptions = options_of(export, row)
    report = cut(path, folder / f"clips/{name}.mp4", times[first], times[last], options)
    row |= {"file": f"clips/{name}.mp4", "file_sha256": report.sha256, "file_bytes": report.bytes}
    return row | {"audio_priming": report.audio_priming}


def _nearest(times: Sequence[int], wanted: Fraction) -> int:
    return min(range(len(times)), key=lambda number: abs(times[number] - wanted))
