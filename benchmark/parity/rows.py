"""What is held against what, how far it may differ, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final, Literal

import numpy as np

Arrays = Mapping[str, np.ndarray]
Measured = tuple[float | None, float | None, float]
"""Ours and theirs where a row has one number of each, and the difference."""


@dataclass(frozen=True, eq=False)
class Side:
    """What one program found.

    Attributes:
        arrays: by name.
        versions: distribution -> version.
        seconds: that it took.
        error: why it found nothing, in a few words; empty otherwise.
    """

    arrays: Arrays = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        part, what: the network or measure, and what of it.
        ours, reference: the numbers, where there is one of each.
        by: the other program and its version.
        difference: largest one; None where the row was skipped.
        tolerance: what it may be.
        kind: of both: absolute, relative to the reference's largest value, or a count of names that differ.
        verdict: equal within the tolerance, differs, or skipped.
        reason: why it was skipped.
    """

    part: str
    what: str
    ours: float | None
    reference: float | None
    by: str
    difference: float | None
    tolerance: float
    kind: str
    verdict: Literal["equal", "differs", "skipped"]
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """What a row compares: `measure(ours, theirs)` with the arrays of part `part` and of reference `reference`."""

    part: str
    what: str
    reference: str
    tolerance: float
    measure: Callable[[Arrays, Arrays], Measured]
    kind: str = "absolute"


def rows(ours: Mapping[str, Side], theirs: Mapping[str, Side]) -> list[Row]:
    """Every comparison, in order.

    Args:
        ours: part -> what ours found.
        theirs: reference -> what that program found.
    """
    return [_row(comparison, ours, theirs) for comparison in COMPARISONS]


def _row(asked: Comparison, ours: Mapping[str, Side], theirs: Mapping[str, Side]) -> Row:
    mine, other = ours.get(asked.part, _ABSENT), theirs.get(asked.reference, _ABSENT)
    by = ", ".join(f"{name} {version}" for name, version in other.versions.items()) or REFERENCES[asked.reference]
    if asked.reference in PLAIN:
        by = f"{PLAIN[asked.reference]} ({by})"
    head = (asked.part, asked.what)
    tail = (asked.tolerance, asked.kind)
    if mine.error or other.error:
        return Row(*head, None, None, by, None, *tail, "skipped", mine.error or other.error)
    value, reference, difference = asked.measure(mine.arrays, other.arrays)
    verdict: Literal["equal", "differs"] = "equal" if difference <= asked.tolerance else "differs"  # NaN differs
    return Row(*head, value, reference, by, difference, *tail, verdict)


def _apart(name: str, other: str, mine: Arrays, theirs: Arrays, relative: bool = False) -> Measured:
    """The largest difference of two arrays; of unlike shapes it is endless."""
    one, two = np.asarray(mine[name], np.float64), np.asarray(theirs[other], np.float64)
    if one.shape != two.shape or not one.size:
        return None, None, float("inf")
    difference = float(np.abs(one - two).max())
    scalars = (float(one), float(two)) if one.ndim == 0 else (None, None)
    return *scalars, difference / float(np.abs(two).max()) if relative else difference


def _same(name: str) -> Callable[[Arrays, Arrays], Measured]:
    return partial(_apart, name, name)


def _relative(name: str, other: str) -> Callable[[Arrays, Arrays], Measured]:
    return partial(_apart, name, other, relative=True)


def _names(mine: Arrays, theirs: Arrays) -> Measured:
    """Parameters of both, and how many names or shapes only one of both has."""
    differ = set(mine["names"].tolist()) ^ set(theirs["names"].tolist())
    learnt = float(mine["parameters"]), float(theirs["parameters"])
    return *learnt, len(differ) + abs(learnt[0] - learnt[1])


def _frechet_of_theirs(mine: Arrays, theirs: Arrays) -> Measured:
    """Our distance of their features against their distance of them."""
    from benchmark.statistics.frechet import frechet

    first, features = mine["first"], theirs["features"].astype(np.float64)
    ours, reference = frechet(features[first], features[~first]), float(theirs["fid"])
    return ours, reference, abs(ours - reference)


def _given(mine: Arrays, theirs: Arrays) -> Measured:
    return _apart("given", "distance", mine, theirs)


def _every_sound(mine: Arrays, theirs: Arrays) -> Measured:
    if mine.keys() != theirs.keys():
        return None, None, float("inf")
    return None, None, max(_apart(name, name, mine, theirs)[2] for name in mine)


def _decibels(mine: Arrays, theirs: Arrays) -> Measured:
    """Equal pictures are endlessly alike there, and 100 dB here."""
    from benchmark.metrics.psnr import CAP_DB

    return _apart("psnr", "psnr", mine, {"psnr": np.minimum(theirs["psnr"], CAP_DB)})


