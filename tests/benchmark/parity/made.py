"""What programs could have found, made of numbers that are known."""

from __future__ import annotations

import numpy as np

from benchmark.parity.rows import REFERENCES, Side

FIRST = np.arange(12) < 6


def sides() -> tuple[dict[str, Side], dict[str, Side]]:
    """Both sides of a run in which all is equal, as far as what is compared goes."""
    from benchmark.statistics.frechet import frechet

    rng = np.random.default_rng(0)
    features = rng.standard_normal((12, 5))
    fid = np.array(frechet(features[FIRST], features[~FIRST]))
    network = {"names": np.array(["a.weight [2, 2]", "b.bias [2]"]), "parameters": np.array(6)}
    curves = rng.uniform(5, 15, (3, 4, 31))
    seen = {"features": features, "fid": fid, "distance": np.array(2.0)}
    videos = {"styleganv": features, "videogpt": features, "fvd": fid, "fvd_videogpt": fid}
    methods = ("torchfidelity", "pytorchfid", "cleanfid")
    ssim, psnr = np.array([0.5, 1.0]), np.array([20.0, 100.0])
    ours = {
        "Inception": network
        | {"first": FIRST, "kid": np.array(0.1), "some": features[:2]}
        | dict.fromkeys(methods, features)
        | {f"fid_{method}": fid for method in methods},
        "Frechet distance": {"given": np.array(2.0)},
        "LPIPS": network | {"lpips": np.array([0.1, 0.2])},
        "I3D": network | videos,
        "MFCC": {"sound00": features},
        "SyncNet": network | {"distances": curves},
        "SSIM and PSNR": {"ssim": ssim, "psnr": psnr, "black_white": np.array(1e-4)},
    }
    theirs = {
        "with_pytorch_fid": network | seen,
        "with_torch_fidelity": network | seen | {"kid": np.array(0.1)},
        "with_clean_fid": seen,
        "with_torchmetrics": {"ssim": ssim, "psnr": np.array([20.0, np.inf]), "some": features[:2], **seen},
        "with_lpips": network | {"lpips": np.array([0.1, 0.2])},
        "with_skimage": {"ssim": ssim, "psnr": np.array([20.0, np.inf]), "black_white": np.array(1e-4)},
        "with_speech_features": {"sound00": features},
        "with_plain_syncnet": network | {"distances": curves},
        "with_cd_fvd": network | videos,
    }
    assert theirs.keys() == REFERENCES.keys()
    return (
        {part: Side(arrays, seconds=1.0) for part, arrays in ours.items()},
        {name: Side(arrays, {REFERENCES[name]: "9.8.7"}, 2.0) for name, arrays in theirs.items()},
    )
