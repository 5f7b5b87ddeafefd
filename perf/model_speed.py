"""How fast a model trains and generates on this device: time, share of the peak, memory; eager against compiled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch

from moee_model.batch import Batch
from moee_model.codec import make_codec
from moee_model.config import ModelConfig
from moee_model.denoiser import build
from moee_model.distributed import World
from moee_model.emotion import parse
from moee_model.groups import STAGES, train_only
from moee_model.pipeline import MoEEPipeline
from moee_model.speech import RATE
from moee_model.train_config import StageConfig, TrainConfig
from moee_model.train_stage import Running
from perf.model_costs import flops

DATASHEET: Final = {"H200": 989.5, "H100 PCIe": 756.0, "H100": 989.5, "A100": 312.0, "L40S": 362.0, "B200": 2250.0}
"""Dense bf16 TFLOP/s that the maker states, by what the device's name contains."""
SAMPLES: Final = {"image": 8}  # of a step, as Hallo's configurations; every other stage: 4
SCHEDULES: Final = (40, 20, 8, 4)


@dataclass(frozen=True)
class Training:
    """A stage's step. seconds: median; frames: per second; tflop: of the model in one step, without what is computed
    twice; share: of the device's bf16 peak, NaN where it is unknown; gib: most memory held."""

    stage: str
    compiled: bool
    samples: int
    seconds: float
    frames: float
    tflop: float
    share: float
    gib: float


@dataclass(frozen=True)
class Generating:
    """A window's making, codec included. seconds: for one generated second; gib: most memory held."""

    steps: int
    guided: bool
    compiled: bool
    seconds: float
    gib: float


class Device:
    """The device that is measured: its clock, peak and memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cuda = name.startswith("cuda")
        self.title = torch.cuda.get_device_name() if self.cuda else "processor"
        self.peak = next((value for key, value in DATASHEET.items() if self.cuda and key in self.title), float("nan"))

    def seconds(self, call: Callable[[], Any], rounds: int, warm: int) -> float:
        """Median wall time of a call, after some that do not count."""
        taken = []
        for number in range(warm + rounds):
            self._wait()
            begun = time.perf_counter()
            call()
            self._wait()
            if number >= warm:
                taken.append(time.perf_counter() - begun)
        return float(np.median(taken))

    def forget(self) -> None:
        """Memory counts from here."""
        torch.compiler.reset()
        if self.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def gib(self) -> float:
        """Most memory held by tensors since `forget`; NaN on a processor."""
        return torch.cuda.max_memory_allocated() / 2**30 if self.cuda else float("nan")

    def product(self, size: int = 8192) -> float:
        """TFLOP/s of one large bf16 matrix product: what can be had, against what the maker states."""
        one = torch.randn(size, size, device=self.name, dtype=torch.bfloat16)
        return 2 * size**3 / self.seconds(lambda: one @ one, 10, 3) / 1e12

    def _wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()


def made_batch(config: ModelConfig, samples: int, frames: int, motion_frames: int, device: str) -> Batch:
    """A batch of noise in a model's sizes: the time does not hang on the values."""
    size, channels, total = config.latent_size, config.codec.channels, frames + motion_frames
    emotion, audio = config.emotion, config.audio

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(samples, *shape, device=device)

    chosen = torch.arange(samples, device=device) % config.moe.experts
    one_hot = torch.nn.functional.one_hot(chosen, config.moe.experts).float()
    return Batch(
        ids=[str(number) for number in range(samples)],
        seeds=torch.arange(samples),
        motion_frames=motion_frames,
        latents=some(channels, total, size, size),
        reference=some(channels, size, size),
        audio=some(total + audio.window - 1, audio.layers, audio.channels),
        weights=one_hot,
        gates=one_hot,
        learned=torch.zeros(samples, dtype=torch.bool, device=device),
        text=some(emotion.text),
        emotion_audio=some(emotion.audio),
        aus=some(emotion.aus),
        present=torch.tensor([[True, False, False, False]], device=device).expand(samples, -1),
        counted=torch.ones(samples, 1, total, size, size, device=device),
    )


