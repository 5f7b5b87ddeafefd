"""From a dataset's folder to a finished model: features, training, pipeline, training list."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.files import make_folder, plain_errors, write_aside
from manifests.files import replace as rename
from manifests.processes import usable_cores
from moee_model.batch import Six
from moee_model.config import ModelConfig, model_config
from moee_model.errors import ModelError
from moee_model.train_config import TrainConfig, train_config
from moee_model.train_watch import Watching

if TYPE_CHECKING:
    from moee_model.dataset import ClipSource
    from moee_model.distributed import World
    from moee_model.emotion import Emotion
    from moee_model.feature_store import ClipFeatures, FeatureSet
    from moee_model.networks import Networks
    from moee_model.train import Trainer
    from moee_model.train_samples import Sample

PARTS: Final = ("unet", "motion", "speech", "codec", "text")
"""Parts that may begin with public weights."""
_SAMPLES, _SAMPLE_SECONDS = 4, 3


@dataclass(frozen=True)
class Job:
    """What `moee train` is asked for. limit: steps of each stage at most; workers: threads that prepare features, 0 for
    one per core of the machine that does it; parts: part -> folder, file or hub id."""

    preset: str
    data: str
    out: Path
    features: Path
    resume: bool
    limit: int | None
    workers: int
    parts: Mapping[str, str]


@dataclass(frozen=True)
class Outcome:
    """What came of it. losses: stage -> mean loss of its last steps; left_out: clip -> why."""

    steps: int
    clips: int
    losses: dict[str, float]
    left_out: dict[str, str]
    too_short: list[str]
    model: Path
    training_list: Path


def configs(job: Job) -> tuple[ModelConfig, TrainConfig]:
    """Model and training of a job; raises ModelError for a preset, setting or part that does not exist."""
    model, train = model_config(job.preset), train_config(job.preset)
    unknown = sorted(set(job.parts) - set(PARTS))
    if unknown:
        raise ModelError(f"No part {unknown[0]!r} can begin with other weights: parts are {', '.join(PARTS)}.")
    named = {part: job.parts.get(part, "") for part in ("speech", "codec", "text")}
    audio = replace(model.audio, model=named["speech"] or model.audio.model)
    codec = replace(model.codec, model=named["codec"] or model.codec.model)
    emotion = replace(model.emotion, text_model=named["text"] or model.emotion.text_model)
    model = replace(model, audio=audio, codec=codec, emotion=emotion)
    return model, train if job.limit is None else train.shortened(job.limit)


def run(job: Job, world: World, watch: Watching, asked: Callable[[], int] = lambda: 0) -> Outcome:
    """Do a job; all processes call it together. asked: see `Trainer`.

    Raises:
        ModelError, ManifestError: one sentence about what is wrong.
        moee_model.train.StoppedError: a signal came; a checkpoint was written.
    """
    from manifests.publish.made_of import LINEAGE
    from moee_model import lineage
    from moee_model.dataset import ClipSource
    from moee_model.networks import Networks
    from moee_model.shared_folders import check_shared, wait_until_free
    from moee_model.training_data import open_data

    model, train = configs(job)
    check_shared({"--out": job.out, "--features": job.features}, Path(job.data), world)
    if world.main and world.launched:
        wait_until_free([job.out, job.features], watch.note)
    networks = Networks.make(model, world.device)
    features = _features(job, model, train, networks, world, watch)
    source = ClipSource(features)
    if source.too_short:
        watch.note(f"{len(source.too_short)} clips are shorter than the model's window and left out")
    trainer = _trainer(job, model, train, networks, features, source, world, watch, asked)
    trainer.run()
    told = lineage.trained_on(job.out, open_data(job.data), source.clips) if world.main else None
    trainer.export(job.out / "model", {} if told is None else {LINEAGE: told})
    listed = job.out / "training_list.csv"
    if world.main:
        write_training_list(listed, source.clips)
    losses = _losses(job.out, train)
    return Outcome(
        trainer.step, len(source.clips), losses, features.left_out, source.too_short, job.out / "model", listed
    )  # fmt: skip


def _features(
    job: Job, model: ModelConfig, train: TrainConfig, networks: Networks, world: World, watch: Watching
) -> FeatureSet:
    """The first process prepares, the others wait and read the list."""
    from moee_model.feature_store import open_features
    from moee_model.features import prepare

    if world.main:
        precision = "bf16" if train.precision == "bf16" and world.device.type == "cuda" else "fp32"
        threads = job.workers or usable_cores()
        made = prepare(
            job.data, model, networks, job.features, threads, precision, watch.note, watch.features  # type: ignore[arg-type]
        )  # fmt: skip
    world.wait()
    return made if world.main else open_features(job.features)


def _trainer(
    job: Job,
    model: ModelConfig,
    train: TrainConfig,
    networks: Networks,
    features: FeatureSet,
    source: ClipSource,
    world: World,
    watch: Watching,
    asked: Callable[[], int],
) -> Trainer:
    from moee_model import lineage
    from moee_model.checkpoint import found
    from moee_model.denoiser import build
    from moee_model.initial import load_parts
    from moee_model.perceptual import load_perceptual
    from moee_model.train import Trainer

    denoiser = build(model, train.seed)
    begun = {part: _absolute(job.parts[part]) for part in ("unet", "motion") if part in job.parts}
    if not (job.resume and found(job.out / "checkpoints")):
        if begun:
            report = load_parts(denoiser, begun.get("unet"), begun.get("motion"))
            watch.note(f"weights read: {', '.join(f'{part} {count} tensors' for part, count in report.read.items())}")
        if world.main:
            lineage.begin(job.out, begun)
    made = Trainer(
        denoiser,
        model,
        train,
        source,
        job.out,
        networks.codec,
        networks.speech,
        (networks.text_encoder, networks.tokenizer),
        samples=sample_inputs(features, job.data, networks) if train.sample_every and world.main else [],
        perceptual=load_perceptual(Path(train.vgg)).to(world.device) if train.vgg else None,
        world=world,
        watcher=watch,
        parts=begun,
        asked=asked,
    )
    if job.resume:
        made.resume()
    return made


def _absolute(place: str) -> str:
    return str(Path(place).resolve()) if Path(place).exists() else place


def sample_inputs(features: FeatureSet, data: str, networks: Networks) -> list[Sample]:
    """Portrait, sound and emotion of a few clips of the split `validation` (of `train` where there is none)."""
    from moee_model.training_data import open_data

    opened = open_data(data)
    files = {clip.id: clip for clip in opened.clips}
    chosen = (features.split("validation") or features.split("train"))[:_SAMPLES]
    found = []
    for clip in chosen:
        with opened.file(files[clip.id]) as path:
            found.append(_sample(features, clip, path, networks))
    return found


def _sample(features: FeatureSet, clip: ClipFeatures, path: Path, networks: Networks) -> Sample:
    import torch

    from media.audio import waveform
    from moee_model.codec import to_pixels
    from moee_model.speech import RATE
    from moee_model.train_samples import Sample

    with features.open(clip, "picture") as file:
        latents = file.get_slice("latents")[:1].float().to(networks.device)
        start = Fraction(file.get_tensor("shown").tolist()[-1])
    with torch.inference_mode():
        pixels = to_pixels(networks.codec, latents)[0].float().clamp(-1, 1).cpu()
    image = ((pixels + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    seconds = min(Fraction(clip.frames, features.config.fps), Fraction(_SAMPLE_SECONDS))
    return Sample(clip.id, image, waveform(path, start, start + seconds, RATE), emotion_of(clip.label))


def emotion_of(label: Six | None) -> Emotion:
    """What a model is told to show what a clip shows; neutral where that is not known."""
    from moee_model.emotion import NEUTRAL, Emotion

    if label is None:
        return NEUTRAL
    return Emotion(label, label if sum(weight > 0 for weight in label) < 2 else None)


def write_training_list(path: Path, clips: Sequence[ClipFeatures]) -> None:
    """Every name of the persons, sources and clips that a model was trained on, as `moee bench run` reads it."""
    from moee_model.feature_store import persons

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["identity"])
    rows.writerows([name] for name in persons(clips))
    with plain_errors(path.parent):
        make_folder(path.parent)
        aside, _ = write_aside(path.parent, path.name, lambda file: file.write(text.getvalue().encode()))
        rename(aside, path)


def _losses(out: Path, train: TrainConfig) -> dict[str, float]:
    """Stage -> mean loss of its last logged steps (a tenth of them, at least one)."""
    path = out / "scalars.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    found: dict[str, float] = {}
    for stage in train.stages:
        losses = [line["loss"] for line in lines if line["stage"] == stage.name]
        last = losses[-max(1, len(losses) // 10) :]
        if last:
            found[stage.name] = sum(last) / len(last)
    return found


def parts_of(said: Sequence[str]) -> dict[str, str]:
    """`PART=PLACE` pairs; raises ModelError for anything else."""
    found: dict[str, Any] = {}
    for one in said:
        part, _, place = one.partition("=")
        if part not in PARTS or not place or part in found:
            raise ModelError(
                f"--init-from {one!r} is not understood: write PART=PLACE once per part of {', '.join(PARTS)}."
            )
        found[part] = place
    return found
