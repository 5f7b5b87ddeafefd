"""The mixture: gates as printed and as a switch, one expert alone, all experts at once."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from moee_model.emotion_moe import EmotionMoE

CHANNELS, LATENTS, HEADS, TOKENS = 32, 24, 4, 10
POSITIONS = ("query", "output")


def mixture(position: str = "query", **settings: bool) -> EmotionMoE:
    torch.manual_seed(0)
    moe = EmotionMoE(CHANNELS, LATENTS, HEADS, gate_position=position, **settings)  # type: ignore[arg-type]
    for expert in moe.experts:
        torch.nn.init.normal_(expert.to_out.weight, std=0.2)
    torch.nn.init.normal_(moe.local_gate)
    torch.nn.init.normal_(moe.global_gate)
    return moe


def inputs(count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    return torch.randn(count, TOKENS, CHANNELS, generator=source), torch.randn(count, 8, LATENTS, generator=source)


def as_printed(moe: EmotionMoE, x: torch.Tensor, latents: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
    """sum_i g_i E_i(LN(X) s_i), expert by expert, with softmax written out."""
    x = functional.layer_norm(x, (CHANNELS,))
    local = torch.sigmoid(x @ moe.local_gate) if moe.has_local else torch.ones(*x.shape[:2], 6)
    total = torch.zeros_like(x)
    for number, expert in enumerate(moe.experts):
        asked = x * local[..., number, None] if moe.gate_position == "query" else x
        q, k, v = (
            tensor.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for tensor in (expert.to_q(asked), expert.to_k(latents), expert.to_v(latents))
        )
        seen = torch.softmax(q @ k.transpose(-1, -2) / (CHANNELS // HEADS) ** 0.5, -1) @ v
        said = expert.to_out(seen.transpose(1, 2).flatten(2))
        if moe.gate_position == "output":
            said = said * local[..., number, None]
        total = total + gates[:, number, None, None] * said
    return total


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("local", [True, False])
def test_all_experts_at_once_are_the_printed_sum_expert_by_expert(position: str, local: bool) -> None:
    moe, (x, latents) = mixture(position, local_gate=local), inputs()
    gates = torch.tensor([[0.1, 0.2, 0.3, 0.0, 0.4, 0.0]] * 3)
    ours = moe(x, latents, gates, torch.zeros(3, dtype=torch.bool))
    torch.testing.assert_close(ours, as_printed(moe, x, latents, gates), rtol=0, atol=1e-6)


@pytest.mark.parametrize("position", POSITIONS)
def test_the_own_gate_is_a_softmax_over_the_mean_token(position: str) -> None:
    moe, (x, latents) = mixture(position), inputs()
    gates = torch.softmax(functional.layer_norm(x, (CHANNELS,)).mean(1) @ moe.global_gate, -1)
    ours = moe(x, latents, torch.zeros(3, 6), torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(ours, as_printed(moe, x, latents, gates), rtol=0, atol=1e-6)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("expert", range(6))
def test_a_one_hot_gate_is_that_expert_alone(position: str, expert: int) -> None:
    moe, (x, latents) = mixture(position), inputs()
    forced = torch.zeros(3, dtype=torch.bool)
    ours = moe(x, latents, torch.eye(6)[[expert] * 3], forced)
    alone = mixture(position)
    for number, other in enumerate(alone.experts):
        if number != expert:
            torch.nn.init.normal_(other.to_out.weight)  # whatever the others would say
            torch.nn.init.normal_(other.to_v.weight)
    assert torch.equal(ours, alone(x, latents, torch.eye(6)[[expert] * 3], forced))
    assert ours.abs().max() > 0.01


@pytest.mark.parametrize("position", POSITIONS)
def test_neutral_is_exactly_nothing(position: str) -> None:
    moe, (x, latents) = mixture(position), inputs()
    assert not moe(x, latents, torch.zeros(3, 6), torch.zeros(3, dtype=torch.bool)).any()


@pytest.mark.parametrize("position", POSITIONS)
def test_gradients_reach_both_gates_and_every_expert(position: str) -> None:
    moe, (x, latents) = mixture(position), inputs()
    moe(x, latents, torch.zeros(3, 6), torch.ones(3, dtype=torch.bool)).square().sum().backward()
    for name, parameter in moe.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 1e-4, name


def test_the_local_gate_at_the_output_switches_an_expert_off_and_at_the_query_does_not() -> None:
    (x, latents), gates = inputs(), torch.eye(6)[[2] * 3]
    said = {}
    for position in POSITIONS:
        moe = mixture(position).requires_grad_(False)
        open_ = moe(x, latents, gates, torch.zeros(3, dtype=torch.bool)).norm()
        moe.norm = torch.nn.Identity()
        torch.nn.init.constant_(moe.local_gate, -1e3)  # s = sigmoid(x phi) is 0 where the sum of x is positive
        x = x.abs()
        said[position] = float(moe(x, latents, gates, torch.zeros(3, dtype=torch.bool)).norm() / open_)
    assert said["output"] == 0
    assert said["query"] > 0.3  # as printed, a closed gate makes attention uniform: a temperature, not a switch


def test_without_the_global_gate_all_experts_weigh_the_same() -> None:
    moe, (x, latents) = mixture(global_gate=False), inputs()
    gates = torch.eye(6)[[0, 1, 5]]
    ours = moe(x, latents, gates, torch.zeros(3, dtype=torch.bool))
    torch.testing.assert_close(ours, as_printed(moe, x, latents, torch.full((3, 6), 1 / 6)), rtol=0, atol=1e-6)
    assert not moe(x, latents, torch.zeros(3, 6), torch.zeros(3, dtype=torch.bool)).any()


def test_an_expert_without_samples_gets_zero_gradients_and_stays_its_own_parameter() -> None:
    moe, (x, latents) = mixture(), inputs()
    moe(x, latents, torch.eye(6)[[2] * 3], torch.zeros(3, dtype=torch.bool)).sum().backward()
    silent = [number for number, one in enumerate(moe.experts) if not any(p.grad.any() for p in one.parameters())]
    assert silent == [0, 1, 3, 4, 5]
