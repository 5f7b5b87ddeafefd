"""FID-VID's 3D ResNet-50: the published names, its layers by plain sums, its frames, and which files are opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("PIL")

from benchmark.networks import resnet3d_layers  # noqa: E402
from benchmark.networks.resnet3d import Resnet3d  # noqa: E402
from perception.errors import PerceptionError  # noqa: E402
from perception.opening import parameters  # noqa: E402
from tests.benchmark.networks import plain3d  # noqa: E402
from tests.perception.networks import faces, seeded, spoil  # noqa: E402

torch.set_num_threads(1)
CPU = torch.device("cpu")
SHAPES = plain3d.resnet_shapes()
FILE = "resnet-50-kinetics.pth"


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return seeded(SHAPES, 6)


@pytest.fixture(scope="module")
def network() -> Resnet3d:
    return Resnet3d.load(CPU, seeded=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_names_shapes_and_size_are_those_of_the_paper_s_table() -> None:
    layers = resnet3d_layers.Network()
    assert {name: tuple(tensor.shape) for name, tensor in layers.state_dict().items()} == SHAPES
    assert len(SHAPES) == 53 * 6 + 2
    assert parameters(layers) == 47_018_576


def test_features_are_what_the_layers_give_by_plain_sums(state: dict[str, np.ndarray]) -> None:
    layers = resnet3d_layers.Network()
    layers.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    x = np.random.default_rng(7).normal(0, 50, (3, 9, 30, 38))
    with torch.inference_mode():
        found = layers.double().eval()(torch.from_numpy(x)[None])[0].numpy()
    wanted = plain3d.resnet(x, state)
    assert found.shape == (2048,) and np.abs(found - wanted).max() <= 1e-10 * np.abs(wanted).max()


def test_the_average_is_over_all_that_is_left_of_a_window(network: Resnet3d) -> None:
    """The published program averages over 1 x 4 x 4, which is what 16 x 112 x 112 leaves."""
    with torch.inference_mode():
        x = network._network.maxpool(network._network.conv1(torch.zeros(1, 3, 16, 112, 112)))
        for number in range(1, 5):
            x = network._network.get_submodule(f"layer{number}")(x)
    assert x.shape == (1, 2048, 1, 4, 4)


def cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.5, which Pillow calls BICUBIC."""
    x = np.abs(distance)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def resized(picture: np.ndarray, wanted: int, axis: int) -> np.ndarray:
    """One axis of a picture by the kernel, stretched where it becomes smaller, weights of sum 1."""
    size = picture.shape[axis]
    scale = size / wanted
    wide = max(scale, 1.0)
    centres = (np.arange(wanted)[:, None] + 0.5) * scale
    at = np.arange(size)[None]
    first, last = (centres - 2 * wide + 0.5).astype(int).clip(0), (centres + 2 * wide + 0.5).astype(int).clip(0, size)
    weights = np.where((at >= first) & (at < last), cubic((at - centres + 0.5) / wide), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.moveaxis(np.tensordot(weights, picture, axes=([1], [axis])), 0, axis)


@pytest.mark.parametrize("size", [(64, 96), (300, 200), (112, 112)])
def test_frames_are_resized_by_a_cubic_that_antialiases_and_less_the_mean(
    size: tuple[int, int], network: Resnet3d
) -> None:
    picture = faces(1, 300)[0][: size[0], : size[1]]
    wanted = resized(resized(picture.astype(np.float64), 112, 1), 112, 0) - [114.7748, 107.7354, 99.4750]
    found = network.prepare(picture)
    assert found.shape == (3, 112, 112) and found.dtype == np.float32
    assert np.abs(found - wanted.transpose(2, 0, 1)).max() < 1e-3


def test_frames_are_not_clipped(network: Resnet3d) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 255
    found = network.prepare(picture)[0] + 114.7748
    assert found.max() > 260 and found.min() < -5


def test_what_is_no_frame_or_window_is_refused(network: Resnet3d) -> None:
    with pytest.raises(PerceptionError, match=r"frames \[H, W, 3\] uint8, not \[8, 8\] uint8"):
        network.prepare(np.zeros((8, 8), np.uint8))
    with pytest.raises(PerceptionError, match=r"windows \[n, 3, 16, 112, 112\]"):
        network(np.zeros((1, 3, 8, 112, 112), np.float32))


def test_the_published_file_is_opened_though_old_and_not_of_weights_alone(
    folder: Path, state: dict[str, np.ndarray]
) -> None:
    """Hara's file of 2017 holds the training's state too, names begin with `module.`, and norms have no counters."""
    held = {f"module.{name}": torch.from_numpy(np.array(v)) for name, v in state.items() if "tracked" not in name}
    whole = {"epoch": 1, "arch": "resnet-50", "state_dict": held, "optimizer": {"state": {}, "param_groups": []}}
    torch.save(whole, folder / FILE, _use_new_zipfile_serialization=False)
    opened = Resnet3d.load(CPU)._network.state_dict()
    assert all(np.array_equal(opened[name].numpy(), value) for name, value in state.items() if "tracked" not in name)


@pytest.mark.parametrize("kind", ["code", "missing", "shape", "short"])
def test_a_file_that_is_not_the_network_is_refused_in_one_sentence(
    kind: str, folder: Path, state: dict[str, np.ndarray]
) -> None:
    said = spoil(kind, folder / FILE, state, "state_dict")
    with pytest.raises(PerceptionError) as caught:
        Resnet3d.load(CPU)
    assert said in str(caught.value) and "\n" not in str(caught.value) and not (folder / "touched").exists()


def test_without_weights_the_sentence_says_where_they_are(folder: Path) -> None:
    with pytest.raises(PerceptionError, match=r"drive\.google\.com") as caught:
        Resnet3d.load(CPU)
    assert FILE in str(caught.value)
