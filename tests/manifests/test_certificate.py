"""The certificate says who is where and how near the splits come, from any split, and always in the same bytes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import manifests
from manifests import nearness
from manifests.certificate import THRESHOLDS, as_json, certificate
from manifests.errors import ManifestError
from manifests.nearness import Faces, nearest_pairs, within
from manifests.schema import empty, make_id, table_from_rows
from manifests.split_cli import judged, split
from manifests.splits import SPLITS

MODEL = "dlib-face@0123456789ab"


class Made:
    """Tables by name, the others empty."""

    def __init__(self, **tables: pa.Table) -> None:
        self.tables = tables

    def table(self, name: str, columns: Any = None) -> pa.Table:
        """As an opened manifest."""
        table = self.tables.get(name, empty(name))
        return table if columns is None else table.select(list(columns))


def made(rows: list[dict[str, Any]]) -> Made:
    """A manifest of kept clips, one track each: person, split, vector and more columns of clips."""
    clips, embeddings = [], []
    for number, row in enumerate(rows):
        row = dict(row)
        vector = row.pop("vector", None)
        track = make_id("track", number)
        base = dict.fromkeys(("start_pts", "end_pts", "start_frame", "end_frame", "frames"), 0)
        base |= {"time_base_num": 1, "time_base_den": 25, "source_width": 64, "source_height": 64}
        base |= {"id": make_id("clip", number), "shot": "h", "track": track, "recipe": "r", "status": "kept"}
        base |= {"source": make_id("source", row.pop("source", number)), "seconds": 4.0, "reasons": []}
        row["identity"] = None if row.get("identity") is None else make_id("identity", row["identity"])
        clips.append(base | row)
        if vector is not None:
            kept = {"frames": [0], "spread": 0.1, "noncommercial": False, "model": MODEL}
            embeddings.append({"id": track, "source": base["source"], "vector": list(vector), **kept})
    return Made(
        clips=table_from_rows("clips", clips).sort_by("id"),
        embeddings=table_from_rows("embeddings", embeddings).sort_by("id"),
    )


def test_it_counts_what_is_where_and_what_was_set_aside() -> None:
    rows = [
        {"identity": "a", "split": "train", "given_emotion": "happy"},
        {"identity": "a", "split": "train", "given_compound": "sadly-fear"},
        {"identity": "b", "split": "test", "source": 0},
        {"identity": None, "split": "test", "source": 9},
        {"identity": "c", "split": None, "split_note": "it joins"},
        {"identity": "d", "split": None, "status": "dropped"},
    ]
    content = certificate(made(rows), {"stages": {"splits": {"seed": 4, "test": 0.2}}}, notes=["a note"])
    assert content["splits"]["train"] == {
        "clips": 2,
        "seconds": 8.0,
        "identities": 1,
        "sources": 2,
        "emotions": {"happy": 1, "sadly-fear": 1},
    }
    assert content["splits"]["test"]["identities"] == 1
    assert content["splits"]["validation"]["clips"] == 0
    assert content["set_aside"] == {"it joins": 1}
    assert content["shared"]["identities"] == 0
    assert content["shared"]["sources_first"] == [make_id("source", 0)]
    assert content["unknown"]["clips_without_identity"] == 1
    assert content["how"]["seed"] == 4
    assert content["how"]["shares"] == {"train": 0.7, "validation": 0.1, "test": 0.2}
    assert content["leakage"]["estimate"] is None
    assert content["notes"] == ["a note"]


def test_it_sees_a_person_a_name_and_a_duplicate_in_two_splits() -> None:
    first = make_id("clip", 0)
    rows = [
        {"identity": "a", "split": "train", "dataset": "mead", "given_identity": "M"},
        {"identity": "a", "split": "test", "duplicate_of": first},
        {"identity": "b", "split": "validation", "dataset": "mead", "given_identity": "M"},
    ]
    shared = certificate(made(rows))["shared"]
    assert (shared["identities"], shared["given_identities"], shared["duplicate_clips"]) == (1, 1, 1)


def test_the_nearest_faces_of_two_splits_come_first_and_leakage_counts_persons_near_training() -> None:
    rows = [
        {"identity": "a", "split": "train", "vector": (0.0, 0.0)},
        {"identity": "b", "split": "test", "vector": (0.52, 0.0)},
        {"identity": "c", "split": "test", "vector": (5.0, 0.0)},
        {"identity": "c", "split": "test", "vector": (0.2, 0.0)},  # near, but the person is not
        {"identity": "d", "split": "validation", "vector": (9.0, 0.0)},
    ]
    content = certificate(made(rows))
    near = next(found for found in content["nearest_faces"] if found["splits"] == ["train", "test"])
    assert near["exact"]
    assert [pair["distance"] for pair in near["pairs"]] == [0.2, 0.52, 5.0]
    assert near["pairs"][0]["clips"] == [make_id("clip", 0), make_id("clip", 3)]
    assert near["pairs"][1]["identities"] == [make_id("identity", "a"), make_id("identity", "b")]
    leakage = content["leakage"]
    assert leakage["held_out_identities"] == 3
    assert {key: found["identities"] for key, found in leakage["near_training"].items()} == {
        "0.50": 0,
        "0.55": 1,
        "0.60": 1,
    }
    assert leakage["estimate"] == pytest.approx(1 / 3, abs=1e-4)
    assert leakage["interval"][0] < leakage["estimate"] < leakage["interval"][1]
    assert content["how"]["embeddings"] == [MODEL]
    assert content["how"]["identity_threshold"] == {MODEL: 0.5}


def test_its_thresholds_are_those_of_the_stage() -> None:
    embedding = pytest.importorskip("perception.embedding")
    assert embedding.SAME_PERSON == THRESHOLDS


def faces_of(rng: np.random.Generator, tracks: int) -> tuple[Faces, np.ndarray, list[dict[str, Any]]]:
    """Random tracks of persons, each in one split."""
    points = rng.normal(size=(tracks, 3)).astype(np.float32)
    who = rng.integers(0, 12, tracks)
    rows = [
        {"identity": int(n), "split": SPLITS[n % 3], "vector": point.tolist()}
        for n, point in zip(who, points, strict=True)
    ]
    manifest = made(rows)
    return Faces(manifest.table("embeddings"), manifest.table("clips")), points.astype(np.float64), rows


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(2, 40), st.booleans())
def test_nearest_pairs_and_near_persons_are_those_of_the_plain_search(seed: int, tracks: int, blocked: bool) -> None:
    faces, points, rows = faces_of(np.random.default_rng(seed), tracks)
    with pytest.MonkeyPatch.context() as patch:
        if blocked:
            patch.setattr(nearness, "_BLOCK", 7)
        found, exact = nearest_pairs(faces, "train", "test", 5)
    assert exact
    sides = [[n for n, row in enumerate(rows) if row["split"] == name] for name in ("train", "test")]
    plain = sorted(float(np.linalg.norm(points[a] - points[b])) for a in sides[0] for b in sides[1])[:5]
    assert [pair["distance"] for pair in found] == pytest.approx(plain, abs=1e-6)
    held, near = within(faces, "dlib", ("validation", "test"), "train", [0.5, 1.0, 2.0])
    persons: dict[int, list[int]] = {}
    for n, row in enumerate(rows):
        persons.setdefault(row["identity"], []).append(n)
    apart = {
        one: min(
            (
                np.mean([np.linalg.norm(points[a] - points[b]) for a in mine for b in theirs])
                for other, theirs in persons.items()
                if other % 3 == 0
            ),
            default=np.inf,
        )
        for one, mine in persons.items()
        if one % 3
    }
    assert held == len(apart)
    assert near == {limit: sum(distance <= limit for distance in apart.values()) for limit in (0.5, 1.0, 2.0)}


def test_beyond_a_size_the_nearest_persons_are_searched_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, _, _ = faces_of(np.random.default_rng(5), 60)
    whole, exact = nearest_pairs(faces, "train", "test", 10)
    assert exact
    monkeypatch.setattr(nearness, "_ALL", 10)
    assert nearest_pairs(faces, "train", "test", 10) == (whole, False)  # 16 pairs of persons, all among the nearest 100
    monkeypatch.setattr(nearness, "_PERSONS", 1)
    fewer, _ = nearest_pairs(faces, "train", "test", 10)
    assert len({tuple(pair["identities"]) for pair in fewer}) == 1


def test_sounds_come_from_the_search_that_is_given_or_from_the_duplicates() -> None:
    rows = [{"identity": "a", "split": "train"}, {"identity": "b", "split": "test"}]
    manifest = made(rows)
    one, other = (make_id("source", n) for n in (0, 1))
    heard = dict.fromkeys(("start_ms", "end_ms", "other_start_ms", "other_end_ms"), 0)
    heard |= {"id": make_id("duplicate", 1), "source": other, "other": one, "how": "both", "speed": 1.0}
    manifest.tables["duplicates"] = table_from_rows("duplicates", [{**heard, "mirrored": False, "score": 0.75}])
    stored = certificate(manifest)["nearest_sounds"]["nearest"]
    assert [found["pairs"] for found in stored] == [[], [{"sources": [one, other], "score": 0.75}], []]
    asked = certificate(manifest, sounds=lambda a, b: [(x, y, 0.5) for x in a for y in b])["nearest_sounds"]
    assert asked["nearest"][1]["pairs"] == [{"sources": [one, other], "score": 0.5}]
    assert asked["how"] != certificate(manifest)["nearest_sounds"]["how"]


def test_the_same_tables_give_the_same_bytes_in_any_order() -> None:
    rng = np.random.default_rng(2)
    _, _, rows = faces_of(rng, 30)
    manifest = made(rows)
    text = as_json(certificate(manifest))
    turned = {name: table.take(pa.array(rng.permutation(table.num_rows))) for name, table in manifest.tables.items()}
    assert as_json(certificate(Made(**turned))) == text
    assert json.loads(text)["version"] == 1
    assert "NaN" not in text


@pytest.fixture
def runner() -> Any:
    """Runs `split` as a command, errors as the front door sees them."""
    app = typer.Typer()
    app.command()(split)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, [*arguments])

    return run


def test_the_command_tries_another_split_and_writes_nothing_but_the_certificate(
    folder: Path, tmp_path: Path, runner: Any
) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    target = tmp_path / "certificate.json"
    done = runner(str(folder), "--seed", "3", "--test", "0.5", "--certificate", str(target))
    assert done.exit_code == 0, done.output
    assert "the manifest is unchanged" in done.output
    assert "in two splits: persons 0" in done.output
    content = json.loads(target.read_text())
    assert content["how"]["seed"] == 3
    assert content["how"]["shares"]["test"] == 0.5
    assert sum(found["clips"] for found in content["splits"].values()) == 4  # one kept clip of each of four sources
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    told = json.loads(runner(str(folder), "--seed", "3", "--test", "0.5", "--json").output)
    assert told == {**content, "stored": False}


def test_a_manifest_without_splits_and_impossible_shares_are_one_sentence(folder: Path, runner: Any) -> None:
    with pytest.raises(ManifestError, match="holds no splits"):
        judged(manifests.open(folder), {})
    assert isinstance(runner(str(folder), "--test", "1.5").exception, ManifestError)
    for place, sentence in ((folder / "clips.parquet", "own folder"), (folder.parent / "no" / "f.json", "be written")):
        blocked = runner(str(folder), "--seed", "1", "--certificate", str(place))
        assert isinstance(blocked.exception, ManifestError)
        assert sentence in str(blocked.exception)
