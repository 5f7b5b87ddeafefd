"""pytorch-fid: PNG files through its own loader, network and Frechet distance."""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pytorch_fid import fid_score, inception
from shared import described, frames, halves, state

PACKAGES = ("pytorch-fid", "torchvision")


def measure(folder: Path) -> dict[str, np.ndarray]:
    """Features of all frames, FID of the two sets, the distance of given features, and the network's names."""
    inception.load_state_dict_from_url = lambda *_, **__: state(folder, "inception")  # strictly, by its own call
    found = described(inception.fid_inception_v3())
    network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    with tempfile.TemporaryDirectory() as place:
        features = np.concatenate(
            [_of(pictures, Path(place, size), network) for size, pictures in frames(folder).items()]
        )
    one, other = halves(folder, features)
    given = halves(folder, np.load(folder / "given.npy"))
    return found | {"features": features, "fid": _distance(one, other), "distance": _distance(*given)}


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    moments = [np.mean(one, axis=0), np.cov(one, rowvar=False), np.mean(other, axis=0), np.cov(other, rowvar=False)]
    return np.array(fid_score.calculate_frechet_distance(*moments))


def _of(pictures: np.ndarray, place: Path, network: inception.InceptionV3) -> np.ndarray:
    place.mkdir()
    files = [place / f"{number:04}.png" for number in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        Image.fromarray(picture).save(file)
    return fid_score.get_activations(files, network, batch_size=20, num_workers=0)
