"""A run from videos to a bundle: what is unfit is refused by name, what is made once is not made again."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmark import score
from benchmark.bundle import Bundle, load, verify
from benchmark.compare import compare
from benchmark.controls import make_control
from benchmark.errors import BenchmarkError
from benchmark.metrics import metric
from benchmark.protocol import PROTOCOLS, load_protocol
from benchmark.testset import TestSet, build
from perception.weights import available
from tests.benchmark.curated import curated
from tests.benchmark.videos import again, uneven, with_sound
from tests.curation.runs import Ran, moee


@dataclass(frozen=True)
class World:
    """What all tests of this file share: a test set, a submission that is fit, its bundle, and the cache."""

    tests: Path
    testset: TestSet
    mine: Path
    cache: Path
    bundle: Bundle
    dataset: Path

    def run(self, videos: Path, out: Path, *more: object) -> Ran:
        """The command, as a user types it."""
        return moee(
            "bench", "run", "sample", "--system", "mine", "--videos", videos, "--real", self.tests, "--out", out,
            "--cache", self.cache, "--workers", "1", *more,
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Rendered talkers, curated; the submission is the blurred control."""
    folder = tmp_path_factory.mktemp("run")
    protocol = load_protocol("sample")
    dataset = curated(folder, tmp_path_factory)
    testset = build(dataset, protocol, folder / "tests")
    mine = make_control("blurred", testset, folder / "tests", protocol, folder / "mine")
    bundle = score("sample", mine, folder / "tests", folder / "bundle", "mine", cache=folder / "cache")
    return World(folder / "tests", testset, mine, folder / "cache", bundle, dataset)


@pytest.fixture
def mine(world: World, tmp_path: Path) -> Path:
    """A fresh copy of the submission, to be spoilt."""
    return Path(shutil.copytree(world.mine, tmp_path / "mine"))


def test_a_bundle_holds_every_metric_of_the_protocol_or_says_why_not(world: World) -> None:
    results = world.bundle.results
    told = [line.key for line in results.metrics] + list(results.not_applicable)
    assert sorted(told) == sorted(load_protocol("sample").metrics)
    assert all(key.startswith("compound-") or key == "efid-corrected" for key in results.not_applicable)
    for line in results.metrics:
        low, high = line.interval
        assert line.value is not None and low is not None and high is not None
        assert low <= line.value <= high, line.key
        assert line.n == 4 or line.key == "mouth-audio-lag"
        assert line.name.startswith(f"{line.key}/") and line.name.endswith("/v1")


def test_a_bundle_says_how_it_was_made(world: World) -> None:
    results = world.bundle.results
    assert (results.protocol.name, results.protocol.sha256) == ("sample", load_protocol("sample").sha256)
    assert (results.test_list.sha256, results.test_list.complete) == (world.testset.sha256, False)
    assert {"dlib-face", "face-landmarker"} & results.weights.keys()
    assert {"numpy", "scipy", "av"} <= results.packages.keys()
    roles = [found.role for found in world.bundle.inputs]
    assert (roles.count("real"), roles.count("generated"), roles.count("test list")) == (4, 4, 1)
    assert verify(world.bundle.folder) == []


def test_every_video_was_decoded_once_and_a_second_run_decodes_nothing(world: World, tmp_path: Path) -> None:
    assert world.bundle.results.frames_decoded == 2 * 4 * 50
    again_ = score("sample", world.mine, world.tests, tmp_path / "b", "mine", cache=world.cache)
    assert again_.results.frames_decoded == 0
    assert again_.results.metrics == world.bundle.results.metrics


def test_another_system_decodes_the_truth_for_pictures_only(world: World, tmp_path: Path) -> None:
    videos = make_control("frozen", world.testset, world.tests, load_protocol("sample"), tmp_path / "frozen")
    bundle = score("sample", videos, world.tests, tmp_path / "b", "frozen", cache=world.cache)
    assert bundle.results.frames_decoded == 2 * 4 * 50
    faces = bundle.results.seconds["faces"]
    assert faces < 0.75 * world.bundle.results.seconds["faces"]  # one side of two


