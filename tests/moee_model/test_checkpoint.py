"""Checkpoints: N steps, a new start and N more give the bits of 2N; what is damaged or foreign is not gone on from."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from moee_model import checkpoint
from moee_model.denoiser import build
from moee_model.errors import ModelError
from moee_model.rng_state import captured, restore, untouched
from moee_model.train import Trainer
from moee_model.train_config import TrainConfig
from tests.moee_model.synthetic import SyntheticSource, short_training, small_model

torch.set_num_threads(1)
CONFIG = small_model()


class Notes:
    """Keeps what a watcher is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.losses: list[float] = []

    def begin(self, done: int, steps: int) -> None: ...

    def stage(self, name: str, parameters: int) -> None: ...

    def step(self, done: int, loss: float) -> None:
        self.losses.append(loss)

    def note(self, text: str) -> None:
        self.said.append(text)


def trainer(out: Path, train: TrainConfig, watcher: Notes | None = None, seed: int = 0) -> Trainer:
    return Trainer(
        build(CONFIG, seed), CONFIG, train, SyntheticSource.of(CONFIG), out, watcher=watcher, tensorboard=False
    )


def files(folder: Path) -> dict[str, str]:
    """The hashes that a checkpoint's files have."""
    return json.loads((folder / "state.json").read_text())["files"]


def all_losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "scalars.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("steps", "cuts"), [((0, 0, 8, 0), [4]), ((2, 2, 2, 2), [1, 2, 5, 6])], ids=["inside", "between"]
)
def test_n_steps_a_new_start_and_n_more_are_2n_steps_bit_for_bit(
    tmp_path: Path, steps: tuple[int, ...], cuts: Sequence[int]
) -> None:
    """Parameters, optimizer, averages, generators and scalars, inside a stage and at the border of two."""
    train = short_training(*steps)
    straight = trainer(tmp_path / "straight", train)
    straight.run()
    for cut in cuts:
        torch.manual_seed(1)
        trainer(tmp_path / "cut", train, seed=0).run(until=cut)
        kept = captured()
        torch.rand(3), np.random.rand(3), random.random()
        again = trainer(tmp_path / "cut", train, seed=99)  # its own first weights must not matter
        assert again.resume() == cut
        again.run()
        assert all(torch.equal(value, captured()[name]) for name, value in kept.items())
        ends = [files(checkpoint.found(tmp_path / name / "checkpoints")[-1]) for name in ("straight", "cut")]
        assert {name: ends[0][name] for name in ends[0] if name != "rng-0.safetensors"} == {
            name: ends[1][name] for name in ends[1] if name != "rng-0.safetensors"
        }
        assert all_losses(tmp_path / "cut") == all_losses(tmp_path / "straight")
        for path in (tmp_path / "cut" / "checkpoints").iterdir():
            [file.unlink() for file in path.iterdir()], path.rmdir()


def test_optimizer_and_averages_of_a_cut_inside_a_stage_are_those_of_the_straight_run(tmp_path: Path) -> None:
    train = short_training(0, 0, 9, 0, checkpoint_every=6, keep=9)
    trainer(tmp_path / "straight", train).run()
    trainer(tmp_path / "cut", train).run(until=4)
    again = trainer(tmp_path / "cut", train)
    again.resume()
    again.run()
    one, other = (files(tmp_path / name / "checkpoints" / "step-00000006") for name in ("straight", "cut"))
    for name in ("parameters", "optimizer", "ema"):
        assert one[f"{name}.safetensors"] == other[f"{name}.safetensors"]


def test_every_kind_of_generator_is_kept_and_put_back() -> None:
    state = captured()
    drawn = torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random(), random.gauss(0, 1)
    restore(state)
    assert (torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random(), random.gauss(0, 1)) == drawn


def test_what_seeds_the_generators_inside_leaves_them_as_they_were() -> None:
    """Regression (hallo): validation reseeded the global generator, so training went on with the same noise."""
    state = captured()
    with untouched():
        torch.manual_seed(0), np.random.seed(0), random.seed(0)
    assert all(torch.equal(value, captured()[name]) for name, value in state.items())


def test_a_checkpoint_holds_safetensors_and_json_only(tmp_path: Path) -> None:
    trainer(tmp_path, short_training(2, 0, 0, 0)).run(until=1)
    (folder,) = checkpoint.found(tmp_path / "checkpoints")
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}
    assert (folder / "parameters.safetensors").stat().st_mode == (folder / "state.json").stat().st_mode


