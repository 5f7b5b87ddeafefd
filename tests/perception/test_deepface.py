"""DeepFace's emotion network through the real library: the same numbers, nothing fetched, nothing printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perception import deepface
from perception.errors import PerceptionError
from tests.perception.networks import SPOILED, convolved, faces, largest, seeded, softmax, spoil

torch = pytest.importorskip("torch")
pytest.importorskip("gdown")
pytest.importorskip("deepface", reason="DeepFace is not installed: pip install 'moee[emotion]'")

SHAPES = {  # of the published facial_expression_model_weights.pth
    "conv_1.weight": (64, 1, 5, 5),
    "conv_1.bias": (64,),
    "conv_2.weight": (64, 64, 3, 3),
    "conv_2.bias": (64,),
    "conv_3.weight": (64, 64, 3, 3),
    "conv_3.bias": (64,),
    "conv_4.weight": (128, 64, 3, 3),
    "conv_4.bias": (128,),
    "conv_5.weight": (128, 128, 3, 3),
    "conv_5.bias": (128,),
    "fc_1.weight": (1024, 128),
    "fc_1.bias": (1024,),
    "fc_2.weight": (1024, 1024),
    "fc_2.bias": (1024,),
    "fc_3.weight": (7, 1024),
    "fc_3.bias": (7,),
}
STATE = seeded(SHAPES, 4)


@pytest.fixture
def weights_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a seeded file in a weights folder, with an empty home."""
    folder = tmp_path / "weights"
    (folder / "deepface").mkdir(parents=True)
    monkeypatch.setenv("MOEE_WEIGHTS", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DEEPFACE_HOME", raising=False)
    (tmp_path / "home").mkdir()
    path = folder / "deepface" / deepface.FILE
    torch.save({name: torch.from_numpy(value) for name, value in STATE.items()}, path)
    return path


def pooled(x: np.ndarray) -> np.ndarray:
    """Means of windows of 3 x 3, two apart."""
    return sum(x[:, r : x.shape[1] - 2 + r : 2, c : x.shape[2] - 2 + c : 2] for r in range(3) for c in range(3)) / 9


def judged(crop: np.ndarray) -> np.ndarray:
    """The published graph by plain sums; crop [48, 48, 3] uint8 RGB."""

    def step(x: np.ndarray, name: str) -> np.ndarray:
        return np.maximum(convolved(x, STATE[f"{name}.weight"]) + STATE[f"{name}.bias"][:, None, None], 0)

    x = (crop / 255.0 @ np.array([0.299, 0.587, 0.114]))[None]
    x = largest(step(x, "conv_1"), 5, 2, (0, 0))
    x = pooled(step(step(x, "conv_2"), "conv_3"))
    x = pooled(step(step(x, "conv_4"), "conv_5"))[:, 0, 0]
    for name in ("fc_1", "fc_2", "fc_3"):
        x = STATE[f"{name}.weight"].astype(np.float64) @ x + STATE[f"{name}.bias"]
        x = x if name == "fc_3" else np.maximum(x, 0)
    return softmax(x)


def test_its_probabilities_are_those_of_the_graph_and_of_the_library(
    weights_here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = deepface.load()
    crops = faces(3, member.crop.side)
    found = member(crops).probabilities
    assert found is not None and np.ptp(found, axis=0).max() > 0.01
    assert np.abs(found - [judged(crop) for crop in crops]).max() <= 1e-5
    home = tmp_path / "deepface-home"
    (home / ".deepface" / "weights").mkdir(parents=True)
    (home / ".deepface" / "weights" / deepface.FILE).write_bytes(weights_here.read_bytes())
    monkeypatch.setenv("DEEPFACE_HOME", str(home))
    from deepface.models.demography.pytorch.Emotion import EmotionClient
    from deepface.models.demography.pytorch.Emotion import labels as theirs

    client = EmotionClient()
    pictures = np.array([crop[:, :, ::-1].astype(np.float32) / 255 for crop in crops])
    assert np.abs(found - client.predict(pictures)).max() <= 1e-5
    assert list(member.about.labels) == theirs


def test_its_file_is_found_in_both_places_and_named_by_its_sha256(
    weights_here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    expected = (deepface.MODEL, hashlib.sha256(weights_here.read_bytes()).hexdigest())
    assert deepface.usable() == expected
    assert deepface.load().model_hashes == dict([expected])
    theirs = tmp_path / "theirs" / ".deepface" / "weights"
    theirs.mkdir(parents=True)
    weights_here.rename(theirs / deepface.FILE)
    assert deepface.usable() is None
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path / "theirs"))
    assert deepface.usable() == expected


def test_a_missing_file_is_never_fetched(weights_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights_here.unlink()
    import gdown

    monkeypatch.setattr(gdown, "download", lambda *_, **__: pytest.fail("it asked the network"))
    assert deepface.usable() is None
    with pytest.raises(PerceptionError, match="put it into deepface/ of the folder that MOEE_WEIGHTS names"):
        deepface.load()


def test_it_prints_nothing_and_leaves_the_home_alone(weights_here: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    code = (
        "import numpy as np; from perception import members\n"
        "(name, _), = [m for m in members.usable() if m[0] == 'deepface']\n"
        "import sys; assert 'torch' not in sys.modules and 'deepface' not in sys.modules, 'usable is not cheap'\n"
        "members.load(name)([np.zeros((48, 48, 3), np.uint8)])\n"
        "import os; assert 'DEEPFACE_LOG_LEVEL' not in os.environ"
    )
    places = {"HOME": str(home), "MOEE_WEIGHTS": str(weights_here.parent.parent), "MOEE_CACHE": str(tmp_path / "none")}
    environment = {**os.environ, **places}
    for name in ("DEEPFACE_HOME", "DEEPFACE_LOG_LEVEL", "DEEPFACE_BACKEND_ENGINE"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("kind", SPOILED)
def test_a_file_that_is_none_of_its_is_refused_in_a_sentence(kind: str, weights_here: Path) -> None:
    said = spoil(kind, weights_here, STATE, None)
    with pytest.raises(PerceptionError, match=said) as refused:
        deepface.load()
    assert deepface.FILE in str(refused.value) and "\n" not in str(refused.value)
    assert not weights_here.with_name("touched").exists()
