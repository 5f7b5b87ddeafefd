"""Every number that a card tells is counted again by SQL on the tables that are published, not by the card's code."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import manifests
from manifests.publish import publish
from manifests.schema import make_id
from tests.manifests.publish.material import Clip, Film, make, seen
from tests.manifests.publish.test_described import number, tables_of

SPLITS = ("train", "validation", "test")
EMOTIONS = ("happy", "sad", "fear", None)
FORMS = {"hub": ("data/*.parquet", "sources/*.parquet"), "bare": ("data/*.parquet", "sources/*.parquet")}
FORMS |= {"files": ("data/*/metadata.parquet", "sources/*.parquet")}


def many_films() -> list[Film]:
    """Twelve sources with addresses and four files: languages, licences, emotions and persons of every kind."""
    films = []
    for index in range(16):
        columns: dict[str, Any] = {"split": SPLITS[index % 5 % 3], "identity": make_id("identity", index % 7)}
        columns |= {"given_emotion": EMOTIONS[index % 4], "face_size": 64.0 + 7 * index}
        columns |= seen(("happy", "angry", "neutral")[index % 3]) if index % 2 else {}
        facts: dict[str, Any] = {
            "language": ("en", "en-US", "de", None, "zh_Hans", "und")[index % 6],
            "licence": ("CC-BY-4.0", None, "MIT")[index % 3],
        }
        if index < 12:
            facts |= {"origin": f"https://me:secret@videos.example/{index}", "name": f"https://videos.example/{index}"}
            facts |= {"retrieved_at": datetime(2026, 1 + index % 3, 5, tzinfo=UTC)}
        clips = [Clip(9 * clip, 5 + clip, sound=clip > 0, columns=columns) for clip in range(1 + index % 3)]
        films.append(Film(f"{index}.mp4", clips, facts))
    return films


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest, whose sites were asked again: two answers of one address, the newer one is removed."""
    root = make(tmp_path_factory.mktemp("recount") / "dataset", many_films())
    asked = [("0", 3, "ok"), ("0", 4, "removed"), ("1", 4, "ok"), ("2", 4, "ok"), ("99", 4, "private")]
    (root / "fetched").mkdir()
    rows = {
        "url": [f"https://me:secret@videos.example/{name}" for name, _, _ in asked],
        "asked_at": [datetime(2026, month, 1, tzinfo=UTC) for _, month, _ in asked],
        "outcome": [outcome for *_, outcome in asked],
    }
    pq.write_table(pa.table(rows), root / "fetched" / "link_rot.parquet")
    return root


