"""Emotion-to-latents: label, text, speech and action units of one emotion become a few latents (MoEE, 3.4)."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from moee_model.batch import MODALITIES


class EmotionToLatents(ModelMixin, ConfigMixin):
    """Each modality gives its share of the queries; learned embeddings are keys and values of one cross-attention.

    A modality that is absent asks with a learned query of its own, so any subset of the four can be told.

    Args:
        experts: emotions of the label. text, audio, aus: channels of the other modalities.
        tokens, channels: of the latents; `tokens` is divided evenly among the four modalities.
        embeddings, embedding_channels: of the learned keys and values. heads: of the attention.
    """

    @register_to_config
    def __init__(
        self,
        experts: int = 6,
        text: int = 768,
        audio: int = 768,
        aus: int = 22,
        tokens: int = 8,
        channels: int = 512,
        embeddings: int = 64,
        embedding_channels: int = 768,
        heads: int = 8,
    ) -> None:
        super().__init__()
        if tokens % len(MODALITIES) or channels % heads:
            raise ValueError(f"{tokens} tokens and {channels} channels do not divide among 4 modalities, {heads} heads")
        share = tokens // len(MODALITIES)
        self.label = nn.Sequential(nn.Linear(experts, channels), nn.SiLU(), nn.Linear(channels, channels))
        widths = {"label": channels, "text": text, "audio": audio, "aus": aus}
        self.to_query = nn.ModuleDict({name: nn.Linear(widths[name], share * channels) for name in MODALITIES})
        self.absent = nn.Parameter(torch.randn(len(MODALITIES), share * channels))
        self.learned = nn.Parameter(torch.randn(embeddings, embedding_channels))
        self.to_k = nn.Linear(embedding_channels, channels, bias=False)
        self.to_v = nn.Linear(embedding_channels, channels, bias=False)
        self.to_out = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        # The tokens must differ from the start: experts that attend to equal tokens say the same everywhere in the
        # picture, and nothing would ever drive the tokens apart.
        for name in MODALITIES:
            nn.init.normal_(self.to_query[name].get_parameter("bias"))
        for layer in (self.to_k, self.to_v, self.to_out):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)

    def forward(
        self, weights: torch.Tensor, text: torch.Tensor, audio: torch.Tensor, aus: torch.Tensor, present: torch.Tensor
    ) -> torch.Tensor:
        """Latents of one emotion per sample.

        Args:
            weights: [B, experts] of the label. text: [B, T]. audio: [B, V]. aus: [B, A], 0..1.
            present: [B, 4] bool, which of label, text, audio and aus are told.

        Returns:
            [B, tokens, channels].
        """
        told = {"label": self.label(weights), "text": text, "audio": audio, "aus": aus}
        asked = torch.stack([self.to_query[name](told[name]) for name in MODALITIES], 1)
        asked = torch.where(present[..., None], asked, self.absent.to(asked.dtype))
        q = asked.reshape(len(weights), self.config.tokens, -1)
        k, v = (layer(self.learned)[None].expand(len(q), -1, -1) for layer in (self.to_k, self.to_v))
        q, k, v = (tensor.unflatten(-1, (self.config.heads, -1)).transpose(1, 2) for tensor in (q, k, v))
        return self.norm(self.to_out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)))
