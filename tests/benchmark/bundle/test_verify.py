"""What a bundle says is held against what its features give: numbers, clips, index, list and protocol."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.bundle import check_protocol, files, load, verify
from benchmark.bundle.clips import metric_columns
from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from perf.rescoring import protocol_of, synthetic
from tests.benchmark.bundle.material import (
    FEATURE,
    METRICS,
    edit_array,
    edit_clips,
    edit_results,
    edit_table,
    make,
    one_line,
    seal,
)

Edit = Callable[[dict[str, Any]], object]


def line_edits() -> dict[str, Edit]:
    """Every kind of number in a metric's line, changed a little."""

    def ends(line: dict[str, Any], end: int) -> None:
        line["interval"][end] = (line["interval"][end] or 0) + 1e-6

    return {
        "value": lambda line: line.update(value=line["value"] * (1 + 1e-7) + 1e-9),
        "low": lambda line: ends(line, 0),
        "high": lambda line: ends(line, 1),
        "n": lambda line: line.update(n=line["n"] + 1),
        "infinite": lambda line: line.update(value=None, infinite=True),
        "direction": lambda line: line.update(direction="lower" if line["direction"] == "higher" else "higher"),
        "name": lambda line: line.update(name=line["name"] + "x"),
        "method": lambda line: line.update(method="another"),
        "unit": lambda line: line.update(unit="m"),
        "details": lambda line: line["details"].update(made_up=1),
    }


@pytest.mark.parametrize("key", METRICS)
@pytest.mark.parametrize("what", line_edits())
def test_an_edited_number_is_found_though_every_hash_fits(bundle: Path, key: str, what: str) -> None:
    def edit(content: dict[str, Any]) -> None:
        line_edits()[what](next(line for line in content["metrics"] if line["key"] == key))

    edit_results(bundle, edit)
    problems = verify(bundle)
    one_line(problems)
    assert {(problem.file, problem.metric) for problem in problems} == {(None, key)}


def test_an_edited_number_and_its_file_are_named_where_hashes_are_old(bundle: Path) -> None:
    path = bundle / files.RESULTS
    content = json.loads(path.read_text())
    content["metrics"][2]["value"] += 1
    path.write_text(json.dumps(content))
    assert {(problem.file, problem.metric) for problem in verify(bundle)} == {
        (files.RESULTS, None), (None, content["metrics"][2]["key"])
    }  # fmt: skip


def test_numbers_within_another_processors_arithmetic_pass(bundle: Path) -> None:
    def edit(content: dict[str, Any]) -> None:
        for line in content["metrics"]:
            line["value"] *= 1 + 1e-10

    edit_results(bundle, edit)
    assert verify(bundle) == []


def test_details_that_were_there_are_missed(bundle: Path) -> None:
    keys = []

    def edit(content: dict[str, Any]) -> None:
        for line in content["metrics"]:
            if line["details"]:
                keys.append(line["key"])
                line["details"].pop(next(iter(line["details"])))

    edit_results(bundle, edit)
    assert keys and [problem.metric for problem in verify(bundle)] == keys


def test_an_edited_value_of_one_clip_is_found_and_both_are_named(bundle: Path) -> None:
    for key in metric_columns(load(bundle).clips):
        for clip in (0, 17):
            before = (bundle / files.CLIPS).read_bytes()

            def edit(columns: dict[str, list[Any]], key: str = key, clip: int = clip) -> None:
                columns[f"metric/{key}"][clip] += 1e-6

            edit_clips(bundle, edit)
            problems = verify(bundle)
            one_line(problems)
            assert [(problem.file, problem.metric) for problem in problems] == [(None, key)]
            assert f"clip{clip:04d}" in problems[0].sentence
            (bundle / files.CLIPS).write_bytes(before)
            seal(bundle)
    assert verify(bundle) == []


def test_a_value_that_was_taken_out_is_found(bundle: Path) -> None:
    edit_clips(bundle, lambda columns: columns["metric/psnr"].__setitem__(3, None))
    (problem,) = verify(bundle)
    assert problem.metric == "psnr" and "says nothing for clip0003" in problem.sentence


def test_edited_features_are_found_by_what_they_no_longer_give(bundle: Path) -> None:
    edit_array(bundle, "features/pair.mse.npy", lambda mse: mse.__imul__(0.5))
    assert {problem.metric for problem in verify(bundle)} == {"psnr"}


def test_a_metric_that_was_taken_out_is_found(bundle: Path) -> None:
    edit_results(bundle, lambda content: content["metrics"].pop(2))
    problems = verify(bundle)
    one_line(problems)
    assert any("psnr" in problem.sentence for problem in problems)


@pytest.mark.parametrize("key", ["akd", "efid"])
def test_a_metric_cannot_be_said_not_to_apply(bundle: Path, key: str) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["metrics"] = [line for line in content["metrics"] if line["key"] != key]
        content["not_applicable"][key] = "no clip has a face"

    edit_results(bundle, edit)
    problems = verify(bundle)
    one_line(problems)
    assert {(problem.file, problem.metric) for problem in problems} == {(None, key)}
    assert "no clip is about it, the features say otherwise" in problems[0].sentence


def test_a_metric_cannot_be_left_out_though_its_features_are_there(bundle: Path) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["metrics"] = [line for line in content["metrics"] if line["key"] != "efid"]
        content["left_out"]["efid"] = "its network is not here"

    edit_results(bundle, edit)
    (problem,) = verify(bundle)
    assert problem.metric == "efid" and "the features give it" in problem.sentence