def step_tflop(config: ModelConfig, stage: StageConfig) -> float:
    """10^12 operations of forward and backward pass of one sample, on meta tensors: only what the stage trains and what
    lies on the way there; nothing is counted twice for gradient checkpointing."""
    frames, motion = stage.frames(config)
    with torch.device("meta"):
        denoiser = build(config)
    train_only(denoiser, stage.name)
    batch = made_batch(config, 1, frames, motion, "meta")
    steps = torch.zeros(1, frames + motion, dtype=torch.long, device="meta")
    said: list[torch.Tensor] = []
    forward = flops(lambda: said.append(denoiser(batch.latents, steps, batch)))
    return forward + flops(lambda: said[0].sum().backward())


def train_speed(
    config: ModelConfig, device: Device, name: Any, compiled: bool, rounds: int = 10, warm: int = 3
) -> Training:
    """The steps of one stage: bf16, gradient checkpointing, AdamW, clipping by expert."""
    stage = StageConfig(name, steps=rounds + warm, batch=SAMPLES.get(name, 4))
    train = TrainConfig((stage,), precision="bf16", gradient_checkpointing=True, compile=compiled, ema=None)
    frames, motion = stage.frames(config)
    device.forget()
    denoiser = build(config).to(device.name).train()
    denoiser.checkpoint_gradients()
    running = Running(denoiser, config, stage, train, World(device=device.name))
    batch = made_batch(config, stage.batch, frames, motion, device.name)
    seconds = device.seconds(lambda: running.step([batch], 0, stage.batch), rounds, warm)
    tflop = stage.batch * step_tflop(config, stage)
    share = tflop / seconds / device.peak
    shown = stage.batch * (frames + motion) / seconds
    return Training(name, compiled, stage.batch, seconds, shown, tflop, share, device.gib())


def generate_speed(
    config: ModelConfig, device: Device, compiled: bool, schedules: tuple[int, ...] = SCHEDULES, rounds: int = 3
) -> list[Generating]:
    """Windows of a video from a portrait of noise: from the second on, the reference is known and all is compiled."""
    device.forget()
    pipeline = MoEEPipeline.from_denoiser(build(config), config, codec=make_codec(config.codec)).to(device.name)
    if compiled:
        pipeline.unet.compile()
        pipeline.codec.compile()
    chance = np.random.default_rng(0)
    image = chance.integers(0, 256, (config.size, config.size, 3), dtype=np.uint8)
    windows = rounds + 1
    frames = windows * config.frames
    sound = chance.normal(size=RATE * frames // config.fps).astype(np.float32)
    found = []
    for steps in schedules:
        for guidance in (3.5, 1.0):
            device.forget() if not compiled else None
            with torch.autocast(torch.device(device.name).type, torch.bfloat16):
                made = pipeline.stream(image, sound, parse("happy"), steps, guidance, frames=frames)
                seconds = device.seconds(lambda made=made: next(made), rounds, 1)  # type: ignore[misc]
            second = seconds * config.fps / config.frames
            found.append(Generating(steps, guidance != 1, compiled, second, device.gib()))
    return found


def speeds(config: ModelConfig, device: Device, **shorter: Any) -> list[str]:
    """Everything, as lines of Markdown tables; `shorter` goes to `train_speed` (`rounds`, `warm`)."""
    said = [
        f"bf16 of one product of 8192 x 8192: {device.product():.0f} TFLOP/s; stated: {device.peak:.1f}",
        "",
        "| stage | | samples | s per step | frames/s | TFLOP per step | share of peak | GiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stage in STAGES:
        for compiled in (False, True):
            one = train_speed(config, device, stage, compiled, **shorter)
            said.append(
                f"| {stage} | {_how(compiled)} | {one.samples} | {one.seconds:.3f} | {one.frames:.1f} "
                f"| {one.tflop:.1f} | {one.share:.1%} | {one.gib:.1f} |"
            )
    said += ["", "| steps | guidance | | s per generated second | GiB |", "|---|---|---|---|---|"]
    for compiled in (False, True):
        for two in generate_speed(config, device, compiled):
            guided = "two passes in one" if two.guided else "none"
            said.append(f"| {two.steps} | {guided} | {_how(compiled)} | {two.seconds:.2f} | {two.gib:.1f} |")
    return said


def small(config: ModelConfig) -> ModelConfig:
    """The same model with windows of two frames, for trying the measurement itself on a processor."""
    return replace(config, frames=2, motion_frames=1)


def _how(compiled: bool) -> str:
    return "compiled" if compiled else "eager"
