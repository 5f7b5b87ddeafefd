"""The denoiser: AnimateDiff's U-Net of diffusers whose spatial transformer blocks are MoEE's."""

from __future__ import annotations

from typing import Any, Literal

import torch
from diffusers.configuration_utils import FrozenDict, register_to_config
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D, UNetMotionModel, UNetMotionOutput
from torch import nn

from moee_model.block import Conditions, MoEEBlock


class MotionModule(AnimateDiffTransformer3D):
    """The motion module with gradient checkpointing, which diffusers applies to one of 21; a single frame passes by."""

    gradient_checkpointing = False
    has_outer = False  # the middle block checkpoints its motion module itself

    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        timestep: torch.Tensor | None = None,
        class_labels: torch.Tensor | None = None,
        num_frames: int = 1,
        cross_attention_kwargs: dict[str, Any] | None = None,
    ) -> torch.Tensor:
        """[B F, D, h, w] to the same; F = `num_frames`."""
        if num_frames == 1:
            return hidden_states
        if torch.is_grad_enabled() and self.gradient_checkpointing and not self.has_outer:
            return self._gradient_checkpointing_func(_Inside(super().forward), hidden_states, num_frames)
        return super().forward(hidden_states, num_frames=num_frames)


class _Inside:
    """Calls a motion module with its frames by name: what is checkpointed takes tensors and numbers by position."""

    def __init__(self, forward: Any) -> None:
        self._forward = forward

    def __call__(self, hidden_states: torch.Tensor, num_frames: int) -> torch.Tensor:
        return self._forward(hidden_states, num_frames=num_frames)


