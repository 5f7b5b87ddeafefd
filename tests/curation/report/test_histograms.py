"""Bars and thresholds stand where the values are, and a bar's colour is what the selection decided."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.report import charts, write_report
from curation.report.histograms import bar_edges, failing, histograms, round_step, values_of
from manifests.recipe import Bound
from manifests.schema import measured, table_from_rows
from manifests.select import select
from tests.curation.report.material import large
from tests.curation.report.page import Page
from tests.manifests.material import clip_row

REAL = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.95, 64.0, 0.0, 1.0, 0.94999998807907])
FEW = st.lists(st.none() | REAL, min_size=1, max_size=40)


def clips(column: str, values: list) -> pa.Table:
    """Candidates that differ in one column."""
    return table_from_rows("clips", [clip_row("s", "h", f"t{i}", 0, 50, **{column: v}) for i, v in enumerate(values)])


@given(FEW, st.sampled_from([(0.95, None), (None, 64.0), (0.0, 1.0)]))
@settings(deadline=None)
def test_every_value_is_in_a_bar_of_the_right_colour_on_the_right_side(
    values: list[float | None], ends: tuple[float | None, float | None]
) -> None:
    low, high = ends
    chosen = select(clips("face_size", values), {"face_size": Bound(min=low, max=high)})
    dropped = [status == "dropped" for status in chosen.column("status").to_pylist()]
    assert failing(values_of(chosen.column("face_size")), low, high).tolist() == dropped
    found = {h.column: h for h in histograms(chosen, {"face_size": {"min": low, "max": high}})}
    there = [value for value in values if value is not None]
    assert ("face_size" in found) == bool(there)
    if not there:
        return
    histogram = found["face_size"]
    assert sum(histogram.kept) == dropped.count(False) and sum(histogram.elsewhere) == 0
    assert sum(histogram.outside) == dropped.count(True) - values.count(None)
    assert (histogram.values, histogram.missing, histogram.failing) == (len(there), values.count(None), sum(dropped))
    for (first, last), kept, outside in zip(pairwise(histogram.edges), histogram.kept, histogram.outside, strict=True):
        if kept:
            assert (low is None or last >= np.float32(low)) and (high is None or first <= high)
        if outside:
            assert (low is not None and first < low) or (high is not None and last > high)


@given(st.lists(REAL, min_size=1, max_size=50), st.lists(REAL, max_size=2), st.booleans())
@settings(deadline=None)
def test_the_axis_rises_holds_the_thresholds_and_has_few_round_bars(
    values: list[float], bounds: list[float], whole: bool
) -> None:
    numbers = np.round(np.array(values)) if whole else np.array(values)
    bounds = [float(round(bound)) for bound in bounds] if whole else bounds
    edges, each = bar_edges(numbers, bounds, whole)
    assert (np.diff(edges) > 0).all() and 3 <= len(edges) <= 60
    assert all(edges[0] <= bound <= edges[-1] for bound in bounds)
    middle = np.percentile(numbers, (0.5, 99.5))
    assert edges[0] <= middle[0] + 1e-6 and edges[-1] >= middle[1] - 1e-6
    assert not each or (np.diff(edges) == 1).all()


def test_far_outliers_are_counted_in_the_outer_bars_and_named() -> None:
    values = [*np.linspace(10, 20, 1000), 5000.0, -4000.0]
    (histogram,) = [h for h in histograms(clips("face_size", values), {}) if h.column == "face_size"]
    assert histogram.edges[0] > 0 and histogram.edges[-1] < 40 and (histogram.below, histogram.above)[1] >= 1
    assert sum(histogram.kept) == 1002 and histogram.most == 5000


def test_a_threshold_is_not_blurred_by_the_precision_of_a_column() -> None:
    table = clips("face_share", [0.95, 0.9499, 1.0])
    (histogram,) = [
        h for h in histograms(table, {"face_share": {"min": 0.95, "max": None}}) if h.column == "face_share"
    ]
    assert histogram.failing == 1
    left = [kept for first, kept in zip(histogram.edges, histogram.kept, strict=False) if first < 0.9499]
    assert sum(left) == 1  # 0.9499 only: 0.95 stands on the right of the line


@pytest.mark.parametrize(("least", "step"), [(1.0, 1.0), (1.01, 2.0), (0.021, 0.025), (26, 50), (0.1, 0.1), (9, 10)])
def test_steps_are_round(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)


def test_thresholds_are_drawn_where_the_axis_says(tmp_path: Path) -> None:
    page = Page.read(write_report(large(tmp_path / "out", 2000)))
    drawn = {"seconds": 2.0, "faces": 1.5, "face_size": 64.0, "face_share": 0.95, "speech_share": 0.35}
    found = 0
    columns = [e.attributes["data-column"] for e in page.all("svg") if e.attributes.get("data-column") in measured()]
    assert sorted(columns) == sorted(measured())
    position = -1
    for column in columns:
        position = next(i for i in range(position + 1, len(page.elements)) if page.elements[i].tag == "svg"
                        and page.elements[i].attributes.get("data-column") == column)  # fmt: skip
        marks, ticks = [], []
        for element in page.elements[position + 1 :]:
            if element.tag in ("dl", "svg"):
                break
            if element.attributes.get("class") == "bound":
                marks.append(element)
            elif element.tag == "text" and "class" not in element.attributes:
                ticks.append((float(element.attributes["x"]), float(element.text.replace(",", ""))))
        assert len(ticks) >= 2, column
        assert bool(marks) == (column in drawn)
        (x0, first), (x1, last) = ticks[0], ticks[-1]
        for mark in marks:
            expected = x0 + (drawn[column] - first) / (last - first) * (x1 - x0)
            assert float(mark.attributes["x1"]) == pytest.approx(expected, abs=0.5)
            found += 1
    assert found == 5
    assert re.search(
        r"accepted: 64 px or more; [\d,]+ fail", page.one("svg", data_column="face_size").attributes["aria-label"]
    )


def test_bars_stay_inside_the_picture_and_the_tallest_fills_it() -> None:
    table = clips("speech_share", list(np.random.default_rng(0).beta(2, 5, 500)))
    for histogram in histograms(table, {"speech_share": {"min": 0.2, "max": 0.6}}):
        chart = charts.draw(histogram)
        for bar in chart.bars:
            assert bar.x >= charts.LEFT and bar.x + bar.width <= charts.RIGHT + 0.1
            assert bar.y >= charts.TOP - 2 and bar.y + bar.height <= charts.BOTTOM + 0.1
        assert min(bar.y for bar in chart.bars) == pytest.approx(charts.TOP, abs=1.5)
        rows = charts.rows(histogram)
        assert sum(row.kept + row.outside + row.elsewhere for row in rows) == histogram.values
