"""How long it takes to load a bundle's features and to compute every number of it again: `python -m perf.rescoring`."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.bundle import (
    CodeFacts,
    DeviceFacts,
    InputFacts,
    ProtocolFacts,
    RunRecord,
    SystemFacts,
    TestListFacts,
    load,
    load_features,
    recompute,
    write_bundle,
)
from benchmark.features import Clip, Features
from benchmark.protocol import Protocol, load_protocol
from manifests.emotions import COMPOUNDS, EMOTIONS

TARGET_S: Final = 5.0
MADE_BY: Final = {
    "dnsmos": "dnsmos@269fbebd",
    "emotion": "panel@00000001",
    "emotion/one": "one@00000002",
    "emotion/two": "two@00000003",
    "expression3dmm": "3ddfa-v2@00000004",
    "face": "mediapipe-mesh68@64184e22",
    "frame_difference": "luma-difference@v1",
    "identity": "dlib-face@55533b28",
    "intensity": "facs-intensity@00000005",
    "mouth_audio": "mouth-flux@64184e22",
    "mse": "rgb-mse@v1",
    "points68": "mediapipe-mesh68@64184e22",
    "ssim": "rgb-ssim@v1",
    "thumbs": "rgb-8x8@v1",
}
RANGES: Final = {
    "dnsmos": (1.0, 5.0),
    "frame_difference": (0.0, 255.0),
    "intensity": (0.0, 1.0),
    "thumbs": (0.0, 1.0),
}


def synthetic(clips: int, frames: int, noise: float = 0.1, seed: int = 0, failed: Sequence[int] = ()) -> Features:
    """Features that look like a run's; no picture was ever behind them.

    Args:
        clips: how many, of ten clips per person.
        frames: of each.
        noise: by how much the system misses the ground truth, of the spread of the latter.
        seed: of the ground truth; the system's numbers follow from it and from `noise`.
        failed: places of clips without a valid video.
    """
    made = [_clip(place, frames, noise, seed) for place in range(clips)]
    for place in failed:
        clip = made[place]
        made[place] = Clip(
            clip.id,
            clip.identity,
            clip.emotion,
            clip.compound,
            clip.intensity,
            clip.real,
            failure=f"{clip.id}: no video.",
        )
    return Features(tuple(made), MADE_BY)


def _clip(place: int, frames: int, noise: float, seed: int) -> Clip:
    real = _video(np.random.default_rng([seed, place]), frames, place)
    rng = np.random.default_rng([seed, place, int(noise * 1e6)])
    generated = {name: _missed(name, array, noise, rng) for name, array in real.items()}
    mse = rng.gamma(4, 300 * noise, frames)
    return Clip(
        id=f"clip{place:04d}",
        identity=f"person{place // 10:03d}",
        emotion=EMOTIONS[place % len(EMOTIONS)],
        compound=tuple(COMPOUNDS)[place // 4 % 4] if place % 4 == 3 else None,
        intensity=place % 3 + 1,
        real=real,
        generated=generated,
        pair={"mse": mse, "ssim": 1 / (1 + mse / 200)},
    )


def _video(rng: np.random.Generator, frames: int, place: int) -> dict[str, np.ndarray]:
    said = np.full(8, 0.5)
    said[place % 8] = 3.0
    emotion = rng.dirichlet(said, 3)[:, None]
    person = np.random.default_rng(place // 10).normal(size=128)
    identity = person + rng.normal(0, 0.3, (8, 128))
    return {
        "face": np.ones(frames, bool),
        "points68": (128 + 40 * rng.normal(size=(1, 68, 2)) + rng.normal(size=(frames, 68, 2))).astype(np.float32),
        "thumbs": rng.random((frames, 192), np.float32),
        "frame_difference": rng.gamma(4, 0.5, frames - 1),
        "identity": (identity / np.linalg.norm(identity, axis=1, keepdims=True)).astype(np.float32),
        "expression3dmm": rng.normal(size=(frames, 10)).astype(np.float32),
        "emotion/one": emotion[0],
        "emotion/two": emotion[1],
        "emotion": emotion[2],
        "intensity": rng.random((1, 1)),
        "mouth_audio": np.array([[rng.random(), 40.0 * rng.integers(-3, 4), rng.normal(4, 1), 0.01, 1.0]]),
        "dnsmos": rng.uniform(2, 4, (1, 3)),
    }


def _missed(name: str, array: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """What a system shows in place of this, within what the feature may be."""
    if array.dtype == bool:
        return array
    if name.startswith("emotion"):  # shares stay shares
        share = min(noise, 1.0)
        return np.asarray((1 - share) * array + share * rng.dirichlet(np.ones(8), 1))
    low, high = RANGES.get(name, (-np.inf, np.inf))
    spread = noise * float(array.std() or 0.1)
    return np.clip(array + rng.normal(0, spread, array.shape), low, high).astype(array.dtype)


def record(features: Features, protocol: Protocol, system: str = "synthetic", **changes: Any) -> RunRecord:
    """A record that fits such features."""
    listed = json.dumps([(clip.id, clip.identity, clip.emotion) for clip in features.clips])
    sha256 = hashlib.sha256(listed.encode()).hexdigest()
    inputs = [InputFacts(role="real", clip=c.id, name=f"{c.id}.mp4", sha256=sha256, bytes=1000) for c in features.clips]
    facts: dict[str, Any] = {
        "system": SystemFacts(name=system, overlap={"declared": False, "entries": 0, "identities": [], "clips": []}),
        "protocol": ProtocolFacts(
            name=protocol.name, version=protocol.version, sha256=protocol.sha256, resolved=protocol.resolved()
        ),
        "test_list": TestListFacts(sha256=sha256, clips=len(features.clips), complete=True),
        "failures": {clip.id: clip.failure for clip in features.clips if clip.failure},
        "weights": {"dlib-face": sha256},
        "code": CodeFacts(version="0.1.0", source=sha256),
        "device": DeviceFacts(cpu="any", cores=2),
        "packages": {"numpy": np.__version__},
        "seconds": {"wall": 1.0},
        "made_at": "2025-11-28T09:46:00+00:00",
        "inputs": inputs,
    }
    return RunRecord(**(facts | changes))


def protocol_of(metrics: Sequence[str], **changes: Any) -> Protocol:
    """The sample's protocol with these metrics."""
    return Protocol.model_validate(load_protocol("sample").resolved() | {"metrics": list(metrics)} | changes)