class MoEEUNet(UNetMotionModel):
    """Predicts noise (or v) of a window of frames from reference, audio and emotion.

    Args:
        in_channels: of the latents. sample_size: latents on a side.
        channels, attention, layers, heads, context, groups: levels, finest first (see `config.UNetConfig`).
        motion_heads, motion_length, motion_mid: of the motion modules. identity_tokens: learned tokens that stand where
            Stable Diffusion reads a text, in this net and the ReferenceNet.
        latent_channels, experts, gate_position, moe_heads, local_gate, global_gate: see `EmotionMoE`; experts 0: none.
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int = 4,
        sample_size: int = 64,
        channels: tuple[int, ...] = (320, 640, 1280, 1280),
        attention: tuple[bool, ...] = (True, True, True, False),
        layers: int = 2,
        heads: int = 8,
        context: int = 768,
        groups: int = 32,
        motion_heads: int = 8,
        motion_length: int = 32,
        motion_mid: bool = True,
        identity_tokens: int = 4,
        latent_channels: int = 512,
        experts: int = 6,
        gate_position: Literal["query", "output"] = "query",
        moe_heads: int = 8,
        local_gate: bool = True,
        global_gate: bool = True,
    ) -> None:
        own = dict(self.config)
        super().__init__(
            sample_size=sample_size,
            in_channels=in_channels,
            out_channels=in_channels,
            down_block_types=tuple("CrossAttnDownBlockMotion" if one else "DownBlockMotion" for one in attention),
            up_block_types=tuple("CrossAttnUpBlockMotion" if one else "UpBlockMotion" for one in attention[::-1]),
            block_out_channels=tuple(channels),
            layers_per_block=layers,
            norm_num_groups=groups,
            cross_attention_dim=context,
            num_attention_heads=heads,
            motion_num_attention_heads=motion_heads,
            motion_max_seq_length=motion_length,
            use_motion_mid_block=motion_mid,
        )
        self._internal_dict = FrozenDict(own)  # the parent's arguments follow from ours and are not saved
        self.identity_embedding = nn.Parameter(torch.randn(identity_tokens, context) * context**-0.5)
        settings = (latent_channels, moe_heads, experts, gate_position, local_gate, global_gate)
        for name, module in list(self.named_modules()):
            if type(module) is AnimateDiffTransformer3D:
                module.__class__ = MotionModule
                module.has_outer = name.startswith("mid_block")
                nn.init.zeros_(module.proj_out.weight)  # AnimateDiff begins so; diffusers leaves it random
                nn.init.zeros_(module.proj_out.bias)
            elif name.split(".")[-2:-1] == ["transformer_blocks"] and ".attentions." in name:
                parent = self.get_submodule(name.rpartition(".")[0])
                block = MoEEBlock(name, module.dim, heads, module.attention_head_dim, context, *settings)
                parent[int(name.rpartition(".")[2])] = block

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        reference: dict[str, torch.Tensor] | None = None,
        shown: torch.Tensor | None = None,
        audio: torch.Tensor | None = None,
        latents: torch.Tensor | None = None,
        gates: torch.Tensor | None = None,
        learned: torch.Tensor | None = None,
        identity: torch.Tensor | None = None,
        return_dict: bool = True,
    ) -> UNetMotionOutput | tuple[torch.Tensor]:
        """The prediction for every frame.

        Args:
            sample: [B, C, F, h, w] noisy latents; frames with timestep 0 are clean.
            timestep: [B, F] or [B], whole numbers.
            reference: block name -> [B, n, D] (see `ReferenceNet.features`); shown: [B] bool, False hides it.
            audio: [B, F, tokens, context].
            latents: [B, T, channels] or [B, F, T, channels]; gates: [B, 6] or [B, F, 6]; learned: [B] or [B, F] bool.
            identity: [B, tokens, context] instead of the learned identity tokens.
            return_dict: False gives a tuple.

        Returns:
            `sample`: [B, C, F, h, w].
        """
        batch, _, frames = sample.shape[:3]
        embedded = self.time_embedding(self.time_proj(timestep.flatten()).to(self.dtype))
        if timestep.dim() == 1:
            embedded = embedded.repeat_interleave(frames, 0)
        tokens = self.identity(batch) if identity is None else identity
        told = Conditions(
            reference=reference,
            shown=shown,
            audio=None if audio is None else audio.flatten(0, 1),
            latents=_each_frame(latents, frames, 3),
            gates=_each_frame(gates, frames, 2),
            learned=_each_frame(learned, frames, 1),
        )
        said = self._levels(
            sample.transpose(1, 2).flatten(0, 1), embedded, tokens.repeat_interleave(frames, 0), told, frames
        )
        said = said.unflatten(0, (batch, frames)).transpose(1, 2)
        return UNetMotionOutput(sample=said) if return_dict else (said,)

    def identity(self, batch: int) -> torch.Tensor:
        """[B, tokens, context] the learned identity tokens."""
        return self.identity_embedding[None].expand(batch, -1, -1)

    def _levels(
        self, x: torch.Tensor, embedded: torch.Tensor, tokens: torch.Tensor, told: Conditions, frames: int
    ) -> torch.Tensor:
        """Down, middle and up over [B F, C, h, w]."""
        cross = {"encoder_hidden_states": tokens, "cross_attention_kwargs": dict(told)}
        x = self.conv_in(x)
        kept: tuple[torch.Tensor, ...] = (x,)
        for block in self.down_blocks:
            x, made = block(x, embedded, num_frames=frames, **(cross if hasattr(block, "attentions") else {}))
            kept += made
        timed = {"num_frames": frames} if self.config.motion_mid else {}
        x = self.mid_block(x, embedded, **cross, **timed)
        for number, block in enumerate(self.up_blocks, 1):
            count = len(block.resnets)
            kept, skipped = kept[:-count], kept[-count:]
            size = kept[-1].shape[2:] if number < len(self.up_blocks) else None
            x = block(
                hidden_states=x,
                temb=embedded,
                res_hidden_states_tuple=skipped,
                upsample_size=size,
                num_frames=frames,
                **(cross if hasattr(block, "attentions") else {}),
            )
        return self.conv_out(self.conv_act(self.conv_norm_out(x)))


def _each_frame(value: torch.Tensor | None, frames: int, dims: int) -> torch.Tensor | None:
    """[B, ...] or [B, F, ...] to [B F, ...]; `dims` counts the dimensions without frames."""
    if value is None:
        return None
    return value.repeat_interleave(frames, 0) if value.dim() == dims else value.flatten(0, 1)
