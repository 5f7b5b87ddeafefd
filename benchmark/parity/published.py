"""Numbers that others published for known inputs, and what ours gives for them where weights and inputs are here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

NOISE_VIDEOS: Final = 128
"""Videos of noise on each side of the comparison that StyleGAN-V's author published."""


@dataclass(frozen=True)
class Value:
    """A published number.

    Attributes:
        what: what it is of.
        source: who published it.
        expected: the number.
        found: ours; None where it was skipped.
        tolerance: absolute.
        verdict, reason: as for rows.
    """

    what: str
    source: str
    expected: float
    found: float | None
    tolerance: float
    verdict: Literal["equal", "differs", "skipped"]
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Known:
    what: str
    source: str
    expected: float
    tolerance: float
    models: tuple[str, ...] = ()
    compute: Callable[[], float] | None = None
    lacks: str = ""


def values() -> list[Value]:
    """Every published number, in order; one whose weights or inputs are not here is skipped and says what it lacks."""
    return [_value(known) for known in KNOWN]


def _value(known: _Known) -> Value:
    head = (known.what, known.source, known.expected)
    missing = _missing(known.models)
    reasons = [*([f"weights that are not here: {', '.join(missing)}"] if missing else []), *filter(None, [known.lacks])]
    if reasons or known.compute is None:
        return Value(*head, None, known.tolerance, "skipped", "; ".join(reasons))
    found = known.compute()
    equal = abs(found - known.expected) <= known.tolerance
    return Value(*head, found, known.tolerance, "equal" if equal else "differs")


def _missing(models: Sequence[str]) -> list[str]:
    from perception.weights import available, entries

    known = {entry.name for entry in entries()}
    return [model for model in models if model not in known or not available(model)]


def _black_white_ssim() -> float:
    from benchmark.metrics.ssim import ssim

    return ssim(np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8))


def _noise_fvd() -> float:
    """Values 0..1 go into the network as they are, at its own size; the covariance is over n - 1."""
    from benchmark.networks.i3d import I3d
    from benchmark.statistics.frechet import frechet

    network = I3d.load("styleganv")
    return frechet(_noise_logits(network, 1), _noise_logits(network, 2))


def _noise_logits(network: Any, seed: int) -> np.ndarray:
    """[128, 400]; one video is made at a time, as NumPy's generator gives the same numbers in any portions."""
    rng = np.random.RandomState(seed)
    videos = (rng.rand(1, 16, 224, 224, 3).astype(np.float32) for _ in range(NOISE_VIDEOS))
    return np.concatenate([network(np.ascontiguousarray(video.transpose(0, 4, 1, 2, 3))) for video in videos])


def _black_white_fvd() -> float:
    """Videos of one set are equal, so that covariances are zero and the means remain."""
    from benchmark.networks.i3d import FRAMES, SIDE, I3d

    network = I3d.load("styleganv")
    black, white = (network(np.full((1, 3, FRAMES, SIDE, SIDE), value, np.float32)) for value in (-1, 1))
    return float(np.square(black.astype(np.float64) - white).sum())


_PAIR: Final = "8 videos of zeros against 8 of ones, 30 frames of 64 px"
_COMMON: Final = "github.com/JunyaoHu/common_metrics_on_video_quality"
_CDFVD: Final = "github.com/songweige/content-debiased-fvd"
KNOWN: Final = (
    _Known(f"SSIM, {_PAIR}", _COMMON, 9.999000099990664e-05, 1e-9, (), _black_white_ssim),
    _Known(
        f"FVD (styleganv), {_PAIR}, of which the first 16", _COMMON, 152.91750309134142, 1.0, ("i3d-styleganv",),
        _black_white_fvd,
    ),
    _Known(
        f"FVD (styleganv), {_PAIR}", _COMMON, 151.25648496845326, 1.0, ("i3d-styleganv",), None,
        "windows of 30 frames, where ours have 16: see the row above",
    ),
    _Known(
        f"LPIPS, {_PAIR}", _COMMON, 0.8140090703964233, 1e-4, ("alexnet", "lpips-alex"), None,
        "its mean is over maps enlarged to the picture, which is not the LPIPS that is used here",
    ),
    _Known(
        "FVD (styleganv), 128 videos of noise, RandomState(1) against RandomState(2)",
        "github.com/universome/fvd-comparison", 10.138084766713924, 1e-2, ("i3d-styleganv",), _noise_fvd,
    ),
    _Known(
        "FID (torchfidelity), CIFAR-10, first 5000 of train against first 5000 of test", "torch-fidelity's tests",
        10.3233274, 1e-4, ("inception-fid",), None, "CIFAR-10's pictures",
    ),
    _Known("FVD (I3D) of cd-fvd's example", _CDFVD, 3383.967, 3.4, ("i3d-videogpt",), None, "the example's videos"),
    _Known("FVD (VideoMAE) of cd-fvd's example", _CDFVD, 1064.6156, 1.1, (), None, "VideoMAE, which is not used here"),
    *(
        _Known(
            f"{what}, SyncNet's example.avi", "github.com/joonson/syncnet_python", expected, tolerance, ("syncnet",),
            None, "example.avi, and the face boxes that S3FD gives for it",
        )
        for what, expected, tolerance in (("offset", 3, 0), ("Sync-D", 5.353, 1e-3), ("Sync-C", 10.021, 1e-3))
    ),
)  # fmt: skip
