"""Clips of a published manifest are made again, and each is said to be identical, equivalent, drifted or missing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

import manifests
from curation.errors import CurationError
from curation.rebuild import cli, hub, one_source
from curation.rebuild.compare import compare, prints_of
from curation.rebuild.one_source import Job, work
from curation.rebuild.published import read
from curation.rebuild.result import ClipResult, Report
from curation.rebuild.run import rebuild
from manifests.validate import validate
from tests.curation.rebuild.conftest import Made, how, without_media
from tests.curation.rebuild.material import Film, coded_again, film, manifest_of


def made_source(made: Made, name: str) -> str:
    """The id of a film."""
    (source,) = [row["id"] for row in read(str(made.bare)).sources() if row["name"] == f"{name}.mp4"]
    return str(source)


def of(report: Report, made: Made, name: str) -> list[ClipResult]:
    """What became of the clips of one film."""
    return [clip for clip in report.clips if clip.source == made_source(made, name)]


def sources_with(made: Made, folder: Path, **changed: Any) -> Path:
    """A copy of the films in which some are changed: name -> function of the new path, or None for gone."""
    shutil.copytree(made.films, folder)
    for name, change in changed.items():
        (folder / f"{name}.mp4").unlink()
        if change is not None:
            change(folder / f"{name}.mp4")
    return folder


def clip_bytes(folder: Path) -> dict[str, bytes]:
    """Every clip's file."""
    return {path.name: path.read_bytes() for path in sorted((folder / "clips").iterdir())}


def test_untouched_sources_give_the_same_bytes_and_a_manifest_that_validates(made: Made, tmp_path: Path) -> None:
    report = rebuild(str(made.bare), tmp_path / "again", how(made.films))
    assert report.counts == {"identical": 6, "equivalent": 0, "drifted": 0, "missing": 0}
    assert {clip.by for clip in report.clips} == {"file"}
    assert clip_bytes(tmp_path / "again") == clip_bytes(made.manifest)
    assert validate(tmp_path / "again") == []
    again, before = manifests.open(tmp_path / "again").clips, manifests.open(made.manifest).clips
    assert again["start_pts"].tolist() == before["start_pts"].tolist()
    assert again["file_sha256"].tolist() == before["file_sha256"].tolist()


def test_a_manifests_own_folder_can_be_rebuilt_from_where_its_sources_lie(tmp_path: Path) -> None:
    path = film(tmp_path / "here.mp4", 4)
    manifest = manifest_of(tmp_path / "dataset", [Film(path, str(path))])
    report = rebuild(str(manifest), tmp_path / "again", how())
    assert report.counts["identical"] == 2


def test_a_source_coded_again_is_equivalent_another_one_has_drifted_and_none_is_missing(
    made: Made, tmp_path: Path
) -> None:
    sources = sources_with(
        made,
        tmp_path / "sources",
        a=lambda path: coded_again(made.films / "a.mp4", path),
        b=lambda path: film(path, 77),
        c=None,
    )
    out = tmp_path / "again"
    report = rebuild(str(made.bare), out, how(sources))
    assert [clip.status for clip in of(report, made, "a")] == ["equivalent"] * 2
    assert [clip.status for clip in of(report, made, "b")] == ["drifted"] * 2
    assert [(clip.status, clip.reason) for clip in of(report, made, "c")] == [("missing", "not-found")] * 2
    assert not report.complete
    assert sorted(clip_bytes(out)) == sorted(f"{clip.clip}.mp4" for clip in of(report, made, "a"))
    assert validate(out) == []
    rows = {row["clip"]: row for row in pq.read_table(out / "rebuild.parquet").to_pylist()}
    assert len(rows) == 6
    for clip in of(report, made, "a"):
        assert rows[clip.clip]["picture"] == clip.picture is not None
        assert rows[clip.clip]["file_sha256"] != rows[clip.clip]["published_sha256"]
    assert json.loads((out / "rebuild.json").read_text())["missing_because"] == {"not-found": 2}


