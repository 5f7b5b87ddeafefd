"""Pictures to latents and back: an autoencoder of diffusers, or pixels folded into channels (exact, no weights)."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional

from moee_model.config import CodecConfig
from moee_model.errors import ModelError
from moee_model.folders import opened
from moee_model.seeds import seeded


class PixelFold(ModelMixin, ConfigMixin):
    """Squares of factor x factor pixels become channels: nothing is lost and nothing is learned.

    Args:
        factor: pixels on a side of a square. grey: the three colours become one, their mean (exact for grey ones).
    """

    @register_to_config
    def __init__(self, factor: int = 4, grey: bool = False) -> None:
        super().__init__()
        self.nothing = nn.Buffer(torch.zeros(1))  # a model without a tensor has no device and no dtype

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """[N, 3, H, W] to [N, C, H / factor, W / factor]; C is factor^2 times 3, or 1 for grey."""
        shown = pixels.mean(1, keepdim=True) if self.config.grey else pixels
        return functional.pixel_unshuffle(shown, self.config.factor)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """The inverse of `encode`."""
        pixels = functional.pixel_shuffle(latents, self.config.factor)
        return pixels.expand(-1, 3, -1, -1) if self.config.grey else pixels


Codec = Any
"""An AutoencoderKL or a PixelFold."""


def make_codec(config: CodecConfig, seed: int = 0) -> Codec:
    """The codec of a configuration.

    Args:
        config: its kind; `model` names a folder or hub id of an AutoencoderKL, else its weights are seeded.
        seed: of seeded weights.

    Raises:
        ModelError: the sizes do not fit, or the folder holds no such model.
    """
    if config.kind == "fold":
        folded = (1 if config.grey else 3) * config.factor**2
        if config.channels != folded:
            raise ModelError(f"Folding {config.factor} x {config.factor} pixels gives {folded} channels.")
        return PixelFold(config.factor, config.grey).eval()
    if config.model:
        return opened(AutoencoderKL, config.model).eval()
    levels = config.factor.bit_length()
    channels = (128, 256, 512, 512, 512)[:levels]
    with seeded(seed, "codec"):
        return AutoencoderKL(
            in_channels=3,
            out_channels=3,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=channels,
            layers_per_block=2,
            latent_channels=config.channels,
            sample_size=64 * config.factor,
        ).eval()


def to_latents(codec: Codec, pixels: torch.Tensor) -> torch.Tensor:
    """[N, 3, H, W] pixels in -1..1 to [N, C, h, w] latents of about unit variance (an autoencoder's mode)."""
    if isinstance(codec, PixelFold):
        return codec.encode(pixels)
    return codec.encode(pixels).latent_dist.mode() * codec.config.scaling_factor


def to_pixels(codec: Codec, latents: torch.Tensor) -> torch.Tensor:
    """[N, C, h, w] latents to [N, 3, H, W] pixels, about -1..1."""
    if isinstance(codec, PixelFold):
        return codec.decode(latents)
    return codec.decode(latents / codec.config.scaling_factor).sample
