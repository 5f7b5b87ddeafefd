"""How a model is trained, as plain data: the stages and their settings (section `train` of a preset or file)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from moee_model.config import ModelConfig, from_dict, read
from moee_model.errors import ModelError
from moee_model.losses import LossConfig

FREE: Final = frozenset(
    {
        "vgg",
        "checkpoint_every",
        "keep",
        "sample_every",
        "sample_steps",
        "sample_guidance",
        "log_every",
        "parallel",
        "prefetch",
    }
)
"""Settings that may change when a run goes on: they do not change what is learned."""


@dataclass(frozen=True)
class StageConfig:
    """One stage. steps: how many. lr: the learning rate, after `warmup` steps of rising; decay: `cosine` lets it fall
    to a tenth. batch: samples of a step on all processes together. loss: what is minimised.

    The stage `image` sees single frames without motion frames, all others the model's window.
    """

    name: Literal["image", "motion-audio", "experts", "gates"]
    steps: int
    lr: float = 1e-5
    batch: int = 4
    warmup: int = 0
    decay: Literal["constant", "cosine"] = "constant"
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        where = f"train: stage {self.name}"
        _positive(where, steps=self.steps, lr=self.lr, batch=self.batch)
        _least(where, 0, warmup=self.warmup, spatial=self.loss.spatial, noise_offset=self.loss.noise_offset)
        if self.loss.min_snr is not None:
            _positive(where, min_snr=self.loss.min_snr)

    def frames(self, model: ModelConfig) -> tuple[int, int]:
        """(frames, motion frames) of one sample."""
        return (1, 0) if self.name == "image" else (model.frames, model.motion_frames)


@dataclass(frozen=True)
class TrainConfig:
    """A whole training.

    seed: of everything drawn. stages: one after the other. weight_decay: of AdamW. clip: largest norm of the gradient,
    for each expert and for all else. ema: decay of the averaged weights that samples and the finished model use; null:
    none. precision: `fp32`, or `bf16`: parameters stay float32, the networks compute under autocast.
    gradient_checkpointing: less memory, more time. gradient_accumulation: passes per step and process.
    compile: torch.compile. deterministic: on GPUs, slower kernels whose bits repeat.
    checkpoint_every: steps between checkpoints, keep: how many are kept. sample_every: steps between sample videos,
    0: none; sample_steps, sample_guidance: how they are made. log_every: steps between scalars.
    parallel: `ddp` or `fsdp2`. prefetch: batches read ahead. noisy, single_share, allow_missing: see `sampler.Plan`.
    vgg: file of VGG19's weights, for a loss with `perceptual`.
    """

    stages: tuple[StageConfig, ...]
    seed: int = 0
    weight_decay: float = 1e-2
    clip: float = 1.0
    ema: float | None = 0.9999
    precision: str = "fp32"
    gradient_checkpointing: bool = False
    gradient_accumulation: int = 1
    compile: bool = False
    deterministic: bool = False
    checkpoint_every: int = 1000
    keep: int = 2
    sample_every: int = 0
    sample_steps: int = 20
    sample_guidance: float = 3.5
    log_every: int = 1
    parallel: Literal["ddp", "fsdp2"] = "ddp"
    prefetch: int = 2
    noisy: float = 0.1
    single_share: float = 0.5
    allow_missing: bool = False
    vgg: str = ""

    def __post_init__(self) -> None:
        if not self.stages:
            raise ModelError("train: there is no stage: give at least one of image, motion-audio, experts, gates.")
        if self.precision == "fp16":
            raise ModelError("train: weights in fp16 become NaN when they are trained: set precision to bf16 or fp32.")
        if self.precision not in ("fp32", "bf16"):
            raise ModelError(f"train: precision is {self.precision!r}: it must be fp32 or bf16.")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise ModelError(f"train: ema is {self.ema}: it is a share from 0 to below 1, or null for none.")
        _positive("train", clip=self.clip, gradient_accumulation=self.gradient_accumulation, keep=self.keep)
        _positive("train", checkpoint_every=self.checkpoint_every, log_every=self.log_every)
        _least("train", 0, weight_decay=self.weight_decay, sample_every=self.sample_every, prefetch=self.prefetch)
        _least("train", 1, sample_steps=self.sample_steps)
        if any(stage.loss.perceptual for stage in self.stages) and not self.vgg:
            raise ModelError("train: a loss with `perceptual` needs VGG19: set vgg to the file of its weights.")

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def at(self, step: int) -> tuple[StageConfig, int]:
        """The stage of a step, both counted from 0, and the step's place in it; raises IndexError behind the last."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        raise IndexError(step)

    def shortened(self, steps: int) -> TrainConfig:
        """The same training with at most `steps` steps in each stage."""
        return replace(self, stages=tuple(replace(stage, steps=min(stage.steps, steps)) for stage in self.stages))

    def learned(self) -> dict[str, Any]:
        """The settings that change what is learned, as plain values: a run goes on only with the same ones."""
        return {name: value for name, value in asdict(self).items() if name not in FREE}


def train_config(name: str) -> TrainConfig:
    """The training of a preset or YAML file.

    Raises:
        ModelError: there is none, or a setting is wrong.
    """
    section = read(name).get("train")
    if section is None:
        raise ModelError(f"{name} has no section `train`: add one, see docs/training.md.")
    if not isinstance(section, dict) or "stages" not in section:
        raise ModelError(f"The section `train` of {name} needs the setting `stages`, a list of stages.")
    for stage in section["stages"] if isinstance(section["stages"], list) else []:
        if not isinstance(stage, dict) or not {"name", "steps"} <= set(stage):
            raise ModelError(f"Each stage in the section `train` of {name} needs `name` and `steps`.")
    return from_dict(TrainConfig, section, "train")


def _positive(where: str, **values: float) -> None:
    for name, value in values.items():
        if not isinstance(value, int | float) or not value > 0:
            raise ModelError(f"{where}: {name} is {value}: it must be a number above 0.")


def _least(where: str, least: float, **values: float) -> None:
    for name, value in values.items():
        if not isinstance(value, int | float) or not value >= least:
            raise ModelError(f"{where}: {name} is {value}: it must be a number, at least {least:g}.")
