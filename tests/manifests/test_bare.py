"""The form without media: what it shares, what it never shares, and that `load_dataset` reads it."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when `datasets` is imported: nothing here asks the hub

import manifests
from manifests.publish import bare
from manifests.publish.facts import Told
from tests.manifests.publish.conftest import load as load
from tests.manifests.publish.material import Clip, Film, films, make, person

SECRET = "https://someone:hunter2@videos.example/watch?v=1"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films from local files, and one from the web whose address holds a password."""
    clips = (Clip(columns={"identity": person(5), "split": "train"}),)
    web = Film(SECRET, clips, {"origin": SECRET, "licence": "CC BY 4.0"})
    return make(
        tmp_path_factory.mktemp("bare") / "dataset", [*films(), web, Film("/home/ann/private/party.mp4", clips)]
    )


def written(dataset: Path, folder: Path) -> Path:
    """The form without media of a manifest."""
    folder.mkdir()
    bare.write_bare(manifests.open(dataset), folder, folder, 10**8, Told(), lambda what, done, total: None)
    return folder


def rows(folder: Path, config: str) -> list[dict[str, Any]]:
    """All rows of a configuration."""
    files = sorted((folder / bare.CONFIGS[config][0]).glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_it_has_every_kept_clip_with_its_span_crop_labels_and_hash(dataset: Path, tmp_path: Path) -> None:
    folder = written(dataset, tmp_path / "bare")
    kept = manifests.open(dataset).clips.set_index("id")
    clips = {row["id"]: row for row in rows(folder, "default")}
    assert clips
    for clip, row in clips.items():
        for column in ("start_pts", "end_pts", "time_base_num", "time_base_den", "file_sha256", "source"):
            assert row[column] == kept.loc[clip, column]
    assert {row["source"] for row in clips.values()} == {row["id"] for row in rows(folder, "sources")}
    assert {row["shot"] for row in clips.values()} == {row["id"] for row in rows(folder, "shots")}


def test_no_password_and_no_place_on_this_machine_is_in_any_byte(dataset: Path, tmp_path: Path) -> None:
    folder = written(dataset, tmp_path / "bare")
    everything = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    said = everything + json.dumps([rows(folder, name) for name in bare.CONFIGS], default=str).encode()
    for secret in (b"hunter2", b"/home/ann", b"/videos/", str(dataset).encode()):
        assert secret not in said
    sources = {row["name"]: row for row in rows(folder, "sources")}
    assert sources["party.mp4"]["origin"] is None
    assert sources["https://videos.example/watch?v=1"]["origin"] == "https://videos.example/watch?v=1"


def test_nothing_that_shows_a_face_is_in_it(dataset: Path, tmp_path: Path) -> None:
    folder = written(dataset, tmp_path / "bare")
    held = {path.name for path in folder.iterdir()}
    described = {"README.md", "LICENSE.md", "charts", "croissant.json"}
    assert held <= {*described, "data", "fingerprints", "manifest.json", "shots", "sources"}
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".md", ".svg", ".json", ".parquet"}
    columns = {name for config in bare.CONFIGS.values() for name in config[1].names}
    assert not columns & {"vector", "landmarks", "blendshapes", "video", "audio"}


def test_manifest_json_has_the_recipe_and_the_hash_of_every_table(dataset: Path, tmp_path: Path) -> None:
    folder = written(dataset, tmp_path / "bare")
    content = json.loads((folder / "manifest.json").read_text())
    assert content["moee_bare"] == bare.FORMAT
    assert content["recipe"] == manifests.open(dataset).recipe
    tables = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.parquet")}
    assert set(content["files"]) == set(tables)
    for name, entry in content["files"].items():
        assert hashlib.sha256(tables[name].read_bytes()).hexdigest() == entry["sha256"]


def test_the_same_manifest_gives_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    one, other = written(dataset, tmp_path / "one"), written(dataset, tmp_path / "other")
    files = [path.relative_to(one) for path in sorted(one.rglob("*")) if path.is_file()]
    assert files
    assert [(one / name).read_bytes() for name in files] == [(other / name).read_bytes() for name in files]


def test_load_dataset_reads_it(dataset: Path, tmp_path: Path, load: Callable[..., Any]) -> None:
    folder = written(dataset, tmp_path / "bare")
    clips = load(folder)
    ids = sorted(clip for split in clips.values() for clip in split["id"])
    assert ids == sorted(row["id"] for row in rows(folder, "default"))
    assert len(load(folder, "sources", split="sources")) == len(rows(folder, "sources"))