@pytest.fixture(scope="module", params=FORMS)
def published(folder: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Counted":
    """The manifest in a form."""
    place = tmp_path_factory.mktemp("recount") / "p"
    publish(folder, place, form=request.param, languages=["fr", "en-GB"], max_shard_bytes=30_000)
    return Counted(place, *FORMS[request.param])


class Counted:
    """A publication with its tables in DuckDB."""

    def __init__(self, place: Path, clips: str, sources: str) -> None:
        self.place, self.card = place, (place / "README.md").read_text()
        self.base = duckdb.connect()
        self.base.execute("set timezone = 'UTC'")
        for name, pattern in (("clips", clips), ("sources", sources)):
            files = [str(path) for path in sorted(place.glob(pattern))]
            self.base.execute(f"create table {name} as select * from read_parquet({files}, union_by_name = true)")

    def one(self, query: str) -> Any:
        """The only value of an answer."""
        found = self.base.execute(query).fetchall()
        assert len(found) == 1
        return found[0][0] if len(found[0]) == 1 else found[0]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """An answer."""
        return self.base.execute(query).fetchall()


def test_the_first_sentence_and_the_splits(published: Counted) -> None:
    clips, sources, persons = published.one(
        "select count(*), count(distinct source), count(distinct identity) from clips"
    )
    assert f"\n{clips} clips (" in published.card and f"cut from {sources} sources by" in published.card
    assert f"of talking faces, {persons} persons, " in published.card
    shown = {row[0]: [number(row[1]), float(row[2]), number(row[3])] for row in tables_of(published.card)["split"]}
    for split, *counted in published.rows(
        "select split, count(*), sum(seconds) / 3600, count(distinct identity) from clips group by all"
    ):
        assert shown[split] == pytest.approx(counted, abs=6e-5)
    both = published.one(
        "select count(*) from (select identity from clips group by all having count(distinct split) > 1)"
    )
    assert both > 0 and f"Persons with clips in two splits: {both}." in published.card


def test_labels_and_languages_by_split(published: Counted) -> None:
    shown = tables_of(published.card)
    language = "case when lower(language[:2]) in ('en', 'de', 'zh') then lower(language[:2]) else 'not stated' end"
    for title, label in (
        ("emotion, as given", "coalesce(given_compound, given_emotion, 'not stated')"),
        ("emotion, as measured", "coalesce(compound, emotion, 'not measured')"),
        ("language", language),
    ):
        counted = published.rows(
            f"select {label}, count(*) filter (split = 'train'), count(*) filter (split = 'validation'), "
            "count(*) filter (split = 'test') from clips join (select id, language from sources) as s on source = s.id "
            "group by all"
        )
        assert {name: tuple(map(number, counts)) for name, *counts in shown[title]} == {
            name: tuple(counts) for name, *counts in counted
        }
        picture = {"emotion, as given": "emotion", "emotion, as measured": "measured_emotion"}.get(title, title)
        assert bars(published.place / "charts" / f"{picture}.svg") == {
            (name, split): value for name, *counts in counted for split, value in zip(SPLITS, counts, strict=True)
        }
    assert "\nlanguage:\n- de\n- en\n- fr\n- zh\n" in published.card
    assert "Languages of the whole, as who published it states them: en, fr." in published.card


def bars(path: Path) -> dict[tuple[str, str], int]:
    """(Label, split) -> what a plot says when it is read."""
    root = ElementTree.fromstring(path.read_text())
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    found = [re.fullmatch(r"(.*), (\w+): ([\d,]+) (?:clips?|persons?)", words) for words in titles[1:]]
    return {(one[1], one[2]): number(one[3]) for one in found if one}


def test_plots_of_persons_lengths_and_faces_hold_everything_once(published: Counted) -> None:
    for split in SPLITS:
        clips, faces, persons = published.one(
            f"select count(*), count(face_size), count(distinct identity) from clips where split = '{split}'"
        )
        for name, wanted in (("length", clips), ("face_size", faces), ("identity", persons)):
            held = bars(published.place / "charts" / f"{name}.svg")
            assert sum(value for (_, own), value in held.items() if own == split) == wanted, name
    persons_of = published.rows(
        "select number, split, count(*) from (select identity, split, count(*) as number from clips group by all) "
        "where number < 3 group by all"
    )
    held = bars(published.place / "charts" / "identity.svg")
    assert persons_of and all(held[(str(clips), split)] == persons for clips, split, persons in persons_of)


def test_least_median_and_most(published: Counted) -> None:
    shown = {row[0]: row[1:] for row in tables_of(published.card)["least / median / most"]}
    each = "(select identity, split, count(*) as v from clips group by all)"
    for name, table in (
        ("clips of one person", each),
        ("length of a clip, s", "(select split, seconds as v from clips)"),
        ("size of the face, px", "(select split, face_size as v from clips)"),
    ):
        for split, cell in zip(SPLITS, shown[name], strict=True):
            wanted = published.one(f"select min(v), median(v), max(v) from {table} where split = '{split}'")
            assert [float(value) for value in cell.split(" / ")] == pytest.approx(list(wanted), rel=1e-3)


def test_licences_what_is_not_free_and_link_rot(published: Counted) -> None:
    shown = {row[0]: (number(row[1]), number(row[2])) for row in tables_of(published.card)["licence"]}
    counted = published.rows(
        "select coalesce(licence, 'not stated'), count(distinct source), count(*) from clips "
        "join (select id, licence from sources) as s on source = s.id group by all"
    )
    assert shown == {name: (sources, clips) for name, sources, clips in counted}
    clips, sources = next((clips, sources) for name, sources, clips in counted if name == "not stated")
    assert f"- {clips} clips of {sources} sources without a known licence: " in published.card
    file = (published.place / "LICENSE.md").read_text()
    assert f"| not stated | {sources} | {clips} |" in file
    addresses, files, first, last = published.one(
        "select count(origin), count(*) - count(origin), min(retrieved_at) filter (origin is not null)::date::varchar, "
        "max(retrieved_at) filter (origin is not null)::date::varchar from sources"
    )
    assert f"- {addresses} sources with a public address, fetched from {first} to {last}." in published.card
    assert f"- {files} sources that were given as files" in published.card and (addresses, files) == (12, 4)
    assert "- Asked again on 2026-04-01: 3 of 12: ok 2, removed 1." in published.card
    assert "secret" not in published.card + str(published.rows("select origin, name from sources"))


def test_what_the_faces_say(published: Counted) -> None:
    measured, units = published.one("select count(emotion), count(action_units_model) from clips")
    total = published.one("select count(*) from clips")
    assert f"An emotion was seen in {measured} of {total} clips; " in published.card
    assert f"- Action units by facs-mesh: {units} clips." in published.card
    shown = {name: number(clips) for name, clips, _ in tables_of(published.card)["member of the panel"]}
    assert shown == dict(
        published.rows("select m, count(*) from (select unnest(members) as m from clips) group by all")
    )


def test_the_funnel_is_that_of_the_outcomes(folder: Path, published: Counted) -> None:
    outcomes = manifests.open(folder).table("outcomes", ["stage", "kind", "status"])
    counted = duckdb.sql("select stage, kind || 's', count(*) from outcomes group by all").fetchall()
    assert outcomes.num_rows and {(stage, of): n for stage, of, n in counted} == {
        (row[0], row[1]): number(row[2]) for row in tables_of(published.card)["stage"]
    }


def test_croissant_gives_the_sources_with_their_days(published: Counted) -> None:
    croissants = pytest.importorskip("mlcroissant")
    read = croissants.Dataset(published.place / "croissant.json")
    name = next(one.id for one in read.metadata.record_sets if one.id.startswith("sources/"))
    days = {row[f"{name}/id"].decode(): row[f"{name}/retrieved_at"] for row in read.records(name)}
    counted = published.rows("select id, retrieved_at::date::varchar from sources")
    assert {one: None if str(day) in ("NaT", "None") else str(day)[:10] for one, day in days.items()} == dict(counted)
    assert read.metadata.in_language == ["de", "en", "fr", "zh"]
