"""OpenGraphAU's first stage on seeded weights of the published shapes: the same numbers as its formulas by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from perception import opengraphau
from perception.errors import PerceptionError
from tests.perception.networks import SPOILED, faces, imagenet, normal, resnet, resnet_shapes, seeded, spoil

torch = pytest.importorskip("torch")

FEATURES = {18: 512, 50: 2048}
FILES = {layers: file for file, layers in opengraphau.FILES.items()}


def shapes(layers: int) -> dict[str, tuple[int, ...]]:
    wide = FEATURES[layers]
    channels = wide // 4
    found = resnet_shapes(layers, "backbone.", {})

    def linear(name: str, taken: int) -> None:
        found.update({f"{name}.fc.weight": (channels, taken), f"{name}.fc.bias": (channels,)})
        norm(f"{name}.bn", channels)

    def norm(name: str, count: int) -> None:
        found.update({f"{name}.{part}": (count,) for part in ("weight", "bias", "running_mean", "running_var")})
        found[f"{name}.num_batches_tracked"] = ()

    linear("global_linear", wide)
    for number in range(27):
        linear(f"head.main_class_linears.{number}", channels)
    for name in ("U", "V"):
        found.update({f"head.gnn.{name}.weight": (channels, channels), f"head.gnn.{name}.bias": (channels,)})
    norm("head.gnn.bnv", 27)
    return {**found, "head.main_sc": (27, channels), "head.sub_sc": (14, channels)}


STATES = {layers: seeded(shapes(layers), layers) for layers in (18, 50)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    (tmp_path / "opengraphau").mkdir()
    return tmp_path / "opengraphau"


def write(folder: Path, layers: int, prefix: str = "module.") -> Path:
    """A file as `train_stage1.py` saves it, from several devices or from one."""
    tensors = {f"{prefix}{name}": torch.from_numpy(np.array(value)) for name, value in STATES[layers].items()}
    torch.save({"epoch": 3, "state_dict": tensors, "optimizer": {"state": {}}}, folder / FILES[layers])
    return folder / FILES[layers]


def cosines(picture: np.ndarray, layers: int) -> np.ndarray:
    """Equations 1 to 5 of the paper by plain sums; picture [224, 224, 3] uint8 -> [27]."""
    made = STATES[layers]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        """[places, taken] -> [places, given]"""
        x = x @ made[f"{name}.fc.weight"].astype(np.float64).T + made[f"{name}.fc.bias"]
        return np.maximum(normal(x.T, made, f"{name}.bn").T, 0)

    x = resnet(imagenet(picture), made, layers, "backbone.", {})
    x = linear(x.reshape(len(x), -1).T, "global_linear")
    nodes = np.array([linear(x, f"head.main_class_linears.{number}").mean(axis=0) for number in range(27)])
    alike = nodes @ nodes.T
    near = (alike >= np.sort(alike, axis=1)[:, -4:-3]).astype(float)
    root = near.sum(axis=1) ** -0.5
    near = root[:, None] * near * root
    own, theirs = (
        nodes @ made[f"head.gnn.{name}.weight"].astype(np.float64).T + made[f"head.gnn.{name}.bias"] for name in "UV"
    )
    nodes = np.maximum(nodes + normal(near @ theirs + own, made, "head.gnn.bnv"), 0)
    looks = np.maximum(made["head.main_sc"].astype(np.float64), 0)
    lengths = [np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (nodes, looks)]
    return (nodes / lengths[0] * looks / lengths[1]).sum(axis=1)


@pytest.mark.parametrize(("layers", "prefix"), [(18, "module."), (50, "")])
def test_it_says_what_its_formulas_say(layers: int, prefix: str, folder: Path) -> None:
    path = write(folder, layers, prefix)
    member = opengraphau.load(f"opengraphau/{path.stem}")
    crops = faces(2, member.crop.side)
    looks = member(crops)
    assert looks.probabilities is None and looks.action_units is not None
    expected = np.array([cosines(crop, layers) for crop in crops])
    assert np.ptp(expected, axis=0).max() > 1e-3 and 0 <= expected.min() <= expected.max() <= 1
    assert np.abs(looks.action_units - expected).max() <= 1e-5
    alone = member(crops[1:]).action_units
    assert np.array_equal(alone, looks.action_units[1:])


def test_the_larger_network_is_preferred_and_named_by_its_file(folder: Path) -> None:
    assert opengraphau.usable() is None
    small = write(folder, 18)
    assert opengraphau.usable() == (f"opengraphau/{small.stem}", hashlib.sha256(small.read_bytes()).hexdigest())
    large = write(folder, 50)
    found = opengraphau.usable()
    assert found == (f"opengraphau/{large.stem}", hashlib.sha256(large.read_bytes()).hexdigest())
    about = opengraphau.about(found[0])
    assert about.noncommercial and len(about.action_units) == 27 and about.scale == "presence" and not about.labels


@pytest.mark.parametrize("kind", SPOILED)
def test_a_file_that_is_none_of_its_is_refused_in_a_sentence(kind: str, folder: Path) -> None:
    path = folder / FILES[18]
    said = spoil(kind, path, STATES[18], "state_dict")
    with pytest.raises(PerceptionError, match=said) as refused:
        opengraphau.load(f"opengraphau/{path.stem}")
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    assert not path.with_name("touched").exists()


def test_another_name_is_refused(folder: Path) -> None:
    with pytest.raises(PerceptionError, match="OpenGprahAU-ResNet50_first_stage"):
        opengraphau.load("opengraphau/swin")