def test_other_bytes_around_the_same_pictures_are_identical(made: Made, tmp_path: Path) -> None:
    def padded(path: Path) -> None:
        path.write_bytes((made.films / "a.mp4").read_bytes() + (16).to_bytes(4) + b"free" + b"12345678")

    report = rebuild(str(made.bare), tmp_path / "again", how(sources_with(made, tmp_path / "sources", a=padded)))
    assert [(clip.status, clip.by) for clip in of(report, made, "a")] == [("identical", "file")] * 2


def test_another_encoder_on_the_same_bytes_is_identical_by_its_source(made: Made, tmp_path: Path) -> None:
    published = read(str(made.bare))
    source, rows = next(iter(published.clips_of().items()))
    name = next(row["name"] for row in published.sources() if row["id"] == source)
    (tmp_path / "clips").mkdir()
    older = [{**row, "file_sha256": "0" * 64} for row in rows]
    job = Job(source, tmp_path, older, published.export, None, made.films / name, same=True)
    assert [(clip.status, clip.by) for clip in work(job)] == [("identical", "source")] * 2


def test_the_same_film_at_another_time_has_drifted_and_the_note_says_by_how_much(made: Made) -> None:
    ((source, prints), *_) = read(str(made.bare)).fingerprints({made_source(made, "a")})
    assert source == made_source(made, "a")
    published = prints_of(prints)
    there = compare(published, published, 1.0, 4.0)
    assert there.equivalent
    assert there.shift == 0.0
    moved = compare(published, published, 1.0, 4.0, later=0.25)  # looked for a quarter of a second too late
    assert not moved.equivalent
    assert moved.note == "it lies 0.25 s earlier than it did"


def test_crop_size_and_rate_of_the_export_are_those_that_were_published(made: Made, tmp_path: Path) -> None:
    export = {"crop": "face", "size": [64, 64], "fps": "25/2", "crf": 25}
    manifest = manifest_of(tmp_path / "dataset", [Film(made.films / "a.mp4", "/nowhere/a.mp4")], export)
    bare = without_media(manifest, tmp_path / "bare")
    report = rebuild(str(bare), tmp_path / "again", how(made.films))
    assert report.counts["identical"] == 2
    assert clip_bytes(tmp_path / "again") == clip_bytes(manifest)


def test_what_validation_says_of_persons_and_splits_is_only_that_their_tables_were_not_published(
    made: Made, tmp_path: Path
) -> None:
    columns: dict[str, Any] = {"identity": "i_" + "1" * 16, "split": "train"}
    manifest = manifest_of(tmp_path / "dataset", [Film(made.films / "a.mp4", "/nowhere/a.mp4", columns=columns)])
    out = tmp_path / "again"
    rebuild(str(without_media(manifest, tmp_path / "bare")), out, how(made.films))
    assert manifests.open(out).clips["identity"].tolist() == ["i_" + "1" * 16] * 2
    assert {(problem.check, problem.sentence) for problem in validate(out)} == {
        ("whole", "its identity is not that of its track"),
        ("whole", "it is missing, damaged or of another split: run the same moee curate command again"),
    }
    missing = json.loads((out / "manifest.json").read_text())["not_published"]
    assert {"tracks", "frames", "embeddings", "identities", "certificate"} <= set(missing)


