"""A manifest is read with pandas, DuckDB and the command line, and says the same everywhere."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import manifests
from manifests.cli import app
from manifests.diff import diff
from manifests.errors import ManifestError
from manifests.outcomes import Failed
from manifests.schema import make_id
from manifests.show import lines
from manifests.text import printable
from tests.manifests.material import RECIPE, commit_ended, commit_source, make_manifest
from tests.manifests.test_validate import put, rewrite

HOSTILE = ["a\nb.mp4", "\x1b[31mred.mp4", "👩‍👩‍👧.mp4", "\udcff.mp4", "../up.mp4", "'\"$(x)[bold].mp4"]


def run(*arguments: object) -> str:
    """Output of a command that must end with 0."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_clips_are_the_kept_ones_and_all_clips_every_candidate(folder: Path) -> None:
    manifest = manifests.open(folder)
    assert set(manifest.clips["status"]) == {"kept"} and len(manifest.clips) == 4
    assert len(manifest.all_clips) == 8 and list(manifest.all_clips["id"]) == sorted(manifest.all_clips["id"])
    counts = {name: len(getattr(manifest, name)) for name in ("sources", "shots", "tracks", "speech")}
    assert counts == {"sources": 6, "shots": 4, "tracks": 4, "speech": 4}
    source = make_id("source", "video 0.mp4")
    assert len(manifest.frames()) == 480 and len(manifest.frames(source)) == 120
    assert manifest.frames(make_id("source", "broken.mp4")).empty and manifest.recipe == RECIPE
    assert len(manifest.expressions()) == 480 and len(manifest.expressions(source)) == 120
    assert manifest.expressions(make_id("source", "broken.mp4")).empty
    assert manifest.expressions_table(source, ["emotions"]).column("emotions").null_count == 60
    for read in (manifest.frames, manifest.expressions):
        with pytest.raises(ManifestError, match="has no source"):
            read("s_nowhere")
    for table in ("frames", "expressions"):
        with pytest.raises(ManifestError, match=rf"its rows lie per source: use {table}\(source\)"):
            manifest.table(table)
    with pytest.raises(ManifestError, match="did you mean clips"):
        manifest.table("clip")


