"""Metrics: pure functions from the features of a run to numbers with intervals, one file each, found by key."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from benchmark.errors import BenchmarkError
from benchmark.metrics._errors import NotApplicable

if TYPE_CHECKING:
    from benchmark.results import Metric

__all__ = ["MODULES", "NotApplicable", "keys", "metric"]

MODULES: Final = {
    "fid": (
        "fid-4",
        "fid-4-corrected",
        "fid-4-pytorchfid",
        "fid-4-cleanfid",
        "fid-all",
        "fid-all-corrected",
    ),
    "kid": ("kid-4", "kid-all"),
    "fvd": ("fvd", "fvd-corrected", "fvd-videogpt", "fvd-videogpt-corrected"),
    "fid_vid": ("fid-vid", "fid-vid-corrected"),
    "fd_pixels": ("fd-pixels", "fd-pixels-corrected"),
    "efid": ("efid", "efid-corrected"),
    "efid_deep3d": ("efid-deep3d", "efid-deep3d-corrected"),
    "lpips": ("lpips",),
    "psnr": ("psnr",),
    "ssim": ("ssim",),
    "sync": ("sync-c", "sync-d", "sync-offset", "sync-d0", "sync-c-valid", "sync-d-valid"),
    "mouth_audio": ("mouth-audio-correlation", "mouth-audio-lag"),
    "akd": ("akd",),
    "lmd": ("m-lmd", "f-lmd"),
    "identity": ("identity",),
    "emotion": ("emotion-accuracy", "emotion-normalised", "emotion-f1"),
    "emotion_fan": ("emotion-fan-accuracy",),
    "emotion_consistency": ("emotion-consistency",),
    "compound": ("compound-margin", "compound-top2", "compound-f1", "compound-balance"),
    "flicker": ("flicker",),
    "motion": ("motion",),
    "speech_quality": ("speech-quality",),
}
"""Module -> its metrics' keys, in the order of tables and pages; known without importing numpy."""


def keys() -> tuple[str, ...]:
    """The keys of all metrics, in the order of tables and pages."""
    return tuple(key for held in MODULES.values() for key in held)


def metric(key: str) -> Metric:
    """The metric of a key such as `akd`; only its own file is imported.

    Raises:
        BenchmarkError: there is none; the sentence names the nearest one.
    """
    module = next((name for name, held in MODULES.items() if key in held), None)
    if module is None:
        from manifests.text import nearest, printable

        raise BenchmarkError(f"There is no metric {printable(key)}: {nearest(key, keys())}")
    found: tuple[Metric, ...] = import_module(f"benchmark.metrics.{module}").METRICS
    return next(one for one in found if one.key == key)
