"""Features of made clips for tests: as the extraction gives them, from a seed, and changed one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmark.features import Clip, Features
from manifests.emotions import BASIC, COMPOUNDS, EMOTIONS

MEMBERS = ("emotion/facs-mesh", "emotion/mini-xception")
VIDEO = (
    "face", "points68", "identity", "emotion", *MEMBERS, "intensity", "expression3dmm", "mouth_audio", "dnsmos",
    "thumbs", "frame_difference", "expression-deep3d", "emotion-fan", "inception", "inception4",
    "inception4-pytorchfid", "inception4-cleanfid", "i3d", "i3d-videogpt", "resnet3d50",
)  # fmt: skip
PAIR = ("mse", "ssim", "lpips", "sync_distances")
MADE_BY = {name: f"{name.replace('/', '-')}-net@0123abcd" for name in (*VIDEO, *PAIR)}


def probabilities(rng: np.random.Generator, lead: str | None = None) -> np.ndarray:
    """[1, 8] of sum 1; `lead` is the likeliest, or both parts of a compound are."""
    found = rng.uniform(0.01, 0.1, (1, len(EMOTIONS)))
    for part in COMPOUNDS.get(lead or "", (lead,) if lead else ()):
        found[0, EMOTIONS.index(part)] += 1.0
    return np.asarray(found / found.sum())


def video(seed: int, frames: int = 12, lead: str | None = None, large: bool = False) -> dict[str, np.ndarray]:
    """All features of one video but those of large networks; with `large` these too, noise."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(60, 200, (68, 2))
    walk = np.cumsum(rng.normal(0, 1, (frames, 1, 2)), axis=0) + rng.normal(0, 0.5, (frames, 68, 2))
    members = {name: probabilities(rng, lead) for name in MEMBERS}
    found = {
        "face": np.ones(frames, np.uint8),
        "points68": (base + walk).astype(np.float32),
        "identity": (rng.normal(0, 1, 128) + rng.normal(0, 0.1, (8, 128))).astype(np.float32),
        "emotion": np.mean(list(members.values()), axis=0),
        **members,
        "intensity": rng.uniform(0, 1, (1, 1)),
        "expression3dmm": rng.normal(0, 1, (frames, 10)).astype(np.float32),
        "mouth_audio": np.array([[0.4 + 0.01 * (seed % 7), 20.0 + seed % 5, 4.0, 0.01, 1.0]]),
        "dnsmos": np.array([[3.5, 4.0, 3.2 + 0.01 * (seed % 9)]]),
        "thumbs": rng.uniform(0, 1, (frames, 192)).astype(np.float32),
        "frame_difference": rng.uniform(1, 3, frames - 1),
        "expression-deep3d": rng.normal(0, 1, (frames, 64)).astype(np.float32),
        "emotion-fan": probabilities(rng, lead),
    }
    if large:
        found["inception"] = rng.normal(0, 1, (frames, 2048)).astype(np.float32)
        found["inception4"] = found["inception"][[1, 4, 7, 10]]
        found["inception4-pytorchfid"] = found["inception4"] + np.float32(0.01)
        found["inception4-cleanfid"] = found["inception4"] + np.float32(0.02)
        found["i3d"] = rng.normal(0, 1, (5, 400)).astype(np.float32)
        found["i3d-videogpt"] = rng.normal(0, 1, (5, 400)).astype(np.float32)
        found["resnet3d50"] = rng.normal(0, 1, (5, 2048)).astype(np.float32)
    return found


def pair(seed: int, frames: int = 12) -> dict[str, np.ndarray]:
    """All features of two videos held against each other."""
    rng = np.random.default_rng([seed, 1])
    return {
        "mse": rng.uniform(10, 100, frames),
        "ssim": rng.uniform(0.5, 0.9, frames),
        "lpips": rng.uniform(0.1, 0.3, frames),
        "sync_distances": rng.uniform(8, 12, (frames - 5, 31)),
    }


def same_pair(frames: int = 12) -> dict[str, np.ndarray]:
    """What a video held against itself gives."""
    distances = np.full((frames - 5, 31), 9.0)
    distances[:, 15] = 0.0
    return {"mse": np.zeros(frames), "ssim": np.ones(frames), "lpips": np.zeros(frames), "sync_distances": distances}


def clips(count: int = 12, frames: int = 12, same: bool = False, large: bool = False) -> list[Clip]:
    """Clips of 4 persons; every fifth has a compound, the others basic emotions. `same`: both sides are equal."""
    found = []
    for number in range(count):
        compound = list(COMPOUNDS)[number % 4] if number % 5 == 4 else None
        emotion = None if compound else BASIC[number % 6]
        lead = compound or emotion
        real = video(number, frames, lead, large)
        other = real if same else video(1000 + number, frames, lead if number % 3 else "neutral", large)
        found.append(
            Clip(
                f"clip{number:03}", f"person{number % 4}", emotion, compound, 1 + number % 3, real, other,
                same_pair(frames) if same else pair(number, frames),
            )
        )  # fmt: skip
    return found


def features(held: Sequence[Clip]) -> Features:
    """A run of these clips."""
    return Features(tuple(held), MADE_BY)


def one(name: str, *sides: tuple[np.ndarray, np.ndarray], **labels: object) -> Features:
    """A run whose clips have a single feature: (real, generated) each."""
    return features(
        [
            Clip(f"c{place}", f"p{place}", real={name: real}, generated={name: generated}, **labels)  # type: ignore[arg-type]
            for place, (real, generated) in enumerate(sides)
        ]
    )


def pairs(name: str, *arrays: np.ndarray) -> Features:
    """A run whose clips have a single feature of the pair."""
    return features([Clip(f"c{place}", f"p{place}", pair={name: array}) for place, array in enumerate(arrays)])


def failed(clip: Clip) -> Clip:
    """The same clip without a valid video."""
    return replace(clip, generated={}, pair={}, failure=f"{clip.id} has no video.")


def changed(clip: Clip, side: str, **arrays: np.ndarray | None) -> Clip:
    """The same clip with other features of one side; None takes one away. `_` stands for `/` and `-`."""
    held = {name: array for name, array in getattr(clip, side).items() if arrays.get(name, array) is not None}
    return replace(clip, **{side: held | {name: array for name, array in arrays.items() if array is not None}})
