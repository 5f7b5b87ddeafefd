"""The spatial transformer block of the denoiser: reference, identity, audio and emotion, in this order."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from torch import nn
from torch.nn import functional

from moee_model.emotion_moe import EmotionMoE


class Conditions(TypedDict):
    """What every block is told, through `cross_attention_kwargs`. B samples, BF frames of all samples.

    reference: block name -> [B, n, D], the ReferenceNet's features of that block; shown: [B] bool, whether a sample
    sees them. audio: [BF, tokens, context]. latents: [BF, T, channels], gates: [BF, 6], learned: [BF] bool of emotion.
    Each is None where it is left out.
    """

    reference: dict[str, torch.Tensor] | None
    shown: torch.Tensor | None
    audio: torch.Tensor | None
    latents: torch.Tensor | None
    gates: torch.Tensor | None
    learned: torch.Tensor | None


class MoEEBlock(BasicTransformerBlock):
    """Self-attention that also sees the reference -> identity tokens -> audio -> emotion experts -> feed-forward.

    Parameters of the base block keep their names. What is added begins as exactly nothing: its outputs are zero.

    Args:
        name: of the block in the U-Net, the key of its reference features.
        dim, heads, head_dim, context: as the block that it replaces has them.
        latent_channels, moe_heads, experts, gate_position, local_gate, global_gate: of `EmotionMoE`; experts 0: none.
    """

    def __init__(
        self,
        name: str,
        dim: int,
        heads: int,
        head_dim: int,
        context: int,
        latent_channels: int,
        moe_heads: int,
        experts: int,
        gate_position: Literal["query", "output"],
        local_gate: bool,
        global_gate: bool,
    ) -> None:
        super().__init__(dim, heads, head_dim, cross_attention_dim=context)
        self.name = name
        self.audio_norm = nn.LayerNorm(dim)
        self.audio_attention = Attention(dim, context, heads, dim_head=head_dim)
        nn.init.zeros_(self.audio_attention.to_out[0].weight)
        nn.init.zeros_(self.audio_attention.to_out[0].bias)
        self.moe = (
            EmotionMoE(dim, latent_channels, moe_heads, experts, gate_position, local_gate, global_gate)
            if experts
            else None
        )

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        encoder_hidden_states: torch.Tensor | None = None,
        encoder_attention_mask: torch.Tensor | None = None,
        timestep: torch.Tensor | None = None,
        cross_attention_kwargs: dict[str, Any] | None = None,
        class_labels: torch.Tensor | None = None,
        added_cond_kwargs: dict[str, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """[BF, n, D] to [BF, n, D]; `cross_attention_kwargs` holds `Conditions`, the other arguments are unused."""
        told = cross_attention_kwargs or {}
        x = hidden_states
        x = x + self._self_attention(self.norm1(x), told.get("reference"), told.get("shown"))
        x = x + self.attn2(self.norm2(x), encoder_hidden_states=encoder_hidden_states)
        if told.get("audio") is not None:
            x = x + self.audio_attention(self.audio_norm(x), encoder_hidden_states=told["audio"])
        if self.moe is not None and told.get("latents") is not None:
            x = x + self.moe(x, told["latents"], told["gates"], told["learned"])
        return x + self.ff(self.norm3(x))

    def _self_attention(
        self, x: torch.Tensor, reference: dict[str, torch.Tensor] | None, shown: torch.Tensor | None
    ) -> torch.Tensor:
        """Keys and values are the frame's own tokens and the reference's, which are projected once per sample."""
        if reference is None:
            return self.attn1(x)
        seen = reference[self.name]
        frames = x.shape[0] // seen.shape[0]
        query, key, value = self.attn1.to_q(x), self.attn1.to_k(x), self.attn1.to_v(x)
        key = self._joined(key, self.attn1.to_k(seen), frames, shown)
        value = self._joined(value, self.attn1.to_v(seen), frames, shown)
        q, k, v = (
            tensor.unflatten(-1, (self.attn1.heads, -1)).transpose(1, 2).contiguous() for tensor in (query, key, value)
        )
        said = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.attn1.to_out[0](said)

    @staticmethod
    def _joined(own: torch.Tensor, seen: torch.Tensor, frames: int, shown: torch.Tensor | None) -> torch.Tensor:
        """Own tokens and the reference's behind one another, [BF, 2n, D].

        A sample that is not shown the reference gets its own tokens twice: attention over tokens that all occur twice
        is attention over them once, so no mask is needed.
        """
        seen = seen[:, None].expand(-1, frames, -1, -1).flatten(0, 1)
        if shown is not None:
            seen = torch.where(shown.repeat_interleave(frames)[:, None, None], seen, own)
        return torch.cat([own, seen], 1)
