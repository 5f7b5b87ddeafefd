"""The mixture of emotion experts: six cross-attentions to the emotion latents, local and global gates (MoEE, 3.3)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

# Letters in names: B frames of all samples, N tokens, D channels, E experts, T emotion latents, C channels of a latent,
# K channels that an expert gives a token. An expert has H heads, so all experts are one attention of E x H heads.


class Expert(nn.Module):
    """The projections of one cross-attention expert; `EmotionMoE` runs all six at once."""

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(latent_channels, channels, bias=False)
        self.to_v = nn.Linear(latent_channels, channels, bias=False)
        self.to_out = nn.Linear(channels, channels, bias=False)
        for layer in (self.to_q, self.to_k, self.to_v):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)  # tokens tell the latents apart from the start
        nn.init.zeros_(self.to_out.weight)


class EmotionMoE(nn.Module):
    """X' = X + sum_i g_i E_i(LN(X) s_i), with s = sigmoid(X phi) per token and g = softmax(mean(X) omega) per frame.

    The norm stands before the gates, has no weights of its own (they would tie the experts together), and no expert has
    a bias: a gate of zero is exactly nothing.

    Args:
        channels: D of the hidden states. latent_channels: of the emotion latents. heads: of each expert.
        gate_position: `query` multiplies an expert's queries by its local gate, as printed in the paper (a gate of zero
            then makes its attention uniform and does not switch it off); `output` multiplies what it says.
        local_gate, global_gate: False leaves the gate out (s = 1; all experts that speak weigh the same).
    """

    def __init__(
        self,
        channels: int,
        latent_channels: int,
        heads: int,
        experts: int = 6,
        gate_position: Literal["query", "output"] = "query",
        local_gate: bool = True,
        global_gate: bool = True,
    ) -> None:
        super().__init__()
        self.heads, self.gate_position = heads, gate_position
        self.has_local, self.has_global = local_gate, global_gate
        self.norm = nn.LayerNorm(channels, elementwise_affine=False)
        self.experts = nn.ModuleList(Expert(channels, latent_channels) for _ in range(experts))
        self.local_gate = nn.Parameter(torch.zeros(channels, experts))
        self.global_gate = nn.Parameter(torch.zeros(channels, experts))

    def forward(
        self, x_BND: torch.Tensor, latents_BTC: torch.Tensor, gates_BE: torch.Tensor, learned_B: torch.Tensor
    ) -> torch.Tensor:
        """What the mixture adds.

        Args:
            x_BND: [B, N, D] hidden states. latents_BTC: [B, T, latent_channels].
            gates_BE: [B, E] the global gate where it is forced (one-hot: one expert; zeros: none).
            learned_B: [B] bool, where the own global gate decides instead.

        Returns:
            [B, N, D], to be added to the hidden states.
        """
        x_BND = self.norm(x_BND)
        weights_BNE = self.global_weights(x_BND, gates_BE, learned_B)[:, None, :]
        q_BNEK = (x_BND @ self._joined("to_q").T).unflatten(-1, (len(self.experts), -1))
        if self.has_local:
            local_BNE = torch.sigmoid(x_BND @ self.local_gate)
            if self.gate_position == "query":  # E(X s): the gate is one number per token, so it passes the projection
                q_BNEK = q_BNEK * local_BNE[..., None]
            else:
                weights_BNE = weights_BNE * local_BNE
        said_BND = self._attend(q_BNEK.flatten(2), latents_BTC)
        said_BNEK = said_BND.unflatten(-1, (len(self.experts), -1)) * weights_BNE[..., None].to(said_BND.dtype)
        return said_BNEK.flatten(2) @ self._joined("to_out", dim=1).T

    def global_weights(self, x_BND: torch.Tensor, gates_BE: torch.Tensor, learned_B: torch.Tensor) -> torch.Tensor:
        """[B, E] how much each expert counts."""
        if not self.has_global:
            speaks_B1 = (learned_B | (gates_BE != 0).any(-1))[:, None]
            return (speaks_B1 / len(self.experts)).to(x_BND.dtype).expand(-1, len(self.experts))
        own_BE = torch.softmax((x_BND.mean(1) @ self.global_gate).float(), -1)
        return torch.where(learned_B[:, None], own_BE, gates_BE.float()).to(x_BND.dtype)

    def _attend(self, q_BND: torch.Tensor, latents_BTC: torch.Tensor) -> torch.Tensor:
        heads = self.heads * len(self.experts)
        q, k, v = (
            tensor.unflatten(-1, (heads, -1)).transpose(1, 2)
            for tensor in (q_BND, latents_BTC @ self._joined("to_k").T, latents_BTC @ self._joined("to_v").T)
        )
        return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    def _joined(self, name: str, dim: int = 0) -> torch.Tensor:
        """The weights of all experts as one matrix. They stay separate parameters: a stacked one would drift under
        AdamW where an expert has no gradient."""
        return torch.cat([getattr(expert, name).weight for expert in self.experts], dim)
