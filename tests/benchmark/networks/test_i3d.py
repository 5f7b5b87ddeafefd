"""I3D: the published names, its layers by plain sums, both ways to make frames, and which files are opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmark.networks import i3d_layers  # noqa: E402
from benchmark.networks.i3d import EPSILON, MODELS, I3d, Variant, cut, renamed, squashed  # noqa: E402
from perception.errors import PerceptionError  # noqa: E402
from perception.opening import parameters  # noqa: E402
from perception.seeded import seeded_state  # noqa: E402
from tests.benchmark.networks import plain3d  # noqa: E402
from tests.benchmark.networks.scripts import scripted  # noqa: E402
from tests.perception.networks import SPOILED, faces, seeded, spoil  # noqa: E402

torch.set_num_threads(1)
CPU = torch.device("cpu")
SHAPES = plain3d.i3d_shapes()
FILES = {"styleganv": "i3d_torchscript.pt", "videogpt": "i3d_pretrained_400.pt"}


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return seeded(SHAPES, 4)


@pytest.fixture(scope="module")
def networks() -> dict[Variant, I3d]:
    return {variant: I3d.load(variant, CPU, seeded=True) for variant in MODELS}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_names_shapes_and_size_are_those_of_the_paper_s_table() -> None:
    network = i3d_layers.Network(1e-3)
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == SHAPES
    assert len(SHAPES) == 57 * 6 + 2
    assert parameters(network) == 12_697_264


def test_both_variants_add_to_variances_what_their_programs_add(networks: dict[Variant, I3d]) -> None:
    assert EPSILON == {"styleganv": 1e-3, "videogpt": 1e-5}
    for variant, epsilon in EPSILON.items():
        norms = [part for part in networks[variant]._network.modules() if hasattr(part, "eps")]
        assert len(norms) == 57 and {norm.eps for norm in norms} == {epsilon}


@pytest.mark.parametrize(("side", "stride"), [(1, 1), (3, 1), (7, 2), (3, 2)])
@pytest.mark.parametrize("size", [(9, 14, 15), (10, 16, 13), (5, 7, 8)])
def test_convolutions_pad_as_tensorflow_s_same(side: int, stride: int, size: tuple[int, ...]) -> None:
    shapes = plain3d.unit_shapes("u", 3, 5, side)
    state = seeded(shapes, 1)
    unit = i3d_layers.Unit(3, 5, side, stride, 1e-3).double().eval()
    unit.load_state_dict({name.removeprefix("u."): torch.from_numpy(value) for name, value in state.items()})
    x = np.random.default_rng(2).normal(size=(3, *size))
    with torch.inference_mode():
        found = unit(torch.from_numpy(x)[None])[0].numpy()
    assert found.shape[1:] == tuple(-(-length // stride) for length in size)
    assert np.abs(found - plain3d.unit(x, state, "u", 1e-3, stride)).max() < 1e-12


@pytest.mark.parametrize(("window", "stride"), [((1, 3), (1, 2)), ((3, 3), (2, 2)), ((2, 2), (2, 2)), ((3, 3), (1, 1))])
@pytest.mark.parametrize("size", [(9, 14, 15), (8, 16, 13), (5, 7, 8)])
def test_pools_pad_as_tensorflow_s_same(
    window: tuple[int, int], stride: tuple[int, int], size: tuple[int, ...]
) -> None:
    x = np.random.default_rng(3).uniform(0, 1, (2, *size))
    found = i3d_layers.Pool(window, stride)(torch.from_numpy(x)[None])[0].numpy()
    whole = (window[0], window[1], window[1]), (stride[0], stride[1], stride[1])
    assert np.array_equal(found, plain3d.pooled(x, *whole))
    nothing = plain3d.largest(x, *whole, plain3d.same(x, *whole), -np.inf)
    assert np.array_equal(found, nothing), "as TensorFlow, for which nothing lies beyond the edge"


def test_a_mixed_module_is_its_four_branches(state: dict[str, np.ndarray]) -> None:
    part = i3d_layers.Mixed(192, plain3d.INCEPTION["3b"], 1e-3).double().eval()
    name = "Mixed_3b."
    held = {key.removeprefix(name): torch.from_numpy(value) for key, value in state.items() if key.startswith(name)}
    part.load_state_dict(held)
    x = np.random.default_rng(5).uniform(0, 1, (192, 3, 6, 5))
    with torch.inference_mode():
        found = part(torch.from_numpy(x)[None])[0].numpy()
    assert np.abs(found - plain3d.mixed(x, state, "Mixed_3b", 1e-3)).max() < 1e-10


@pytest.mark.parametrize("size", [(64, 96), (300, 200), (224, 224), (241, 227)])
def test_styleganv_squashes_the_frame(size: tuple[int, int], networks: dict[Variant, I3d]) -> None:
    picture = faces(1, 300)[0][: size[0], : size[1]]
    found = squashed(torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float64)))[0].numpy()
    wanted = plain3d.bilinear(picture, 224, 224) / 127.5 - 1
    assert np.abs(found - wanted.transpose(2, 0, 1)).max() < 1e-12
    single = networks["styleganv"].prepare(picture)
    assert single.dtype == np.float32 and np.abs(single - found).max() < 5e-5


@pytest.mark.parametrize(
    ("size", "scaled"),
    [((64, 96), (224, 336)), ((300, 200), (337, 224)), ((227, 241), (224, 238)), ((241, 227), (238, 224))],
)
def test_videogpt_takes_the_middle_of_the_frame(
    size: tuple[int, int], scaled: tuple[int, int], networks: dict[Variant, I3d]
) -> None:
    """The longer side is rounded up: 241 x 224 / 227 is 237.8, and 300 x 1.12 a hair more than 336 as a float."""
    picture = faces(1, 300)[0][: size[0], : size[1]]
    found = cut(torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float64)))[0].numpy()
    top, left = ((length - 224) // 2 for length in scaled)
    wanted = plain3d.bilinear(picture, *scaled)[top : top + 224, left : left + 224] / 127.5 - 1
    assert np.abs(found - wanted.transpose(2, 0, 1)).max() < 1e-12
    single = networks["videogpt"].prepare(picture)
    assert single.dtype == np.float32 and np.abs(single - found).max() < 5e-5


def test_both_variants_see_square_frames_alike_and_others_not() -> None:
    picture = torch.from_numpy(faces(1, 300)[0].transpose(2, 0, 1)[None].astype(np.float64))
    assert float((squashed(picture) - cut(picture)).abs().max()) < 1e-12
    assert float((squashed(picture[:, :, :200]) - cut(picture[:, :, :200])).abs().max()) > 0.1


def test_what_is_no_frame_or_window_is_refused(networks: dict[Variant, I3d]) -> None:
    network = networks["styleganv"]
    with pytest.raises(PerceptionError, match=r"frames \[H, W, 3\] uint8, not \[8, 8, 3\] float64"):
        network.prepare(np.zeros((8, 8, 3)))
    with pytest.raises(PerceptionError, match=r"windows \[n, 3, 16, 224, 224\]"):
        network(np.zeros((1, 3, 10, 224, 224), np.float32))
    for value in (1.5, np.nan):
        with pytest.raises(PerceptionError, match="values from -1 to 1"):
            network(np.full((1, 3, 16, 224, 224), value, np.float32))


def same_weights(network: I3d, state: dict[str, np.ndarray]) -> bool:
    held = network._network.state_dict()
    return all(np.array_equal(held[name].numpy(), value) for name, value in state.items() if "tracked" not in name)


def test_videogpt_s_file_is_opened_with_and_without_counters(folder: Path, state: dict[str, np.ndarray]) -> None:
    """The published one was converted from TensorFlow, and has none."""
    for counters in (False, True):
        held = {
            name: torch.from_numpy(np.array(value))
            for name, value in state.items()
            if counters or "tracked" not in name
        }
        torch.save(held, folder / FILES["videogpt"])
        assert same_weights(I3d.load("videogpt", CPU), state)


def test_styleganv_s_names_are_those_of_the_program_it_was_made_of() -> None:
    held = {name: torch.zeros(shape) for name, shape in plain3d.i3d_shapes(script=True).items()}
    assert {name: tuple(tensor.shape) for name, tensor in renamed(held).items()} == SHAPES
    odd = ("mixed_3b.branch_3.0.conv3d.weight", "mixed_6b.branch_0.conv3d.weight", "mixed_3b.branch_0.fc.weight", "x")
    assert list(renamed(dict.fromkeys(odd, torch.zeros(1)))) == list(odd), "what has no place keeps its name"


def by_their_names(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: state[_ours(name)] for name in plain3d.i3d_shapes(script=True)}


def _ours(name: str) -> str:
    return next(iter(renamed({name: torch.zeros(())})))


def test_styleganv_s_file_is_opened_without_being_run(folder: Path, state: dict[str, np.ndarray]) -> None:
    scripted(by_their_names(state), folder / FILES["styleganv"])
    assert same_weights(I3d.load("styleganv", CPU), state)


@pytest.mark.parametrize("kind", ["missing", "left over", "shape", "nan", "short"])
def test_a_program_of_another_network_is_refused_in_one_sentence(
    kind: str, folder: Path, state: dict[str, np.ndarray]
) -> None:
    held, said = by_their_names(state), "damaged"
    if kind == "missing":
        del held["conv3d_2b_1x1.conv3d.weight"]
        said = "Conv3d_2b_1x1.conv3d.weight is missing"
    elif kind == "left over":
        held["mixed_6b.branch_0.conv3d.weight"] = np.zeros((1, 1, 1, 1, 1), np.float32)
        said = "mixed_6b.branch_0.conv3d.weight is not part of the network"
    elif kind == "shape":
        held["conv3d_0c_1x1.conv3d.bias"] = np.zeros(600, np.float32)
        said = "logits.conv3d.bias has the shape [600] instead of [400]"
    elif kind == "nan":
        held["conv3d_0c_1x1.conv3d.bias"] = np.full(400, np.nan, np.float32)
        said = "logits.conv3d.bias holds numbers that are none"
    path = folder / FILES["styleganv"]
    scripted(held, path)
    if kind == "short":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PerceptionError) as caught:
        I3d.load("styleganv", CPU)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", SPOILED)
def test_a_file_that_is_not_videogpt_s_is_refused_in_one_sentence(
    kind: str, folder: Path, state: dict[str, np.ndarray]
) -> None:
    said = spoil(kind, folder / FILES["videogpt"], state, None)
    with pytest.raises(PerceptionError) as caught:
        I3d.load("videogpt", CPU)
    assert ("is not the file of" if kind == "empty" else said) in str(caught.value)
    assert "\n" not in str(caught.value) and not (folder / "touched").exists()


@pytest.mark.parametrize("variant", ["styleganv", "videogpt"])
def test_without_weights_the_sentence_says_where_they_are(variant: Variant, folder: Path) -> None:
    with pytest.raises(PerceptionError, match="https://") as caught:
        I3d.load(variant, CPU)
    assert FILES[variant] in str(caught.value) and MODELS[variant].startswith("i3d-")


def test_seeded_weights_are_those_of_every_program_with_these_names(networks: dict[Variant, I3d]) -> None:
    held = {name: tensor.numpy() for name, tensor in seeded_state(i3d_layers.Network(1e-5)).items()}
    assert all(same_weights(network, held) for network in networks.values())
