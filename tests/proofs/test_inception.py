"""Inception and LPIPS on real faces, with seeded weights: batches and workers do not change the numbers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.extract import Pair, Settings, extract
from tests.benchmark.extract.test_features import SIDE, shortened
from tests.extent import FULL

pytestmark = pytest.mark.proof
CLIPS = ("emotion_mead_M030_happy_level3.mp4", "talk_512_aoc_hdtf_speech_8s.mp4")
SIZES = (1, 7, 32)


@pytest.fixture(scope="module")
def frames(test_data: Path) -> np.ndarray:
    """16 frames of each of two clips, [32, 256, 256, 3] uint8 from their middles."""
    from media.decode import Decoder

    found = []
    for name in CLIPS:
        with Decoder(test_data / "videos" / name) as decoder:
            for _, frame in zip(range(16), decoder, strict=False):
                top, left = ((side - 256) // 2 for side in frame.rgb().shape[:2])
                found.append(frame.rgb()[top : top + 256, left : left + 256])
    return np.stack(found)


@pytest.mark.parametrize(("dtype", "least"), [("float64", 1e-6), ("float32", 1e-5)])
def test_fid_is_the_same_with_batches_of_1_7_and_32(
    dtype: str, least: float, frames: np.ndarray, table: Callable[[str], None]
) -> None:
    """To 1e-6 in float64, and to 1e-5 of the FID in float32; an extractor has one size of batch, for equal bytes."""
    if dtype == "float64" and not FULL:
        frames = frames[::2]  # it is slow
    import torch

    from benchmark.networks.inception_features import TOLERANCE, InceptionFeatures
    from benchmark.statistics.frechet import frechet

    torch.set_num_threads(1)
    network = InceptionFeatures.load(torch.device("cpu"), seeded=True, dtype=getattr(torch, dtype))
    starts = {size: range(0, len(frames), size) for size in SIZES}
    features = [np.concatenate([network(frames[at : at + size]) for at in starts[size]]) for size in SIZES]
    sides = [np.split(rows.astype(np.float64), 2) for rows in features]
    fids = [frechet(*both) for both in sides]
    apart = max(np.abs(rows - features[0]).max() for rows in features) / features[0].max()
    table(f"Inception {dtype}, batches of {SIZES}: FID {fids[0]:.6g} +- {np.ptp(fids):.1e}, features +- {apart:.1e}")
    assert fids[0] > 1e-3
    assert np.ptp(fids) <= (least if dtype == "float64" else least * fids[0])
    assert apart <= (1e-12 if dtype == "float64" else TOLERANCE)


def test_one_worker_and_two_give_the_same_bytes(test_data: Path, tmp_path: Path) -> None:
    names = ("inception4-seeded", "inception4-pytorchfid-seeded", "inception4-cleanfid-seeded", "lpips-seeded")
    cut = [shortened(test_data / "videos" / name, tmp_path / name, 10) for name in CLIPS]
    pairs = [Pair(one.stem, one, other) for one, other in zip(cut, reversed(cut), strict=True)]
    settings = Settings(Fraction(25), 10, SIDE, SIDE, names)
    one, two = (extract(pairs, settings, tmp_path / str(count), workers=count) for count in (1, 2))
    assert one.errors == two.errors == {}
    for pair in pairs:
        features = one.videos[pair.clip, "real"][0]
        wanted = ("inception4", "inception4-pytorchfid", "inception4-cleanfid")
        assert {name: rows.shape for name, rows in features.items()} == dict.fromkeys(wanted, (4, 2048))
        assert all(np.array_equal(rows, two.videos[pair.clip, "real"][0][name]) for name, rows in features.items())
        distances = one.pairs[pair.clip]["lpips"]
        assert distances.shape == (10,) and (distances > 0).all()
        assert np.array_equal(distances, two.pairs[pair.clip]["lpips"])
