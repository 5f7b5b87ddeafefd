"""Whatever is changed in a bundle is found and named: bytes by their file, numbers by their metric and clip."""

import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.bundle import Problem, check_protocol, files, load, load_features, verify
from benchmark.bundle.clips import metric_columns
from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from manifests.files import file_hash
from perf.rescoring import protocol_of, synthetic
from tests.benchmark.bundle.material import (
    METRICS,
    edit_array,
    edit_clips,
    edit_results,
    edit_table,
    flip,
    make,
    seal,
)

FEATURE = "features/real.points68.npy"


def names(folder: Path) -> list[str]:
    """All files of a bundle."""
    return [*files.listing(folder)[0], files.SEAL]


def one_line(problems: list[Problem]) -> None:
    """Assert that every problem is one plain sentence that names its file or metric."""
    for problem in problems:
        assert (problem.file is None) != (problem.metric is None)
        assert "\n" not in problem.sentence and problem.sentence[-1] in ".!" and len(problem.sentence) < 400
        assert (problem.file or problem.metric or "?") in problem.sentence


@pytest.mark.parametrize("by_size", [True, False])
def test_each_of_100_flipped_bits_is_found_and_its_file_named(original: tuple[Path, Features], by_size: bool) -> None:
    folder = original[0]
    rng = random.Random(by_size)
    listed = names(folder)
    sizes = [(folder / name).stat().st_size for name in listed]
    found = 0
    for _ in range(50):
        place = rng.choices(range(len(listed)), sizes if by_size else None)[0]
        path, at, bit = folder / listed[place], rng.randrange(sizes[place]), rng.randrange(8)
        flip(path, at, bit)
        try:
            problems = verify(folder)
        finally:
            flip(path, at, bit)
        one_line(problems)
        assert {problem.file for problem in problems if problem.file} == {listed[place]}, (listed[place], at, bit)
        found += 1
    assert found == 50 and verify(folder) == []


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


def test_every_flipped_bit_of_the_seal_is_found(original: tuple[Path, Features]) -> None:
    folder, rng = original[0], random.Random(2)
    path = folder / files.SEAL
    size = path.stat().st_size
    for _ in range(300):
        at, bit = rng.randrange(size), rng.randrange(8)
        flip(path, at, bit)
        try:
            with pytest.raises(BenchmarkError, match=r"bundle\.json"):
                files.read_seal(folder)
        finally:
            flip(path, at, bit)


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


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:-20], "damaged"),
        (lambda text: "", "damaged"),
        (lambda text: "[1]", "no mapping"),
        (lambda text: '{"a":' * 100_000, "damaged"),
        (lambda text: text.replace('"n": 24', '"n": NaN', 1), "NaN"),
        (lambda text: text.replace('"n": 24', '"n": -1', 1), "metrics"),
        (lambda text: text.replace('"n": 24', '"n": "24"', 1), "metrics"),
        (lambda text: text.replace('"n": 24', '"n": 24, "n": 24', 1), "twice"),
        (lambda text: text.replace('"n": 24', '"n": 24, "more": 1', 1), "more"),
        (
            lambda text: text.replace('"bundle_version": 1', '"bundle_version": 2'),
            "bundle version 2, this program reads 1",
        ),
        (lambda text: text.replace('"value": ', '"value": 1e999, "x": ', 1), "value"),
        (lambda text: "\ud800", "damaged"),
    ],
)
def test_results_that_are_none_are_one_sentence(bundle: Path, damage: Callable[[str], str], said: str) -> None:
    path = bundle / files.RESULTS
    text = path.read_text()
    assert damage(text) != text
    path.write_bytes(damage(text).encode("utf-8", "surrogatepass"))
    seal(bundle)
    (problem,) = verify(bundle)
    assert problem.file == files.RESULTS and said in problem.sentence
    one_line([problem])
    with pytest.raises(BenchmarkError, match=r"results\.json"):
        load(bundle)


@pytest.mark.parametrize("name", [files.RESULTS, files.CLIPS, files.INDEX, files.INPUTS, files.SEAL, FEATURE])
def test_a_missing_file_is_named_once(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    problems = verify(bundle)
    assert [(problem.file, problem.sentence) for problem in problems] == [(name, f"{name} is missing.")]
    if name not in (files.SEAL, FEATURE):
        seal(bundle)
        assert name in {problem.file for problem in verify(bundle)}


@pytest.mark.parametrize("name", ["notes.txt", "features/real.more.npy", "features/deep/er.npy", ".hidden"])
def test_an_extra_file_is_named_sealed_or_not(bundle: Path, name: str) -> None:
    path = bundle / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"more")
    expected = "features/deep" if "deep" in name else name
    assert [problem.file for problem in verify(bundle)] == [expected]
    if "deep" not in name:
        seal(bundle)
        problems = verify(bundle)
        one_line(problems)
        assert [problem.file for problem in problems] == [expected]


@pytest.mark.parametrize("name", [files.RESULTS, files.CLIPS, files.SEAL, FEATURE, files.ARRAYS, "other"])
def test_a_link_is_refused_wherever_it_leads(bundle: Path, name: str, tmp_path: Path) -> None:
    path, elsewhere = bundle / name, tmp_path / "elsewhere"
    if path.exists():
        shutil.move(path, elsewhere)
    else:
        elsewhere.write_text("there")
    path.symlink_to(elsewhere)
    problems = verify(bundle)
    one_line(problems)
    linked = [problem for problem in problems if problem.file == name]
    assert len(linked) == 1 and "link" in linked[0].sentence
    if name != "other":
        with pytest.raises(BenchmarkError, match="link"):
            load(bundle), load_features(bundle)


