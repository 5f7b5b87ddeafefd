"""All trained parts as one module: what a step of training or sampling calls."""

from __future__ import annotations

import torch
from torch import nn

from moee_model.audio_attention import AudioProjection
from moee_model.batch import Batch
from moee_model.config import ModelConfig
from moee_model.emotion_latents import EmotionToLatents
from moee_model.errors import ModelError
from moee_model.noise import Dropped
from moee_model.reference import ReferenceNet
from moee_model.seeds import seeded
from moee_model.unet import MoEEUNet


class Denoiser(nn.Module):
    """U-Net, ReferenceNet, audio projection and emotion-to-latents; one call, so that wrappers see every parameter."""

    def __init__(
        self,
        unet: MoEEUNet,
        reference_net: ReferenceNet,
        audio_projection: AudioProjection,
        emotion_latents: EmotionToLatents,
    ) -> None:
        super().__init__()
        self.unet, self.reference_net = unet, reference_net
        self.audio_projection, self.emotion_latents = audio_projection, emotion_latents

    def forward(
        self, noisy: torch.Tensor, timesteps: torch.Tensor, batch: Batch, dropped: Dropped | None = None
    ) -> torch.Tensor:
        """What the U-Net predicts.

        Args:
            noisy: [B, C, F, h, w]; its motion frames are clean. timesteps: [B, F], 0 on motion frames.
            batch: the conditions. dropped: those that are left out; None: none is.

        Returns:
            [B, C, F, h, w] noise or v, as the schedule says.
        """
        audio = self.audio_projection(batch.audio)
        gates, learned, shown, told = batch.gates, batch.learned, None, batch.present
        if dropped is not None:
            audio = audio.masked_fill(dropped.audio[:, None, None, None], 0)
            gates = gates.masked_fill(dropped.emotion[:, None], 0)
            learned, shown, told = learned & ~dropped.emotion, ~dropped.image, dropped.told
        latents = self.emotion_latents(batch.weights, batch.text, batch.emotion_audio, batch.aus, told)
        reference = self.reference_net.features(batch.reference, self.unet.identity(len(noisy)))
        return self.unet(
            noisy, timesteps, reference, shown, audio, latents, gates, learned, return_dict=False
        )[0]  # fmt: skip

    def checkpoint_gradients(self, on: bool = True) -> None:
        """Trade memory for time: activations are computed again in the backward pass (motion modules included)."""
        for net in (self.unet, self.reference_net):
            net.enable_gradient_checkpointing() if on else net.disable_gradient_checkpointing()


def build(config: ModelConfig, seed: int = 0) -> Denoiser:
    """The trained parts of a configuration, with seeded weights.

    Args:
        config: sizes. seed: of the weights; the global generator is left as it was.

    Raises:
        ModelError: sizes that do not fit together.
    """
    sizes = config.unet
    if not sizes.attention[0] or len(sizes.attention) != len(sizes.channels):
        raise ModelError("unet.attention needs a value per level of unet.channels, and the first must be true.")
    if config.frames + config.motion_frames > sizes.motion_length:
        raise ModelError(f"unet.motion_length is {sizes.motion_length}: frames and motion_frames must fit into it.")
    try:
        with seeded(seed, "denoiser"):
            return Denoiser(_unet(config), _reference(config), _audio(config), _emotion(config)).eval()
    except ValueError as error:
        raise ModelError(f"The model's sizes do not fit together: {' '.join(str(error).split())[:200]}.") from error


def _unet(config: ModelConfig) -> MoEEUNet:
    sizes, moe = config.unet, config.moe
    return MoEEUNet(
        in_channels=config.codec.channels,
        sample_size=config.latent_size,
        channels=sizes.channels,
        attention=sizes.attention,
        layers=sizes.layers,
        heads=sizes.heads,
        context=sizes.context,
        groups=sizes.groups,
        motion_heads=sizes.motion_heads,
        motion_length=sizes.motion_length,
        motion_mid=sizes.motion_mid,
        identity_tokens=sizes.identity_tokens,
        latent_channels=config.emotion.channels,
        experts=moe.experts if moe.enabled else 0,
        gate_position=moe.gate_position,
        moe_heads=moe.heads,
        local_gate=moe.local_gate,
        global_gate=moe.global_gate,
    )


def _reference(config: ModelConfig) -> ReferenceNet:
    sizes = config.unet
    return ReferenceNet(
        sample_size=config.latent_size,
        in_channels=config.codec.channels,
        out_channels=config.codec.channels,
        down_block_types=tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in sizes.attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in sizes.attention[::-1]),
        block_out_channels=tuple(sizes.channels),
        layers_per_block=sizes.layers,
        norm_num_groups=sizes.groups,
        cross_attention_dim=sizes.context,
        attention_head_dim=sizes.heads,  # in diffusers this argument is the number of heads
    )


def _audio(config: ModelConfig) -> AudioProjection:
    audio = config.audio
    return AudioProjection(
        audio.window, audio.layers, audio.channels, audio.hidden, audio.tokens, config.unet.context
    )  # fmt: skip


def _emotion(config: ModelConfig) -> EmotionToLatents:
    sizes = config.emotion
    return EmotionToLatents(
        config.moe.experts,
        sizes.text,
        sizes.audio,
        sizes.aus,
        sizes.tokens,
        sizes.channels,
        sizes.embeddings,
        sizes.embedding_channels,
        sizes.heads,
    )
