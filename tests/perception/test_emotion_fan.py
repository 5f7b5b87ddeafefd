"""Emotion-FAN: the published names, its attention by plain sums, and the crop that dlib would make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from manifests.emotions import EMOTIONS  # noqa: E402
from perception import emotion_fan  # noqa: E402
from perception.emotion_fan import LABELS, REFERENCE, SIDE, WIDTH, EmotionFan, attend, build, embed  # noqa: E402
from perception.errors import PerceptionError  # noqa: E402
from perception.opening import parameters  # noqa: E402
from perception.seeded import seeded_state  # noqa: E402
from tests.perception.networks import SPOILED, faces, resnet, resnet_shapes, softmax, spoil  # noqa: E402

FILE = "self_relation-attention_61_84.3655"
SHAPES = resnet_shapes(18, "", {}) | {
    "alpha.0.weight": (1, 512),
    "alpha.0.bias": (1,),
    "beta.0.weight": (1, 1024),
    "beta.0.bias": (1,),
    "pred_fc1.weight": (8, 512),
    "pred_fc1.bias": (8,),
    "pred_fc2.weight": (8, 1024),
    "pred_fc2.bias": (8,),
}


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    """Seeded weights whose answers are not all 0 or 1."""
    made = {name: tensor.numpy() for name, tensor in seeded_state(build()).items()}
    for name in ("alpha.0.weight", "beta.0.weight", "pred_fc2.weight"):
        made[name] = made[name] * np.float32(0.02)
    return made


@pytest.fixture
def network(state: dict[str, np.ndarray]) -> EmotionFan:
    found = build()
    found.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return EmotionFan(found.eval(), torch.device("cpu"), torch.float64)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    return tmp_path


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def attention(vectors: np.ndarray, state: dict[str, np.ndarray]) -> np.ndarray:
    """The makers' evaluation by plain sums: [m, 512] -> [8] in the network's order."""
    w = {name: np.asarray(value, np.float64) for name, value in state.items() if name.split(".")[0] in NAMES}
    alpha = [float(sigmoid(w["alpha.0.weight"][0] @ v + w["alpha.0.bias"][0])) for v in vectors]
    mean = sum(a * v for a, v in zip(alpha, vectors, strict=True)) / sum(alpha)
    both = [np.concatenate([v, mean]) for v in vectors]
    beta = [float(sigmoid(w["beta.0.weight"][0] @ v + w["beta.0.bias"][0])) for v in both]
    whole = sum(a * v for a, v in zip(alpha, both, strict=True)) / sum(np.multiply(alpha, beta))
    return softmax(w["pred_fc2.weight"] @ whole + w["pred_fc2.bias"])


NAMES = ("alpha", "beta", "pred_fc2")


def test_names_shapes_and_size_are_the_published_ones() -> None:
    assert {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()} == SHAPES
    assert len(SHAPES) == 128 and parameters(build()) == 11_190_354


def test_a_frame_is_what_the_layers_give_by_plain_sums(network: EmotionFan, state: dict[str, np.ndarray]) -> None:
    picture = faces(1, SIDE)[0]
    wanted = resnet((picture / 255.0).transpose(2, 0, 1), state, 18, "", {}).mean(axis=(1, 2))
    found = network(picture[None])
    assert found.shape == (1, WIDTH) and np.abs(found[0] - wanted).max() <= 1e-10 * np.abs(wanted).max()


def test_frames_are_weighed_as_the_makers_evaluation_weighs_them(
    network: EmotionFan, state: dict[str, np.ndarray]
) -> None:
    vectors = np.random.default_rng(0).gamma(1.0, 1.0, (5, WIDTH))
    found, wanted = network.judge(vectors), attention(vectors, state)
    assert found.dtype == np.float64 and found.sum() == pytest.approx(1)
    assert 0.05 < found.max() < 0.95, "a saturated answer shows nothing"
    assert np.abs(found - wanted).max() <= 1e-12


def test_a_frame_s_weights_tell_how_much_it_counts(network: EmotionFan) -> None:
    vectors = np.random.default_rng(1).gamma(1.0, 1.0, (3, WIDTH))
    together = network.judge(vectors)
    assert np.abs(network.judge(vectors[::-1].copy()) - together).max() < 1e-12, "their order does not matter"
    assert np.abs(network.judge(vectors[[0, 0, 1, 1, 2, 2]]) - together).max() < 1e-12, "nor how often all are shown"
    assert np.abs(network.judge(vectors[[0, 1, 2, 2]]) - together).max() > 1e-4


def test_classes_are_those_of_the_makers_of_eat_in_their_order() -> None:
    assert sorted(LABELS) == sorted(EMOTIONS)
    assert LABELS == ("happy", "angry", "disgusted", "fear", "sad", "neutral", "surprised", "contempt")


def test_float32_and_float64_agree_and_company_changes_nothing() -> None:
    crops = np.stack(faces(3, SIDE))
    single = EmotionFan.load(torch.device("cpu"), seeded=True)
    double = EmotionFan.load(torch.device("cpu"), seeded=True, dtype=torch.float64)
    one, other = single(crops), double(crops)
    assert one.dtype == np.float32 and np.abs(one - other).max() <= 1e-5 * np.abs(other).max()
    alone = np.concatenate([double(crops[place : place + 1]) for place in range(3)])
    assert np.abs(alone - other).max() <= 1e-12 * np.abs(other).max()


def test_colours_are_red_green_blue() -> None:
    network = EmotionFan.load(torch.device("cpu"), seeded=True)
    crop = np.stack(faces(1, SIDE))
    assert np.abs(network(crop) - network(crop[..., ::-1].copy())).max() > 1e-2 * np.abs(network(crop)).max()


def test_what_is_no_crop_is_refused() -> None:
    with pytest.raises(PerceptionError, match=r"takes crops \[n, 224, 224, 3\] uint8"):
        EmotionFan.load(torch.device("cpu"), seeded=True)(np.zeros((1, 112, 112, 3), np.uint8))


def test_the_crop_puts_five_points_where_dlib_puts_them() -> None:
    """Of `get_face_chip_details`, with a padding of a quarter: a share p of the face lies at (0.25 + p) / 1.5."""
    down, across = np.mgrid[0:250, 0:250]
    picture = np.stack([across, down, 0 * down], axis=2).astype(np.uint8)
    mesh = np.zeros((478, 3), np.float32)
    shape = {263: (0.8595674595992, 0.2134981538014), 362: (0.6460604764104, 0.2289674387677)}
    shape |= {33: (0.1205750620789, 0.2137274526848), 133: (0.3340850613712, 0.2290642403242)}
    shape |= {2: (0.4901123135679, 0.6277975316475)}
    for place, (x, y) in shape.items():
        mesh[place, :2] = 50 + 100 * x, 60 + 100 * y
    found = emotion_fan.crop(picture, mesh).astype(float)
    assert found.shape == (SIDE, SIDE, 3) and REFERENCE.side == SIDE
    for x, y in shape.values():
        column, row = (SIDE * (0.25 + share) / 1.5 - 0.5 for share in (x, y))
        pixel = found[round(row), round(column)]
        assert pixel[:2] == pytest.approx([49.5 + 100 * x, 59.5 + 100 * y], abs=1.2)


def test_the_makers_file_is_opened_without_the_classifier_that_came_before(
    folder: Path, state: dict[str, np.ndarray]
) -> None:
    tensors = {f"module.{name}": torch.from_numpy(value) for name, value in state.items()}
    tensors |= {"module.fc.weight": torch.zeros(8, 512), "module.fc.bias": torch.zeros(8)}
    torch.save({"epoch": 61, "state_dict": tensors, "accuracy": torch.tensor([84.3655]), "name": "x"}, folder / FILE)
    found = EmotionFan.load(torch.device("cpu"), dtype=torch.float64)
    vectors = np.random.default_rng(2).gamma(1.0, 1.0, (4, WIDTH))
    assert found.judge(vectors) == pytest.approx(attention(vectors, state))


@pytest.mark.parametrize("kind", SPOILED)
def test_a_file_that_is_not_the_network_is_refused_in_one_sentence(
    kind: str, folder: Path, state: dict[str, np.ndarray]
) -> None:
    said = spoil(kind, folder / FILE, state, "state_dict")
    with pytest.raises(PerceptionError) as caught:
        EmotionFan.load(torch.device("cpu"))
    assert ("is not the file of" if kind == "empty" else said) in str(caught.value)
    assert "\n" not in str(caught.value) and not (folder / "touched").exists()


def test_without_weights_the_sentence_says_where_they_are(folder: Path) -> None:
    with pytest.raises(PerceptionError, match=r"drive\.google\.com") as caught:
        EmotionFan.load(torch.device("cpu"))
    assert FILE in str(caught.value) and "moee models fetch" not in str(caught.value)


def test_the_layers_are_asked_in_the_network_s_order(network: EmotionFan) -> None:
    seen = torch.from_numpy(np.stack(faces(2, 64)).transpose(0, 3, 1, 2) / 255.0)
    with torch.inference_mode():
        vectors = embed(network._network, seen)
        assert vectors.shape == (2, WIDTH) and bool((vectors >= 0).all())
        assert attend(network._network, vectors).shape == (len(LABELS),)