def _sync(of: Callable[[np.ndarray], np.ndarray], mine: Arrays, theirs: Arrays) -> Measured:
    """Of the mean over a clip's windows, which gives one distance for each shift."""
    found = [of(np.asarray(side["distances"], np.float64).mean(axis=1)) for side in (mine, theirs)]
    return None, None, float(np.abs(found[0] - found[1]).max())


def _confidence(curves: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(curves, axis=1) - curves.min(axis=1))


def _offset(curves: np.ndarray) -> np.ndarray:
    return np.asarray(curves.shape[1] // 2 - curves.argmin(axis=1), np.float64)


_ABSENT: Final = Side(error="it was not run")
REFERENCES: Final = {
    "with_pytorch_fid": "pytorch-fid",
    "with_torch_fidelity": "torch-fidelity",
    "with_clean_fid": "clean-fid",
    "with_torchmetrics": "torchmetrics",
    "with_lpips": "lpips",
    "with_skimage": "scikit-image",
    "with_speech_features": "python_speech_features",
    "with_plain_syncnet": "python_speech_features",
    "with_cd_fvd": "cd-fvd",
}
"""Script in `reference/` -> the program that it asks."""
PLAIN: Final = {"with_plain_syncnet": "SyncNet written anew"}
"""Scripts whose network is on no package index."""


def program(reference: str) -> str:
    """What a person calls it."""
    return PLAIN.get(reference, REFERENCES[reference])


_FEATURES: Final = 1e-4
COMPARISONS: Final = (
    Comparison("Inception", "names and shapes; parameters", "with_pytorch_fid", 0, _names, "names"),
    Comparison("Inception", "names and shapes; parameters", "with_torch_fidelity", 0, _names, "names"),
    *(
        comparison
        for variant, script in (
            ("torchfidelity", "with_torch_fidelity"), ("pytorchfid", "with_pytorch_fid"), ("cleanfid", "with_clean_fid")
        )
        for comparison in (
            Comparison(
                "Inception", f"features, {variant}", script, _FEATURES, _relative(variant, "features"), "relative"
            ),
            Comparison("Inception", f"FID, {variant}", script, 1e-4, partial(_apart, f"fid_{variant}", "fid")),
            Comparison("Inception", "distance of the same features", script, 1e-4, _frechet_of_theirs),
        )
    ),
    Comparison("Inception", "KID, 100 subsets", "with_torch_fidelity", 1e-6, _same("kid")),
    Comparison(
        "Inception", "features without antialiasing", "with_torchmetrics", _FEATURES, _relative("some", "some"),
        "relative",
    ),
    *(
        Comparison("Frechet distance", "correlated numbers", script, 1e-8, _given)
        for script in ("with_pytorch_fid", "with_torch_fidelity", "with_clean_fid", "with_torchmetrics")
    ),
    Comparison("LPIPS", "names and shapes; parameters", "with_lpips", 0, _names, "names"),
    Comparison("LPIPS", "distances of pairs", "with_lpips", 1e-4, _same("lpips")),
    Comparison("I3D", "names and shapes; parameters", "with_cd_fvd", 0, _names, "names"),
    Comparison("I3D", "logits, styleganv", "with_cd_fvd", 1e-4, _relative("styleganv", "styleganv"), "relative"),
    Comparison("I3D", "logits, videogpt", "with_cd_fvd", 1e-4, _relative("videogpt", "videogpt"), "relative"),
    Comparison("I3D", "FVD, styleganv", "with_cd_fvd", 1e-3, _relative("fvd", "fvd"), "relative"),
    Comparison("I3D", "FVD, videogpt", "with_cd_fvd", 1e-3, _relative("fvd_videogpt", "fvd_videogpt"), "relative"),
    Comparison("MFCC", "coefficients", "with_speech_features", 1e-6, _every_sound),
    Comparison("SyncNet", "names and shapes; parameters", "with_plain_syncnet", 0, _names, "names"),
    Comparison(
        "SyncNet", "distances of all windows and shifts", "with_plain_syncnet", 1e-3, _same("distances"),
    ),
    Comparison("SyncNet", "Sync-D", "with_plain_syncnet", 1e-3, partial(_sync, lambda curves: curves.min(axis=1))),
    Comparison("SyncNet", "Sync-C", "with_plain_syncnet", 1e-3, partial(_sync, _confidence)),
    Comparison("SyncNet", "offset, frames", "with_plain_syncnet", 0, partial(_sync, _offset)),
    Comparison("SSIM and PSNR", "SSIM", "with_skimage", 1e-6, _same("ssim")),
    Comparison("SSIM and PSNR", "SSIM of black and white", "with_skimage", 1e-9, _same("black_white")),
    Comparison("SSIM and PSNR", "PSNR, dB", "with_skimage", 1e-6, _decibels),
    Comparison("SSIM and PSNR", "SSIM without the reflected border", "with_torchmetrics", 1e-6, _same("ssim")),
    Comparison("SSIM and PSNR", "PSNR in float64, dB", "with_torchmetrics", 1e-6, _decibels),
)  # fmt: skip
"""Every comparison that the command makes."""
