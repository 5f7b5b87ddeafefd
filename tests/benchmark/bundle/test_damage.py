"""Whatever breaks a bundle is found and its file named: flipped bits, files damaged, missing, foreign or linked."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.bundle import files, load, load_features, verify
from benchmark.errors import BenchmarkError
from benchmark.features import Features
from manifests.files import file_hash
from perf.rescoring import synthetic
from tests.benchmark.bundle.material import (
    FEATURE,
    edit_array,
    flip,
    make,
    names,
    one_line,
    seal,
)


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


def test_nothing_is_written_while_verifying(bundle: Path) -> None:
    before = {name: (file_hash(bundle / name), (bundle / name).stat().st_mtime_ns) for name in names(bundle)}
    verify(bundle)
    assert before == {name: (file_hash(bundle / name), (bundle / name).stat().st_mtime_ns) for name in names(bundle)}
