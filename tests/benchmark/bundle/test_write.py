"""What is written comes back, and nothing else is lost for it."""

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark import folders
from benchmark.bundle import files, load, load_features, recompute, verify, write_bundle
from benchmark.errors import BenchmarkError
from benchmark.features import SIDES, Clip, Features
from benchmark.results import MetricResult
from perf.rescoring import protocol_of, record, synthetic
from tests.benchmark.bundle.material import METRICS, digest, make


def same(one: Features, other: Features) -> None:
    """Assert that two features are equal to the last bit."""
    assert [replace(c, real={}, generated={}, pair={}) for c in one.clips] == [
        replace(c, real={}, generated={}, pair={}) for c in other.clips
    ]
    assert dict(one.made_by) == dict(other.made_by)
    for a, b in zip(one.clips, other.clips, strict=True):
        for side in SIDES:
            had, has = getattr(a, side), getattr(b, side)
            assert list(had) == list(has)
            for name, array in had.items():
                assert has[name].dtype == array.dtype and has[name].shape == array.shape, name
                assert has[name].tobytes() == np.ascontiguousarray(array).tobytes(), name


def test_features_come_back_to_the_last_bit(original: tuple[Path, Features]) -> None:
    folder, features = original
    same(features, load_features(folder))
    same(features, load(folder).features)


def test_odd_features_come_back_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clips = [
        Clip("a", "x", real={"one/two ä%": np.float32(3) * np.ones(()), "s": rng.random((3, 2))}),
        Clip("b\u202e", "x", "happy", None, 2, real={"s": rng.random((2, 5))}, generated={"s": np.zeros((0, 4))}),
        Clip("c", "y", real={"k": np.arange(6, dtype=">i2").reshape(2, 3).T, "f": np.full((2, 3), np.nan)}),
        Clip("d", "y", real={"face": np.array([True, False])}, failure="d: there is no video for it."),
        Clip("e", "y"),
    ]
    clips[2] = replace(clips[2], pair={"u": np.frombuffer(b"\x00\xff", np.uint8)})
    features = Features(tuple(clips), {"one/two ä%": "a@1", "never": "b@2"})
    write_bundle(tmp_path / "b", record(features, protocol_of(["psnr"]), left_out={"psnr": "not here"}), features, {})
    found = load_features(tmp_path / "b")
    assert found.clips[2].real["k"].dtype == np.dtype("<i2")  # the byte order of the disk, the same numbers
    clips[2] = replace(clips[2], real=clips[2].real | {"k": clips[2].real["k"].astype("<i2")})
    same(Features(tuple(clips), features.made_by), found)
    assert verify(tmp_path / "b") == []


def test_loaded_features_cannot_be_changed(original: tuple[Path, Features]) -> None:
    array = load_features(original[0]).clips[0].real["points68"]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def test_numbers_are_the_same_from_features_in_memory_and_from_disk(original: tuple[Path, Features]) -> None:
    folder, features = original
    now, without = recompute(load_features(folder), METRICS)
    before, _ = recompute(features, METRICS)
    assert list(now) == list(before) and len(now) + len(without) == len(METRICS)
    for key, result in before.items():
        assert (result.value, result.interval, result.n) == (now[key].value, now[key].interval, now[key].n)
        assert dict(result.per_clip) == dict(now[key].per_clip)


def test_results_say_what_the_metrics_gave(original: tuple[Path, Features]) -> None:
    folder, features = original
    bundle, (results, _) = load(folder), recompute(features, METRICS)
    assert [line.key for line in bundle.results.metrics] == list(results)
    for line in bundle.results.metrics:
        result = results[line.key]
        assert (line.name, line.value, line.n, line.unit) == (result.name, result.value, result.n, result.unit)
        assert bundle.per_clip(line.key) == dict(result.per_clip)
    assert bundle.results.system.name == "synthetic"
    assert bundle.results.protocol.resolved["metrics"] == list(METRICS)
    assert len(bundle.inputs) == len(features.clips) == bundle.clips.num_rows


def test_a_bundle_is_sound_as_written(original: tuple[Path, Features]) -> None:
    assert verify(original[0]) == []


def test_the_same_run_gives_the_same_bytes(original: tuple[Path, Features], tmp_path: Path) -> None:
    make(tmp_path / "again")
    assert digest(tmp_path / "again") == digest(original[0])


def test_a_bundle_is_replaced_whole_and_nothing_is_left_beside_it(bundle: Path) -> None:
    (bundle / "features" / "real.left-over.npy").write_bytes(b"old")
    make(bundle, system="other")
    assert load(bundle).results.system.name == "other" and verify(bundle) == []
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