def test_a_pipe_is_not_waited_for(bundle: Path) -> None:
    for name in (files.RESULTS, FEATURE):
        (bundle / name).unlink()
        os.mkfifo(bundle / name)
    problems = verify(bundle)
    assert {problem.file for problem in problems} == {files.RESULTS, FEATURE}


def header(text: str) -> bytes:
    """The beginning of an .npy file with this header."""
    raw = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw


HOSTILE = {
    "cut off": lambda raw: raw[:-8],
    "longer": lambda raw: raw + b"\0" * 8,
    "only a header": lambda raw: raw[:128],
    "cut header": lambda raw: raw[:40],
    "empty": lambda raw: b"",
    "another file": lambda raw: b"PK\x03\x04" + raw,
    "huge header": lambda raw: b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + raw,
    "long header": lambda raw: b"\x93NUMPY\x01\x00\xff\xff" + raw,
    "huge array": lambda raw: (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 68, 2), }") + raw
    ),
    "overflow": lambda raw: header("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"),
    "negative": lambda raw: header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 68, 2), }") + raw,
    "objects": lambda raw: header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + raw,
    "columns first": lambda raw: raw.replace(b"False", b"True "),
    "no such type": lambda raw: raw.replace(b"<f4", b"<f3"),
    "another type": lambda raw: raw.replace(b"<f4", b"<i4"),
    "fewer clips": lambda raw: raw.replace(b"(144, 68, 2)", b"(143, 68, 2)")[: -68 * 2 * 4],
    "a program": lambda raw: header("__import__('os').system('true')"),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_damaged_array_is_one_sentence(bundle: Path, how: str) -> None:
    path = bundle / FEATURE
    raw = path.read_bytes()
    assert b"(144, 68, 2)" in raw[:128]
    path.write_bytes(HOSTILE[how](raw))
    seal(bundle)
    (problem,) = verify(bundle)
    one_line([problem])
    assert problem.file in (FEATURE, files.INDEX)
    with pytest.raises(BenchmarkError):
        load_features(bundle)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_in_the_features_is_named(bundle: Path, bad: float) -> None:
    edit_array(bundle, FEATURE, lambda points: points.__setitem__((13, 5, 1), bad))  # 6 frames per clip
    (problem,) = verify(bundle)
    assert problem.file == FEATURE and "clip0002, row 1" in problem.sentence


@pytest.mark.parametrize("name", [files.CLIPS, files.INDEX])
@pytest.mark.parametrize("how", ["garbage", "cut off", "empty", "another table"])
def test_a_damaged_table_is_one_sentence(bundle: Path, name: str, how: str) -> None:
    raw = (bundle / name).read_bytes()
    other = bundle / (files.INDEX if name == files.CLIPS else files.CLIPS)
    damaged = {"garbage": b"PAR1" + b"\xa5" * 500 + b"PAR1", "cut off": raw[: len(raw) // 2], "empty": b"",
               "another table": other.read_bytes()}  # fmt: skip
    (bundle / name).write_bytes(damaged[how])
    seal(bundle)
    (problem,) = verify(bundle)
    one_line([problem])
    assert problem.file == name
    with pytest.raises(BenchmarkError):
        load_features(bundle)


def test_200_wild_changes_of_tables_and_arrays_never_end_in_a_traceback(
    original: tuple[Path, Features], tmp_path: Path
) -> None:
    folder = tmp_path / "b"
    make(folder, synthetic(8, 3), metrics=("psnr", "akd", "emotion-accuracy"))
    rng = random.Random(1)
    for _ in range(200):
        name = rng.choice([files.CLIPS, files.INDEX, files.RESULTS, FEATURE, "features/generated.emotion.npy"])
        path = folder / name
        before = path.read_bytes()
        raw = bytearray(before)
        for _ in range(rng.choice([1, 2, 20])):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(bytes(raw))
        seal(folder)  # nobody but the content says that something is wrong
        one_line(verify(folder))
        path.write_bytes(before)
    seal(folder)
    assert verify(folder) == []


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        for what in (verify, load):
            with pytest.raises(BenchmarkError, match="There is no bundle in"):
                what(place)


def test_a_bundle_of_another_version_is_refused(bundle: Path) -> None:
    path = bundle / files.SEAL
    path.write_text(path.read_text().replace('"bundle_version": 1', '"bundle_version": 7'))
    with pytest.raises(BenchmarkError, match="bundle version 7, this program reads 1"):
        load(bundle)
    assert [problem.file for problem in verify(bundle)] == [files.SEAL]


def test_a_seal_of_another_bundle_does_not_fit(bundle: Path, tmp_path: Path) -> None:
    make(tmp_path / "other", synthetic(24, 6, noise=0.2))
    shutil.copy(tmp_path / "other" / files.SEAL, bundle / files.SEAL)
    assert files.RESULTS in {problem.file for problem in verify(bundle)}


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


def test_nothing_is_written_while_verifying(bundle: Path) -> None:
    before = {name: (file_hash(bundle / name), (bundle / name).stat().st_mtime_ns) for name in names(bundle)}
    verify(bundle)
    assert before == {name: (file_hash(bundle / name), (bundle / name).stat().st_mtime_ns) for name in names(bundle)}
