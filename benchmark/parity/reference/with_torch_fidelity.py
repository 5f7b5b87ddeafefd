"""torch-fidelity: its extractor, its FID and its KID."""

from pathlib import Path

import numpy as np
import torch
from shared import batches, described, frames, halves
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

PACKAGES = ("torch-fidelity",)
SUBSETS, SEED = 100, 2020


def measure(folder: Path) -> dict[str, np.ndarray]:
    """Features of all frames, FID and KID of the two sets, the distance of given features, and the network's names."""
    network = FeatureExtractorInceptionV3("inception", ["2048"], str(folder / "inception.pt"))
    features = torch.cat([network(batch)[0] for pictures in frames(folder).values() for batch in batches(pictures)])
    one, other = (torch.from_numpy(half) for half in halves(folder, features.numpy()))
    given = (torch.from_numpy(half) for half in halves(folder, np.load(folder / "given.npy")))
    size = min(len(one), len(other)) // 2
    kid = kid_features_to_metric(one, other, kid_subsets=SUBSETS, kid_subset_size=size, rng_seed=SEED, verbose=False)
    return described(network) | {
        "features": features.numpy(),
        "fid": _distance(one, other),
        "distance": _distance(*given),
        "kid": np.array(kid["kernel_inception_distance_mean"]),
    }


def _distance(one: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    found = fid_statistics_to_metric(fid_features_to_statistics(one), fid_features_to_statistics(other), False)
    return np.array(found["frechet_inception_distance"])
