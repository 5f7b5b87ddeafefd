"""Every clip leads to a source, and the source's file is the one that was recorded, wherever it can be reached."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from manifests.parquet import read_table
from manifests.schema import make_id
from manifests.validate import validate
from tests.manifests.test_validate import put, rewrite

URL = "https://videos.example/watch?v=1"


def _problems(folder: Path, **options: Any) -> list[tuple[str, str]]:
    return [(p.where, p.sentence) for p in validate(folder, **options) if p.check == "provenance"]


def _used(folder: Path) -> tuple[int, str]:
    """Row and id of a source that clips come from."""
    sources = read_table("sources", folder / "sources.parquet").column("id").to_pylist()
    clips = read_table("clips", folder / "clips.parquet").column("source").to_pylist()
    return sources.index(clips[0]), clips[0]


def _lay(folder: Path, content: bytes, path: Path, origin: str) -> str:
    """Record `content` as the source of a clip, and put it at `path`; returns the source's id."""
    row, source = _used(folder)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    for column, value in (("origin", origin), ("bytes", len(content)), ("sha256", hashlib.sha256(content).hexdigest())):
        rewrite(folder, "sources", put(column, value, row))
    return source


def test_a_sound_manifest_has_no_problem_and_says_how_much_it_could_compare(folder: Path) -> None:
    notes: list[str] = []
    assert _problems(folder, note=notes.append) == []
    assert notes == [
        "0 of 4 source files are here and were compared with what is recorded",
        "4 sources could not be compared: their file is not where it was",
    ]


def test_a_local_source_that_is_the_recorded_one_is_counted(folder: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    _lay(folder, b"frames", film, str(film))
    notes: list[str] = []
    assert _problems(folder, note=notes.append) == []
    assert notes[0].startswith("1 of 4 source files")


def test_a_changed_source_is_found_by_its_hash_and_by_its_size(folder: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    source = _lay(folder, b"frames", film, str(film))
    film.write_bytes(b"famers")
    (problem,) = _problems(folder)
    assert problem[0] == f"sources {source}" and "another hash" in problem[1]
    assert _problems(folder, quick=True) == []
    film.write_bytes(b"more frames")
    assert "another size" in _problems(folder, quick=True)[0][1]


@pytest.mark.parametrize("kept", [True, False])
def test_a_download_is_compared_where_it_is_kept(folder: Path, tmp_path: Path, kept: bool) -> None:
    place = folder / "fetched" if kept else tmp_path / "elsewhere"
    film = place / f"{hashlib.sha256(URL.encode()).hexdigest()[:24]}.mp4"
    _lay(folder, b"frames", film, URL)
    notes: list[str] = []
    assert _problems(folder, note=notes.append) == []
    assert ("1 sources could not be compared: they come from a URL and their download is not kept" in notes) is not kept
    film.write_bytes(b"famers")
    assert len(_problems(folder)) == (1 if kept else 0)


@pytest.mark.parametrize(
    ("table", "column", "value", "sentence"),
    [
        ("clips", "source", make_id("source", "no"), "no source row says where it comes from"),
        ("clips", "time_base_den", 24, "its time base is not its source's"),
        ("sources", "sha256", None, "clips come from it, but it has no hash"),
        ("sources", "bytes", None, "clips come from it, but it has no size"),
    ],
)
def test_a_row_that_leads_nowhere_is_named(folder: Path, table: str, column: str, value: Any, sentence: str) -> None:
    row, source = _used(folder)
    clip = read_table("clips", folder / "clips.parquet").column("id").to_pylist()[0]
    rewrite(folder, table, put(column, value, row if table == "sources" else 0))
    assert (f"{table} {source if table == 'sources' else clip}", sentence) in _problems(folder)


def test_a_source_without_clips_needs_no_hash(folder: Path) -> None:
    sources = read_table("sources", folder / "sources.parquet")
    used = set(read_table("clips", folder / "clips.parquet").column("source").to_pylist())
    row = next(i for i, source in enumerate(sources.column("id").to_pylist()) if source not in used)
    rewrite(folder, "sources", put("sha256", None, row))
    assert _problems(folder) == []
    assert isinstance(sources, pa.Table)
