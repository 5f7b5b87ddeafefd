"""I3D and FID-VID's ResNet with seeded weights: whole networks by plain sums, batches, workers, real clips."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.extract import Pair, Settings, extract, registry
from tests.benchmark.extract.test_features import SIDE, shortened
from tests.benchmark.networks import plain3d

pytestmark = pytest.mark.proof
CLIPS = ("emotion_mead_M030_happy_level3.mp4", "talk_512_aoc_hdtf_speech_8s.mp4")


@pytest.fixture(scope="module")
def frames(test_data: Path) -> dict[str, np.ndarray]:
    """The first 32 frames of real clips."""
    from media.decode import Decoder

    found = {}
    for name in CLIPS:
        with Decoder(test_data / "videos" / name) as decoder:
            found[name] = np.stack([frame.rgb() for _, frame in zip(range(32), decoder, strict=False)])
    return found


def test_all_of_i3d_is_what_plain_sums_give(table: Callable[[str], None]) -> None:
    """At the smallest size that it takes: 9 frames of 193 px."""
    import torch

    from benchmark.networks.i3d_layers import Network
    from perception.seeded import seeded_state

    torch.set_num_threads(1)
    network = Network(1e-3)
    state = seeded_state(network)
    network.load_state_dict(state)
    x = np.random.default_rng(0).uniform(-1, 1, (3, 9, 193, 193))
    wanted = plain3d.i3d(x, {name: value.numpy() for name, value in state.items()}, 1e-3)
    with torch.inference_mode():
        found = network.double().eval()(torch.from_numpy(x)[None])[0].numpy()
    worst = np.abs(found - wanted).max() / np.abs(wanted).max()
    table(f"400 logits differ from plain sums by at most {worst:.1e} of the largest")
    assert worst <= 1e-12 and wanted.std() > 1e-2 * np.abs(wanted).max()


def windows(frames: dict[str, np.ndarray], prepare: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Five windows of real clips as a network takes them."""
    found = [clip[start : start + 16] for clip in frames.values() for start in (0, 8, 16)][:5]
    return np.stack([np.stack([prepare(frame) for frame in window], axis=1) for window in found])


@pytest.mark.parametrize(
    ("name", "dtype", "sizes", "least"),
    [
        ("i3d", "float32", (1, 2, 5), 1e-5),
        ("i3d", "float64", (1, 2), 1e-12),
        ("resnet3d50", "float32", (1, 2, 5), 1e-5),
        ("resnet3d50", "float64", (1, 2), 1e-12),
    ],
)
def test_batches_of_1_2_and_5_give_the_same(
    name: str, dtype: str, sizes: tuple[int, ...], least: float, frames: dict[str, np.ndarray],
    table: Callable[[str], None],
) -> None:  # fmt: skip
    import torch

    from benchmark.networks.i3d import I3d
    from benchmark.networks.resnet3d import Resnet3d

    where, kind = torch.device("cpu"), getattr(torch, dtype)
    network: I3d | Resnet3d = Resnet3d.load(where, seeded=True, dtype=kind)
    if name == "i3d":
        network = I3d.load("styleganv", where, seeded=True, dtype=kind)
    x = windows(frames, network.prepare)[: max(sizes)]
    found = {size: np.concatenate([network(x[at : at + size]) for at in range(0, len(x), size)]) for size in sizes}
    largest = np.abs(found[1]).max()
    worst = max(np.abs(found[size] - found[1]).max() for size in sizes) / largest
    table(f"{name} {dtype}: batches of {sizes} differ by at most {worst:.1e} of the largest number")
    assert worst <= least
    assert np.ptp(found[1], axis=0).max() > 1e-2 * largest, "windows that look alike show nothing"


def test_one_worker_and_two_give_the_same_bytes(test_data: Path, tmp_path: Path) -> None:
    names = ("i3d-seeded", "i3d-videogpt-seeded", "resnet3d50-seeded")
    if not set(names) <= set(registry.extractors()):
        pytest.skip("the extractors are not registered")
    cut = [shortened(test_data / "videos" / name, tmp_path / name, 17) for name in CLIPS]
    pairs = [Pair(path.stem, path, path) for path in cut]
    settings = Settings(Fraction(25), 17, SIDE, SIDE, names)
    one, two = (extract(pairs, settings, tmp_path / str(count), workers=count) for count in (1, 2))
    assert one.errors == two.errors == {}
    for key, (features, _) in one.videos.items():
        assert set(features) == {"i3d", "i3d-videogpt", "resnet3d50"}
        for feature, values in features.items():
            assert np.array_equal(values, two.videos[key][0][feature]), (key, feature)


def test_styleganv_s_weights_tell_black_from_white_as_published() -> None:
    """github.com/JunyaoHu/common_metrics_on_video_quality prints an FVD of 151.25648 between black and white videos of
    30 frames (151.39244 in TensorFlow): videos that are all alike have no covariance, so it is the squared distance."""
    import torch

    from benchmark.networks.i3d import MODELS, I3d
    from tests.perception.conftest import need

    need(MODELS["styleganv"])
    network = I3d.load("styleganv", torch.device("cpu"))._network
    with torch.inference_mode():
        black, white = (network(torch.full((1, 3, 30, 224, 224), value)) for value in (-1.0, 1.0))
    assert float((black - white).double().square().sum()) == pytest.approx(151.25648, abs=0.5)
