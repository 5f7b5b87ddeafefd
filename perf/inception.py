"""What Inception's features cost: this project's pass against those of pytorch-fid and clean-fid, in one process.

Same pictures in memory, same seeded weights, one thread, in turns: python -m perf.inception [--frames N] [--size PX].
Each program prepares pictures and asks its network in its own way and with its own default batch (50 and 32); reading
files is left out of all. Runs in the environment that `moee bench parity` makes. Processor seconds, the least of some
rounds; a network of clean-fid's own class stands for its TorchScript file, which cannot be had here.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BATCHES = {"pytorch-fid": 50, "clean-fid": 32}


def main() -> None:
    """Make the weights, then measure where the other programs can be imported."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside is not None:
        measure(asked.inside, asked.frames, asked.size, asked.rounds)
        return
    import torch

    from benchmark.networks.inception import Network
    from benchmark.parity.environment import environment
    from perception.seeded import seeded_state

    python = environment(None)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(seeded_state(Network()), Path(folder) / "inception.pt")
        options = ["--frames", str(asked.frames), "--size", str(asked.size), "--rounds", str(asked.rounds)]
        code = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; from perf.inception import main; main()"
        environ = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([python, "-c", code, "--inside", folder, *options], check=True, env=environ)


def measure(folder: Path, frames: int, size: int, rounds: int) -> None:
    """Print images per second of each program, ratios, and how far features are apart."""
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    pictures = _pictures(frames, size)
    passes = {"pytorch-fid": _pytorch_fid(folder), "clean-fid": _clean_fid(folder)}
    ours = _ours()
    least: dict[str, float] = {}
    found: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for name, ask in passes.items():
            method = name.replace("-", "")
            for who, work in ((name, ask), (f"ours as {name}", lambda method=method: ours(pictures, method))):
                begun = time.process_time()
                found[who] = work(pictures) if who == name else work()  # type: ignore[call-arg]
                least[who] = min(least.get(who, 1e9), time.process_time() - begun)
    for name in passes:
        theirs, mine = least[name], least[f"ours as {name}"]
        apart = np.abs(found[name] - found[f"ours as {name}"]).max() / found[name].max()
        print(
            f"{name}, {frames} pictures of {size} px, batches of {BATCHES[name]}: {frames / theirs:.2f} images/s, ours "
            f"{frames / mine:.2f}: {theirs / mine:.2f}x; features apart by {apart:.1e} of the largest",
            flush=True,
        )


def _pictures(frames: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (frames, size // 16, size // 16, 3))
    smooth = np.kron(coarse, np.ones((1, 16, 16, 1)))
    return np.asarray(np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8))


def _ours() -> Callable[..., np.ndarray]:
    from benchmark.extract.extractor import FixedBatches
    from benchmark.networks.inception_features import BATCH, InceptionFeatures

    network = InceptionFeatures.load(seeded=True)

    def ask(pictures: np.ndarray, method: str) -> np.ndarray:
        batches = FixedBatches(lambda batch: network(batch, method), BATCH)  # type: ignore[arg-type]
        for picture in pictures:
            batches.add(picture)
        return batches.finish()

    return ask


def _library() -> object:
    """Torchvision has no build for processors alone: what it describes on import is declared first."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


_KEPT: list[object] = []


def _state(folder: Path) -> dict:
    import torch

    return dict(torch.load(folder / "inception.pt", weights_only=True))


def _pytorch_fid(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    if not torch.cuda.is_available() and not _KEPT:
        _KEPT.append(_library())
    from pytorch_fid import inception

    inception.load_state_dict_from_url = lambda *_, **__: _state(folder)
    network = inception.InceptionV3([3]).eval()

    def ask(pictures: np.ndarray) -> np.ndarray:
        rows = []
        for start in range(0, len(pictures), BATCHES["pytorch-fid"]):
            batch = pictures[start : start + BATCHES["pytorch-fid"]].transpose(0, 3, 1, 2)
            rows.append(network(torch.from_numpy(np.ascontiguousarray(batch)).float() / 255)[0][:, :, 0, 0].numpy())
        return np.concatenate(rows)

    return ask


def _clean_fid(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    import torch
    from cleanfid import inception_pytorch
    from cleanfid.resize import build_resizer

    inception_pytorch.load_state_dict_from_url = lambda *_, **__: _state(folder)
    network = inception_pytorch.InceptionV3(output_blocks=[3], resize_input=False, normalize_input=False).eval()
    resized = build_resizer("clean")

    def ask(pictures: np.ndarray) -> np.ndarray:
        rows = []
        for start in range(0, len(pictures), BATCHES["clean-fid"]):
            batch = np.stack([resized(picture) for picture in pictures[start : start + BATCHES["clean-fid"]]])
            planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))  # as its data set's ToTensor gives them
            x = (torch.from_numpy(planes) - 128) / 128
            rows.append(network(x)[0][:, :, 0, 0].numpy())
        return np.concatenate(rows)

    return ask


if __name__ == "__main__":
    main()
