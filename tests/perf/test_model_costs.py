"""What the model weighs and computes is what the specification says; the measurements of time run."""

import math

import pytest
import torch

from moee_model.config import model_config
from moee_model.groups import STAGES
from moee_model.train_config import StageConfig
from perf.model_costs import Row, flops, lines, table
from perf.model_speed import Device, generate_speed, small, step_tflop, train_speed

WITHIN = 0.02


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    return {row.part: row for row in table(model_config("paper"))}


def test_every_part_of_the_paper_preset_is_within_two_percent_of_the_specification(rows: dict[str, Row]) -> None:
    compared = [row for row in rows.values() if row.table is not None]
    assert len(compared) == 7
    for row in compared:
        assert max(map(abs, row.off)) <= WITHIN, (row.part, row.off)


def test_parameters_that_are_not_counted_otherwise_are_the_specifications(rows: dict[str, Row]) -> None:
    assert rows["U-Net / ReferenceNet"].millions == pytest.approx(859.52, abs=0.01)
    assert rows["+ motion modules"].millions == pytest.approx(1312.73, abs=0.01)
    assert rows["+ audio cross-attention"].millions == pytest.approx(44.0, abs=0.05)
    assert rows["VAE decode"].millions == pytest.approx(83.65, abs=0.01)


def test_every_difference_is_explained(rows: dict[str, Row]) -> None:
    """Where ours is counted otherwise than the table, a sentence says why, and it is ours that costs less."""
    for row in rows.values():
        if row.counted is not None:
            assert row.why, row.part
            assert row.tflop <= row.counted[1] and row.millions <= row.counted[0]
            assert row.tflop > 0.95 * row.counted[1]


def test_a_part_that_grows_leaves_the_two_percent(rows: dict[str, Row]) -> None:
    heavier = Row("U-Net", 1.03 * rows["U-Net / ReferenceNet"].millions, 0.803, (859.5, 0.803))
    assert heavier.off[0] > WITHIN > abs(heavier.off[1])
    assert "+3.0%" in lines([heavier])[-1]


def test_operations_are_counted_as_pytorch_counts_them() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        network = torch.nn.TransformerEncoderLayer(64, 4).eval()
        seen = torch.empty(9, 2, 64)
    with FlopCounterMode(display=False) as theirs:
        network(seen).sum().backward()
    assert flops(lambda: network(seen).sum().backward()) * 1e12 == theirs.get_total_flops() > 0


def test_a_step_costs_its_forward_pass_and_what_gradients_need() -> None:
    """About three forward passes where everything is trained, less where only additions are."""
    toy = model_config("toy")
    cost = {name: step_tflop(toy, StageConfig(name, steps=1)) for name in STAGES}
    frames = toy.frames + toy.motion_frames
    assert cost["image"] < cost["gates"] / frames * 5
    assert cost["gates"] < cost["experts"] < cost["motion-audio"]


def test_the_measurements_run_where_there_is_no_gpu_and_invent_no_peak() -> None:
    device, config = Device("cpu"), small(model_config("toy"))
    found = train_speed(config, device, "experts", compiled=False, rounds=1, warm=0)
    assert found.seconds > 0 and found.frames == pytest.approx(4 * 3 / found.seconds)
    assert math.isnan(found.share) and math.isnan(found.gib)
    made = generate_speed(config, device, compiled=False, schedules=(2,), rounds=1)
    assert [(one.steps, one.guided) for one in made] == [(2, True), (2, False)] and all(one.seconds > 0 for one in made)