def test_a_second_run_does_only_what_is_missing(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "again"
    first = rebuild(str(made.bare), out, how(made.films))
    assert first.worked == 3
    second = rebuild(str(made.bare), out, how(made.films))
    assert second.worked == 0
    assert second.clips == first.clips
    (out / "clips" / f"{first.clips[0].clip}.mp4").write_bytes(b"damaged")
    third = rebuild(str(made.bare), out, how(made.films))
    assert third.worked == 1
    assert third.clips == first.clips
    assert clip_bytes(out) == clip_bytes(made.manifest)


def test_a_source_whose_process_fails_costs_itself_only(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, bad = one_source.work, read(str(made.bare)).sources()[0]["id"]

    def failing(job: Job) -> list[ClipResult]:
        if job.source == bad:
            raise RuntimeError("boom")
        return real(job)

    monkeypatch.setattr(one_source, "work", failing)
    report = rebuild(str(made.bare), tmp_path / "again", how(made.films))
    assert report.counts == {"identical": 4, "equivalent": 0, "drifted": 0, "missing": 2}
    assert {clip.reason for clip in report.clips if clip.source == bad} == {"crashed"}
    assert validate(tmp_path / "again") == []


def test_a_file_that_is_no_video_is_missing_as_unreadable(made: Made, tmp_path: Path) -> None:
    sources = sources_with(made, tmp_path / "sources", a=lambda path: path.write_bytes(b"no video" * 999))
    report = rebuild(str(made.bare), tmp_path / "again", how(sources))
    assert [(clip.status, clip.reason) for clip in of(report, made, "a")] == [("missing", "unreadable")] * 2
    assert report.counts["identical"] == 4


def test_verify_only_judges_the_files_that_are_there_and_makes_none(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "have"
    shutil.copytree(made.manifest / "clips", out / "clips")
    gone, other, worse, *same = sorted((out / "clips").iterdir())
    gone.unlink()
    film(other, 77, seconds=2.8)
    coded_again(made.manifest / "clips" / worse.name, worse)
    report = rebuild(str(made.bare), out, how(verify_only=True))
    found = {clip.clip: clip for clip in report.clips}
    assert (found[gone.stem].status, found[gone.stem].reason) == ("missing", "no-file")
    assert found[other.stem].status == "drifted"
    assert found[worse.stem].status == "equivalent", found[worse.stem]
    assert {found[path.stem].status for path in same} == {"identical"}
    assert sorted(path.name for path in out.iterdir()) == [".lock", "clips", "rebuild.json", "rebuild.parquet"]


def test_a_table_that_was_altered_is_refused(made: Made, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(made.bare, tmp_path / "bare"))
    table = next((bare / "data").iterdir())
    table.write_bytes(table.read_bytes()[:-1] + b"x")
    with pytest.raises(CurationError, match="missing or damaged"):
        rebuild(str(bare), tmp_path / "again", how(made.films))


def test_an_id_that_is_a_path_is_refused(made: Made, tmp_path: Path) -> None:
    published = read(str(made.bare))
    clips = published.tables["clips"]
    names = ["../../../etc/passwd", *clips.column("id").to_pylist()[1:]]
    from curation.rebuild import published as room

    bad = replace(published, tables={**published.tables, "clips": clips.set_column(0, clips.field(0), [names])})
    with pytest.raises(CurationError, match="is no id of clips"):
        room._check_ids(bad)


def test_what_is_to_be_rebuilt_and_another_manifest_are_never_overwritten(made: Made, tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="give another folder, or add --verify-only"):
        rebuild(str(made.manifest), made.manifest, how(made.films))
    other = Path(shutil.copytree(made.manifest, tmp_path / "other"))
    with pytest.raises(CurationError, match="holds a manifest that was not rebuilt"):
        rebuild(str(made.bare), other, how(made.films))
    with pytest.raises(CurationError, match=r"holds no manifest\.json"):
        rebuild(str(tmp_path), tmp_path / "again", how(made.films))


def test_an_address_that_is_no_data_set_of_the_hub_is_said_in_one_sentence() -> None:
    with pytest.raises(CurationError, match="write hf:ORG/NAME"):
        hub.fetched("hf:justname")


def test_the_command_ends_with_1_when_a_clip_is_missing_and_says_which(made: Made, tmp_path: Path) -> None:
    sources = sources_with(made, tmp_path / "sources", b=None)
    app = typer.Typer()
    app.command()(cli.rebuild)
    arguments = [str(made.bare), "--out", str(tmp_path / "again"), "--sources", str(sources), "--workers", "1"]
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 1, ended.output
    assert "6 clips: 4 identical, 0 equivalent, 0 drifted, 2 missing" in ended.output
    assert "missing (not-found)" in ended.output
    ended = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(ended.stdout)["missing"] == 2
