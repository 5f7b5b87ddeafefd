"""Metrics are found by key, and a key is enough to know all that a table needs."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.metrics import MODULES, NotApplicable, keys, metric
from benchmark.protocol import PROTOCOLS

FOLDER = Path(__file__).parents[3] / "benchmark" / "metrics"


def test_every_module_holds_just_the_keys_that_it_is_registered_with() -> None:
    for name, held in MODULES.items():
        assert tuple(found.key for found in import_module(f"benchmark.metrics.{name}").METRICS) == held


def test_every_public_file_is_registered() -> None:
    assert {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")} == set(MODULES)


def test_a_key_gives_its_metric() -> None:
    assert len(set(keys())) == len(keys()) == 47
    for key in keys():
        found = metric(key)
        assert found.key == key and found.version == "v1" and found.needs and found.title and found.unit


def test_an_unknown_key_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(BenchmarkError, match=r"did you mean akd\?"):
        metric("akdd")


def test_metrics_of_sets_have_no_worst_value_and_all_others_have_one() -> None:
    for key in keys():
        assert (metric(key).worst is None) == (not metric(key).paired)


def test_worst_values_lie_on_the_bad_side_of_good_ones() -> None:
    good = {"psnr": 30, "akd": 3, "identity": 0.9, "emotion-consistency": 0.1, "sync-c": 6, "sync-d": 8, "ssim": 0.8}
    for key, value in good.items():
        worst = metric(key).worst
        assert worst is not None and (worst > value) == (metric(key).direction == "lower")


def test_every_protocol_names_known_metrics() -> None:
    from benchmark.protocol import load_protocol, protocol_names

    assert PROTOCOLS.is_dir()
    for name in protocol_names():
        assert set(load_protocol(name).metrics) <= set(keys())


def test_keys_are_told_without_numpy() -> None:
    code = "import sys, benchmark.metrics as m; m.keys(); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=FOLDER.parents[1])


def test_no_metric_imports_a_heavy_library_before_it_is_computed() -> None:
    code = (
        "import sys, benchmark.metrics as m; [m.metric(k) for k in m.keys()]; "
        "assert not {'scipy', 'cv2', 'torch', 'skimage'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=FOLDER.parents[1])


def test_not_applicable_is_an_error_of_the_benchmark() -> None:
    assert issubclass(NotApplicable, BenchmarkError)