Spoil = Callable[[Path, Path, Path], object]
SPOILT: dict[str, tuple[Spoil, str]] = {
    "a video is missing": (lambda mine, real, other: mine.unlink(), "no video"),
    "24 frames per second": (lambda mine, real, other: again(other, mine, fps=24), "24 frames per second"),
    "no sound": (lambda mine, real, other: with_sound(other, None, mine), "no sound"),
    "half the length": (lambda mine, real, other: again(other, mine, seconds=Fraction(1)), "25 frames where"),
    "another size": (lambda mine, real, other: again(other, mine, size=(128, 128)), "128x128 px"),
    "half a file": (lambda mine, real, other: mine.write_bytes(mine.read_bytes()[: mine.stat().st_size // 2]), ""),
    "no video at all": (lambda mine, real, other: mine.write_bytes(b"no video" * 99), "is no video"),
    "another clip's file": (lambda mine, real, other: shutil.copy(other, mine), "again"),
    "another clip's pictures": (lambda mine, real, other: with_sound(other, mine, Path(f"{mine}.mp4")), "again"),
    "the ground truth": (lambda mine, real, other: shutil.copy(real, mine), "byte for byte"),
    "the ground truth encoded again": (lambda mine, real, other: again(real, mine, crf=16), "encoded again"),
    "an uneven clock": (lambda mine, real, other: uneven(mine, Path(f"{mine}.mp4")), "per second"),
    "half its sound": (lambda mine, real, other: with_sound(mine, other, Path(f"{mine}.mp4"), Fraction(1)), "lasts"),
    "two files": (lambda mine, real, other: shutil.copy(mine, mine.with_suffix(".mov")), "more than one"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_broken_submission_is_refused_in_one_sentence_that_names_the_clip(
    world: World, mine: Path, tmp_path: Path, kind: str
) -> None:
    spoil, says = SPOILT[kind]
    clip, other = world.testset.clips[1], world.testset.clips[2]
    target = mine / f"{clip.id}.mp4"
    spoil(target, world.tests / clip.real, world.mine / f"{other.id}.mp4")
    if Path(f"{target}.mp4").exists():
        Path(f"{target}.mp4").replace(target)
    done = world.run(mine, tmp_path / "bundle")
    assert done.status == 2
    last = done.err.strip().split("\n")[-1]
    assert last.startswith("moee: "), done.err
    assert clip.id in last and says in last and "Nothing was scored" in last, done.err
    assert not (tmp_path / "bundle").exists()


def test_numbers_that_are_none_are_refused_by_name(world: World, mine: Path, tmp_path: Path) -> None:
    from benchmark.extract import Pair, Settings, extract
    from benchmark.extract.cache import FeatureCache

    clip = world.testset.clips[0]
    cache = Path(shutil.copytree(world.cache, tmp_path / "cache"))
    pairs = [Pair(clip.id, world.tests / clip.real, mine / f"{clip.id}.mp4", 50)]
    found = extract(pairs, Settings(Fraction(25), 50, 256, 256, ("mse",)), cache / "features")
    assert found.frames_decoded == 0  # so what is spoilt below is what the run reads
    kept = FeatureCache(cache / "features")
    for path in (cache / "features").rglob("*.safetensors"):
        arrays, values = kept.read(path.stem, print) or ({}, {})
        if "mse" in arrays and np.array_equal(arrays["mse"], found.pairs[clip.id]["mse"]):
            spoilt = arrays["mse"].copy()
            spoilt[3] = np.nan
            kept.write(path.stem, {"mse": spoilt}, values)
    with pytest.raises(BenchmarkError, match=rf"{clip.id}.*mse holds a number that is not finite"):
        score("sample", mine, world.tests, tmp_path / "b", "mine", cache=cache)


def test_a_failure_that_is_allowed_counts_as_the_worst_score_and_is_shown(
    world: World, mine: Path, tmp_path: Path
) -> None:
    clip = world.testset.clips[1].id
    (mine / f"{clip}.mp4").unlink()
    done = world.run(mine, tmp_path / "bundle", "--allow-failures")
    assert done.status == 1
    assert f"counted as the worst score: {clip}: there is no video" in done.out
    bundle = load(tmp_path / "bundle")
    assert list(bundle.results.failures) == [clip]
    for line in bundle.results.metrics:
        before = world.bundle.results.line(line.key)
        assert before is not None and line.n == before.n, line.key
        if bundle.per_clip(line.key):
            held, theirs = bundle.per_clip(line.key), world.bundle.per_clip(line.key)
            assert held.keys() == theirs.keys(), line.key
            worst = metric(line.key).worst
            assert all(held[name] == (worst if name == clip else theirs[name]) for name in held), line.key
        elif line.key.startswith(("fd-", "efid")):
            assert line.infinite
    assert bundle.per_clip("akd")[clip] == 256.0
    assert verify(bundle.folder) == []


def test_a_file_that_turns_out_broken_in_the_decode_costs_itself_only(world: World, mine: Path, tmp_path: Path) -> None:
    clip = world.testset.clips[1].id
    uneven(world.mine / f"{clip}.mp4", mine / f"{clip}.mp4")
    bundle = score("sample", mine, world.tests, tmp_path / "b", "mine", cache=world.cache, allow_failures=True)
    assert list(bundle.results.failures) == [clip]
    others = [name for name in world.bundle.per_clip("akd") if name != clip]
    assert {name: bundle.per_clip("akd")[name] for name in others} == {
        name: world.bundle.per_clip("akd")[name] for name in others
    }


def test_what_a_system_was_trained_on_is_held_against_the_list(world: World, tmp_path: Path) -> None:
    (tmp_path / "trained.txt").write_text("001\nsomeone else\n")
    done = world.run(world.mine, tmp_path / "bundle", "--trained-on", tmp_path / "trained.txt")
    assert done.status == 0 and "trained on persons of 2 test clips" in done.out
    overlap = load(tmp_path / "bundle").results.system.overlap
    assert (overlap["declared"], overlap["entries"], overlap["identities"]) == (True, 2, ["dh-faceemovid/001"])


def test_networks_that_are_not_here_are_refused_or_marked(world: World, tmp_path: Path) -> None:
    protocol = tmp_path / "p.yaml"
    text = (PROTOCOLS / "sample.yaml").read_text()
    protocol.write_text(text.replace("name: sample", "name: more").replace("  - psnr\n", "  - fid-4\n  - psnr\n"))
    tests = tmp_path / "tests"
    shutil.copytree(world.tests, tests)
    content = json.loads((tests / "testset.json").read_text())
    more = load_protocol(protocol)
    (tests / "testset.json").write_text(json.dumps(content | {"protocol": "more", "protocol_sha256": more.sha256}))
    with pytest.raises(BenchmarkError, match=r"fid-4 cannot be computed here.*--partial"):
        score(protocol, world.mine, tests, tmp_path / "b", "mine", cache=world.cache)
    bundle = score(protocol, world.mine, tests, tmp_path / "b", "mine", cache=world.cache, partial=True)
    assert list(bundle.results.left_out) == ["fid-4"]
    assert verify(bundle.folder) == []


def test_the_commands_verify_and_compare_speak_and_exit_as_they_should(world: World, tmp_path: Path) -> None:
    sound = moee("bench", "verify", world.bundle.folder)
    assert sound.status == 0 and "every byte and every number" in sound.out
    spoilt = Path(shutil.copytree(world.bundle.folder, tmp_path / "spoilt"))
    text = (spoilt / "results.json").read_text()
    (spoilt / "results.json").write_text(text.replace("mine", "best", 1))
    broken = moee("bench", "verify", spoilt)
    assert broken.status == 1 and "results.json" in broken.out
    same = moee("bench", "compare", world.bundle.folder, world.bundle.folder, "--json")
    assert {line["verdict"] for line in same.json["lines"]} == {"no difference shown"}
    none = moee("bench", "compare", world.bundle.folder, tmp_path / "nothing")
    assert none.status == 2 and none.err.count("\n") == 1


def test_wrong_use_gets_one_sentence(world: World, tmp_path: Path) -> None:
    for arguments, says in (
        (("run", "hdft", "--system", "a", "--videos", ".", "--real", ".", "--out", "x"), "did you mean hdtf"),
        (("run", "sample", "--system", "a/b", "--videos", ".", "--real", ".", "--out", "x"), "no name for a system"),
        (("run", "sample", "--system", "a", "--videos", ".", "--real", tmp_path, "--out", "x"), "no manifest"),
        (("run", "sample", "--system", "a", "--videos", "none", "--real", world.tests, "--out", "x"), "cannot be read"),
        (("verify", tmp_path), ""),
        (("protocols", "mead", "--real", tmp_path), "both --real"),
    ):
        done = moee("bench", *arguments, cwd=tmp_path)
        assert done.status == 2 and done.err.count("\n") == 1 and says in done.err, (arguments, done.err)


def test_seeded_networks_run_without_weights_and_every_number_of_theirs_is_marked(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "no weights"))
    content = yaml.safe_load((PROTOCOLS / "sample.yaml").read_text())
    content |= {"name": "tiny", "metrics": ["psnr", "lpips"]}
    content["clip"] |= {"seconds": 1, "least_seconds": 1, "size": [64, 64]}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    protocol = load_protocol(path)
    testset = build(world.dataset, protocol, tmp_path / "tests")
    mine = make_control("blurred", testset, tmp_path / "tests", protocol, tmp_path / "mine")
    line = ("bench", "run", path, "--system", "mine", "--videos", mine, "--real", tmp_path / "tests", "--workers", "1",
            "--cache", tmp_path / "cache", "--out", tmp_path / "bundle")  # fmt: skip
    if not available("alexnet"):
        refused = moee(*line)
        assert (
            refused.status == 2 and "moee models fetch alexnet" in refused.err and "--extractor seeded" in refused.err
        )
    ran = moee(*line, "--extractor", "seeded")
    assert ran.status == 0, ran.err
    assert "lpips (not comparable)" in ran.out and "psnr (not" not in ran.out
    assert "networks ran on seeded weights (--extractor seeded): lpips" in ran.out
    results = json.loads((tmp_path / "bundle" / "results.json").read_text())
    assert {line["key"]: line["comparable"] for line in results["metrics"]} == {"psnr": True, "lpips": False}
    assert (
        next(line["name"] for line in results["metrics"] if line["key"] == "lpips") == "lpips/lpips-alex-v0.1@seeded/v1"
    )
    assert {"alexnet-seeded", "lpips-alex-seeded"} <= results["weights"].keys()
    bundle = load(tmp_path / "bundle")
    assert verify(bundle.folder) == []
    verdicts = {line.key: line.verdict for line in compare(bundle, bundle).lines}
    assert verdicts == {"psnr": "no difference shown", "lpips": "not comparable"}
    wrong = moee(*line, "--extractor", "random")
    assert wrong.status == 2 and "published or seeded" in wrong.err