@pytest.mark.parametrize("harm", ["flipped bit", "missing file", "cut off", "no state"])
def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path: Path, harm: str) -> None:
    train = short_training(0, 3, 0, 0, checkpoint_every=1, keep=3)
    trainer(tmp_path, train).run()
    newest = checkpoint.found(tmp_path / "checkpoints")[-1]
    path = newest / ("state.json" if harm == "no state" else "parameters.safetensors")
    content = path.read_bytes()
    match harm:
        case "flipped bit":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "cut off":
            path.write_bytes(content[: len(content) // 2])
        case _:
            path.unlink()
    notes = Notes()
    again = trainer(tmp_path, train, notes)
    assert again.resume() == 2
    assert len(notes.said) == 1 and "step-00000003 is damaged" in notes.said[0]
    assert again.run() == 3
    assert checkpoint._checked(newest)[0] is not None


def test_when_all_checkpoints_are_damaged_nothing_is_begun_anew_silently(tmp_path: Path) -> None:
    train = short_training(2, 0, 0, 0, checkpoint_every=1)
    trainer(tmp_path, train).run()
    for path in checkpoint.found(tmp_path / "checkpoints"):
        (path / "ema.safetensors").unlink()
    with pytest.raises(ModelError, match=r"All checkpoints .* are damaged"):
        trainer(tmp_path, train).resume()


def test_a_write_that_was_cut_off_leaves_the_checkpoints_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = short_training(3, 0, 0, 0, checkpoint_every=1, keep=5)
    one = trainer(tmp_path, train)
    one.run(until=2)

    def dies(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "_finish", dies)
    with pytest.raises(KeyboardInterrupt):
        one.run()
    monkeypatch.undo()
    assert [path.name for path in checkpoint.found(tmp_path / "checkpoints")] == ["step-00000001", "step-00000002"]
    again = trainer(tmp_path, train)
    assert again.resume() == 2 and again.run() == 3
    assert not list((tmp_path / "checkpoints").glob(".tmp-*"))


def test_old_checkpoints_are_deleted_and_the_newest_kept(tmp_path: Path) -> None:
    trainer(tmp_path, short_training(5, 0, 0, 0, checkpoint_every=1, keep=2)).run()
    assert [path.name for path in checkpoint.found(tmp_path / "checkpoints")] == ["step-00000004", "step-00000005"]


def test_another_configuration_is_refused_in_a_sentence_that_names_it(tmp_path: Path) -> None:
    train = short_training(2, 0, 0, 0)
    trainer(tmp_path, train).run(until=1)
    with pytest.raises(ModelError, match=r"trained with another train\.clip"):
        trainer(tmp_path, replace(train, clip=2.0)).resume()
    model = replace(CONFIG, moe=replace(CONFIG.moe, gate_position="output"))
    other = Trainer(build(model), model, train, SyntheticSource.of(model), tmp_path, tensorboard=False)
    with pytest.raises(ModelError, match=r"trained with another model\.moe\.gate_position"):
        other.resume()
    labels = SyntheticSource.of(CONFIG).labels[::-1].copy()
    other = Trainer(build(CONFIG), CONFIG, train, SyntheticSource.of(CONFIG, labels), tmp_path, tensorboard=False)
    with pytest.raises(ModelError, match="trained on other clips"):
        other.resume()
    other = Trainer(build(CONFIG), CONFIG, train, SyntheticSource.of(CONFIG), tmp_path, parts={"unet": "0123"})
    with pytest.raises(ModelError, match="began from other weights"):
        other.resume()


def test_settings_that_change_nothing_that_is_learned_may_change(tmp_path: Path) -> None:
    train = short_training(2, 0, 0, 0)
    trainer(tmp_path, train).run(until=1)
    free = replace(train, checkpoint_every=7, keep=5, sample_every=3, log_every=2, prefetch=0)
    assert trainer(tmp_path, free).resume() == 1


def test_a_folder_with_a_run_is_not_trained_into_without_resume(tmp_path: Path) -> None:
    trainer(tmp_path, short_training(1, 0, 0, 0)).run()
    with pytest.raises(ModelError, match="holds a run already: add --resume"):
        trainer(tmp_path, short_training(1, 0, 0, 0)).run()


def test_a_run_that_is_done_goes_on_to_nothing(tmp_path: Path) -> None:
    trainer(tmp_path, short_training(2, 0, 0, 0)).run()
    again = trainer(tmp_path, short_training(2, 0, 0, 0), notes := Notes())
    assert again.resume() == 2 and again.run() == 2 and notes.losses == []


def test_weights_of_a_resumed_run_are_the_averages(tmp_path: Path) -> None:
    one = trainer(tmp_path, short_training(4, 0, 0, 0))
    one.run(until=3)
    again = trainer(tmp_path, short_training(4, 0, 0, 0))
    again.resume()
    assert all(torch.equal(value, again.weights()[name]) for name, value in one.weights().items())
