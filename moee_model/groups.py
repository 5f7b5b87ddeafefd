"""Which parameters belong together, and which of them each stage of training changes (MoEE, 3.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from torch import nn

from moee_model.denoiser import Denoiser
from moee_model.errors import ModelError

GROUPS: Final = ("reference", "reference-unused", "spatial", "motion", "audio", "experts", "gates", "emotion-latents")
STAGES: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"reference", "spatial"}),
    "motion-audio": frozenset({"motion", "audio"}),
    "experts": frozenset({"experts", "emotion-latents"}),
    "gates": frozenset({"gates", "emotion-latents"}),
}
"""Stages in their order: the groups that each trains. Everything else stands still."""
_PATTERNS: Final = (
    ("experts", r"unet\..*\.moe\.experts\."),
    ("gates", r"unet\..*\.moe\.(local|global)_gate$"),
    ("audio", r"unet\..*\.audio_(norm|attention)\.|audio_projection\."),
    ("motion", r"unet\..*\.motion_modules\."),
    ("emotion-latents", r"emotion_latents\."),
    # behind the last features that the denoiser sees: the last block's attention onwards
    ("reference-unused", r"reference_net\.conv_(norm_out|out)\."),
    ("spatial", r"unet\."),
    ("reference", r"reference_net\."),
)


def group_of(name: str, last: str) -> str:
    """The group of a parameter of `Denoiser` by its name; `last`: the ReferenceNet's last attention, by its name."""
    inside = name.removeprefix(f"reference_net.{last}.")
    if inside != name and not inside.startswith(("norm.", "proj_in.")) and ".norm1." not in f".{inside}":
        return "reference-unused"
    return next(group for group, pattern in _PATTERNS if re.match(pattern, name))


def groups(denoiser: Denoiser) -> dict[str, dict[str, nn.Parameter]]:
    """All parameters, group by group and by name; every parameter is in one group."""
    found: dict[str, dict[str, nn.Parameter]] = {group: {} for group in GROUPS}
    last = f"up_blocks.{len(denoiser.reference_net.up_blocks) - 1}.attentions.{denoiser.unet.config.layers}"
    for name, parameter in denoiser.named_parameters():
        found[group_of(name, last)][name] = parameter
    return found


def expert_groups(denoiser: Denoiser) -> list[list[nn.Parameter]]:
    """The parameters of each expert in all blocks together, for clipping per expert."""
    found: dict[int, list[nn.Parameter]] = {}
    for name, parameter in groups(denoiser)["experts"].items():
        found.setdefault(int(name.split(".moe.experts.")[1].split(".")[0]), []).append(parameter)
    return [found[expert] for expert in sorted(found)]


def train_only(denoiser: Denoiser, stage: str) -> None:
    """Let gradients reach the groups of a stage and no other parameter; raises ModelError for an unknown stage."""
    if stage not in STAGES:
        raise ModelError(f"There is no stage {stage!r}: stages are {', '.join(STAGES)}.")
    for group, parameters in groups(denoiser).items():
        for parameter in parameters.values():
            parameter.requires_grad_(group in STAGES[stage])


def idle(parameters: list[nn.Parameter]) -> bool:
    """Whether an expert had no sample in a step: all its gradients are zero. Its gradients must then be dropped (set to
    None): an optimizer with momentum and weight decay moves a parameter whose gradient is zero."""
    return all(one.grad is None or not one.grad.any() for one in parameters)
