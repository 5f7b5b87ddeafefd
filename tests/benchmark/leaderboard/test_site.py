"""A site shows what verified bundles say, ranks only what may be ranked, and is never half made."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmark import published
from benchmark.errors import BenchmarkError
from benchmark.leaderboard import build, library
from benchmark.leaderboard.build import Built, leaderboard, submit
from benchmark.leaderboard.model import Board, Row, Site
from tests.benchmark.bundle.material import digest, edit_results, flip
from tests.benchmark.leaderboard.material import KEYS, system, text
from tests.curation.runs import moee

HOSTILE = '=cmd|" /c" <script>alert(1)</script>'


@dataclass(frozen=True)
class World:
    """Bundles, and the site of all of them."""

    folder: Path
    bundles: dict[str, Path]
    built: Built

    @property
    def site(self) -> Path:
        return self.built.site

    @property
    def board(self) -> Board:
        return next(one for one in self.built.content.datasets if one.name == "hdtf").boards[0]

    def row(self, name: str) -> Row:
        return next(row for row in self.board.rows if row.system == name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("board")
    bundles = {
        "close": system(folder / "close", "close", 0.05),
        "middle": system(folder / "middle", "middle", 0.1),
        "twin": system(folder / "twin", "twin", 0.10001),
        "far": system(folder / "far", HOSTILE, 0.3),
        "broken": system(folder / "broken", "broken", 0.12, failed=(3, 4)),
        "truth": system(folder / "truth", "ground-truth", 0.0001),
        "blurred": system(folder / "blurred", "blurred", 0.2, control=True),
        "seeded": system(folder / "seeded", "seeded", 0.01, seeded="points68"),
        "tampered": system(folder / "tampered", "best of all", 0.01),
        "edited": system(folder / "edited", "better on paper", 0.2),
    }
    flip(bundles["tampered"] / "clips.parquet", 300, 2)
    edit_results(bundles["edited"], lambda content: content["metrics"][2].update(value=99.0))
    return World(folder, bundles, leaderboard(list(bundles.values()), folder / "site"))


def column(board: Board, key: str) -> int:
    return [one.key for one in board.columns].index(key)


def ranks(world: World, key: str) -> dict[str, int | None]:
    place = column(world.board, key)
    return {row.system: row.cells[place].rank for row in world.board.rows}


def test_a_bundle_that_was_tampered_with_is_not_shown_and_the_front_page_says_why(world: World) -> None:
    said = {one.folder: one.sentences for one in world.built.content.unshown}
    assert said.keys() == {"tampered", "edited"}
    assert said["tampered"][0].startswith("clips.parquet was changed")
    assert any("psnr: results.json says 99.0" in sentence for sentence in said["edited"])
    everything = "".join(path.read_text() for path in world.site.rglob("*.html"))
    assert "best of all" not in everything and "better on paper" not in everything
    assert "clips.parquet was changed" in text(world.site / "index.html")
    assert len(library.held(world.site)) == 8


def test_a_bundle_on_seeded_networks_is_shown_as_not_comparable_and_counts_in_no_rank(world: World) -> None:
    row = world.row("seeded")
    assert row.kind == "not comparable" and all(cell.rank is None for cell in row.cells)
    assert row.marks[0].short == "not comparable: networks on seeded weights"
    akd = column(world.board, "akd")
    assert not row.cells[akd].comparable and world.board.columns[akd].comparable
    assert "not comparable" in text(world.site / "hdtf.html")
    for key in KEYS:
        assert set(ranks(world, key).values()) - {None} <= {1, 2, 3, 4, 5}
        for other in world.board.rows:
            assert "seeded" not in other.cells[column(world.board, key)].p, "it takes part in no test"
    assert ranks(world, "psnr")["close"] == 1, "the seeded bundle's psnr is better, and it is not ranked"


def test_floors_are_shown_with_what_they_do_and_never_ranked(world: World) -> None:
    truth, blurred = world.row("ground-truth"), world.row("blurred")
    assert (truth.kind, blurred.kind) == ("floor", "floor")
    assert all(cell.rank is None and cell.p == {} for row in (truth, blurred) for cell in row.cells)
    assert "blurred by a Gaussian" in blurred.does and blurred.does in text(world.site / "hdtf.html")


def test_a_lone_system_has_no_rank(world: World, tmp_path: Path) -> None:
    made = leaderboard([world.bundles["close"], world.bundles["truth"], world.bundles["seeded"]], tmp_path / "site")
    (board,) = next(one for one in made.content.datasets if one.name == "hdtf").boards
    assert len(board.rows) > 2 and all(cell.rank is None for row in board.rows for cell in row.cells)


def test_systems_that_are_not_told_apart_share_a_rank(world: World) -> None:
    found = ranks(world, "psnr")
    assert found["close"] == 1 and found["middle"] == found["twin"] and found[HOSTILE] is not None
    place = column(world.board, "psnr")
    assert "twin" in world.row("middle").cells[place].tied and world.row("middle").cells[place].p["twin"] > 0.01
    assert world.row("close").cells[place].p["twin"] < 0.01


def test_infinitely_bad_is_worst_and_ranked_last(world: World) -> None:
    cell = world.row("broken").cells[column(world.board, "fd-pixels")]
    assert (cell.infinite, cell.value, cell.rank) == (True, None, 5)
    assert any(mark.short == "2 clips failed" for mark in world.row("broken").marks)
    assert "worst" in text(world.site / "hdtf.html")


def test_every_published_number_is_in_the_pages_as_it_is_printed(world: World) -> None:
    total = 0
    for row in published.load().rows:
        page = text(world.site / f"{row.dataset}.html")
        for printed in row.printed.values():
            assert f" {printed} " in page, (row.method, printed)
            total += 1
    assert total >= 132
    cells = [
        (dataset.name, row.system, cell.printed)
        for dataset in world.built.content.datasets
        for table in (*dataset.boards, dataset.elsewhere, dataset.opinions)
        if table is not None
        for row in table.rows
        for cell in row.cells
        if cell.printed is not None
    ]
    said = [(row.dataset, row.method, text) for row in published.load().rows for text in row.printed.values()]
    assert sorted(cells) == sorted(said)


def test_reported_rows_are_not_ranked_and_say_what_is_left_open(world: World) -> None:
    rows = [row for row in world.board.rows if row.kind == "reported"]
    assert len(rows) == len(published.load().of("hdtf", "results"))
    for row in rows:
        assert all(cell.rank is None and not cell.comparable for cell in row.cells if cell.value is not None)
        assert "not comparable. Left open: which 20 persons" in row.marks[0].full


def test_names_are_text_in_pages_and_no_formula_in_a_spreadsheet(world: World) -> None:
    for page in world.site.rglob("*.html"):
        assert "<script>alert" not in page.read_text()
    assert HOSTILE in text(world.site / "hdtf.html")
    with (world.site / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert any(row["system"] == "'" + HOSTILE for row in rows)
    assert not any((cell or "").startswith(("=", "+", "@")) for row in rows for cell in row.values())
    assert all(path.name.isascii() and " " not in path.name for path in world.site.rglob("*"))


def test_the_whole_table_is_there_as_json_and_as_csv(world: World) -> None:
    said = Site.model_validate_json((world.site / "leaderboard.json").read_text())
    assert said == world.built.content
    with (world.site / "leaderboard.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == "hdtf" and row["table"] == "board"]
    psnr = next(row for row in rows if row["system"] == "close" and row["metric"] == "psnr" and not row["subset"])
    line = json.loads((world.bundles["close"] / "results.json").read_text())["metrics"][KEYS.index("psnr")]
    assert (float(psnr["value"]), psnr["name"], psnr["rank"]) == (line["value"], line["name"], "1")
    assert [float(psnr["low"]), float(psnr["high"])] == line["interval"]
    assert any(row["subset"] == "emotion happy" for row in rows)


def test_clips_of_one_emotion_have_means_of_their_own_and_sets_have_none(world: World) -> None:
    facet = next(one for one in world.board.facets if one.name == "happy")
    assert {"psnr", "akd"} <= {one.key for one in facet.columns} and "efid" in facet.undefined
    import pyarrow.parquet as pq

    table = pq.read_table(world.bundles["close"] / "clips.parquet").to_pylist()
    values = [row["metric/psnr"] for row in table if row["emotion"] == "happy"]
    row = next(row for row in facet.rows if row.system == "close")
    cell = row.cells[[one.key for one in facet.columns].index("psnr")]
    assert cell.value == pytest.approx(sum(values) / len(values)) and cell.n == len(values)
    assert "not defined for so few clips: efid" in text(world.site / facet.page)


def test_a_system_page_links_to_its_bundle_which_verifies(world: World) -> None:
    row = world.row("close")
    assert row.page and row.bundle and f'href="../{row.bundle}/results.json"' in (world.site / row.page).read_text()
    ran = moee("bench", "verify", world.site / row.bundle)
    assert ran.status == 0, ran.err
    assert f"moee bench verify {row.bundle}" in text(world.site / row.page)


def test_the_same_bundles_give_the_same_site_and_a_bundle_twice_is_one(world: World, tmp_path: Path) -> None:
    given = [*reversed(world.bundles.values()), world.bundles["close"]]
    again = leaderboard(given, tmp_path / "site")
    assert again.content.datasets == world.built.content.datasets
    for name in ("hdtf.html", "leaderboard.csv"):
        assert (tmp_path / "site" / name).read_bytes() == (world.site / name).read_bytes()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A site of one bundle."""
    leaderboard([system(tmp_path / "first", "first", keys=("psnr", "akd"))], tmp_path / "site")
    return tmp_path / "site"


