"""`moee generate`: the same seed gives the same bytes, each condition is taken, and bad input is one sentence."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import moee_cli
from media.decode import Decoder
from media.probe import probe
from moee_model.config import ModelConfig, model_config
from moee_model.emotion import parse
from moee_model.generate import TRAINING_LIST, Generator, Settings, asked_emotion
from moee_model.inputs import read_sound
from moee_model.pipeline import MoEEPipeline
from tests.curation.runs import moee
from tests.moee_model.material import woken
from tests.moee_model.test_inputs import astronaut, saved, sound_file, tone

torch.set_num_threads(1)
FAST = Settings(steps=2, guidance=2.0)


@dataclass(frozen=True)
class Place:
    """A saved model with seeded weights, a portrait and a sound of 0.4 s: 10 frames in 3 windows."""

    folder: Path
    model: Path
    image: Path
    audio: Path


def small() -> ModelConfig:
    return replace(model_config("toy"), frames=4)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("generate")
    MoEEPipeline.from_denoiser(woken(small()), small()).save_pretrained(folder / "model")
    return Place(
        folder, folder / "model", saved(folder / "face.png", astronaut()), sound_file(folder / "a.wav", tone(0.4))
    )  # fmt: skip


@pytest.fixture(scope="module")
def generator(place: Place) -> Generator:
    return Generator.open(place.model, "cpu")


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit status, stdout, stderr."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The front door, without a new process for each try."""

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["moee", *map(str, arguments)])
        status = 0
        try:
            moee_cli.main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return call


def image() -> np.ndarray:
    return np.ascontiguousarray(astronaut()[::32, ::32])


# --- videos ----------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_video(
    generator: Generator, place: Place, tmp_path: Path
) -> None:
    sound, happy = read_sound(place.audio), parse("happy")
    first = generator.make(image(), sound, happy, tmp_path / "a.mp4", FAST)
    torch.manual_seed(99)  # what else was drawn in this process has no part in it
    again = Generator.open(place.model, "cpu").make(image(), sound, happy, tmp_path / "b.mp4", FAST)
    other = generator.make(image(), sound, happy, tmp_path / "c.mp4", replace(FAST, seed=1))
    assert first.sha256 == again.sha256 != other.sha256
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_the_video_is_as_long_as_its_sound(generator: Generator, place: Place, tmp_path: Path) -> None:
    written = generator.make(image(), read_sound(place.audio), parse("sad"), tmp_path / "a.mp4", FAST)
    facts = probe(tmp_path / "a.mp4")
    assert written.frames == 10 and facts.video is not None and facts.audio is not None
    assert (facts.video.frames, facts.video.width, facts.video.frame_rate) == (10, 16, Fraction(25))


