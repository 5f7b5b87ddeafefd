"""What ours finds on the inputs that the public programs get, on the processor as they: a function for each part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, get_args

import numpy as np

from benchmark.extract.extractor import FixedBatches

if TYPE_CHECKING:
    import torch
    from torch import nn

Arrays = dict[str, np.ndarray]
SUBSETS, SEED = 100, 2020  # of KID, as torch-fidelity draws them
SOME: Final = 8  # frames of each size that torchmetrics sees


def write_weights(folder: Path) -> None:
    """Write `inception.pt`, `lpips.pt`, `i3d.pt` and `syncnet.pt`: seeded weights by published names."""
    import torch

    from perception.seeded import seeded_state

    for name, build in NETWORKS.items():
        network = build()
        network.load_state_dict(TAMED.get(name, _as_is)(seeded_state(network), network.state_dict()), strict=True)
        torch.save(dict(network.state_dict()), folder / f"{name}.pt")


def _inception_network() -> nn.Module:
    from benchmark.networks.inception import Network

    return Network()


def _lpips_network() -> nn.Module:
    from benchmark.networks.alexnet_lpips import Network

    return Network()


def _i3d_network() -> nn.Module:
    from benchmark.networks.i3d_layers import Network

    return Network(1e-3)


def _syncnet_network() -> nn.Module:
    from perception.syncnet import build

    return build()


NETWORKS: Final[Mapping[str, Callable[[], nn.Module]]] = {
    "inception": _inception_network,
    "lpips": _lpips_network,
    "i3d": _i3d_network,
    "syncnet": _syncnet_network,
}
"""Name of the file of weights -> the network that takes them."""


State = dict[str, "torch.Tensor"]


def _as_is(seeded: State, built: State) -> State:
    return seeded


def _small_inputs(seeded: State, built: State) -> State:
    """SyncNet's inputs are not normalised: with its first layers divided, distances have the size of trained ones."""
    scales = {"netcnnlip.0.weight": 128, "netcnnaud.0.weight": 16}
    return {name: tensor / scales.get(name, 1) for name, tensor in seeded.items()}


def _a_distance(seeded: State, built: State) -> State:
    """LPIPS weighs channels by positive numbers, and its scaling is no weight: so distances have a usual size."""
    found = {name: tensor.abs() if name.startswith("lin") else tensor for name, tensor in seeded.items()}
    return found | {name: tensor for name, tensor in built.items() if name.startswith("scaling")}


TAMED: Final[Mapping[str, Callable[[State, State], State]]] = {"lpips": _a_distance, "syncnet": _small_inputs}
"""Network -> what makes of its seeded state, and of that which it is built with, one whose distances are of use."""


def described(network: nn.Module) -> Arrays:
    """Names and shapes of a state, one a line, and how many numbers are learnt."""
    lines = [f"{name} {list(tensor.shape)}" for name, tensor in network.state_dict().items()]
    learnt = {id(parameter): parameter.numel() for parameter in network.parameters()}
    return {"names": np.array(sorted(lines)), "parameters": np.array(sum(learnt.values()))}


def inception(folder: Path) -> Arrays:
    """Features of all frames by the three preparations, FID and KID of the two sets."""
    import torch

    from benchmark.networks.inception_features import BATCH, InceptionFeatures
    from benchmark.networks.resize import Method
    from benchmark.statistics.frechet import frechet
    from benchmark.statistics.mmd import kid_subsets

    network, first = InceptionFeatures.load(torch.device("cpu"), seeded=True), _first(folder)
    with np.load(folder / "frames.npz") as file:
        small, large = file["small"], file["large"]
    found = described(_inception_network()) | {"first": first}
    method: Method
    for method in get_args(Method):
        parts = [_batched(partial(network, method=method), pictures, BATCH) for pictures in (small, large)]
        features = np.concatenate(parts)
        found |= {method: features, f"fid_{method}": np.array(frechet(features[first], features[~first]))}
        if method == "torchfidelity":
            size = min(first.sum(), (~first).sum()) // 2
            found["kid"] = np.array(kid_subsets(features[first], features[~first], SUBSETS, size, SEED)[0])
            found["some"] = np.concatenate([part[:SOME] for part in parts])
    return found


