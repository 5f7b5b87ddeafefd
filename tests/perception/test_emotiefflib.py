"""EmotiEffLib's networks: an ONNX of the published inputs and outputs gives what its layers give, and what its makers'
library gives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from perception import emotiefflib
from perception.errors import PerceptionError
from tests.perception.networks import convolved, faces, imagenet, softmax

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CHANNELS, STRIDE = 16, 20


class Network:
    """A convolution, the mean over the picture, and a linear layer at the end, as the published networks end."""

    def __init__(self, count: int, side: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.count, self.side = count, side
        self.kernel = random.normal(0, 0.2, (CHANNELS, 3, 5, 5)).astype(np.float32)
        self.weight = random.normal(0, 0.5, (count, CHANNELS)).astype(np.float32)
        self.bias = random.normal(0, 0.3, count).astype(np.float32)

    def model(self, kind: int = onnx.TensorProto.FLOAT, opset: int = 17) -> onnx.ModelProto:
        node, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
        nodes = [
            node("Conv", ["input", "kernel"], ["seen"], strides=[STRIDE, STRIDE]),
            node("Relu", ["seen"], ["kept"]),
            node("GlobalAveragePool", ["kept"], ["mean"]),
            node("Flatten", ["mean"], ["features"]),
            node("Gemm", ["features", "weight", "bias"], ["output"], transB=1),
        ]
        held = [
            onnx.numpy_helper.from_array(value, name)
            for name, value in (("kernel", self.kernel), ("weight", self.weight), ("bias", self.bias))
        ]
        fed = info("input", kind, ["batch_size", 3, self.side, self.side])
        given = info("output", kind, ["batch_size", self.count])
        graph = onnx.helper.make_graph(nodes, "network", [fed], [given], held)
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)

    def write(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.model().SerializeToString())
        return path

    def judged(self, crop: np.ndarray) -> np.ndarray:
        features = np.maximum(convolved(imagenet(crop), self.kernel, STRIDE), 0).mean(axis=(1, 2))
        return softmax(self.weight.astype(np.float64) @ features + self.bias)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("file", emotiefflib.FILES)
def test_each_published_name_is_computed_at_its_size(file: str, folder: Path) -> None:
    network = Network(*emotiefflib.FILES[file])
    path = network.write(folder / "emotiefflib" / file)
    name = f"emotiefflib/{Path(file).stem}"
    assert emotiefflib.usable() == (name, hashlib.sha256(path.read_bytes()).hexdigest())
    member = emotiefflib.load(name)
    assert member.about.label_set == f"EmotiEffLib-{network.count}" and member.about.noncommercial
    crops = faces(3, network.side)
    found = member(crops).probabilities
    expected = np.array([network.judged(crop) for crop in crops])
    assert found is not None and np.ptp(expected, axis=0).max() > 0.01
    assert np.abs(found - expected).max() <= 1e-5
    alone = member(crops[1:2]).probabilities
    assert alone is not None and np.array_equal(alone[0], found[1])


def test_the_makers_library_says_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facial_analysis = pytest.importorskip("emotiefflib.facial_analysis", reason="emotiefflib is not installed")
    file = "enet_b2_8.onnx"
    network = Network(*emotiefflib.FILES[file])
    path = network.write(folder / file)  # in the folder itself, which is accepted as well
    monkeypatch.setattr(facial_analysis, "get_model_path_onnx", lambda name: str(path))
    theirs = facial_analysis.EmotiEffLibRecognizer(engine="onnx", model_name="enet_b2_8")
    member = emotiefflib.load("emotiefflib/enet_b2_8")
    crops = faces(4, network.side)
    labels, scores = theirs.predict_emotions(crops, logits=False)
    found = member(crops).probabilities
    assert found is not None and np.abs(found - scores).max() <= 1e-5
    assert [member.about.labels[row.argmax()] for row in found] == labels
    assert list(member.about.labels) == list(theirs.idx_to_emotion_class.values())


def test_one_network_is_a_member_at_a_time(folder: Path) -> None:
    order = list(emotiefflib.FILES)
    for file in reversed(order):
        Network(*emotiefflib.FILES[file]).write(folder / "emotiefflib" / file)
        found = emotiefflib.usable()
        assert found is not None and found[0] == f"emotiefflib/{Path(file).stem}"
    (folder / "emotiefflib" / "enet_b0_8_va_mtl.onnx").write_bytes(b"another network of its makers")
    found = emotiefflib.usable()
    assert found is not None and found[0] == f"emotiefflib/{Path(order[0]).stem}"


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (Network(8, 224), r"takes .*224, 224.* instead of \[n, 3, 260, 260\]"),
        (Network(7, 260), r"7.* instead of \[1, 8\]"),
    ],
)
def test_a_network_of_another_shape_is_refused(network: Network, says: str, folder: Path) -> None:
    network.write(folder / "emotiefflib" / "enet_b2_8.onnx")
    with pytest.raises(PerceptionError, match=says) as refused:
        emotiefflib.load("emotiefflib/enet_b2_8")
    assert "\n" not in str(refused.value)


def test_numbers_beside_the_file_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "emotiefflib" / "enet_b2_8.onnx"
    path.parent.mkdir()
    monkeypatch.chdir(path.parent)
    onnx.save(Network(8, 260).model(), path, save_as_external_data=True, location="beside.bin", size_threshold=0)
    assert (path.parent / "beside.bin").is_file()
    with pytest.raises(PerceptionError, match="no readable ONNX file") as refused:
        emotiefflib.load("emotiefflib/enet_b2_8")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"no ONNX", "half"])
def test_a_damaged_file_is_refused_in_a_sentence(data: bytes | str, folder: Path, capfd) -> None:
    path = Network(8, 260).write(folder / "emotiefflib" / "enet_b2_8.onnx")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if isinstance(data, str) else data)
    with pytest.raises(PerceptionError, match=r"enet_b2_8\.onnx is no readable ONNX file") as refused:
        emotiefflib.load("emotiefflib/enet_b2_8")
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_another_name_is_refused() -> None:
    with pytest.raises(PerceptionError, match="emotiefflib/enet_b2_8, emotiefflib/enet_b2_7"):
        emotiefflib.load("emotiefflib/mobilevit")