def test_a_submission_is_added_and_ranked_with_the_others(small: Path, tmp_path: Path) -> None:
    built = submit(system(tmp_path / "second", "second", 0.01, keys=("psnr", "akd")), small)
    board = built.content.datasets[0].boards[0]
    assert [(row.system, row.cells[0].rank) for row in board.rows[:2]] == [("second", 1), ("first", 2)]
    assert len(library.held(small)) == 2


def test_a_submission_that_is_not_sound_is_refused_and_the_site_stays_as_it_was(small: Path, tmp_path: Path) -> None:
    bad = system(tmp_path / "bad", "bad", 0.01, keys=("psnr", "akd"))
    flip(bad / "results.json", 400, 1)
    before = digest(small)
    with pytest.raises(BenchmarkError, match=r"The bundle bad is refused: results\.json was changed"):
        submit(bad, small)
    with pytest.raises(BenchmarkError, match="There is no bundle in"):
        submit(tmp_path / "nothing", small)
    assert digest(small) == before


def test_a_newer_bundle_of_a_system_replaces_the_older_one_which_is_kept(small: Path, tmp_path: Path) -> None:
    newer = system(tmp_path / "newer", "first", 0.02, keys=("psnr", "akd"), made_at="2026-01-01T00:00:00+00:00")
    board = submit(newer, small).content.datasets[0].boards[0]
    (row,) = [row for row in board.rows if row.kind == "system"]
    assert row.made_at == "2026-01-01T00:00:00+00:00" and len(row.earlier) == 1
    assert (small / row.earlier[0] / "results.json").is_file() and row.page
    assert row.earlier[0] in (small / row.page).read_text()
    older = submit(
        system(tmp_path / "older", "first", 0.3, keys=("psnr", "akd"), made_at="2020-01-01T00:00:00Z"), small
    )
    (row,) = [row for row in older.content.datasets[0].boards[0].rows if row.kind == "system"]
    assert row.made_at == "2026-01-01T00:00:00+00:00" and len(row.earlier) == 2


