"""`moee train`: a dataset's folder in, a finished model and its training list out; one sentence for what is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmark.systems import training_list
from moee_model.checkpoint import file_hash, found
from moee_model.config import model_config, read
from moee_model.pipeline import MoEEPipeline
from tests.moee_model.numbered_clips import Clip, clips, given, make
from tests.moee_model.test_initial import public_motion

ROOT = Path(__file__).parents[2]


def stages(steps: int) -> list[dict[str, object]]:
    return [
        {"name": name, "steps": steps, "batch": 2, "lr": 1e-3} for name in ("image", "motion-audio", "experts", "gates")
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of which one file is no video, and a preset of one's own."""
    folder = tmp_path_factory.mktemp("train")
    make(folder / "dataset", [*clips(), Clip("broken", content=b"no video", columns=given("sad"))])
    sections = read("tiny")
    sections["model"] |= {"frames": 4, "motion_frames": 2}
    sections["train"] = {"stages": stages(2), "allow_missing": True, "ema": 0.9, "sample_every": 4, "sample_steps": 2}
    (folder / "mine.yaml").write_text(yaml.safe_dump(sections))
    return folder


def moee(place: Path, *arguments: str, processes: int = 1, wait: bool = True) -> subprocess.Popen[str]:
    """`moee train mine.yaml --data dataset ...` in `place`."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", "moee_cli", "train", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        command, cwd=place, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if wait:
        said = child.communicate(timeout=300)
        child.said = said  # type: ignore[attr-defined]
    return child


def said(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a child that ended."""
    out, err = child.said  # type: ignore[attr-defined]
    return child.returncode, out, err


@pytest.fixture(scope="module")
def done(place: Path) -> tuple[int, str, str]:
    """A run from beginning to end, in `run`."""
    return said(moee(place, "mine.yaml", "--data", "dataset", "--out", "run", "--json"))


def weights(run: Path) -> str:
    """The hash of the trained weights of a run's last checkpoint."""
    return file_hash(found(run / "checkpoints")[-1] / "parameters.safetensors").sha256


def test_a_dataset_becomes_a_model_that_opens(place: Path, done: tuple[int, str, str]) -> None:
    status, out, err = done
    result = json.loads(out)
    assert status == 1, err  # one clip failed and is listed
    assert list(result["left_out"]) == [Clip("broken").id]
    assert result["steps"] == 8 and list(result["losses"]) == ["image", "motion-audio", "experts", "gates"]
    pipeline = MoEEPipeline.from_pretrained(place / result["model"])
    assert pipeline.settings.name == "tiny" and pipeline.settings.frames == 4
    assert "stage experts" in err and "training 8 steps" in err and "Traceback" not in err


def test_the_model_says_what_it_began_with_and_under_which_licences_it_was_trained(
    place: Path, done: tuple[int, str, str]
) -> None:
    written = json.loads((place / "run" / "model" / "lineage.json").read_bytes())
    trained = json.loads(done[1])["clips"]
    assert written == {"began_with": {}, "dataset": None, "clips": trained, "licences": {}, "unlicensed": trained}
    config = replace(model_config("tiny"), frames=4, motion_frames=2)
    public_motion(config).save_pretrained(place / "weights" / "own-motion")
    arguments = ("--data", "dataset", "--out", "begun", "--features", "run/features", "--limit-steps", "1")
    begun = said(moee(place, "mine.yaml", *arguments, "--init-from", "motion=weights/own-motion"))
    assert begun[0] == 1 and "weights read: motion modules" in begun[2], begun[2]
    again = (place / "begun" / "model" / "lineage.json").read_bytes()
    assert list(json.loads(again)["began_with"]) == ["motion"] and b"own-motion" in again and bytes(place) not in again
    resumed = said(moee(place, "mine.yaml", *arguments, "--resume"))
    assert resumed[0] == 1 and (place / "begun" / "model" / "lineage.json").read_bytes() == again


def test_the_training_list_names_whoever_was_trained_on(place: Path, done: tuple[int, str, str]) -> None:
    names = training_list(place / "run" / "training_list.csv")
    assert {"numbers/one", "happy.mp4", Clip("happy", 24).id} <= names
    assert Clip("validation", 22).id not in names and Clip("test", 23).id not in names


def test_sample_videos_are_made_of_clips_for_validation(place: Path, done: tuple[int, str, str]) -> None:
    made = sorted((place / "run" / "samples").glob("*/*.mp4"))
    assert [path.parent.name for path in made] == ["step-00000004", "step-00000008"]
    assert {path.stem for path in made} == {Clip("validation", 22).id}


def test_a_run_that_is_there_needs_resume(place: Path, done: tuple[int, str, str]) -> None:
    status, out, err = said(moee(place, "mine.yaml", "--data", "dataset", "--out", "run"))
    assert (status, out) == (2, "") and "holds a run already: add --resume" in err
    status, out, err = said(moee(place, "mine.yaml", "--data", "dataset", "--out", "run", "--resume"))
    assert status == 1 and "8 steps on" in out and "left out" in out


def test_sigterm_ends_with_143_and_resume_goes_on_to_the_same_weights(place: Path, done: tuple[int, str, str]) -> None:
    shutil.copytree(place / "run" / "features", place / "cut" / "features")
    child = moee(place, "mine.yaml", "--data", "dataset", "--out", "cut", wait=False)
    log = place / "cut" / "scalars.jsonl"
    deadline = time.monotonic() + 120
    while not (log.is_file() and log.read_text().count("\n") >= 2) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 143, err
    assert "stopped after step" in err and "--resume" in err and out == ""
    status, _, err = said(moee(place, "mine.yaml", "--data", "dataset", "--out", "cut", "--resume"))
    assert status == 1 and "training goes on after step" in err
    assert weights(place / "cut") == weights(place / "run")


def test_torchrun_trains_in_two_processes_of_which_one_speaks(place: Path, done: tuple[int, str, str]) -> None:
    arguments = ("mine.yaml", "--data", "dataset", "--out", "two", "--features", "run/features", "--limit-steps", "1")
    status, out, err = said(moee(place, *arguments, processes=2))
    assert out.count("4 steps on") == 1 and err.count("stage experts") == 1
    assert (place / "two" / "model" / "moee.json").is_file()
    assert len(list((place / "two" / "checkpoints").glob("*/rng-1.safetensors"))) == 2
    assert status == 0, err  # a clip was left out, and is listed; torchrun would start again what ends with 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("huge", "--data", "dataset", "--out", "x"), "no preset or file 'huge'"),
        (("mine.yaml", "--data", "nowhere", "--out", "x"), "no folder nowhere"),
        (("mine.yaml", "--data", "dataset", "--out", "x", "--init-from", "vae=there"), "write PART=PLACE once"),
        (("mine.yaml", "--data", "dataset", "--out", "x", "--init-from", "unet=there"), "there"),
        (("mine.yaml", "--data", "dataset", "--out", "x", "--device", "tpu"), "must be auto, cpu or cuda"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(place: Path, arguments: tuple[str, ...], sentence: str) -> None:
    status, out, err = said(moee(place, *arguments))
    assert (status, out) == (2, "") and sentence in err and "Traceback" not in err
    assert len(err.strip().splitlines()[-1]) < 400


def test_help_answers_without_the_networks_libraries() -> None:
    program = "import sys; import moee_model.train_cli; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
