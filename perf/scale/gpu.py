"""Perception on a GPU against the processor: the same decisions, and hours of video per GPU-hour.

SyncNet on seeded weights stands for the networks that take CUDA: it costs what a trained one does. Detector and
landmarks run on processors wherever they run.
"""

import time
from typing import Any, Final

import numpy as np

FRAMES: Final = 129  # crops: 125 windows of five
RATE: Final = 25


def lines(seconds: float = 10.0) -> list[str]:
    """The table in Markdown, or one line where no GPU is.

    Args:
        seconds: how long the network runs for its rate.
    """
    import torch

    if not torch.cuda.is_available():
        return ["Not measured: no GPU was at hand (torch.cuda.is_available() is false)."]
    from perception.syncnet import SyncNet

    here, there = SyncNet.load(torch.device("cpu"), seeded=True), SyncNet.load(torch.device("cuda"), seeded=True)
    crops = np.random.default_rng(0).integers(0, 256, (FRAMES, 224, 224, 3), np.uint8)
    known, found = here.lips(crops), there.lips(crops)
    differ = int((nearest(known) != nearest(found)).sum())
    rate = _rate(there, crops, seconds)
    return [
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, float32 without TF32, {len(known)} windows.",
        "",
        "| network | nearest other window differs | largest difference, of the largest | hours of video per GPU-hour |",
        "|---|---|---|---|",
        f"| SyncNet, lips | {differ} of {len(known)} | {np.abs(known - found).max() / np.abs(known).max():.1e} "
        f"| {rate / RATE:,.0f} |",
    ]


def nearest(rows: np.ndarray) -> np.ndarray:
    """[n] for each row of [n, d] the nearest other one: what an offset is decided by."""
    square = (rows.astype(np.float64) ** 2).sum(axis=1)
    apart = square[:, None] + square - 2 * rows.astype(np.float64) @ rows.T.astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    return apart.argmin(axis=1)


def _rate(network: Any, crops: np.ndarray, seconds: float) -> float:
    """Windows per second of the clock."""
    done, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        done += len(network.lips(crops))
    return done / (time.monotonic() - started)