def _batched(network: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray, size: int) -> np.ndarray:
    batches = FixedBatches(network, size)
    for picture in pictures:
        batches.add(picture)
    return batches.finish()


def lpips(folder: Path) -> Arrays:
    """Distances of pairs."""
    import torch

    from benchmark.networks.lpips import Lpips

    network = _filled(folder, "lpips")
    asked = Lpips(network, torch.device("cpu"), torch.float32)
    values = [asked(one[None], other[None])[0] for one, other in _pairs(folder)]
    return described(network) | {"lpips": np.array(values)}


def i3d(folder: Path) -> Arrays:
    """Logits and FVD by both preparations."""
    import torch

    from benchmark.networks.i3d import I3d
    from benchmark.statistics.frechet import frechet

    found = described(_i3d_network())
    with np.load(folder / "clips.npz") as file:
        clips, first = file["clips"], file["first"]
    for variant, name, ddof in (("styleganv", "fvd", 0), ("videogpt", "fvd_videogpt", 1)):
        network = I3d.load(variant, torch.device("cpu"), seeded=True)  # type: ignore[arg-type]
        logits = np.concatenate(
            [network(np.stack([network.prepare(frame) for frame in clip], axis=1)[None]) for clip in clips]
        )
        found |= {variant: logits, name: np.array(frechet(logits[first], logits[~first], ddof))}
    return found


def mfcc(folder: Path) -> Arrays:
    """Coefficients of every sound."""
    from perception.mfcc import mfcc as coefficients

    with np.load(folder / "sounds.npz") as file:
        return {name: coefficients(file[name]) for name in file.files}


def syncnet(folder: Path) -> Arrays:
    """Distances of every window of lips to the sound at every shift: [clips, windows, 31]."""
    import torch

    from benchmark.metrics.sync import sync_distances
    from perception.mfcc import mfcc as coefficients
    from perception.syncnet import SyncNet

    network = SyncNet(cast("nn.ModuleDict", _filled(folder, "syncnet")), torch.device("cpu"), torch.float32)
    with np.load(folder / "crops.npz") as file:
        clips = list(zip(file["crops"], file["sounds"], strict=True))
    distances = [sync_distances(network.lips(crops), network.sound(coefficients(sound))) for crops, sound in clips]
    return described(_syncnet_network()) | {"distances": np.stack(distances)}


def _filled(folder: Path, name: str) -> nn.Module:
    """A network with the weights that were written."""
    import torch

    network = NETWORKS[name]()
    network.load_state_dict(torch.load(folder / f"{name}.pt", weights_only=True), strict=True)
    return network.eval().requires_grad_(False)


def pictures(folder: Path) -> Arrays:
    """SSIM and PSNR of pairs, and SSIM of black against white."""
    from benchmark.metrics.psnr import mean_squared_error, psnr_of
    from benchmark.metrics.ssim import ssim

    found = [(ssim(one, other), mean_squared_error(one, other)) for one, other in _pairs(folder)]
    black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    values, errors = zip(*found, strict=True)
    return {
        "ssim": np.array(values),
        "psnr": psnr_of(np.array(errors)),
        "black_white": np.array(ssim(black, white)),
    }


def distance(folder: Path) -> Arrays:
    """The Frechet distance of features that are given."""
    from benchmark.statistics.frechet import frechet

    given, first = np.load(folder / "given.npy"), _first(folder)
    return {"given": np.array(frechet(given[first], given[~first]))}


def _pairs(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    with np.load(folder / "pairs.npz") as file:
        yield from zip(file["one"], file["other"], strict=True)


def _first(folder: Path) -> np.ndarray:
    with np.load(folder / "frames.npz") as file:
        return np.asarray(file["first"])


PARTS: Final[Mapping[str, Callable[[Path], Arrays]]] = {
    "Inception": inception,
    "LPIPS": lpips,
    "I3D": i3d,
    "SyncNet": syncnet,
    "MFCC": mfcc,
    "SSIM and PSNR": pictures,
    "Frechet distance": distance,
}
"""Part of the comparisons -> what finds ours."""
