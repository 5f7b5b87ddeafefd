"""What the panel's networks share: crops that are checked, files that hold numbers and no code, their place on disk."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perception import weights
from perception.errors import PerceptionError

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the red, green and blue values 0..1 of ImageNet's pictures, as torchvision documents them for its networks."""
_UNDER = ("model", "state_dict", "net_recon")
MOST_BYTES = 2 << 30  # no published file of a member is a fifth of it


def installed(packages: Iterable[str], member: str) -> bool:
    """Return whether the packages that a member needs can be found; nothing is imported."""
    lacks = [package for package in packages if importlib.util.find_spec(package) is None]
    if lacks:
        log.debug("%s is not used: %s is not installed (pip install 'moee[emotion]')", member, " and ".join(lacks))
    return not lacks


def on_processor(device: str, member: str) -> None:
    """Raise PerceptionError for any device but "cpu"; networks of the panel use one thread of it."""
    if device != "cpu":
        raise PerceptionError(f"{member} runs on the processor here, not on {device!r}: load it with 'cpu'.")


def local_file(places: Iterable[str]) -> Path | None:
    """The first of these places in the weights folder that is a file; None without any."""
    folder = weights.weights_folder()
    if folder is None:
        return None
    return next((folder / place for place in places if (folder / place).is_file()), None)


def sha256(path: Path) -> str | None:
    """The sha256 of a member's file, which names it as nobody has published one; None if it cannot be read."""
    try:
        return weights.file_sha256(path)
    except OSError as error:
        log.warning("%s cannot be read (%s) and is not used", path, error.strerror)
        return None


def checked_crops(crops: Sequence[np.ndarray], side: int, member: str) -> Iterator[np.ndarray]:
    """Give the crops; raises PerceptionError at one that is not [side, side, 3] uint8."""
    for crop in crops:
        if crop.shape != (side, side, 3) or crop.dtype != np.uint8:
            raise PerceptionError(
                f"{member} takes crops [{side}, {side}, 3] uint8, not {list(crop.shape)} {crop.dtype}."
            )
        yield np.ascontiguousarray(crop)


def full_batches(crops: Sequence[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    """Cut crops into batches of one size, the last filled up with black ones: a kernel's rounding follows the size."""
    for first in range(0, len(crops), size):
        batch = list(crops[first : first + size])
        yield batch + [np.zeros_like(batch[0])] * (size - len(batch))


def normalised(crop: np.ndarray) -> np.ndarray:
    """A crop [side, side, 3] uint8 as ImageNet's networks take it: [1, 3, side, side] float32."""
    mean, deviation = (np.array(values, np.float32) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return np.ascontiguousarray(((crop / np.float32(255) - mean) / deviation).transpose(2, 0, 1)[None])


def read_state(path: Path, member: str) -> dict[str, torch.Tensor]:
    """Read the tensors of a PyTorch file, under one of `_UNDER` or not, with `module.` before names or not.

    Raises:
        PerceptionError: PyTorch is missing, or the file is damaged, holds code, or holds something else.
    """
    import pickle

    try:
        import torch
    except ImportError as error:
        raise PerceptionError(f"{member} cannot be loaded ({error}); run `make setup`.") from error
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PerceptionError(f"{path} is too large for {member}: put its makers' file there.")
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise PerceptionError(
            f"{path} holds more than numbers (it could run code) or is damaged, so it is not opened: "
            f"put {member}'s file there as its makers publish it."
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise PerceptionError(f"{path} is damaged or no file of {member}: put its makers' file there.") from error
    for key in _UNDER:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise PerceptionError(f"{path} holds no named tensors, as {member} does: put its makers' file there.")
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def fill(module: torch.nn.Module, state: dict[str, torch.Tensor], path: Path, member: str) -> torch.nn.Module:
    """Put a state into a network, each tensor into its place, and make it ready to judge.

    Raises:
        PerceptionError: a tensor is missing, left over, of another shape, or holds numbers that are none.
    """
    wanted = module.state_dict()
    missing, left = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    what = ""
    if missing:
        what = f"{missing[0]} is missing" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
    elif left:
        what = f"{left[0]} is not part of the network"
    for name, tensor in wanted.items():
        if what:
            break
        if state[name].shape != tensor.shape:
            what = f"{name} has the shape {list(state[name].shape)} instead of {list(tensor.shape)}"
        elif not bool(state[name].isfinite().all()):
            what = f"{name} holds numbers that are none"
    if what:
        raise PerceptionError(f"{path} is no file of {member}: {what}; put its makers' file there.")
    module.load_state_dict(state)
    return module.eval().requires_grad_(False)