def test_it_is_replaced_where_folders_cannot_change_names(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_exchanged", lambda first, second: False)
    make(bundle, system="other")
    assert load(bundle).results.system.name == "other"
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


@pytest.mark.parametrize("name", ["holiday.jpg", "bundle.json.txt"])
def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("dear")
    with pytest.raises(BenchmarkError, match=f"holds {name}, which would be lost"):
        make(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [name]


def test_a_bundle_with_a_strangers_file_is_left_alone(bundle: Path) -> None:
    (bundle / "notes.txt").write_text("dear")
    with pytest.raises(BenchmarkError, match=r"notes\.txt"):
        make(bundle)
    assert (bundle / "notes.txt").read_text() == "dear"


def test_a_disk_that_takes_no_more_leaves_the_old_bundle(bundle: Path) -> None:
    before = digest(bundle)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
    try:
        with pytest.raises(BenchmarkError, match="File too large"):
            make(bundle, system="other")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert digest(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([[1.0, np.nan]]), "a number that is not finite: clip0000, row 0"),
        (np.array([[1.0, 2.0], [np.inf, 0.0]]), "a number that is not finite: clip0000, row 1"),
        (np.array(["a"]), "which no bundle keeps"),
        (np.array([None]), "which no bundle keeps"),
        (np.ones((1, 3), np.float16), "is float16, elsewhere float64"),
    ],
)
def test_what_no_extractor_may_give_is_refused(tmp_path: Path, array: np.ndarray, said: str) -> None:
    features = synthetic(2, 4)
    first, second = features.clips
    clips = (replace(first, real={"new": array}), replace(second, real={"new": np.ones((2, 3))}))
    if array.dtype == np.float16:
        clips = (replace(first, real={"new": np.ones((2, 3))}), replace(second, real={"new": array}))
    features = Features(clips, {})
    with pytest.raises(BenchmarkError, match=said):
        write_bundle(tmp_path / "b", record(features, protocol_of(["psnr"]), left_out={"psnr": "-"}), features, {})
    assert not list(tmp_path.iterdir())


def result(**changes: object) -> MetricResult:
    """A result of psnr."""
    facts: dict[str, object] = {
        "name": "psnr/x/v1",
        "value": 1.0,
        "interval": (0.0, 2.0),
        "n": 2,
        "direction": "higher",
        "unit": "dB",
        "method": "m",
    }
    return MetricResult(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (result(value=np.nan), "psnr gives nan"),
        (result(value=np.inf), "psnr gives inf"),
        (result(per_clip={"clip0000": np.nan}), "psnr gives no number: clip0000"),
        (result(per_clip={"other": 1.0}), "belongs to no clip of the list: other"),
        (result(details={"a": {1, 2}}), "detail psnr.a is a set"),
    ],
)
def test_numbers_that_are_none_are_refused(tmp_path: Path, wrong: MetricResult, said: str) -> None:
    features = synthetic(2, 4)
    with pytest.raises(BenchmarkError, match=said):
        write_bundle(tmp_path / "b", record(features, protocol_of(["psnr"])), features, {"psnr": wrong})


def test_an_infinitely_bad_system_is_kept_as_such(tmp_path: Path) -> None:
    features = synthetic(2, 4)
    worst = result(value=-np.inf, interval=(-np.inf, np.inf), details={"share": np.float32(0.5), "none": np.nan})
    write_bundle(tmp_path / "b", record(features, protocol_of(["psnr"])), features, {"psnr": worst})
    line = load(tmp_path / "b").results.metrics[0]
    assert (line.value, line.infinite, line.interval) == (None, True, (None, None))
    assert line.details == {"share": 0.5, "none": None}
    assert "Infinity" not in (tmp_path / "b" / "results.json").read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"failures": {"clip0000": "none"}}, "another thing than the clips of the failure of clip0000"),
        ({"not_applicable": {"akd": "none"}}, "do not name the same metrics: akd"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    features = synthetic(2, 4)
    with pytest.raises(BenchmarkError, match=said):
        write_bundle(tmp_path / "b", record(features, protocol_of(["psnr"]), **changes), features, {"psnr": result()})


def test_bundle_json_is_one_canonical_text(original: tuple[Path, Features]) -> None:
    raw = (original[0] / files.SEAL).read_bytes()
    assert files.sealed(files.read_seal(original[0])) == raw
    assert set(json.loads(raw)) == {"bundle_version", "files", "seal"}
