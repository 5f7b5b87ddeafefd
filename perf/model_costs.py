"""What each part of a model weighs and computes, counted on meta tensors: no memory, no numbers, exact counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from moee_model.codec import make_codec
from moee_model.config import ModelConfig
from moee_model.denoiser import build
from moee_model.groups import groups
from moee_model.speech import make_speech

WINDOW: Final = 16  # frames in the table's window, motion frames included
TEXT: Final = 77  # tokens of Stable Diffusion's text, with which the table was counted


@dataclass(frozen=True)
class Row:
    """A part. millions: of parameters; tflop: forward, per frame (FLOP = 2 multiply-adds).

    table: (millions, tflop) of the specification's table, None where it has none. counted: ours counted as the table
    was, where that is something else; why: what differs.
    """

    part: str
    millions: float
    tflop: float
    table: tuple[float, float] | None = None
    counted: tuple[float, float] | None = None
    why: str = ""

    @property
    def off(self) -> tuple[float, float]:
        """Relative difference of both numbers from the table's, counted as the table was; 0 without one."""
        ours = self.counted or (self.millions, self.tflop)
        first, second = ((own / one - 1 if one else own) for own, one in zip(ours, self.table or ours, strict=True))
        return first, second


class _Count(TorchDispatchMode):
    """Adds up what PyTorch's own counter would say; that one also follows every module and takes twice as long."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        said = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=said)
        return said


def flops(call: Callable[[], Any]) -> float:
    """10^12 floating-point operations of a call; matrix products, convolutions and attention count, as everywhere."""
    with _Count() as counter:
        call()
    return counter.total / 1e12


def millions(network: nn.Module) -> float:
    """Millions of parameters."""
    return sum(value.numel() for value in network.parameters()) / 1e6


class Counter:
    """Counts forward passes of one window of a model on meta tensors, per frame."""

    def __init__(self, config: ModelConfig, frames: int = WINDOW) -> None:
        self.config, self.frames = config, frames
        with torch.device("meta"):
            self.denoiser = build(config)
            self._steps = torch.zeros(1, dtype=torch.long)
            self._picture = torch.empty(1, config.codec.channels, config.latent_size, config.latent_size)
            self._noisy = self._picture[:, :, None].expand(-1, -1, frames, -1, -1)
            self._text = torch.empty(1, TEXT, config.unet.context)
            self._heard = torch.empty(1, frames, config.audio.tokens, config.unet.context)
            self._told = {
                "latents": torch.empty(1, config.emotion.tokens, config.emotion.channels),
                "gates": torch.ones(1, config.moe.experts),
                "learned": torch.zeros(1, dtype=torch.bool),
            }
        self._features = self.denoiser.reference_net.features(self._picture, self.denoiser.unet.identity(1))

    def picture(self, text: bool = False) -> float:
        """The ReferenceNet; `text`: with as many tokens as Stable Diffusion's text has."""
        net, tokens = self.denoiser.reference_net, self._text if text else self.denoiser.unet.identity(1)
        return flops(lambda: net(self._picture, self._steps, tokens))

    def window(
        self,
        reference: bool = False,
        audio: bool = False,
        emotion: bool = False,
        text: bool = False,
        each: bool = False,
    ) -> float:
        """The U-Net with some conditions. `each`: the reference's keys and values are projected for each frame."""
        told: dict[str, Any] = self._told if emotion else {}
        if reference:
            rows = self.frames if each else 1
            told = {**told, "reference": {name: value.expand(rows, -1, -1) for name, value in self._features.items()}}
        if audio:
            told = {**told, "audio": self._heard}
        if text:
            told = {**told, "identity": self._text}
        return flops(lambda: self.denoiser.unet(self._noisy, self._steps, **told)) / self.frames

    def projection(self) -> float:
        """The audio projection."""
        sizes = self.config.audio
        hidden = torch.empty(1, self.frames + sizes.window - 1, sizes.layers, sizes.channels, device="meta")
        return flops(lambda: self.denoiser.audio_projection(hidden)) / self.frames