def test_duckdb_queries_the_folder(folder: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    rows = duckdb.sql(
        f"select c.id, count(*), count(f.landmarks) from '{folder}/clips.parquet' c "
        f"join '{folder}/frames/*.parquet' f on f.track = c.track and f.pts >= c.start_pts and f.pts < c.end_pts "
        "where c.status = 'kept' group by c.id"
    ).fetchall()
    assert len(rows) == 4 and all(
        counts == (100, 50) for _, *counts in [(r[0], r[1:]) for r in rows] for counts in counts
    )
    reasons = f"select reason, count(*) from (select unnest(reasons) reason from '{folder}/clips.parquet') group by 1"
    assert duckdb.sql(reasons).fetchall() == [("length", 4)]


def test_opening_loads_neither_pandas_nor_arrow_before_it_must() -> None:
    code = "import manifests, manifests.cli, sys; print({'pandas', 'pyarrow', 'pydantic', 'yaml'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_summary_adds_up(folder: Path) -> None:
    summary = manifests.open(folder).summary()
    assert vars(summary.inputs) == {"total": 6, "kept": 4, "dropped": 1, "failed": 1}
    assert vars(summary.clips) == {"total": 8, "kept": 4, "dropped": 4, "failed": 0}
    assert summary.hours == pytest.approx(4 * 4.0 / 3600) and summary.decode_ratio == 800 / 1000
    assert summary.export_frames == 400 and summary.clip_reasons == {"length": 4}
    assert summary.input_reasons == {"faces": 1, "speech": 1}
    funnel = {(s.stage, s.kind): (s.entered, s.kept, s.dropped, s.failed) for s in summary.stages}
    assert funnel == {
        ("shots", "source"): (6, 4, 1, 1),
        ("faces", "source"): (4, 4, 0, 0),
        ("clips", "source"): (4, 4, 0, 0),
        ("select", "clip"): (8, 4, 4, 0),
        ("export", "clip"): (4, 4, 0, 0),
    }
    assert [(failure.name, failure.stage, failure.error) for failure in summary.failures] == [
        ("broken.mp4", "shots", "it is not a video")
    ]


def test_an_input_is_kept_when_one_of_its_clips_is(folder: Path) -> None:
    rewrite(folder, "clips", put("status", "failed", 0))
    clips = manifests.open(folder).all_clips
    other = int(clips.index[clips["source"] != clips["source"][0]][0])
    for row in clips.index[clips["source"] == clips["source"][other]]:
        rewrite(folder, "clips", put("status", "dropped", int(row)))
        rewrite(folder, "clips", put("reasons", ["speech"], int(row)))
    for row in clips.index[clips["source"] == clips["source"][0]][1:]:
        rewrite(folder, "clips", put("status", "dropped", int(row)))
    summary = manifests.open(folder).summary()
    assert vars(summary.inputs) == {"total": 6, "kept": 2, "dropped": 2, "failed": 2}
    assert summary.input_reasons == {"faces": 1, "speech": 2}


def test_show_prints_the_funnel_and_the_failures(folder: Path) -> None:
    text = run("show", folder)
    assert "6 inputs = 4 kept + 1 dropped + 1 failed" in text and "broken.mp4 at shots: it is not a video" in text
    assert "select  clips    8   4     4        0" in text
    assert json.loads(run("show", folder, "--json"))["inputs"] == {"total": 6, "kept": 4, "dropped": 1, "failed": 1}


def test_show_counts_the_emotions_of_the_kept_clips(folder: Path) -> None:
    assert manifests.open(folder).summary().emotions == {} and "emotions seen" not in run("show", folder)
    status = manifests.open(folder).table("clips")["status"].to_pylist()
    kept = [row for row, word in enumerate(status) if word == "kept"]
    rewrite(folder, "clips", put("emotion", "happy", kept[0]))
    rewrite(folder, "clips", put("emotion", "sad", kept[1]))
    rewrite(folder, "clips", put("compound", "sadly-fear", kept[1]))
    rewrite(folder, "clips", put("emotion", "angry", status.index("dropped")))
    assert "emotions seen in kept clips: happy 1, sadly-fear 1, none measured 2" in run("show", folder)
    assert json.loads(run("show", folder, "--json"))["emotions"] == {"happy": 1, "sadly-fear": 1}


def test_hostile_names_are_stored_shown_and_validated(tmp_path: Path) -> None:
    store = make_manifest(tmp_path, sources=0)
    for name in HOSTILE:
        shown = printable(name)
        commit_source(store, shown)
        commit_ended(
            store, f"broken {shown}", Failed(f"{name.encode('utf-8', 'replace').decode()} \x1b[2J is not a video")
        )
    store.snapshot(RECIPE)
    assert {printable(name) for name in HOSTILE} <= set(manifests.open(tmp_path).sources["name"])
    assert "the manifest is sound" in run("validate", tmp_path)
    text = run("show", tmp_path)
    assert "\x1b" not in text and "👩‍👩‍👧.mp4" in text and "\\x1b[2J" in text
    assert "\x1b" not in "".join(lines(manifests.open(tmp_path).summary()))


def test_validate_lists_each_check_and_ends_with_1_on_problems(folder: Path) -> None:
    text = run("validate", folder)
    assert "the manifest is sound" in text and text.count(" ok ") == 10
    assert json.loads(run("validate", folder, "--json"))["sound"] is True
    rewrite(folder, "shots", put("end_pts", 201))
    result = CliRunner().invoke(app, ["validate", str(folder)])
    assert (
        result.exit_code == 1 and "spans: shots h_" in result.stdout and "reaches outside its source" in result.stdout
    )
    result = CliRunner().invoke(app, ["validate", str(folder), "--json", "--quick"])
    content = json.loads(result.stdout)
    assert result.exit_code == 1 and content["checks"]["spans"] == 1 and content["sound"] is False


def test_select_shows_before_and_after_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "short.yaml"
    recipe.write_text("select: {seconds: {min: 0.2, max: 3}}")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    text = run("select", folder, "--recipe", recipe)
    assert "nothing was written" in text and "4 gained, 4 lost" in text
    content = json.loads(run("select", folder, "--recipe", recipe, "--json"))
    assert content["kept"] == [4, 4] and content["reasons"] == {"length": [4, 4]} and content["written"] is False
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_diff_names_what_was_added_removed_and_changed(folder: Path, tmp_path: Path) -> None:
    store = make_manifest(tmp_path / "other", sources=3)
    commit_source(store, "new.mp4")
    store.snapshot(RECIPE)
    rewrite(tmp_path / "other", "clips", lambda t: put("face_share", float("nan"))(put("reasons", ["x", "y"])(t)))
    found = diff(manifests.open(folder), manifests.open(tmp_path / "other"))
    assert (len(found.added), len(found.removed), found.kept) == (2, 2, (4, 4)) and not found.same
    assert found.columns == {"face_share": 1, "reasons": 1}
    assert list(found.changed.values()) == [["face_share", "reasons"]]
    assert "2 clips added" in run("diff", folder, tmp_path / "other")
    again = tmp_path / "other"
    assert diff(manifests.open(again), manifests.open(again)).same  # NaN is the same as NaN
    assert json.loads(run("diff", folder, folder, "--json"))["same"] is True
    assert "the same in every column" in run("diff", folder, folder)


def test_diff_compares_lists_item_by_item(folder: Path, tmp_path: Path) -> None:
    lists = {"emotions": [0.5, None], "action_units": [1.0, float("nan")], "ambiguous": [], "members": ["a", "b"]}
    for name, value in lists.items():
        for row in (0, 2, 3):
            rewrite(folder, "clips", put(name, value, row))
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    assert diff(manifests.open(folder), manifests.open(other)).columns == {}  # a NaN is the same as a NaN
    rewrite(other, "clips", put("emotions", [None, 0.5], 2))
    rewrite(other, "clips", put("action_units", [1.0], 2))
    rewrite(other, "clips", put("ambiguous", None, 3))
    rewrite(other, "clips", put("members", ["a,b"], 0))
    rewrite(other, "clips", put("members", ["ab", ""], 2))
    rewrite(other, "clips", put("emotions", [], 1))
    found = diff(manifests.open(folder), manifests.open(other))
    assert found.columns == {"emotions": 2, "action_units": 1, "ambiguous": 1, "members": 2}
    ids = manifests.open(folder).table("clips")["id"].to_pylist()
    assert found.changed == {
        ids[0]: ["members"],
        ids[1]: ["emotions"],
        ids[2]: ["emotions", "members", "action_units"],
        ids[3]: ["ambiguous"],
    }
    assert found.tables["expressions"] == (480, 480)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "NOWHERE"), "There is no manifest in"),
        (("validate", "NOWHERE"), "There is no manifest in"),
        (("diff", "FOLDER", "NOWHERE"), "There is no manifest in"),
        (("select", "FOLDER", "--recipe", "talkinghead"), "did you mean talking-head?"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_2(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    places = {"FOLDER": str(folder), "NOWHERE": str(folder.parent)}
    command = [sys.executable, "-m", "moee_cli", "manifest", *(places.get(word, word) for word in arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert result.returncode == 2 and result.stdout == ""
    assert words in result.stderr and result.stderr.count("\n") == 1 and "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["show", "validate", "select", "diff"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    assert f"Example: moee manifest {command} " in run(command, "--help")
