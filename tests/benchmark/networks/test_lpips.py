"""LPIPS with AlexNet: published names, distances by plain sums, and values that it refuses."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmark.networks.alexnet_lpips import Network, from_published  # noqa: E402
from benchmark.networks.lpips import TOLERANCE, Lpips  # noqa: E402
from perception.seeded import seeded_state  # noqa: E402

CPU = torch.device("cpu")
SHAPES = {
    "net.slice1.0": (64, 3, 11, 11),
    "net.slice2.3": (192, 64, 5, 5),
    "net.slice3.6": (384, 192, 3, 3),
    "net.slice4.8": (256, 384, 3, 3),
    "net.slice5.10": (256, 256, 3, 3),
}
"""Krizhevsky (2014), as torchvision numbers its layers and LPIPS cuts them."""


def test_names_and_shapes_are_the_published_ones() -> None:
    wanted: dict[str, tuple[int, ...]] = {}
    for name, shape in SHAPES.items():
        wanted |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for place, shape in enumerate(SHAPES.values()):
        for start in (f"lin{place}", f"lins.{place}"):
            wanted[f"{start}.model.1.weight"] = (1, shape[0], 1, 1)
    wanted |= {"scaling_layer.shift": (1, 3, 1, 1), "scaling_layer.scale": (1, 3, 1, 1)}
    assert {name: tuple(tensor.shape) for name, tensor in Network().state_dict().items()} == wanted
    assert sum(p.numel() for p in Network().parameters()) == 2_470_848


def test_the_two_published_files_fill_all_of_it() -> None:
    state = seeded_state(Network(), seed=3)
    trunk = {f"features.{name.rsplit('.', 1)[1]}.{part}": state[f"{name}.{part}"]
             for name in SHAPES for part in ("weight", "bias")}  # fmt: skip
    trunk |= {"classifier.1.weight": torch.zeros(1)}
    linear = {name: tensor for name, tensor in state.items() if name.startswith("lin") and not name.startswith("lins")}
    found = from_published(trunk, linear)
    network = Network()
    network.load_state_dict(found, strict=True)
    assert torch.equal(found["net.slice5.10.weight"], state["net.slice5.10.weight"])
    assert found["scaling_layer.shift"].flatten().tolist() == pytest.approx([-0.030, -0.088, -0.188])
    assert found["scaling_layer.scale"].flatten().tolist() == pytest.approx([0.458, 0.448, 0.450])
    del trunk["features.3.bias"]
    with pytest.raises(RuntimeError, match=r"slice2\.3\.bias"):
        Network().load_state_dict(from_published(trunk, linear), strict=True)


@pytest.fixture(scope="module")
def network() -> Lpips:
    torch.set_num_threads(1)
    return Lpips.load(CPU, seeded=True)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (8, 64, 80, 3)).astype(np.uint8)


def test_equal_pictures_are_0_apart_and_the_order_does_not_matter(network: Lpips, pictures: np.ndarray) -> None:
    assert (network(pictures, pictures) == 0).all()
    one, other = network(pictures[:4], pictures[4:]), network(pictures[4:], pictures[:4])
    assert (one > 0).all() and one == pytest.approx(other, abs=TOLERANCE)


def test_it_is_the_mean_over_places_of_weighed_squares_between_unit_vectors(pictures: np.ndarray) -> None:
    network = Network()
    network.load_state_dict(seeded_state(network), strict=True)
    network = network.double().eval()
    x, y = (torch.from_numpy(p / 127.5 - 1).permute(0, 3, 1, 2) for p in (pictures[:1], pictures[1:2]))
    with torch.inference_mode():
        found = float(network(x, y)[0])
        layers = [network.net(network.scaling_layer(z)) for z in (x, y)]
    total = 0.0
    for place, (one, other) in enumerate(zip(*layers, strict=True)):
        weights = network.lins[place].model[0].weight.detach().flatten().numpy()
        unit = [z[0].numpy() / (np.sqrt((z[0].numpy() ** 2).sum(axis=0)) + 1e-10) for z in (one, other)]
        total += float(np.tensordot(weights, (unit[0] - unit[1]) ** 2, 1).mean())
    assert found == pytest.approx(total, abs=1e-12)


def test_floats_in_range_give_what_their_bytes_give(network: Lpips, pictures: np.ndarray) -> None:
    floats = (pictures.astype(np.float32) / 127.5) - 1
    given = network(floats[:4], floats[4:])
    assert given == pytest.approx(network(pictures[:4], pictures[4:]), abs=TOLERANCE)


def test_values_and_sizes_that_are_not_its_own_are_refused(network: Lpips, pictures: np.ndarray) -> None:
    good = np.zeros((1, 64, 64, 3), np.float32)
    for wrong in (good + 1.001, good + np.float32(np.nan), good - 255):
        with pytest.raises(ValueError, match=r"-1\.\.1"):
            network(good, wrong)
    with pytest.raises(ValueError, match="31 px"):
        network(pictures[:1, :30], pictures[:1, :30])
    with pytest.raises(ValueError, match="two"):
        network(pictures[:1], pictures[:2])


def test_batches_do_not_matter(network: Lpips, pictures: np.ndarray) -> None:
    whole = network(pictures, pictures[::-1])
    for size in (1, 3):
        parts = [network(pictures[k : k + size], pictures[::-1][k : k + size]) for k in range(0, 8, size)]
        assert np.concatenate(parts) == pytest.approx(whole, abs=TOLERANCE)
    exact = Lpips.load(CPU, seeded=True, dtype=torch.float64)
    assert exact(pictures, pictures[::-1]) == pytest.approx(whole, abs=TOLERANCE)
