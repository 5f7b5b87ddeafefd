"""The state of every global random number generator of a process, kept and put back.

Training draws from none of them (see `noise.draw`), but libraries may: they go on where they were.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch


def captured() -> dict[str, torch.Tensor]:
    """The generators of torch (processor and every GPU that is in use), numpy and Python, as tensors by name."""
    kind, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)
    found = {
        "torch": torch.get_rng_state(),
        "numpy": torch.from_numpy(np.array(keys, np.int64)),
        "numpy-rest": _text([str(kind), int(place), int(has_gauss), float(gauss)]),
        "python": _text(random.getstate()),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found |= {f"cuda-{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    return found


def restore(state: Mapping[str, torch.Tensor]) -> None:
    """Put every generator back; GPUs that are not here are left out."""
    torch.set_rng_state(state["torch"])
    kind, place, has_gauss, gauss = _value(state["numpy-rest"])
    np.random.set_state((kind, state["numpy"].numpy().astype(np.uint32), place, has_gauss, gauss))
    version, numbers, gauss_next = _value(state["python"])
    random.setstate((version, tuple(numbers), gauss_next))
    for index in range(torch.cuda.device_count()):
        if f"cuda-{index}" in state:
            torch.cuda.set_rng_state(state[f"cuda-{index}"], index)


@contextmanager
def untouched() -> Iterator[None]:
    """Whatever is drawn or seeded inside, all global generators are afterwards as they were."""
    state = captured()
    try:
        yield
    finally:
        restore(state)


def _text(value: object) -> torch.Tensor:
    return torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)


def _value(text: torch.Tensor) -> list:
    return json.loads(bytes(text.tolist()))