def test_another_rate_shows_the_models_frame_of_that_time(generator: Generator, place: Place, tmp_path: Path) -> None:
    sound = read_sound(place.audio)
    settings = {"emotion": parse("sad"), "settings": FAST}
    generator.make(image(), sound, target=tmp_path / "own.mp4", side=64, **settings)  # type: ignore[arg-type]
    written = generator.make(
        image(), sound, target=tmp_path / "a.mp4", frames=20, fps=Fraction(50), side=64, **settings
    )  # type: ignore[arg-type]  # fmt: skip
    assert written.frames == 20
    own, twice = pictures(tmp_path / "own.mp4"), pictures(tmp_path / "a.mp4")
    near = [min(range(10), key=lambda k: np.abs(own[k].astype(int) - picture).mean()) for picture in twice]
    assert near == [k // 2 for k in range(20)]


def pictures(path: Path) -> list[np.ndarray]:
    with Decoder(path) as decoder:
        return [frame.rgb().copy() for frame in decoder]


def test_progress_counts_every_frame(generator: Generator, place: Place, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    generator.make(
        image(), read_sound(place.audio), parse("sad"), tmp_path / "a.mp4", FAST, progress=lambda *at: told.append(at)
    )
    assert told == [(k, 10) for k in range(1, 11)]


# --- what a model is -------------------------------------------------------------------------------------------------


def test_a_models_hash_follows_its_weights_and_not_its_training_list(place: Place, tmp_path: Path) -> None:
    copy = shutil.copytree(place.model, tmp_path / "model")
    first = Generator.open(copy, "cpu")
    assert first.training_list is None
    (copy / TRAINING_LIST).write_text("identity\nsomebody\n")
    second = Generator.open(copy, "cpu")
    assert second.training_list == copy / TRAINING_LIST and second.sha256 == first.sha256
    settings = json.loads((copy / "moee.json").read_text())
    (copy / "moee.json").write_text(json.dumps(settings | {"name": "other"}))
    assert Generator.open(copy, "cpu").sha256 != first.sha256


def test_the_list_beside_a_models_folder_is_found(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.model, tmp_path / "model")
    (tmp_path / TRAINING_LIST).write_text("identity\nsomebody\n")
    assert Generator.open(tmp_path / "model", "cpu").training_list == tmp_path / TRAINING_LIST


def test_parts_that_no_data_taught_are_marked(generator: Generator) -> None:
    assert generator.marks == ["its speech network and text encoder ran on seeded weights"]


def test_an_emotion_without_an_expert_is_asked_for_as_neutral_and_said() -> None:
    assert asked_emotion("happy") == (parse("happy"), None)
    assert asked_emotion(None) == (parse("neutral"), None)
    told, said = asked_emotion("contempt")
    assert told == parse("neutral") and said is not None and "contempt" in said


# --- the command -----------------------------------------------------------------------------------------------------

CONDITIONS = {
    "emotion": ["--emotion", "happy"],
    "compound": ["--emotion", "happily-surprised"],
    "mixture over time": ["--emotion", "happy=0.6,surprised=0.4", "--emotion", "sad@0.2"],
    "text": ["--text", "A woman laughs."],
    "sound": ["--emotion-from-audio"],
    "action units": ["--aus", "aus.json"],
}


def test_every_kind_of_condition_makes_a_video_of_its_own(run: Run, place: Place, tmp_path: Path) -> None:
    (tmp_path / "aus.json").write_text('{"12": 0.8}')
    hashes = set()
    for said in CONDITIONS.values():
        condition = [str(tmp_path / one) if one.endswith(".json") else one for one in said]
        out = tmp_path / "out.mp4"
        ended = run("generate", "--model", place.model, "--image", place.image, "--audio", place.audio, *condition,
                    "--out", out, "--steps", 1, "--device", "cpu", "--json")  # fmt: skip
        assert ended.status == 0, ended.err
        told = json.loads(ended.out)
        assert (told["frames"], told["fps"], told["size"]) == (10, 25, 16) and probe(out).video is not None
        hashes.add(told["sha256"])
    assert len(hashes) == len(CONDITIONS)


def test_the_command_says_what_it_made_and_what_the_model_is(run: Run, place: Place, tmp_path: Path) -> None:
    ended = run("generate", "--model", place.model, "--image", place.image, "--audio", place.audio, "--emotion",
                "neutral", "--out", tmp_path / "a.mp4", "--steps", 1)  # fmt: skip
    assert ended.status == 0
    first, second = ended.out.splitlines()
    assert (
        "10 frames of 16x16 px" in first and second == "note: its speech network and text encoder ran on seeded weights"
    )


def _other_config(model: Path) -> None:
    settings = json.loads((model / "moee.json").read_text())
    settings["unet"]["channels"] = [64, 64]
    (model / "moee.json").write_text(json.dumps(settings))


def _other_schedule(model: Path) -> None:
    settings = json.loads((model / "moee.json").read_text())
    settings["schedule"]["beta_schedule"] = "linear"
    (model / "moee.json").write_text(json.dumps(settings))


def _pickle(model: Path) -> None:
    for path in (model / "unet").glob("*.safetensors"):
        path.unlink()
    torch.save({"weight": torch.zeros(1)}, model / "unet" / "diffusion_pytorch_model.bin")


def _lost_weight(model: Path) -> None:
    from safetensors.torch import load_file, save_file

    (path,) = (model / "unet").glob("*.safetensors")
    tensors = load_file(path)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, path, {"format": "pt"})


def _no_model(model: Path) -> None:
    shutil.rmtree(model)
    model.mkdir()
    (model / "notes.txt").write_text("nothing")


BAD_MODEL: dict[str, tuple[Callable[[Path], object], str]] = {
    "of another configuration": (_other_config, "another configuration"),
    "with another noise schedule": (_other_schedule, "beta_schedule"),
    "a pickle": (_pickle, "pickle"),
    "lacks a weight": (_lost_weight, "lacks weights"),
    "a folder that is no model": (_no_model, "no MoEE model"),
    "not there": (shutil.rmtree, "no folder"),
}


def refused(ended: Ended, said: str, out: Path) -> None:
    """Exit status 2, one sentence on stderr, nothing on stdout, no file."""
    assert ended.status == 2 and ended.out == ""
    assert ended.err.startswith("moee: ") and ended.err.count("\n") == 1, ended.err
    assert said in ended.err and "unexpected" not in ended.err, ended.err
    assert not out.exists()


@pytest.mark.parametrize("kind", BAD_MODEL)
def test_a_model_that_is_not_whole_is_one_sentence(kind: str, run: Run, place: Place, tmp_path: Path) -> None:
    spoil, said = BAD_MODEL[kind]
    model = shutil.copytree(place.model, tmp_path / "model")
    spoil(model)
    out = tmp_path / "a.mp4"
    refused(run("generate", "--model", model, "--image", place.image, "--audio", place.audio, "--emotion", "happy",
                "--out", out), said, out)  # fmt: skip


BAD_INPUT: dict[str, tuple[dict[str, str], str]] = {
    "no face": ({"--image": "grey.png"}, "No face is found"),
    "two faces": ({"--image": "two.png"}, "2 faces are found"),
    "no picture": ({"--image": "noise.wav"}, "no picture"),
    "corrupt sound": ({"--audio": "noise.wav"}, "cannot be read as sound"),
    "silent sound": ({"--audio": "silent.wav"}, "digital silence"),
    "no sound": ({"--audio": "face.png"}, "holds no sound"),
    "unknown emotion": ({"--emotion": "hapy"}, "happy"),
    "weights above one": ({"--emotion": "happy=0.9,sad=0.9"}, "must not exceed 1"),
    "no steps": ({"--steps": "0"}, "steps is 0"),
    "unknown device": ({"--device": "abacus"}, "no device"),
    "unknown precision": ({"--precision": "fp8"}, "no precision"),
    "negative seed": ({"--seed": "-1"}, "seed is -1"),
    "no such guidance": ({"--guidance": "nan"}, "guidance is nan"),
    "another ending": ({"--out": "a.avi"}, ".mp4"),
    "no folder": ({"--out": "none/a.mp4"}, "does not exist"),
}


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_bad_input_is_one_sentence(
    kind: str, run: Run, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, said = BAD_INPUT[kind]
    monkeypatch.chdir(tmp_path)
    saved(Path("face.png"), astronaut())
    saved(Path("grey.png"), np.full((200, 200, 3), 128, np.uint8))
    saved(Path("two.png"), np.tile(astronaut(), (1, 2, 1)))
    sound_file(Path("silent.wav"), np.zeros(16_000))
    Path("noise.wav").write_bytes(b"no sound " * 999)
    right = {"--model": place.model, "--image": place.image, "--audio": place.audio, "--emotion": "happy",
             "--out": "a.mp4", "--device": "cpu"}  # fmt: skip
    options = [part for pair in (right | changes).items() for part in pair]
    refused(run("generate", *options), said, Path("a.mp4"))


def test_the_emotion_is_told_in_one_way(run: Run, place: Place, tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    given = ["generate", "--model", place.model, "--image", place.image, "--audio", place.audio, "--out", out]
    refused(run(*given), "in one way", out)
    refused(run(*given, "--emotion", "happy", "--text", "sad"), "in one way", out)
    refused(run(*given, "--text", " "), "--text is empty", out)


def test_a_hub_that_cannot_be_reached_is_one_sentence(place: Place, tmp_path: Path) -> None:
    ran = moee(
        "generate", "--model", "nobody/no-model", "--image", place.image, "--audio", place.audio, "--emotion", "happy",
        "--out", tmp_path / "a.mp4", env={"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hub")},
    )  # fmt: skip
    assert ran.status == 2 and ran.err.count("\n") == 1 and "cannot be fetched from the hub" in ran.err
