"""Protocols that come with the program are whole and typed; a wrong one is refused in one sentence."""

from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from benchmark.errors import BenchmarkError
from benchmark.metrics import metric
from benchmark.protocol import PROTOCOLS, load_protocol, protocol_names


def test_the_papers_three_data_sets_and_the_sample_have_protocols() -> None:
    assert protocol_names() == ["dh-faceemovid-150", "hdtf", "mead", "sample", "sample-networks"]


@pytest.mark.parametrize("name", ["dh-faceemovid-150", "hdtf", "mead", "sample", "sample-networks"])
def test_a_protocol_reads_and_names_metrics_that_exist(name: str) -> None:
    found = load_protocol(name)
    assert found.name == name
    assert all(metric(key).key == key for key in found.metrics)


@pytest.mark.parametrize("name", ["dh-faceemovid-150", "hdtf", "mead"])
def test_the_papers_protocols_draw_20_persons_and_10_clips_of_each(name: str) -> None:
    choose = load_protocol(name).choose
    assert (choose.subjects, choose.clips, choose.labels, choose.fewer) == (20, 10, "given", False)


def test_prose_does_not_change_a_protocols_hash_and_everything_else_does(tmp_path: Path) -> None:
    content = yaml.safe_load((PROTOCOLS / "sample.yaml").read_text())

    def sha256(**changed: object) -> str:
        path = tmp_path / "p.yaml"
        path.write_text(yaml.safe_dump(content | changed))
        return load_protocol(path).sha256

    first = load_protocol("sample").sha256
    assert sha256(title="Other", description="Other", follows="other") == first
    others = {
        sha256(version=2),
        sha256(metrics=["psnr"]),
        sha256(clip=content["clip"] | {"seconds": 3}),
        sha256(choose=content["choose"] | {"seed": 1}),
        sha256(condition="none"),
    }
    assert len(others) == 5
    assert first not in others


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metricks": []}, "did you mean metrics"),
        ({"metrics": ["psnrr"]}, "psnr"),
        ({"metrics": ["psnr", "psnr"]}, "twice"),
        ({"metrics": []}, "metrics"),
        ({"version": "one"}, "version"),
        ({"clip": {"seconds": 2, "least_seconds": 2, "fps": 0, "size": [64, 64]}}, "fps"),
        ({"clip": {"seconds": 2, "least_seconds": 2, "fps": 25, "size": [63, 64]}}, "size"),
        ({"choose": {"subjects": 0, "clips": 1}}, "subjects"),
    ],
)
def test_a_wrong_protocol_is_refused_in_one_sentence(tmp_path: Path, change: dict[str, object], says: str) -> None:
    content = yaml.safe_load((PROTOCOLS / "sample.yaml").read_text())
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(content | change))
    with pytest.raises(BenchmarkError, match=says) as refused:
        load_protocol(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_a_file_that_is_no_protocol_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(BenchmarkError, match=r"p\.yaml"):
        load_protocol(path)


def test_an_unknown_protocol_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BenchmarkError, match="did you mean hdtf"):
        load_protocol("hdft")
    with pytest.raises(BenchmarkError, match="cannot be read"):
        load_protocol("nowhere/p.yaml")


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [("1.99", 0), ("2", 50), ("3.99", 99), ("4", 100), ("5", 125), ("60", 125)],
)
def test_a_clip_is_cut_to_whole_frames_and_never_beyond_the_protocol(seconds: str, frames: int) -> None:
    assert load_protocol("mead").frames(Fraction(seconds)) == frames
