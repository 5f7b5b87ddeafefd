"""The trainer: what a run leaves, what stops it, and what must not change it."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from moee_model import checkpoint, train_samples
from moee_model.batch import Batch, Request
from moee_model.codec import make_codec
from moee_model.denoiser import Denoiser, build
from moee_model.errors import ModelError
from moee_model.pipeline import MoEEPipeline
from moee_model.rng_state import captured
from moee_model.speech import make_speech
from moee_model.train import StoppedError, Trainer
from moee_model.train_config import TrainConfig
from moee_model.train_samples import Sample
from tests.moee_model.synthetic import SyntheticSource, short_training, small_model

torch.set_num_threads(1)
CONFIG = small_model()
ROOT = Path(__file__).parents[2]


def trained(out: Path, train: TrainConfig, source: SyntheticSource | None = None, **settings: object) -> Trainer:
    """A trainer without TensorBoard, not yet run."""
    source = source or SyntheticSource.of(CONFIG)
    return Trainer(build(CONFIG), CONFIG, train, source, out, tensorboard=False, **settings)  # type: ignore[arg-type]


def same(one: Trainer, other: Trainer) -> bool:
    """Whether two runs have the same parameters, bit for bit."""
    ours, theirs = one.denoiser.state_dict(), other.denoiser.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "scalars.jsonl").read_text().splitlines()]


def sample() -> Sample:
    waveform = 0.1 * np.sin(np.arange(16000 // 5) / 20).astype(np.float32)
    return Sample("one", np.full((8, 8, 3), 128, np.uint8), waveform)


def test_the_loss_falls_in_a_run_over_few_clips(tmp_path: Path) -> None:
    train = short_training(60, 0, 0, 0, batch=8)
    trained(tmp_path, train).run()
    said = losses(tmp_path)
    assert np.mean(said[-10:]) < 0.8 * np.mean(said[:10])


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        runs.append(trained(tmp_path / name, short_training(1, seed=seed)))
        torch.manual_seed(len(runs))  # the global generator has no say
        runs[-1].run()
    assert same(runs[0], runs[1]) and not same(runs[0], runs[2])


def test_reading_ahead_and_deterministic_kernels_change_nothing(tmp_path: Path) -> None:
    runs = [trained(tmp_path / str(k), short_training(2, prefetch=k, deterministic=k > 0)) for k in (0, 3)]
    asked = []
    for run in runs:
        run.run()
        asked.append(run.source.asked)  # type: ignore[attr-defined]
    assert asked[0] == asked[1] and same(*runs)
    assert not torch.are_deterministic_algorithms_enabled()


def test_training_draws_from_no_global_generator(tmp_path: Path) -> None:
    run = trained(tmp_path, short_training(1))
    before = captured()
    run.run()
    assert all(torch.equal(value, captured()[name]) for name, value in before.items())


def test_sample_videos_change_nothing_that_is_learned(tmp_path: Path) -> None:
    """Regression (hallo, Moore #54): validation reseeded the global generator, and re-patched reference attention so
    that training went on without reference."""
    plain = trained(tmp_path / "plain", short_training(2))
    plain.run()
    shown = trained(
        tmp_path / "shown",
        short_training(2, sample_every=1, sample_steps=2),
        codec=make_codec(CONFIG.codec),
        speech=make_speech(CONFIG.audio),
        samples=[sample()],
    )
    before = captured()
    shown.run()
    assert all(torch.equal(value, captured()[name]) for name, value in before.items())
    assert len(list((tmp_path / "shown" / "samples").glob("step-*/one.mp4"))) == 8
    assert same(plain, shown) and losses(tmp_path / "plain") == losses(tmp_path / "shown")
    hashes = [checkpoint.file_hash(checkpoint.found(run.checkpoints)[-1] / "parameters.safetensors").sha256
              for run in (plain, shown)]  # fmt: skip
    assert hashes[0] == hashes[1]


def test_samples_that_seed_generators_and_patch_their_model_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression (hallo, hallo #124): the guard holds whatever the making of samples does."""

    def careless(model: Denoiser, trainer: Trainer, folder: Path) -> None:
        torch.manual_seed(0), np.random.seed(0), random.seed(0)
        model.reference_net.features = lambda *_: {}  # type: ignore[method-assign]
        model.unet.enable_gradient_checkpointing()
        for value in model.parameters():
            value.data.zero_()

    monkeypatch.setattr(train_samples, "write", careless)
    plain = trained(tmp_path / "plain", short_training(1))
    plain.run()
    shown = trained(tmp_path / "shown", short_training(1, sample_every=1), samples=[sample()])
    before = captured()
    shown.run()
    assert all(torch.equal(value, captured()[name]) for name, value in before.items())
    assert same(plain, shown) and losses(tmp_path / "plain") == losses(tmp_path / "shown")


def test_samples_are_made_with_the_averaged_weights_and_leave_the_trained_ones(tmp_path: Path) -> None:
    run = trained(tmp_path, short_training(4, 0, 0, 0))
    run.run(until=3)
    model, averages = run.model(), run.weights()
    assert all(torch.equal(value, averages[name]) for name, value in model.state_dict().items())
    assert not torch.equal(model.unet.conv_in.weight, run.denoiser.unet.conv_in.weight)
    assert not any(value.requires_grad for value in model.parameters())
    model.unet.conv_in.weight.zero_()
    assert run.denoiser.unet.conv_in.weight.any()


def test_a_run_leaves_scalars_and_tensorboard_files(tmp_path: Path) -> None:
    Trainer(build(CONFIG), CONFIG, short_training(1), SyntheticSource.of(CONFIG), tmp_path).run()
    lines = [json.loads(line) for line in (tmp_path / "scalars.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["image", "motion-audio", "experts", "gates"]
    assert {"loss", "latent", "spatial", "lr", "gradient", "gradient/happy"} <= set(lines[2])
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4]


def test_the_finished_model_opens_and_holds_the_averages(tmp_path: Path) -> None:
    run = trained(tmp_path, short_training(2, 0, 0, 0))
    run.run()
    run.export(tmp_path / "model")
    opened = MoEEPipeline.from_pretrained(tmp_path / "model")
    assert all(torch.equal(value, run.weights()[name]) for name, value in opened.denoiser.state_dict().items())
    assert opened.settings == CONFIG
    run.export(tmp_path / "model")
    assert not list(tmp_path.glob(".tmp-*"))


class Harmful(SyntheticSource):
    """A clip of NaN."""

    bad = 7  # in the second step

    def batch(self, requests: Sequence[Request], frames: int, motion_frames: int) -> Batch:
        found = super().batch(requests, frames, motion_frames)
        for row, request in enumerate(requests):
            if request.index == self.bad:
                found.latents[row] = float("nan")
        return found


def test_a_loss_that_is_no_number_stops_with_the_ids_and_changes_nothing(tmp_path: Path) -> None:
    run = trained(tmp_path, short_training(0, 6, 0, 0, checkpoint_every=1, keep=9), Harmful.of(CONFIG))
    before = {name: value.clone() for name, value in run.denoiser.state_dict().items()}
    move = run.watcher.step

    def step(done: int, loss: float) -> None:
        before.update({name: value.clone() for name, value in run.denoiser.state_dict().items()})
        move(done, loss)

    run.watcher.step = step  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=r"no number .* with the clips .*clip-007.*: look at these clips") as said:
        run.run()
    assert str(said.value).count("clip-") == 4 and run.step > 0
    now = run.denoiser.state_dict()
    assert all(torch.equal(value, now[name]) for name, value in before.items())
    assert all(
        bool(torch.isfinite(value).all())
        for path in checkpoint.found(run.checkpoints)
        for value in checkpoint.load_file(path / "parameters.safetensors").values()
    )


def test_an_error_while_reading_ahead_comes_out_as_it_is(tmp_path: Path) -> None:
    class Broken(SyntheticSource):
        def batch(self, requests: Sequence[Request], frames: int, motion_frames: int) -> Batch:
            raise ModelError("The features of clip-001 are damaged.")

    with pytest.raises(ModelError, match="features of clip-001 are damaged"):
        trained(tmp_path, short_training(2, 0, 0, 0), Broken.of(CONFIG)).run()


def test_weights_in_fp16_are_refused(tmp_path: Path) -> None:
    """Regression (hallo #212): trainable weights in fp16 become NaN."""
    with pytest.raises(ModelError, match=r"float16 cannot be trained"):
        Trainer(build(CONFIG).half(), CONFIG, short_training(1), SyntheticSource.of(CONFIG), tmp_path)
    with pytest.raises(ModelError, match="fp16 become NaN"):
        short_training(1, precision="fp16")


def test_bf16_computes_under_autocast_and_keeps_float32_parameters(tmp_path: Path) -> None:
    run = trained(tmp_path / "bf16", short_training(1, precision="bf16"))
    run.run()
    assert {value.dtype for value in run.denoiser.parameters()} == {torch.float32}
    exact = trained(tmp_path / "fp32", short_training(1))
    exact.run()
    low, high = losses(tmp_path / "bf16"), losses(tmp_path / "fp32")
    assert low != high and np.allclose(low, high, rtol=0.05)


def test_gradient_checkpointing_gives_the_same_training(tmp_path: Path) -> None:
    runs = [trained(tmp_path / str(on), short_training(2, gradient_checkpointing=on)) for on in (False, True)]
    for run in runs:
        run.run()
    assert np.allclose(losses(tmp_path / "False"), losses(tmp_path / "True"), rtol=1e-4)


def test_a_loss_on_pixels_needs_the_codec_and_is_logged(tmp_path: Path) -> None:
    train = short_training(0, 1, 0, 0)
    (stage,) = train.stages
    train = replace(train, stages=(replace(stage, loss=replace(stage.loss, spatial=0.5)),))
    with pytest.raises(ModelError, match="needs the codec"):
        trained(tmp_path, train)
    trained(tmp_path, train, codec=make_codec(CONFIG.codec)).run()
    (line,) = (tmp_path / "scalars.jsonl").read_text().splitlines()
    said = json.loads(line)
    assert said["spatial"] > 0 and said["loss"] == pytest.approx(said["latent"] + 0.5 * said["spatial"], rel=1e-5)


def test_more_processes_than_samples_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"batch of 4 cannot be shared by 1 processes in 5 passes"):
        trained(tmp_path, short_training(1, gradient_accumulation=5))