@torch.no_grad()
def unet_rows(config: ModelConfig) -> list[Row]:
    """The rows of U-Net and ReferenceNet: the first three are sums so far, the others what the part adds."""
    count = Counter(config)
    denoiser = count.denoiser
    weights = {name: sum(value.numel() for value in found.values()) / 1e6 for name, found in groups(denoiser).items()}
    base, moving = millions(denoiser.reference_net), millions(denoiser.reference_net) + weights["motion"]
    projection, seeing, hearing = millions(denoiser.audio_projection), count.window(True), count.window(True, True)
    other = Counter(replace(config, emotion=replace(config.emotion, tokens=16, channels=768)))
    theirs = sum(value.numel() for value in groups(other.denoiser)["experts"].values()) / 1e6
    text = f"{config.unet.identity_tokens} identity tokens, the table {TEXT} of a text"
    return [
        Row("U-Net / ReferenceNet", base, count.picture(), (859.5, 0.803), (base, count.picture(True)), text),
        Row("+ motion modules", moving, count.window(), (1312.7, 1.106), (moving, count.window(text=True)), text),
        Row(
            *(
                "+ reference keys and values",
                0.0,
                seeing,
                (0.0, 1.254),
                (0.0, count.window(True, text=True, each=True)),
            ),
            why=f"projected once per window, the table's number is for each frame; {text}",
        ),
        Row("+ audio cross-attention", weights["audio"] - projection, hearing - seeing, (44.0, 0.028)),
        Row(
            *("+ six experts", weights["experts"], count.window(True, True, True) - hearing, (264.0, 0.162)),
            (theirs, other.window(True, True, True) - hearing),
            f"{config.emotion.tokens} emotion latents of {config.emotion.channels} channels as in the paper; 16 of 768 "
            "give the table's numbers",
        ),
        Row("gates", weights["gates"], 0.0, why="counted with the experts"),
        Row("identity tokens", denoiser.unet.identity_embedding.numel() / 1e6, 0.0),
        Row("audio projection", projection, count.projection()),
        Row("emotion-to-latents", weights["emotion-latents"], 0.0, why="once per emotion"),
    ]


@torch.no_grad()
def codec_rows(config: ModelConfig) -> list[Row]:
    """The rows of the autoencoder."""
    if config.codec.kind != "vae":
        return []
    with torch.device("meta"):
        codec = make_codec(config.codec)
        pixels = torch.empty(1, 3, config.size, config.size)
        latents = torch.empty(1, config.codec.channels, config.latent_size, config.latent_size)
    weight = millions(codec)
    return [
        Row("VAE encode", weight, flops(lambda: codec.encode(pixels)), (83.7, 1.117)),
        Row("VAE decode", weight, flops(lambda: codec.decode(latents)), (83.7, 2.515)),
    ]


@torch.no_grad()
def speech_row(config: ModelConfig, seconds: int = 10) -> Row:
    """The row of the speech network, over some seconds of sound."""
    with torch.device("meta"):
        network, sound = make_speech(config.audio), torch.empty(1, 16000 * seconds)
    return Row("speech network", millions(network), flops(lambda: network(sound)) / (seconds * config.fps))


def table(config: ModelConfig) -> list[Row]:
    """All rows of a model."""
    return [*unet_rows(config), *codec_rows(config), speech_row(config)]


def lines(rows: Sequence[Row]) -> list[str]:
    """The rows as a Markdown table; columns of the specification's table beside them where a row has it."""
    said = ["| part | M | table | off | TFLOP | counted as the table | table | off | |", "|---|" + "---|" * 8]
    for row in rows:
        counted, (weight, work) = row.counted or (row.millions, row.tflop), row.off
        ours = f"| {row.part} | {row.millions:.1f} |", f" {row.tflop:.3f} |"
        if row.table is None:
            said.append(f"{ours[0]} | |{ours[1]} | | | {row.why} |")
            continue
        first = f" {row.table[0]:.1f} | {weight:+.1%} |"
        said.append(f"{ours[0]}{first}{ours[1]} {counted[1]:.3f} | {row.table[1]:.3f} | {work:+.1%} | {row.why} |")
    return said
