"""`moee bench run --model`: the model gets what any system gets, is asked once, and the bundle says what it was."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import pytest
import torch

from benchmark.bundle import load, verify
from benchmark.errors import BenchmarkError
from benchmark.generated import Generated, generate
from benchmark.protocol import Protocol, load_protocol
from benchmark.show import bundle_lines
from benchmark.systems import Model
from benchmark.testset import TestClip, TestSet, build
from media.probe import probe
from moee_model.config import model_config
from moee_model.generate import TRAINING_LIST
from moee_model.pipeline import MoEEPipeline
from tests.benchmark.curated import curated
from tests.curation.runs import Ran, moee
from tests.moee_model.material import woken
from tests.moee_model.test_inputs import astronaut, sound_file, tone

torch.set_num_threads(1)
FRAMES = 8
LABELS = {"a": "happy", "b": "sad", "c": "contempt"}


@dataclass(frozen=True)
class World:
    """A saved model with seeded weights, and a test set of three short clips as `benchmark.testset` writes them."""

    model: Path
    tests: Path
    testset: TestSet
    protocol: Protocol

    def generate(self, cache: Path, testset: TestSet | None = None, **settings: object) -> Generated:
        model = Model(self.model, **{"steps": 1, "device": "cpu"} | settings)  # type: ignore[arg-type]
        return generate(model, self.protocol, self.tests, testset or self.testset, cache)

    def without_sound(self, clip: str) -> TestSet:
        """The list with one clip that has no sound."""
        clips = [one.model_copy(update={"audio": None}) if one.id == clip else one for one in self.testset.clips]
        return self.testset.model_copy(update={"clips": clips})


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    toy = model_config("toy")
    MoEEPipeline.from_denoiser(woken(toy), toy).save_pretrained(folder / "model")
    (folder / TRAINING_LIST).write_text("identity\nsomebody-else\n")
    return folder / "model"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, saved_model: Path) -> World:
    tests = tmp_path_factory.mktemp("tests")
    protocol = load_protocol("sample")
    clips = [_clip(tests, name, label) for name, label in LABELS.items()]
    testset = TestSet(
        version=1, protocol="sample", protocol_version=protocol.version, protocol_sha256=protocol.sha256,
        made_from="0" * 64, shortfalls=[], clips=clips,
    )  # fmt: skip
    return World(saved_model, tests, testset, protocol)


def _clip(tests: Path, name: str, label: str) -> TestClip:
    cv2.imwrite(str(tests / f"{name}.png"), astronaut()[:256, 100:356, ::-1])
    sound_file(tests / f"{name}.wav", tone(FRAMES / 25) * (0.0 if name == "b" else 1.0))
    return TestClip(
        id=name, identity=name, emotion=label, compound=None, intensity=None, label_from="given", split="test",
        frames=FRAMES, sound=True, real=f"{name}.mp4", sha256="0" * 64, bytes=1, reference=f"{name}.png",
        audio=f"{name}.wav", names=[name],
    )  # fmt: skip


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_every_clip_gets_a_video_in_the_protocols_form(world: World, tmp_path: Path) -> None:
    made = world.generate(tmp_path)
    assert (made.unmade, made.kept) == ({}, 0) and sorted(times(made.videos)) == ["a.mp4", "b.mp4", "c.mp4"]
    for path in made.videos.iterdir():
        video, audio = probe(path).video, probe(path).audio
        assert video is not None and audio is not None, "silent clips too are driven by their sound"
        assert (video.width, video.height, video.frames, video.frame_rate) == (256, 256, FRAMES, Fraction(25))


def test_a_second_run_makes_only_what_is_missing(world: World, tmp_path: Path) -> None:
    first = world.generate(tmp_path)
    before, content = times(first.videos), (first.videos / "b.mp4").read_bytes()
    (first.videos / "b.mp4").unlink()
    again = world.generate(tmp_path)
    assert again.videos == first.videos and again.kept == 2
    assert {name: time for name, time in times(first.videos).items() if name != "b.mp4"} == {
        name: time for name, time in before.items() if name != "b.mp4"
    }
    assert (first.videos / "b.mp4").read_bytes() == content, "the same clip again is the same video"


def test_other_weights_settings_or_lists_never_take_old_videos(world: World, tmp_path: Path) -> None:
    other = shutil.copytree(world.model, tmp_path / "other")
    settings = (other / "moee.json").read_text()
    (other / "moee.json").write_text(settings.replace('"name": "toy"', '"name": "again"'))
    one = world.testset.model_copy(update={"clips": world.testset.clips[:1]})
    places = {
        world.generate(tmp_path, one).videos,
        world.generate(tmp_path, one, seed=1).videos,
        world.generate(tmp_path, one, steps=2).videos,
        world.generate(tmp_path, one, guidance=1.0).videos,
        replace(world, model=other).generate(tmp_path, one).videos,
        world.generate(tmp_path, world.testset).videos,
    }
    assert len(places) == 6


def test_a_bad_clip_costs_itself_only(world: World, tmp_path: Path) -> None:
    made = world.generate(tmp_path, world.without_sound("a"))
    assert sorted(times(made.videos)) == ["b.mp4", "c.mp4"]
    assert list(made.unmade) == ["a"] and "no sound" in made.unmade["a"]
    reference = world.tests / "b.png"
    content = reference.read_bytes()
    reference.write_bytes(b"no picture")
    try:
        spoilt = world.generate(tmp_path / "again")
    finally:
        reference.write_bytes(content)
    assert list(spoilt.unmade) == ["b"] and "no picture" in spoilt.unmade["b"]


def test_the_model_is_described_with_what_marks_its_scores(world: World, tmp_path: Path) -> None:
    made = world.generate(tmp_path, seed=7, guidance=2.0).made_by
    assert (made.name, made.steps, made.guidance, made.seed, made.device) == ("toy", 1, 2.0, 7, "cpu")
    seeded, contempt = made.marks
    assert "seeded weights" in seeded and "no expert for contempt" in contempt


BAD: dict[str, tuple[Callable[[World], object], str]] = {
    "no model": (lambda world: Model(world.tests), "no MoEE model"),
    "not there": (lambda world: Model("none-of-this"), "no folder"),
    "no device": (lambda world: Model(world.model, device="abacus"), "no device"),
    "no guidance": (lambda world: Model(world.model, guidance=-1), "guidance is -1"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_the_model_says_of_wrong_use_is_the_benchmarks_sentence(kind: str, world: World) -> None:
    call, said = BAD[kind]
    with pytest.raises(BenchmarkError, match=said):
        call(world)


def test_no_protocol_of_wide_pictures_is_accepted(world: World, tmp_path: Path) -> None:
    form = world.protocol.clip.model_copy(update={"size": [256, 128]})
    wide = replace(world, protocol=world.protocol.model_copy(update={"clip": form}))
    with pytest.raises(BenchmarkError, match="square"):
        wide.generate(tmp_path)


# --- the whole way, on rendered talkers ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, saved_model: Path) -> tuple[Path, Ran]:
    folder = tmp_path_factory.mktemp("scored")
    testset = build(curated(folder, tmp_path_factory), load_protocol("sample"), folder / "tests")
    (saved_model.parent / TRAINING_LIST).write_text(f"identity\n{testset.clips[0].identity}\n")
    done = moee(
        "bench", "run", "sample", "--system", "MoEE toy", "--model", saved_model, "--real", folder / "tests", "--out",
        folder / "bundle", "--cache", folder / "cache", "--workers", "1", "--steps", "1", "--device", "cpu",
    )  # fmt: skip
    return folder / "bundle", done


def test_the_bundle_says_which_model_made_the_videos_and_verifies(ran: tuple[Path, Ran]) -> None:
    folder, done = ran
    assert done.status == 0, done.err
    results = load(folder).results
    assert results.system.name == "MoEE toy" and results.system.model is not None
    assert (results.system.model.steps, results.system.model.seed) == (1, 0) and len(results.system.model.sha256) == 64
    assert verify(folder) == []
    said = "\n".join(bundle_lines(load(folder)))
    assert f"made by the model toy ({results.system.model.sha256[:12]})" in said and "seeded weights" in said


def test_its_own_training_list_is_held_against_the_test_list(ran: tuple[Path, Ran]) -> None:
    folder, done = ran
    met = load(folder).results.system.overlap
    assert met["declared"] and met["entries"] == 1 and len(met["clips"]) == 2
    assert "trained on persons of 2 test clips" in done.out


def test_videos_come_from_a_folder_or_a_model_and_not_from_both(tmp_path: Path) -> None:
    given = ["bench", "run", "sample", "--system", "mine", "--real", tmp_path, "--out", tmp_path / "out"]
    for more in ([], ["--videos", tmp_path, "--model", tmp_path]):
        done = moee(*given, *more)
        assert done.status == 2 and "either --videos DIR or --model DIR" in done.err
