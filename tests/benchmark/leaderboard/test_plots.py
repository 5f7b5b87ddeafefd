"""Plots show what the numbers say: in place, in scale, cut where one interval would press all others together."""

import pytest

from benchmark.leaderboard.board import board
from benchmark.leaderboard.model import Board
from benchmark.leaderboard.plots import LEFT, RIGHT, confusion_plot, dot_plots, histogram_plot
from perf.rescoring import synthetic
from tests.benchmark.leaderboard.material import entry

KEYS = ("psnr", "akd", "speech-quality")


@pytest.fixture(scope="module")
def made() -> Board:
    noises = {"ground-truth": 0.0001, "one": 0.1, "two": 0.2}
    entries = [entry(name, synthetic(24, 6, noise), KEYS) for name, noise in noises.items()]
    return board(("sample", 1, "a" * 64, "b" * 64, ""), entries, "sample", "list-1", {one.seal: "x" for one in entries})


def test_the_best_stands_at_the_top_and_the_ground_truth_is_a_line(made: Board) -> None:
    plots = {plot.column.key: plot for plot in dot_plots(made)}
    assert list(plots) == list(KEYS)
    for key in ("psnr", "akd"):
        dots = plots[key].dots
        assert [dot.system for dot in dots] == ["ground-truth", "one", "two"]
        assert plots[key].truth == dots[0].x
    assert plots["akd"].dots[0].x < plots["akd"].dots[1].x < plots["akd"].dots[2].x
    assert plots["psnr"].dots[0].x > plots["psnr"].dots[1].x > plots["psnr"].dots[2].x


def test_intervals_lie_round_their_dots_and_in_the_plot(made: Board) -> None:
    for plot in dot_plots(made):
        for dot in plot.dots:
            assert dot.low is not None and dot.high is not None
            assert LEFT <= dot.low <= dot.x <= dot.high <= RIGHT


def test_systems_that_hardly_differ_look_so(made: Board) -> None:
    plot = next(plot for plot in dot_plots(made) if plot.column.key == "speech-quality")
    spread = max(dot.x for dot in plot.dots) - min(dot.x for dot in plot.dots)
    assert spread < 0.25 * max((dot.high or 0) - (dot.low or 0) for dot in plot.dots)


def test_answers_are_shares_of_each_label() -> None:
    details = {"confusion": {"labels": ["happy", "sad"], "answers": ["happy", "sad"], "counts": [[3, 1], [0, 0]]}}
    found = confusion_plot(details)
    assert found is not None and found.shares == ((0.75, 0.25), (0.0, 0.0))
    assert confusion_plot({}) is None


def test_a_histogram_counts_every_clip_and_what_is_beyond_stands_in_the_last_bin() -> None:
    found = histogram_plot("Lag", "ms", [0, 39.9, 40, 600, 900], [0, 0], "ground-truth", 600, 15)
    heights = [bar.height for bar in found.bars]
    assert heights[0] == heights[14] == pytest.approx(36) and heights[1] == pytest.approx(18)
    assert found.bars[0].other == pytest.approx(90) and "20% of clips" in found.bars[1].words
