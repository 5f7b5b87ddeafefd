"""From hidden states of the speech network to the tokens that every frame of the denoiser hears."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn


class AudioProjection(ModelMixin, ConfigMixin):
    """Hidden states of a few neighbouring frames, all layers together, to tokens (as Hallo's audio projection).

    Args:
        window: frames that one frame hears, odd. layers, channels: of the hidden states.
        hidden: channels in between. tokens, context: number and channels of the tokens.
    """

    @register_to_config
    def __init__(
        self,
        window: int = 5,
        layers: int = 12,
        channels: int = 768,
        hidden: int = 512,
        tokens: int = 32,
        context: int = 768,
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(window * layers * channels, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, tokens * context),
        )
        self.norm = nn.LayerNorm(context)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Tokens per frame.

        Args:
            hidden: [B, F + window - 1, layers, channels], half a window more than the F frames on either side.

        Returns:
            [B, F, tokens, context].
        """
        heard = hidden.flatten(2).unfold(1, self.config.window, 1).transpose(2, 3).flatten(2)
        return self.norm(self.mlp(heard).unflatten(-1, (self.config.tokens, self.config.context)))
