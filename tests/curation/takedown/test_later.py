"""What was taken down is found where it is named later, in caches too, by what tombstones remember of it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import manifests
from curation.takedown.caches import files_in
from curation.takedown.find import Request
from curation.takedown.run import take_down
from curation.takedown.wanted import Known, Remembered
from manifests.tombstones import Tombstones
from manifests.validate import validate
from tests.curation.takedown.material import URL, holding, make, person_of, source_of, track_of
from tests.curation.takedown.test_published import hashes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path / "set")
    return tmp_path / "set"


def of_p(root: Path) -> Request:
    return Request(identities=(person_of(root, track_of("alone.mp4")),), reason="asked")


def fill(cache: Path, root: Path) -> list[str]:
    """A cache of features, copies, lists and tables of every clip; returns the files that must stay."""
    rows, stay = [], ["features.json"]
    clips = manifests.open(root).table("clips").to_pylist()
    for number, clip in enumerate(clips):
        part = f"picture/{clip['file_sha256'][:2]}/{clip['file_sha256']}-0123456789abcdef.safetensors"
        files = {part: b"latents", f"copy-{number}.bin": (root / clip["file"]).read_bytes()}
        files |= {f"clip-{number}.json": json.dumps([clip["id"]]).encode(), f"{clip['track']}.npy": b"landmarks"}
        for name, content in files.items():
            (cache / name).parent.mkdir(parents=True, exist_ok=True)
            (cache / name).write_bytes(content)
        pq.write_table(table_of(clip["file_sha256"], (root / clip["file"]).read_bytes()), cache / f"{number}.parquet")
        rows.append({"id": clip["id"], "sha256": clip["file_sha256"], "parts": {"picture": part}})
        if clip["track"] not in (track_of("alone.mp4"), track_of("both.mp4", 0)):
            stay += [*files, f"{number}.parquet"]
    content = {"version": 1, "clips": rows, "left_out": {clip["id"]: "too short" for clip in clips}}
    (cache / "features.json").write_text(json.dumps(content))
    return stay


def table_of(sha256: str, video: bytes) -> pa.Table:
    """A clip as pandas and datasets write it: large text in a structure, the file in another."""
    text = pa.array([sha256], pa.large_string())
    return pa.table(
        {
            "about": pa.StructArray.from_arrays([text], ["hash"]),
            "video": pa.array([{"bytes": video, "path": "x.mp4"}]),
        }
    )


def test_a_cache_that_is_named_later_loses_the_person_and_keeps_the_others(root: Path, tmp_path: Path) -> None:
    cache, request = tmp_path / "cache", of_p(root)
    stay = fill(cache, root)
    before, everything = holding(cache, [track_of("alone.mp4")]), hashes(cache)
    assert take_down(root, request, yes=True).is_clean and holding(cache, [track_of("alone.mp4")]) == before
    shown = take_down(root, request, caches=[cache])
    assert not shown.removed and shown.files["cache"]["files"] == 10 and hashes(cache) == everything
    done = take_down(root, request, caches=[cache], yes=True)
    assert done.already and done.is_clean and done.left == {"caches": 0, "published": 0, "revisions": 0}
    assert sorted(hashes(cache)) == sorted(stay)
    content = json.loads((cache / "features.json").read_text())
    assert len(content["clips"]) == len(content["left_out"]) == 3
    stones = Tombstones.read(root)
    receipt = json.loads(Path(done.receipt or "").read_text())
    digests = {row["digest"] for row in receipt["removed"]}
    assert len(receipt["removed"]) == 10 and stones.digest("content", everything["copy-0.bin"]) is not None
    gone = {everything[name] for name in set(everything) - set(stay)}
    assert {stones.digest("content", sha256) for sha256 in gone} == digests


def test_the_first_takedown_and_a_later_one_take_the_same_files_of_a_cache(root: Path, tmp_path: Path) -> None:
    now, later, request = tmp_path / "now", tmp_path / "later", of_p(root)
    fill(now, root)
    fill(later, root)
    take_down(root, request, caches=[now], yes=True)
    take_down(root, request, caches=[later], yes=True)
    assert hashes(now) == hashes(later) and len(hashes(now)) == 16


@pytest.mark.parametrize("where", ["text", "file", "name"])
def test_a_table_is_looked_into_wherever_it_says_it(tmp_path: Path, where: str) -> None:
    import hashlib

    video = b"a film"
    sha256 = hashlib.sha256(video).hexdigest()
    if where == "name":
        table = pa.table({sha256: pa.array([1])})
    else:
        table = table_of(sha256 if where == "text" else "0" * 64, video if where == "file" else b"another")
    pq.write_table(table, tmp_path / "x.parquet", compression="zstd")
    pq.write_table(table_of("1" * 64, b"somebody else's"), tmp_path / "y.parquet", compression="zstd")
    stones = Tombstones("salt")
    stones.add("content", sha256, "asked", "2026-01-01")
    for wanted in (Known(frozenset([sha256]), {len(video): {sha256}}), Remembered(stones)):
        assert [gone.path for gone in files_in(tmp_path, wanted)] == ["x.parquet"]


def test_a_source_that_stays_without_the_person_can_still_be_taken_down_by_its_address(root: Path) -> None:
    take_down(root, of_p(root), yes=True)
    report = take_down(root, Request(sources=(URL + "both.mp4",), reason="asked"), yes=True)
    assert not report.already and report.sources == 1 and report.is_clean
    assert holding(root, ["both.mp4", source_of("both.mp4")]) == [] and validate(root) == []


def test_a_longer_list_may_name_again_what_is_gone(root: Path) -> None:
    request = of_p(root)
    take_down(root, request, yes=True)
    longer = Request((source_of("third.mp4"), source_of("alone.mp4")), (), request.identities, "asked")
    report = take_down(root, longer, yes=True)
    assert not report.already and (report.sources, report.clips) == (1, 1)
    assert take_down(root, longer, yes=True).already


def test_an_exported_clip_is_refused_as_an_input_too(root: Path) -> None:
    from curation.takedown.gate import Gate

    clips = manifests.open(root).table("clips").to_pylist()
    take_down(root, of_p(root), yes=True)
    closed = [clip["track"] for clip in clips if Gate(root).holds_content(clip["file_sha256"])]
    assert sorted(closed) == sorted([track_of("alone.mp4"), track_of("both.mp4", 0)])


def test_what_a_rebuild_noted_goes_too(root: Path) -> None:
    """The files that `moee rebuild` writes beside a manifest: notes by source, a table by clip, answers of sites."""
    clips = manifests.open(root).table("clips").to_pylist()
    (root / "rebuilt").mkdir()
    for name in ("alone.mp4", "third.mp4"):
        (root / "rebuilt" / f"{source_of(name)}.json").write_text(json.dumps({"source": source_of(name)}))
    (root / "rebuild.json").write_text(json.dumps([clip["id"] for clip in clips]))
    (root / ".tmp-fingerprints").mkdir()
    (root / ".tmp-fingerprints" / f"{source_of('alone.mp4')}.parquet").write_bytes(b"left by a kill")
    ids = [clip["id"] for clip in clips]
    table = pa.table({"clip": ids, "source": [clip["source"] for clip in clips]})
    pq.write_table(table, root / "rebuild.parquet")
    asked = pa.table({"source": [source_of("alone.mp4"), source_of("third.mp4")], "url": [URL + "alone.mp4", "x"]})
    pq.write_table(asked, root / "link_rot.parquet")
    request = of_p(root)
    gone = [clip["id"] for clip in clips if clip["track"] in (track_of("alone.mp4"), track_of("both.mp4", 0))]
    assert take_down(root, request, yes=True).is_clean
    assert holding(root, [*gone, source_of("alone.mp4"), URL + "alone.mp4"]) == []
    assert pq.read_table(root / "rebuild.parquet").num_rows == 3
    assert pq.read_table(root / "link_rot.parquet").column("url").to_pylist() == ["x"]
    assert [path.stem for path in (root / "rebuilt").iterdir()] == [source_of("third.mp4")]


@pytest.mark.parametrize("column", ["duplicate_of", "ambiguous"])
def test_the_search_afterwards_looks_at_every_column_of_text(
    root: Path, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that stays and still names a clip that went, in plain text or in a list, as a fault of the rewriting."""
    from curation.takedown import run as running

    request = of_p(root)
    gone = next(c["id"] for c in manifests.open(root).table("clips").to_pylist() if c["track"] == track_of("alone.mp4"))
    sound = running.rewrite

    def faulty(*arguments: object) -> None:
        sound(*arguments)  # type: ignore[arg-type]
        table = pq.read_table(root / "clips.parquet")
        field = table.schema.field(column)
        value = [gone] if pa.types.is_list(field.type) else gone
        values = pa.array([value] * table.num_rows, field.type)
        table = table.set_column(table.schema.get_field_index(column), field, values)
        pq.write_table(table, root / "clips.parquet")

    monkeypatch.setattr(running, "rewrite", faulty)
    monkeypatch.setattr(running, "_certify", lambda root: None)
    report = take_down(root, request, yes=True)
    assert report.left["tables"] == 1 and report.found == [str(root / "clips.parquet")] and not report.is_clean


def test_a_file_that_nobody_knows_is_told_by_name(root: Path) -> None:
    clips = manifests.open(root).table("clips").to_pylist()
    (root / "mine").mkdir()
    (root / "mine" / "notes.txt").write_text("\n".join(clip["id"] for clip in clips))
    for name in ("mine.parquet", "mine/more.parquet"):
        pq.write_table(pa.table({"note": [f"see {clip['id']}" for clip in clips]}), root / name)
    report = take_down(root, of_p(root), yes=True)
    assert report.found == sorted(str(root / name) for name in ("mine.parquet", "mine/more.parquet", "mine/notes.txt"))
    assert (report.left["text_files"], report.left["tables"]) == (1, 2)