def test_other_lists_are_other_tables_and_say_when_they_are_smaller(small: Path, tmp_path: Path) -> None:
    from benchmark.bundle import TestListFacts

    facts = TestListFacts(sha256="a" * 64, clips=16, complete=False, shortfalls=["16 of 200 clips."])
    other = system(tmp_path / "other", "first", clips=16, keys=("psnr", "akd"), test_list=facts)
    boards = submit(other, small).content.datasets[0].boards
    assert [(board.clips, board.complete) for board in boards] == [(24, True), (16, False)]
    assert len({row.page for board in boards for row in board.rows if row.page}) == 2
    assert "smaller list, not comparable with others: 16 of 200 clips." in text(small / "hdtf.html")


def test_lists_of_one_hash_whose_clips_differ_are_kept_apart(small: Path, tmp_path: Path) -> None:
    from benchmark.bundle import load

    said = load(tmp_path / "first").results.test_list.model_copy(update={"clips": 16})
    liar = system(tmp_path / "liar", "liar", 0.01, clips=16, keys=("psnr", "akd"), test_list=said)
    boards = submit(liar, small).content.datasets[0].boards
    assert len(boards) == 2 and all(sum(row.kind == "system" for row in board.rows) == 1 for board in boards)


def test_a_killed_build_loses_no_bundle_and_leaves_whole_pages(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, second = (small / "hdtf.html").read_bytes(), system(tmp_path / "second", "second", keys=("psnr", "akd"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build, "render", killed)
        with pytest.raises(KeyboardInterrupt):
            leaderboard([second], small)
    assert (small / "hdtf.html").read_bytes() == before and len(library.held(small)) == 2
    built = leaderboard([second], small)
    assert [row.system for row in built.content.datasets[0].boards[0].rows if row.kind == "system"] == ["second"]
    assert len(library.held(small)) == 1 and not (small / "hdtf" / "system-first.html").exists()
    assert not [path for path in small.rglob("*") if path.name.startswith(".tmp-")]


def test_a_folder_that_holds_something_else_is_not_touched(small: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(BenchmarkError, match="is no leaderboard, it holds something else: name a new"):
        leaderboard([tmp_path / "first"], tmp_path / "home")
    with pytest.raises(BenchmarkError, match="make one with moee bench leaderboard"):
        submit(tmp_path / "first", tmp_path / "absent")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["letter.txt"]
    (small / ".git").mkdir()
    (small / ".git" / "HEAD").write_text("ref")
    (small / "CNAME").write_text("example.org")
    leaderboard([tmp_path / "first"], small)
    assert (small / ".git" / "HEAD").read_text() == "ref" and (small / "CNAME").is_file()


def test_a_bundle_of_the_site_that_was_changed_there_is_no_longer_shown(small: Path, tmp_path: Path) -> None:
    flip(library.held(small)[0] / "results.json", 400, 1)
    built = submit(system(tmp_path / "second", "second", keys=("psnr", "akd")), small)
    assert [row.system for row in built.content.datasets[0].boards[0].rows if row.kind == "system"] == ["second"]
    assert built.content.unshown[0].sentences[0].startswith("results.json was changed")
    assert len(library.held(small)) == 2, "nothing is thrown away"


def test_a_site_without_bundles_of_a_data_set_still_shows_what_is_reported(world: World) -> None:
    page = text(world.site / "mead.html")
    assert "No bundle of this data set was submitted yet" in page and "Opinion scores" in page