def test_why_a_metric_does_not_apply_is_checked_too(tmp_path: Path) -> None:
    features = synthetic(8, 3)
    silent = Features(tuple(_without(clip, "mouth_audio") for clip in features.clips), features.made_by)
    make(tmp_path / "b", silent, metrics=("psnr", "mouth-audio-lag"))
    assert list(load(tmp_path / "b").results.not_applicable) == ["mouth-audio-lag"] and verify(tmp_path / "b") == []
    edit_results(tmp_path / "b", lambda content: content["not_applicable"].update({"mouth-audio-lag": "too good"}))
    assert [problem.metric for problem in verify(tmp_path / "b")] == ["mouth-audio-lag"]


def _without(clip: Clip, feature: str) -> Clip:
    sides = {"real": clip.real, "generated": clip.generated}
    return replace(clip, **{side: {k: v for k, v in held.items() if k != feature} for side, held in sides.items()})


def test_a_value_for_a_clip_that_a_metric_is_not_about_is_found(tmp_path: Path) -> None:
    make(tmp_path / "b", synthetic(16, 3), metrics=("compound-margin",))
    column = load(tmp_path / "b").clips["metric/compound-margin"].to_pylist()
    assert column[0] is None and column[3] is not None
    edit_clips(tmp_path / "b", lambda columns: columns["metric/compound-margin"].__setitem__(0, 0.5))
    (problem,) = verify(tmp_path / "b")
    assert (
        problem.metric == "compound-margin" and "says 0.5 for clip0000, the features give nothing" in problem.sentence
    )


def _swap_rows(columns: dict[str, list[Any]]) -> None:
    """Give the first two clips each other's landmarks."""
    one, other = [
        place
        for place, row in enumerate(zip(columns["clip"], columns["side"], columns["feature"], strict=True))
        if row[0] in ("clip0000", "clip0001") and row[1:] == ("real", "points68")
    ]
    columns["first"][one], columns["first"][other] = columns["first"][other], columns["first"][one]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_swap_rows, "does not fit points68 of clip0000"),
        (lambda columns: [column.pop() for column in columns.values()], "leaves out rows of features/"),
        (lambda columns: columns["rows"].__setitem__(0, 10**15), "does not fit"),
        (lambda columns: columns["rows"].__setitem__(0, -1), "does not fit"),
        (lambda columns: columns["first"].__setitem__(0, -1), "does not fit"),
        (lambda columns: columns["shape"].__setitem__(0, [-6]), "does not fit"),
        (lambda columns: columns["shape"].__setitem__(0, [2**62, 4]), "does not fit"),
        (lambda columns: columns["dtype"].__setitem__(0, "<f4"), "does not fit"),
        (lambda columns: columns["side"].__setitem__(0, "../../etc"), "a side that there is not"),
        (lambda columns: columns["clip"].__setitem__(0, "stranger"), "for a clip without it: stranger"),
        (lambda columns: columns["clip"].__setitem__(20, columns["clip"][40]), "clip000"),
    ],
)
def test_an_index_that_does_not_fit_is_one_sentence(
    bundle: Path, edit: Callable[[dict[str, list[Any]]], object], said: str
) -> None:
    edit_table(bundle, files.INDEX, edit)
    (problem,) = verify(bundle)
    one_line([problem])
    assert problem.file == files.INDEX and said in problem.sentence


def test_a_feature_cannot_lead_out_of_the_bundle(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "real.npy").write_bytes((bundle / FEATURE).read_bytes())
    edit_table(bundle, files.INDEX, lambda columns: columns["feature"].__setitem__(0, "x/../../../real"))
    problems = verify(bundle)
    one_line(problems)
    assert [problem.file for problem in problems] == ["features/real.x%2F..%2F..%2F..%2Freal.npy"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content["test_list"].update(clips=23),
        lambda content: content["failures"].update(clip0001="clip0001: no video."),
        lambda content: content["protocol"].update(version=2),
        lambda content: content["protocol"].update(sha256="0" * 64),
        lambda content: content["protocol"]["resolved"]["clip"].update(fps="30"),
        lambda content: content["protocol"]["resolved"].update(metrics=["psnr"]),
        lambda content: content["protocol"].update(resolved={}),
    ],
)
def test_what_results_say_of_list_and_protocol_must_agree(bundle: Path, edit: Edit) -> None:
    edit_results(bundle, edit)
    problems = verify(bundle)
    one_line(problems)
    assert [problem.file for problem in problems] == [files.RESULTS]


def test_another_protocol_version_or_setting_is_refused(bundle: Path) -> None:
    found, protocol = load(bundle), protocol_of(METRICS)
    check_protocol(found, protocol.name, protocol.version, protocol.sha256)
    later = protocol_of(METRICS, version=2)
    with pytest.raises(BenchmarkError, match="made with sample version 1, this program has version 2: run"):
        check_protocol(found, later.name, later.version, later.sha256)
    other = protocol_of(METRICS[:3])
    with pytest.raises(BenchmarkError, match="other settings of sample version 1"):
        check_protocol(found, other.name, other.version, other.sha256)
    with pytest.raises(BenchmarkError, match="made with sample, not with mead"):
        check_protocol(found, "mead", 1, other.sha256)


def test_the_name_of_the_check_stays_a_function_after_it_was_called(tmp_path: Path) -> None:
    """A module of the same name in the package would take its place with the first call."""
    import benchmark.bundle

    make(tmp_path / "bundle")
    assert benchmark.bundle.verify(tmp_path / "bundle") == []
    assert benchmark.bundle.verify(tmp_path / "bundle") == []