def rescore(folder: Path, each: bool = False) -> dict[str, float]:
    """Load the features of a bundle and compute its metrics, as `moee bench verify` does.

    Returns:
        Seconds of `loading` and `computing`, of the `processor` for both, and with `each` of every metric in the
        protocol's order: what metrics share is counted in the first one that needs it.
    """
    started, spent = time.perf_counter(), time.process_time()
    features = load_features(folder)
    seconds = {"loading": time.perf_counter() - started}
    started = time.perf_counter()
    for key in load(folder).results.protocol.resolved["metrics"]:
        begun = time.perf_counter()
        recompute(features, [key])
        if each:
            seconds[key] = time.perf_counter() - begun
    return seconds | {"computing": time.perf_counter() - started, "processor": time.process_time() - spent}


def write(folder: Path, clips: int, frames: int) -> None:
    """Write a bundle of synthetic features with all metrics of the sample's protocol."""
    features, keys = synthetic(clips, frames), load_protocol("sample").metrics
    results, without = recompute(features, keys)
    write_bundle(folder, record(features, protocol_of(keys), not_applicable=without), features, results)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a bundle, then load its features and compute every number again in fresh processes, and say how long."""
    parser = argparse.ArgumentParser(prog="python -m perf.rescoring", description=__doc__)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3, help="fresh processes; the fastest counts")
    parser.add_argument("--each", action="store_true", help="say how long each metric takes")
    parser.add_argument("--bundle", type=Path, help=argparse.SUPPRESS)  # what a fresh process is given
    chosen = parser.parse_args(arguments)
    if chosen.bundle:
        print(json.dumps(rescore(chosen.bundle, chosen.each)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bundle"
        write(folder, chosen.clips, chosen.frames)
        size = sum(path.stat().st_size for path in folder.rglob("*.*"))
        command = [sys.executable, "-m", "perf.rescoring", "--bundle", str(folder), *(["--each"] * chosen.each)]
        alone = os.environ | {"OMP_NUM_THREADS": "1"}  # threads of BLAS wait for each other on a busy machine
        runs = [json.loads(subprocess.check_output(command, text=True, env=alone)) for _ in range(chosen.runs)]
    best = min(runs, key=lambda run: float(run["loading"] + run["computing"]))
    for label, seconds in best.items():
        print(f"{label:26s} {seconds:8.3f} s")
    total = best["loading"] + best["computing"]
    print(
        f"{chosen.clips} clips x {chosen.frames} frames, {size / 1e6:.0f} MB: {total:.2f} s, "
        f"{total / TARGET_S:.2f} of the {TARGET_S:g} s that it may take"
    )


if __name__ == "__main__":
    main()
