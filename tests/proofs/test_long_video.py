"""A minute of video takes the memory of six seconds."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from moee_model.config import model_config
from moee_model.denoiser import build
from moee_model.pipeline import MoEEPipeline
from tests.curation.runs import ROOT
from tests.moee_model.test_inputs import astronaut, saved, sound_file

pytestmark = pytest.mark.proof
SECONDS = (6, 60)


@pytest.mark.full
def test_a_minute_takes_the_memory_of_six_seconds(tmp_path: Path, table: Callable[[str], None]) -> None:
    torch.set_num_threads(1)
    tiny = model_config("tiny")
    MoEEPipeline.from_denoiser(build(tiny), tiny).save_pretrained(tmp_path / "model")
    picture = saved(tmp_path / "a.png", astronaut())
    peaks = []
    for seconds in SECONDS:
        noise = 0.1 * np.random.default_rng(0).standard_normal(seconds * 16_000).clip(-3, 3)
        sound = sound_file(tmp_path / f"{seconds}.wav", noise)
        done = subprocess.run(
            [sys.executable, "-m", "tests.proofs.long_video", tmp_path / "model", picture, sound, str(seconds),
             tmp_path / f"{seconds}.mp4"],
            capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["frames"] == seconds * tiny.fps
        peaks.append(said["peak"])
        table(f"{seconds} s: {said['peak'] / 2**20:.0f} MiB at most, {said['before'] / 2**20:.0f} with the model open")
    assert peaks[1] <= 1.1 * peaks[0]
