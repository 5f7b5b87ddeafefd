"""Checkpoints: everything that training goes on from, whole or not there, as safetensors and JSON.

One folder per checkpoint, `step-00000040`: written aside, synced, renamed. Its `state.json` names every file with
its SHA-256; a checkpoint that does not fit them is damaged, and the one before it is taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from manifests.errors import ManifestError
from manifests.files import file_hash, make_folder, plain_errors, sync_folder, write_json
from manifests.text import printable
from moee_model.distributed import World
from moee_model.errors import ModelError
from moee_model.rng_state import captured

FORMAT: Final = 1
_NAME: Final = re.compile(r"step-(\d{8,})")
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Place:
    """Where a run is. step: steps done, over all stages. stage: of the next step (empty: all are done); position: the
    next step's place in it, from which the sampler goes on."""

    step: int
    stage: str
    position: int


@dataclass(frozen=True)
class Run:
    """What a checkpoint belongs to, as plain values. model, train: the settings that change what is learned; data:
    names and labels of the clips, hashed; parts: where the first weights came from."""

    model: dict[str, Any]
    train: dict[str, Any]
    data: str
    parts: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """What was read: `parameters` by name, `optimizer` as `<parameter>/<entry>`, `ema` by name (both empty where a
    stage has just ended), `rng` of this process (None: it was not there when the checkpoint was written),
    `parts` as in `Run`."""

    place: Place
    parameters: Tensors
    optimizer: Tensors
    ema: Tensors
    rng: Tensors | None
    parts: dict[str, str]


def save(folder: Path, place: Place, run: Run, tensors: Mapping[str, Tensors], world: World, keep: int = 2) -> Path:
    """Write a checkpoint and delete old ones; all processes call it together.

    Args:
        folder: of all checkpoints. place, run: what is saved.
        tensors: `parameters`, `optimizer` and `ema`, whole, on the processor; only the first process's are written.
        world: the processes. keep: how many checkpoints are kept.

    Returns:
        The checkpoint's folder.

    Raises:
        ModelError: the disk is full or cannot be written.
    """
    target, aside = folder / f"step-{place.step:08d}", folder / f".tmp-step-{place.step:08d}"
    try:
        with plain_errors(folder):
            if world.main:
                shutil.rmtree(aside, ignore_errors=True)
                make_folder(aside)
            world.wait()
            _write(aside / f"rng-{world.rank}.safetensors", captured())
            if world.main:
                for name, values in tensors.items():
                    _write(aside / f"{name}.safetensors", values)
            world.wait()
            if world.main:
                _finish(aside, target, place, run, world.size)
                _delete_old(folder, keep)
            world.wait()
    except (ManifestError, SafetensorError) as error:
        raise ModelError(str(error)) from error
    return target


def load(folder: Path, run: Run, world: World, note: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint, or None where there is none at all; all processes call it together.

    Args:
        folder: of all checkpoints. run: must be the checkpoint's. world: the processes.
        note: is told of every damaged checkpoint that is passed over.

    Raises:
        ModelError: it belongs to another configuration or other clips, or all that are there are damaged.
    """
    damaged: list[Path] = []
    for path in sorted(found(folder), reverse=True):
        state, said = _checked(path)
        if state is None:
            damaged.append(path)
            if world.main:
                note(f"checkpoint {path.name} is damaged ({said}): the one before it is taken")
            continue
        _same_run(state["run"], run, path)
        return _read(path, state, world)
    if damaged:
        raise ModelError(f"All checkpoints in {printable(str(folder))} are damaged: delete the folder and start again.")
    return None


def found(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first, whole or damaged."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())


def _write(path: Path, values: Tensors) -> None:
    save_file({name: value.contiguous() for name, value in values.items()}, path)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _finish(aside: Path, target: Path, place: Place, run: Run, processes: int) -> None:
    files = {path.name: file_hash(path).sha256 for path in sorted(aside.glob("*.safetensors"))}
    versions = {"torch": str(torch.__version__)}
    state = {"format": FORMAT, "place": asdict(place), "run": asdict(run), "processes": processes}
    write_json(aside / "state.json", state | {"versions": versions, "files": files})
    for name in files:  # safetensors makes files for their owner alone; folders may be a group's
        (aside / name).chmod((aside / "state.json").stat().st_mode)
    sync_folder(aside)
    if target.exists():
        shutil.rmtree(target)
    aside.rename(target)
    sync_folder(target.parent)


def _delete_old(folder: Path, keep: int) -> None:
    for path in found(folder)[:-keep]:
        shutil.rmtree(path, ignore_errors=True)


def _checked(path: Path) -> tuple[dict[str, Any] | None, str]:
    """A checkpoint's `state.json`, or None and why the checkpoint is damaged."""
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        files, _ = dict(state["files"]), (Place(**state["place"]), Run(**state["run"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None, "state.json cannot be read"
    if state.get("format") != FORMAT:
        raise ModelError(f"The checkpoint {printable(path.name)} was written by another version: start a new run.")
    for name, wanted in files.items():
        with contextlib.suppress(OSError):
            if file_hash(path / name).sha256 == wanted:
                continue
        return None, f"{name} is not what was written"
    if not {"parameters.safetensors", "optimizer.safetensors", "ema.safetensors"} <= set(files):
        return None, "a file is missing"
    return state, ""


def _same_run(saved: Mapping[str, Any], run: Run, path: Path) -> None:
    now = json.loads(json.dumps(asdict(run)))
    for part in ("model", "train"):
        name = _difference(saved[part], now[part])
        if name is not None:
            raise ModelError(
                f"The checkpoint {path.name} was trained with another {part}.{name}: give the configuration of that "
                "run, or another --out."
            )
    if now["parts"] and saved["parts"] != now["parts"]:
        raise ModelError(
            f"The run of {path.name} began from other weights: give the same --init-from, or another --out."
        )
    if saved["data"] != now["data"]:
        raise ModelError(
            f"The checkpoint {path.name} was trained on other clips: give the same --data, or another --out."
        )


def _difference(one: Any, other: Any) -> str | None:
    """The name of the first setting that differs."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(set(one) | set(other)):
            inside = _difference(one.get(name), other.get(name))
            if inside is not None:
                return f"{name}.{inside}".rstrip(".")
        return None
    return None if one == other else ""


def _read(path: Path, state: Mapping[str, Any], world: World) -> Checkpoint:
    parameters, optimizer, ema = (
        load_file(path / f"{name}.safetensors") for name in ("parameters", "optimizer", "ema")
    )
    own = path / f"rng-{world.rank}.safetensors"
    rng = load_file(own) if own.name in state["files"] else None
    return Checkpoint(Place(**state["place"]), parameters, optimizer, ema, rng, state["run"]["parts"])
