"""`moee train`: a curated or published dataset to a finished model."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from moee_model.train_run import Job, Outcome

EXAMPLE = "Example: moee train tiny --data dataset/ --out run/  (the same line with --resume goes on)"

Preset = Annotated[str, typer.Argument(metavar="PRESET|FILE", help="paper, small, tiny, or a YAML file like theirs.")]
Data = Annotated[str, typer.Option("--data", metavar="DIR", help="A folder of moee curate or publish, or a hub id.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The run's folder, made if missing.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the newest whole checkpoint in --out.")]
InitFrom = Annotated[
    list[str] | None,
    typer.Option(
        "--init-from",
        metavar="PART=PLACE",
        help="Begin with public weights: unet (Stable Diffusion 1.5), motion (AnimateDiff), speech (wav2vec2), codec, "
        "text (Sentence-T5). PLACE: folder, safetensors file or hub id. May be repeated.",
    ),
]
Limit = Annotated[int | None, typer.Option("--limit-steps", min=1, help="Take at most N steps in each stage.")]
Workers = Annotated[int, typer.Option(min=0, help="Threads that prepare features; 0: one for each core.")]
Features = Annotated[
    Path | None, typer.Option("--features", metavar="DIR", help="Where features lie (OUT/features); runs may share it.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, or cuda (do not begin without a GPU).")]
Engine = Annotated[str, typer.Option(help="local: this process, or those of torchrun. ray: Ray Train starts them.")]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="auto|HOST:PORT", help="Of the Ray cluster; without it one is started on this machine (or RAY_ADDRESS)."
    ),
]
Processes = Annotated[
    int, typer.Option(min=0, help="With --engine ray: how many train together; 0: one for each GPU, one without GPUs.")
]
Restarts = Annotated[int, typer.Option("--max-restarts", min=0, help="With --engine ray: deaths to go on after.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def train(
    preset: Preset,
    data: Data,
    out: Out,
    resume: Resume = False,
    init_from: InitFrom = None,
    limit_steps: Limit = None,
    workers: Workers = 0,
    features: Features = None,
    device: Device = "auto",
    engine: Engine = "local",
    address: Address = None,
    processes: Processes = 0,
    max_restarts: Restarts = 3,
    as_json: Json = False,
) -> None:
    """Train a model: features of the clips first, then the stages image, motion-audio, experts and gates.

    Ends with OUT/model, which moee generate and moee bench run take, and OUT/training_list.csv. Several processes:
    torchrun --nproc-per-node 8 -m moee_cli train ..., or --engine ray (see docs/training.md).
    """
    from moee_model.train_run import Job, configs, parts_of

    _check(device, engine, address, processes)
    parts = parts_of(init_from or [])
    job = Job(preset, data, out, features or out / "features", resume, limit_steps, workers, parts)
    configs(job)  # what is wrong with them is said before anything is computed
    _hush()
    if engine == "ray":
        _run_on_ray(job, address, processes, max_restarts, device, as_json)
    else:
        _run(job, device, as_json)


train.__doc__ = f"{train.__doc__}\n    {EXAMPLE}"


def _check(device: str, engine: str, address: str | None, processes: int) -> None:
    from moee_model.errors import ModelError

    if device not in ("auto", "cpu", "cuda"):
        raise ModelError(f"--device is {device!r}: it must be auto, cpu or cuda (CUDA_VISIBLE_DEVICES chooses a GPU).")
    if engine not in ("local", "ray"):
        raise ModelError(f"--engine is {engine!r}: it must be local or ray.")
    if engine == "local" and (address is not None or processes):
        raise ModelError("--address and --processes are for --engine ray; torchrun starts processes without Ray.")
    if engine == "ray" and _by_torchrun():
        raise ModelError("--engine ray starts its processes itself: run the command without torchrun.")


def _by_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _run(job: "Job", device: str, as_json: bool) -> None:
    from moee_model.distributed import World, end_with_parent
    from moee_model.train import StoppedError
    from moee_model.train_run import configs, run
    from moee_model.train_watch import Progress, say

    if _by_torchrun():
        end_with_parent()
    world = World(configs(job)[1].parallel, None if device == "auto" else device)
    try:
        with Progress(quiet=not world.main) as watch:
            outcome = run(job, world, watch)
    except StoppedError as stopped:
        if world.main:
            say(str(stopped))
        raise typer.Exit(128 + stopped.signal) from None
    except KeyboardInterrupt:
        say("stopped; what was finished is kept: the same command with --resume goes on from there")
        raise typer.Exit(130) from None
    world.end()
    if world.main:
        _show(outcome, as_json)
    if outcome.left_out and not _by_torchrun():  # which would start a training again that is done
        raise typer.Exit(1)


def _run_on_ray(job: "Job", address: str | None, processes: int, restarts: int, device: str, as_json: bool) -> None:
    from moee_model.errors import ModelError

    try:
        from moee_model.ray_train import Cluster, run
    except ImportError as error:
        raise ModelError(
            f"--engine ray needs Ray ({error}): pip install -c requirements/constraints.txt -e '.[cluster]'"
        ) from None
    from moee_model.train import StoppedError
    from moee_model.train_watch import Progress, say

    cluster = Cluster(address, processes, restarts, device)
    try:
        with Progress() as watch:
            outcome = run(job, cluster, watch)
    except StoppedError as stopped:
        say(str(stopped))
        raise typer.Exit(128 + stopped.signal) from None
    _show(outcome, as_json)
    if outcome.left_out:
        raise typer.Exit(1)


def _hush() -> None:
    """The libraries' own bars over the files that they write say nothing here."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    of_diffusers.disable_progress_bar()
    of_transformers.disable_progress_bar()


def _show(outcome: "Outcome", as_json: bool) -> None:
    from manifests.terminal import print_lines

    if as_json:
        result = {
            "steps": outcome.steps,
            "clips": outcome.clips,
            "losses": outcome.losses,
            "left_out": outcome.left_out,
            "too_short": outcome.too_short,
            "model": str(outcome.model),
            "training_list": str(outcome.training_list),
        }
        print(json.dumps(result, indent=2))
        return
    print_lines([
        f"{outcome.steps} steps on {outcome.clips} clips",
        *(f"stage {stage}: loss {loss:.4f} at its end" for stage, loss in outcome.losses.items()),
        *(f"left out: {clip}: {why}" for clip, why in outcome.left_out.items()),
        *(f"too short: {clip}" for clip in outcome.too_short),
        f"model: {outcome.model}",
        f"trained on: {outcome.training_list}",
    ])  # fmt: skip
