"""A takedown leaves nothing of what it removes, everything else as it was, and is finished when it was killed."""

import hashlib
import json
from pathlib import Path

import pytest

import manifests
from curation.errors import CurationError
from curation.takedown import run as running
from curation.takedown.find import Request
from curation.takedown.gate import FILE, Gate
from curation.takedown.run import take_down
from manifests.tombstones import Tombstones
from manifests.validate import validate
from tests.curation.takedown import material
from tests.curation.takedown.material import (
    UPLOADER,
    URL,
    WHO,
    holding,
    make,
    person_of,
    source_of,
    track_of,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path / "set")
    assert validate(tmp_path / "set") == []
    return tmp_path / "set"


def state(root: Path) -> dict[str, str]:
    """Every file of a folder by its hash."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def of_person(root: Path) -> Request:
    return Request(identities=(person_of(root, track_of("alone.mp4")),), reason="asked by the person")


def words_of_p(root: Path) -> list[str]:
    """All that names person P, and what their clips and downloads hold."""
    held = ["film alone.mp4 P", "film both.mp4 P", "original alone.mp4", "original both.mp4"]
    return [*material.words_of_p(root), *held]


def test_without_yes_nothing_is_changed_and_what_would_go_is_counted(root: Path) -> None:
    before = state(root)
    report = take_down(root, of_person(root))
    assert state(root) == before
    assert not report.removed
    assert (report.clips, report.sources, report.parts, report.shared) == (2, 1, 1, 0)
    assert report.rows["tracks"] == report.rows["embeddings"] == report.rows["identities"] == 2
    assert report.rows["frames"] == 200
    assert report.files["clip"]["files"] == 2 and report.files["download"]["files"] == 2


def test_nothing_of_a_person_is_left_in_any_file(root: Path) -> None:
    words = words_of_p(root)
    assert all(holding(root, [word]) for word in words), "each of them can be found before"
    report = take_down(root, of_person(root), yes=True)
    assert holding(root, words) == []
    assert report.is_clean and set(report.left) >= {"rows", "file_names", "text_files", "media"}
    assert not (root / "report.html").exists() and not (root / "pages").exists()


def test_another_person_of_a_shared_source_stays_and_the_manifest_is_sound(root: Path) -> None:
    take_down(root, of_person(root), yes=True)
    assert validate(root) == []
    manifest = manifests.open(root)
    assert sorted(clip["track"] for clip in manifest.table("clips").to_pylist()) == sorted(
        [track_of("both.mp4", 1), track_of("second.mp4"), track_of("third.mp4")]
    )
    frames = manifest.frames_table(source_of("both.mp4"))
    assert set(frames.column("track").to_pylist()) == {track_of("both.mp4", 1)} and frames.num_rows == 100
    shared = next(row for row in manifest.table("sources").to_pylist() if row["id"] == source_of("both.mp4"))
    assert shared["title"] is None and shared["licence"] == "CC BY 4.0"
    turns = [row for row in manifest.table("speech").to_pylist() if row["source"] == source_of("both.mp4")]
    assert [turn["start_pts"] for turn in turns] == [64000]


def test_splits_of_those_who_stay_do_not_move_and_counts_are_those_of_the_clips(root: Path) -> None:
    before = {clip["id"]: clip["split"] for clip in manifests.open(root).table("clips").to_pylist()}
    take_down(root, of_person(root), yes=True)
    manifest = manifests.open(root)
    clips = manifest.table("clips").to_pylist()
    assert all(clip["split"] == before[clip["id"]] for clip in clips)
    assert sum(row["clips"] for row in manifest.table("splits").to_pylist()) == len(clips) == 3


def test_a_snapshot_made_anew_from_the_results_says_the_same(root: Path) -> None:
    from curation.pipeline import build
    from curation.whole.step import WholeManifest
    from manifests.recipe import load_recipe
    from manifests.store import Store

    take_down(root, of_person(root), yes=True)
    tables = {
        name: manifests.open(root).table(name).to_pylist() for name in ("clips", "identities", "tracks", "sources")
    }
    recipe = load_recipe("talking-head")
    Store(root).snapshot(recipe.resolved(), WholeManifest(build(recipe).whole, root))
    again = manifests.open(root)
    for name, rows in tables.items():
        assert [row["id"] for row in again.table(name).to_pylist()] == [row["id"] for row in rows], name
    assert again.table("clips").to_pylist() == tables["clips"]


class Killed(BaseException):
    """Ends a takedown as a kill does: nothing that follows runs."""


@pytest.mark.parametrize(
    "step", ["rewrite", "rewrite_results", "rewrite_ledger", "rewrite_lists", "_certify", "left", "write_receipt"]
)
def test_a_killed_takedown_is_finished_by_the_same_line(root: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request, words = of_person(root), words_of_p(root)

    def kill(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(running, step, kill)
        take_down(root, request, yes=True)
    with pytest.raises(CurationError, match="not finished"):
        Gate(root)
    report = take_down(root, request, yes=True)
    assert report.removed and report.is_clean and report.clips == 2
    assert not (root / FILE).exists()
    assert holding(root, words) == [] and validate(root) == []


@pytest.mark.parametrize(
    ("step", "where"), [("rewrite_ledger", "ledger"), ("rewrite_results", "results"), ("rewrite_lists", "text_files")]
)
def test_the_searches_afterwards_find_what_was_left(
    root: Path, step: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, step, lambda *arguments: None)
    report = take_down(root, of_person(root), yes=True)
    assert report.left[where] > 0 and not report.is_clean


def test_the_same_line_once_more_finds_it_done(root: Path) -> None:
    request = of_person(root)
    take_down(root, request, yes=True)
    before = state(root)
    assert take_down(root, request, yes=True).already
    assert state(root) == before


def test_the_receipt_proves_a_file_to_who_holds_it_and_names_nobody(root: Path) -> None:
    words = words_of_p(root)
    content = b"film alone.mp4 P"
    report = take_down(root, of_person(root), yes=True)
    assert report.receipt is not None
    receipt = json.loads(Path(report.receipt).read_text())
    stones = Tombstones.read(root)
    digests = {row["digest"] for row in receipt["removed"] if row["what"] == "clip"}
    assert stones.digest("content", hashlib.sha256(content).hexdigest()) in digests and len(digests) == 2
    assert receipt["rows"]["clips"] == 2 and not any(receipt["searched_afterwards"].values())
    assert holding(Path(report.receipt).parent, [*words, *WHO, URL]) == []


def test_all_of_an_uploader_goes(root: Path) -> None:
    report = take_down(root, Request(uploaders=(UPLOADER,), reason="asked"), yes=True)
    assert report.sources == 1 and report.clips == 1 and report.is_clean
    assert holding(root, [UPLOADER, "third.mp4", source_of("third.mp4")]) == []
    assert validate(root) == []


def test_a_source_goes_by_its_address_too(root: Path) -> None:
    report = take_down(root, Request(sources=(URL + "both.mp4",), reason="asked"), yes=True)
    assert (report.sources, report.parts, report.clips) == (1, 0, 2)
    assert holding(root, ["both.mp4", source_of("both.mp4")]) == [] and validate(root) == []


def test_when_all_go_the_manifest_is_empty_and_sound(root: Path) -> None:
    report = take_down(root, Request(sources=tuple(source_of(name) for name in WHO), reason="asked"), yes=True)
    assert report.sources == 4 and report.is_clean
    assert len(manifests.open(root).clips) == 0 and validate(root) == []


def test_what_is_not_there_is_said_and_nothing_happens(root: Path) -> None:
    before = state(root)
    for request, said in (
        (Request(identities=("i_0000000000000000",), reason="x"), "no person"),
        (Request(uploaders=("nobody",), reason="x"), "no source was published"),
        (Request(sources=("nothing",), reason="x"), "no source 'nothing'"),
    ):
        with pytest.raises(CurationError, match=said):
            take_down(root, request, yes=True)
    assert state(root) == before


def test_features_and_caches_lose_what_is_of_the_person_and_keep_the_rest(root: Path, tmp_path: Path) -> None:
    clips = manifests.open(root).table("clips").to_pylist()
    gone = next(clip for clip in clips if clip["track"] == track_of("alone.mp4"))
    stays = next(clip for clip in clips if clip["track"] == track_of("third.mp4"))
    cache = tmp_path / "cache"
    rows = []
    for clip in (gone, stays):
        file = f"picture/{clip['file_sha256'][:2]}/{clip['file_sha256']}-0123456789abcdef.safetensors"
        (cache / file).parent.mkdir(parents=True, exist_ok=True)
        (cache / file).write_bytes(b"latents")
        rows.append({"id": clip["id"], "sha256": clip["file_sha256"], "parts": {"picture": file}})
    (cache / "features.json").write_text(json.dumps({"version": 1, "clips": rows, "left_out": {}}))
    (cache / "copy.bin").write_bytes((root / gone["file"]).read_bytes())
    (cache / "list.json").write_text(json.dumps([gone["id"]]))
    (cache / "other.json").write_text(json.dumps([stays["id"]]))
    report = take_down(root, of_person(root), caches=[cache], yes=True)
    assert report.files["cache"]["files"] == 3 and report.left["caches"] == 0
    assert [row["id"] for row in json.loads((cache / "features.json").read_text())["clips"]] == [stays["id"]]
    left = sorted(path.name for path in cache.rglob("*") if path.is_file())
    assert left == sorted(["features.json", "other.json", f"{stays['file_sha256']}-0123456789abcdef.safetensors"])
