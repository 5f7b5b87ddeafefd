"""LibreFace's networks on seeded weights of the published shapes: the same numbers as the layers computed by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from perception import libreface
from perception.errors import PerceptionError
from tests.perception.networks import (
    SPOILED,
    faces,
    imagenet,
    normal,
    resnet,
    resnet_shapes,
    seeded,
    spoil,
)

torch = pytest.importorskip("torch")

NAMES = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def state(outputs: int, seed: int) -> dict[str, np.ndarray]:
    shapes = resnet_shapes(18, "encoder.", NAMES)
    shapes.update({"classifier.0.weight": (128, 512), "classifier.0.bias": (128,)})
    shapes.update({f"classifier.2.{part}": (128,) for part in ("weight", "bias", "running_mean", "running_var")})
    shapes.update({"classifier.2.num_batches_tracked": (), "classifier.4.bias": (outputs,)})
    made = seeded({**shapes, "classifier.4.weight": (outputs, 128)}, seed)
    made["classifier.4.weight"] *= 0.05  # sigmoids that are not all 0 or 1
    return made


STATES = {"expression": state(8, 5), "action-units": state(12, 6)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with both files."""
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    for part, place in libreface.FILES.items():
        path = tmp_path / "libreface" / place
        path.parent.mkdir(parents=True)
        torch.save({"model": {name: torch.from_numpy(value) for name, value in STATES[part].items()}}, path)
    return tmp_path / "libreface"


def sigmoids(picture: np.ndarray, made: dict[str, np.ndarray]) -> np.ndarray:
    """The published graph by plain sums; picture [224, 224, 3] uint8."""
    x = resnet(imagenet(picture), made, 18, "encoder.", NAMES).mean(axis=(1, 2))
    x = np.maximum(made["classifier.0.weight"].astype(np.float64) @ x + made["classifier.0.bias"], 0)
    x = normal(x, made, "classifier.2")
    return 1 / (1 + np.exp(-(made["classifier.4.weight"].astype(np.float64) @ x + made["classifier.4.bias"])))


def test_both_networks_say_what_their_layers_say(folder: Path) -> None:
    import cv2

    member = libreface.load()
    crops = faces(2, member.crop.side)
    looks = member(crops)
    assert looks.probabilities is not None and looks.action_units is not None
    for place, crop in enumerate(crops):
        said = sigmoids(cv2.resize(crop, (224, 224), interpolation=cv2.INTER_AREA), STATES["expression"])
        assert np.abs(looks.probabilities[place] - said / said.sum()).max() <= 1e-5
        units = 5 * sigmoids(crop[16:240, 16:240], STATES["action-units"])
        assert np.abs(looks.action_units[place] - units).max() <= 5e-5
    assert np.ptp(looks.probabilities, axis=0).max() > 1e-3 and np.ptp(looks.action_units, axis=0).max() > 1e-2
    alone = member(crops[1:])
    assert np.array_equal(alone.probabilities, looks.probabilities[1:])
    assert np.array_equal(alone.action_units, looks.action_units[1:])


def test_one_file_alone_makes_a_member_of_its_own_name(folder: Path) -> None:
    hashes = {
        part: hashlib.sha256((folder / place).read_bytes()).hexdigest() for part, place in libreface.FILES.items()
    }
    both = libreface.usable()
    assert both == ("libreface", hashlib.sha256(" ".join(hashes.values()).encode()).hexdigest())
    assert libreface.load().model_hashes == dict([both])
    for part in libreface.FILES:
        other = next(place for name, place in libreface.FILES.items() if name != part)
        (folder / other).rename(folder / "away.pt")
        assert libreface.usable() == (f"libreface/{part}", hashes[part])
        member = libreface.load(f"libreface/{part}")
        looks = member(faces(1, member.crop.side))
        assert (looks.probabilities is None) == (part == "action-units") == (not member.about.labels)
        assert (looks.action_units is None) == (part == "expression") == (not member.about.action_units)
        with pytest.raises(PerceptionError, match="is not here"):
            libreface.load()
        (folder / "away.pt").rename(folder / other)


def test_about_says_how_many_outputs_there_are_and_that_they_are_not_for_commerce() -> None:
    about = libreface.about("libreface")
    assert (len(about.labels), len(about.action_units), about.scale) == (8, 12, "intensity")
    assert about.noncommercial
    with pytest.raises(PerceptionError, match="no 'libreface/mouth'"):
        libreface.about("libreface/mouth")


@pytest.mark.parametrize("kind", SPOILED)
def test_a_file_that_is_none_of_theirs_is_refused_in_a_sentence(kind: str, folder: Path) -> None:
    path = folder / libreface.FILES["action-units"]
    said = spoil(kind, path, STATES["action-units"], "model")
    with pytest.raises(PerceptionError, match=said) as refused:
        libreface.load()
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    assert not path.with_name("touched").exists()


def test_weights_of_the_other_network_are_refused(folder: Path) -> None:
    places = [folder / place for place in libreface.FILES.values()]
    places[0].write_bytes(places[1].read_bytes())
    with pytest.raises(PerceptionError, match=r"classifier\.4\.weight has the shape \[12, 128\] instead of \[8, 128\]"):
        libreface.load("libreface/expression")
