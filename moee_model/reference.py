"""The ReferenceNet: the same U-Net without time, whose features tell the denoiser how the person looks."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0


class _Keep(AttnProcessor2_0):
    """Attention as usual; self-attention also puts what it reads (the output of norm1) into `kept`."""

    def __init__(self, name: str | None) -> None:
        super().__init__()
        self._name = name

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
        kept: dict[str, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        if self._name is not None and kept is not None:
            kept[self._name] = hidden_states
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


class ReferenceNet(UNet2DConditionModel):
    """Stable Diffusion's U-Net as a feature extractor; it keeps nothing between calls.

    Its weights and configuration are `UNet2DConditionModel`'s. What lies behind the last captured features gets no
    gradient (see `groups`).
    """

    _keeps = False

    def features(self, latents: torch.Tensor, identity: torch.Tensor) -> dict[str, torch.Tensor]:
        """What each spatial transformer block's self-attention reads, at timestep 0.

        Args:
            latents: [B, C, h, w] of the reference frame, clean. identity: [B, tokens, context].

        Returns:
            block name -> [B, n, D], for all blocks; the names are those of the denoiser's blocks.
        """
        if not self._keeps:
            names = {name: name.removesuffix(".attn1.processor") for name in self.attn_processors}
            self.set_attn_processor({name: _Keep(block if block != name else None) for name, block in names.items()})
            self._keeps = True
        kept: dict[str, torch.Tensor] = {}
        step = torch.zeros(len(latents), dtype=torch.long, device=latents.device)
        self(latents, step, encoder_hidden_states=identity, cross_attention_kwargs={"kept": kept}, return_dict=False)
        return kept