def test_sigterm_lets_the_step_end_writes_a_checkpoint_and_the_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    straight = trained(tmp_path / "straight", short_training(3))
    straight.run()

    class Signalled(SyntheticSource):
        def batch(self, requests: Sequence[Request], frames: int, motion_frames: int) -> Batch:
            if threading.current_thread() is threading.main_thread() and len(self.asked) == 16:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().batch(requests, frames, motion_frames)

    cut = trained(tmp_path / "cut", short_training(3, prefetch=0), Signalled.of(CONFIG))
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StoppedError) as stopped:
        cut.run()
    assert stopped.value.signal == signal.SIGTERM and "--resume" in str(stopped.value)
    assert signal.getsignal(signal.SIGTERM) is handler
    again = trained(tmp_path / "cut", short_training(3))
    assert again.resume() == 5
    again.run()
    assert same(straight, again) and losses(tmp_path / "straight") == losses(tmp_path / "cut")


def test_a_killed_process_leaves_a_run_that_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL at any moment: the last whole checkpoint counts, scalars behind it are forgotten."""
    train = short_training(0, 12, 0, 0, checkpoint_every=1, prefetch=0)
    straight = trained(tmp_path / "straight", train)
    straight.run()
    program = (
        "import sys; from pathlib import Path; from tests.moee_model.test_train import trained, short_training; "
        f"trained(Path({str(tmp_path / 'cut')!r}), short_training(0, 12, 0, 0, checkpoint_every=1, prefetch=0)).run()"
    )
    child = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    deadline = time.monotonic() + 120
    while len(checkpoint.found(tmp_path / "cut" / "checkpoints")) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.kill()
    child.wait()
    again = trained(tmp_path / "cut", train)
    assert 1 <= again.resume() <= 12
    again.run()
    assert same(straight, again) and losses(tmp_path / "straight") == losses(tmp_path / "cut")
