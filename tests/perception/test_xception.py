"""Mini-XCEPTION: the published graph, computed as Keras computes it; files that hold anything else are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception import weights, xception
from perception.errors import PerceptionError
from perception.panel import FaceCrop, face_crop
from perception.xception import CROP, LABELS, MODEL, SIDE, MiniXception
from tests.perception.conftest import need
from tests.perception.networks import convolved, largest, softmax

h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")

WIDTHS = (8, 8, 16, 32, 64, 128)
Tensors = dict[str, np.ndarray]


class KerasFile:
    """A file as Keras 2.0 writes it, of the published graph with seeded weights; `config` and `tensors` may be bent."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.layers: list[dict] = []
        self.tensors: Tensors = {}
        self.normalisations = self.convolutions = 0
        self._layer("InputLayer", "input_1", [], batch_input_shape=[None, 64, 64, 1])
        x, channels = "input_1", 1
        for width in WIDTHS[:2]:
            x = self._convolution(x, channels, width, 3, "valid")
            x = self._layer("Activation", f"relu_{len(self.layers)}", [x], activation="relu")
            channels = width
        for width in WIDTHS[2:]:
            beside = self._convolution(x, channels, width, 1, "same", stride=2)
            for number, taken in enumerate((channels, width)):
                x = self._separable(x, taken, width)
                if number == 0:
                    x = self._layer("Activation", f"relu_{len(self.layers)}", [x], activation="relu")
            pool = {"pool_size": [3, 3], "strides": [2, 2], "padding": "same", "data_format": "channels_last"}
            x = self._layer("MaxPooling2D", f"pool_{width}", [x], **pool)
            x = self._layer("Add", f"add_{width}", [x, beside])
            channels = width
        x = self._convolution(x, channels, 7, 3, "same", bias=True, normal=False)
        x = self._layer("GlobalAveragePooling2D", "mean", [x], data_format="channels_last")
        self._layer("Activation", "predictions", [x], activation="softmax")

    def _layer(self, kind: str, name: str, inputs: list[str], **config: Any) -> str:
        nodes = [[[one, 0, 0, {}] for one in inputs]] if inputs else []
        self.layers.append({"class_name": kind, "name": name, "config": config, "inbound_nodes": nodes})
        return name

    def _convolution(
        self, x: str, taken: int, width: int, size: int, padding: str, stride: int = 1, bias=False, normal=True
    ) -> str:
        self.convolutions += 1
        name = f"conv2d_{self.convolutions}"
        common = {"padding": padding, "data_format": "channels_last", "activation": "linear", "use_bias": bias}
        self._layer("Conv2D", name, [x], filters=width, kernel_size=[size] * 2, strides=[stride] * 2, **common)
        self._numbers(name, "kernel", (size, size, taken, width), size * size * taken)
        if bias:
            self._numbers(name, "bias", (width,), 4)
        return self._normal(name, width) if normal else name

    def _separable(self, x: str, taken: int, width: int) -> str:
        name = f"separable_conv2d_{len(self.layers)}"
        common = {"padding": "same", "data_format": "channels_last", "activation": "linear", "use_bias": False}
        sides = {"kernel_size": [3, 3], "strides": [1, 1], "depth_multiplier": 1}
        self._layer("SeparableConv2D", name, [x], filters=width, **sides, **common)
        self._numbers(name, "depthwise_kernel", (3, 3, taken, 1), 4)
        self._numbers(name, "pointwise_kernel", (1, 1, taken, width), taken / 2)
        return self._normal(name, width)

    def _normal(self, x: str, width: int) -> str:
        self.normalisations += 1
        name = f"batch_normalization_{self.normalisations}"
        self._layer("BatchNormalization", name, [x], axis=-1, epsilon=1e-3, scale=True, center=True)
        for kind in ("gamma", "beta", "moving_mean"):
            self._numbers(name, kind, (width,), 2)
        self.tensors[f"{name}/{name}_1/moving_variance:0"] = self.random.uniform(0.2, 2, width).astype(np.float32)
        return name

    def _numbers(self, name: str, kind: str, shape: tuple[int, ...], fan: float) -> None:
        values = self.random.normal(0.05, 1 / np.sqrt(fan), shape).astype(np.float32)
        self.tensors[f"{name}/{name}_1/{kind}:0"] = values

    def layer(self, name: str) -> dict:
        return next(layer for layer in self.layers if layer["name"] == name)

    def write(self, path: Path) -> Path:
        config = {"layers": self.layers, "input_layers": [["input_1", 0, 0]], "output_layers": [["predictions", 0, 0]]}
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps({"class_name": "Model", "config": config}).encode()
            for name, values in self.tensors.items():
                file[f"model_weights/{name}"] = values
        return path

    def judged(self, grey: np.ndarray) -> np.ndarray:
        """The graph by plain sums in float64: grey [64, 64] -> [7]. With `same`, Keras pads later sides more."""
        x = ((grey.astype(np.float64) / 255.0) - 0.5)[None] * 2
        number = 0

        def tensor(layer: str, kind: str) -> np.ndarray:
            return self.tensors[f"{layer}/{layer}_1/{kind}:0"].astype(np.float64)

        def normal(x: np.ndarray) -> np.ndarray:
            nonlocal number
            number += 1
            name = f"batch_normalization_{number}"
            gamma, beta, mean, variance = (
                tensor(name, kind)[:, None, None] for kind in ("gamma", "beta", "moving_mean", "moving_variance")
            )
            return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta

        def separable(x: np.ndarray, name: str) -> np.ndarray:
            deep, point = tensor(name, "depthwise_kernel"), tensor(name, "pointwise_kernel")
            apart = [convolved(x[c : c + 1], deep[None, None, :, :, c, 0], 1, (1, 1))[0] for c in range(len(x))]
            return convolved(np.array(apart), point.transpose(3, 2, 0, 1))

        for name in ("conv2d_1", "conv2d_2"):
            x = np.maximum(normal(convolved(x, tensor(name, "kernel").transpose(3, 2, 0, 1))), 0)
        apart = [layer["name"] for layer in self.layers if layer["class_name"] == "SeparableConv2D"]
        for module in range(4):
            beside = normal(convolved(x, tensor(f"conv2d_{module + 3}", "kernel").transpose(3, 2, 0, 1), stride=2))
            x = np.maximum(normal(separable(x, apart[2 * module])), 0)
            x = normal(separable(x, apart[2 * module + 1]))
            x = largest(x, 3, 2, (0, 1) if x.shape[1] % 2 == 0 else (1, 1)) + beside
        x = convolved(x, tensor("conv2d_7", "kernel").transpose(3, 2, 0, 1), 1, (1, 1))
        return softmax(x.mean(axis=(1, 2)) + tensor("conv2d_7", "bias"))


def pictures(count: int, seed: int = 1) -> list[np.ndarray]:
    """Grey crops [96, 96, 3] uint8 with coarse and fine structure."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 200, (count, 8, 8)).repeat(12, axis=1).repeat(12, axis=2)
    grey = (coarse + random.integers(0, 56, (count, CROP.side, CROP.side))).astype(np.uint8)
    return [np.repeat(one[:, :, None], 3, axis=2) for one in grey]


def test_a_file_is_computed_as_its_graph_says(tmp_path: Path) -> None:
    made = KerasFile()
    network = MiniXception.load(path=made.write(tmp_path / "seeded.hdf5"))
    crops = pictures(3)
    found = network(crops).probabilities
    assert found is not None and found.dtype == np.float32
    seen = [[view[0, 0] for view in xception._views(crop[:, :, 0])] for crop in crops]
    expected = np.array([np.mean([made.judged(view) for view in views], axis=0) for views in seen])
    assert np.ptp(expected, axis=0).max() > 0.01  # the pictures matter
    assert np.abs(found - expected).max() <= 1e-5


def test_it_sees_each_face_in_six_squares_about_the_haar_detectors() -> None:
    ys, xs = np.mgrid[:300, :300]
    grey = (127 + 60 * np.sin(xs / 17) + 60 * np.cos(ys / 23)).astype(np.uint8)
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    points = np.full((468, 2), 150.0)
    points[:2] = (90, 80), (210, 220)  # the corners of the box around the landmarks
    points[33], points[263] = (120, 120), (180, 120)
    views = list(xception._views(face_crop(rgb, points, CROP)[:, :, 0]))
    squares = [FaceCrop(SIDE, size, True, -rise) for size in xception.SIZES for rise in xception.RISES]
    assert len(views) == len(squares) == 6 and FaceCrop(SIDE, 1.07, True, -0.07) in squares
    for view, square in zip(views, squares, strict=True):
        assert np.abs(view[0, 0] - face_crop(rgb, points, square)[:, :, 0]).mean() < 2.0


def test_a_face_is_judged_alike_in_any_company(tmp_path: Path) -> None:
    network = MiniXception.load(path=KerasFile(1).write(tmp_path / "seeded.hdf5"))
    crops = pictures(5)
    together = network(crops).probabilities
    assert together is not None and np.allclose(together.sum(axis=1), 1, atol=1e-6)
    for place, crop in enumerate(crops):
        alone = network([crop]).probabilities
        assert alone is not None and np.array_equal(alone[0], together[place])
    none = network([]).probabilities
    assert none is not None and none.shape == (0, 7)


def test_a_crop_of_another_size_is_refused(tmp_path: Path) -> None:
    network = MiniXception.load(path=KerasFile().write(tmp_path / "seeded.hdf5"))
    with pytest.raises(PerceptionError, match=r"takes crops \[96, 96, 3\] uint8, not \[48, 48, 3\] uint8"):
        network([np.zeros((48, 48, 3), np.uint8)])
    with pytest.raises(PerceptionError, match="float32"):
        network([np.zeros((96, 96, 3), np.float32)])
    with pytest.raises(PerceptionError, match="'cuda'"):
        MiniXception.load("cuda")


def _missing(made: KerasFile) -> None:
    del made.tensors["conv2d_4/conv2d_4_1/kernel:0"]


def _shape(made: KerasFile) -> None:
    made.tensors["conv2d_4/conv2d_4_1/kernel:0"] = np.zeros((1, 1, 16, 31), np.float32)


def _nan(made: KerasFile) -> None:
    made.tensors["conv2d_4/conv2d_4_1/kernel:0"][0, 0, 0, 0] = np.nan


def _variance(made: KerasFile) -> None:
    made.tensors["batch_normalization_3/batch_normalization_3_1/moving_variance:0"][0] = -1


def _text(made: KerasFile) -> None:
    made.tensors["conv2d_7/conv2d_7_1/bias:0"] = np.array([b"a"] * 7)


def _layer(made: KerasFile) -> None:
    made.layer("conv2d_3")["class_name"] = "Lambda"


def _forward(made: KerasFile) -> None:
    made.layer("conv2d_3")["inbound_nodes"] = [[["predictions", 0, 0, {}]]]


def _path(made: KerasFile) -> None:
    made.layer("conv2d_3")["name"] = "../../secret"


def _many(made: KerasFile) -> None:
    made.layers.extend(made.layers * 20)


def _classes(made: KerasFile) -> None:
    made.layer("conv2d_7")["config"]["filters"] = 6
    made.tensors["conv2d_7/conv2d_7_1/kernel:0"] = np.zeros((3, 3, 128, 6), np.float32)
    made.tensors["conv2d_7/conv2d_7_1/bias:0"] = np.zeros(6, np.float32)


def _huge(made: KerasFile) -> None:
    made.layer("conv2d_7")["config"]["kernel_size"] = [10**9, 10**9]


def _input(made: KerasFile) -> None:
    made.layers[0]["config"]["batch_input_shape"] = [None, 48, 48, 1]


@pytest.mark.parametrize(
    ("bend", "says"),
    [
        (_missing, r"conv2d_4_1/kernel:0, which is not in the file"),
        (_shape, r"kernel:0, which should have the shape \[1, 1, 16, 32\]"),
        (_nan, "holds numbers that are none"),
        (_variance, "the variance of layer batch_normalization_3"),
        (_text, r"bias:0, which should have the shape \[7\]"),
        (_layer, r"layer conv2d_3 \(Lambda\)"),
        (_forward, "predictions"),
        (_path, "the name of layer '../../secret'"),
        (_many, "its number of layers"),
        (_classes, "its output, which should be 7 classes"),
        (_huge, "kernel_size of 1000000000"),
        (_input, "its input, which should be one grey picture of 64 x 64 px"),
    ],
)
def test_another_network_is_refused_in_a_sentence(bend: Callable[[KerasFile], None], says: str, tmp_path: Path) -> None:
    made = KerasFile()
    bend(made)
    with pytest.raises(PerceptionError, match=says) as refused:
        MiniXception.load(path=made.write(tmp_path / "bent.hdf5"))
    assert "bent.hdf5" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["soft", "external", "virtual", "raw", "group"])
def test_numbers_that_lie_elsewhere_are_not_read(kind: str, tmp_path: Path) -> None:
    """A file that sends the reader to another one, by any of HDF5's ways, is refused."""
    made = KerasFile()
    place = "conv2d_1/conv2d_1_1/kernel:0"
    kernel = made.tensors.pop(place)
    path = made.write(tmp_path / "bent.hdf5")
    (tmp_path / "raw.bin").write_bytes(kernel.tobytes())
    with h5py.File(tmp_path / "other.hdf5", "w") as other:
        other["kernel"] = kernel
    with h5py.File(path, "a") as file:
        file["elsewhere"] = kernel
        group = file["model_weights"].require_group("conv2d_1/conv2d_1_1")
        if kind == "soft":
            group["kernel:0"] = h5py.SoftLink("/elsewhere")
        elif kind == "external":
            group["kernel:0"] = h5py.ExternalLink("other.hdf5", "kernel")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(kernel.shape, np.float32)
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.hdf5"), "kernel", kernel.shape)
            group.create_virtual_dataset("kernel:0", layout)
        elif kind == "raw":
            raw = [(str(tmp_path / "raw.bin"), 0, kernel.nbytes)]
            group.create_dataset("kernel:0", kernel.shape, np.float32, external=raw)
        else:
            group.create_group("kernel:0")
    with pytest.raises(PerceptionError, match=r"conv2d_1_1/kernel:0, which is not in the file itself"):
        MiniXception.load(path=path)


def test_a_file_with_its_own_numbers_is_read_however_they_are_packed(tmp_path: Path) -> None:
    """The counterpart of the refusals above: compressed numbers of another width are the same numbers."""
    made = KerasFile()
    plain = MiniXception.load(path=made.write(tmp_path / "plain.hdf5"))
    path = made.write(tmp_path / "packed.hdf5")
    with h5py.File(path, "a") as file:
        kernel = file["model_weights/conv2d_2/conv2d_2_1/kernel:0"][()]
        del file["model_weights/conv2d_2/conv2d_2_1/kernel:0"]
        group = file["model_weights/conv2d_2/conv2d_2_1"]
        group.create_dataset("kernel:0", data=kernel.astype(np.float64), compression="gzip")
    packed = MiniXception.load(path=path)
    crops = pictures(2)
    assert np.array_equal(plain(crops).probabilities, packed(crops).probabilities)


def test_damage_ends_in_a_sentence(tmp_path: Path) -> None:
    whole = KerasFile().write(tmp_path / "whole.hdf5").read_bytes()
    random = np.random.default_rng(0)
    damaged = [b"", b"no HDF5 at all", whole[: len(whole) // 2], whole[:600]]
    for _ in range(30):
        bytes_ = bytearray(whole)
        for place in random.integers(0, len(whole), 40):
            bytes_[place] ^= int(random.integers(1, 256))
        damaged.append(bytes(bytes_))
    refused = 0
    for number, data in enumerate(damaged):
        path = tmp_path / f"damaged{number}.hdf5"
        path.write_bytes(data)
        try:
            found = MiniXception.load(path=path)(pictures(1)).probabilities
        except PerceptionError as error:
            refused += 1
            assert path.name in str(error) and "\n" not in str(error)
        else:  # the damage hit single numbers, or what is not read
            assert found is not None and found.shape == (1, 7)
    assert refused >= 5


def test_a_description_that_nests_too_deeply_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.hdf5"
    with h5py.File(path, "w") as file:
        file.create_group("model_weights")
        file.attrs.create("model_config", np.bytes_(b"[" * 60_000))
    with pytest.raises(PerceptionError, match=r"deep\.hdf5"):
        MiniXception.load(path=path)


def test_without_its_file_it_is_not_usable_and_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    assert xception.usable() is None
    with pytest.raises(PerceptionError, match=f"moee models fetch {MODEL}"):
        MiniXception.load()


# --- the published weights --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published() -> MiniXception:
    need(MODEL)
    return MiniXception.load()


def test_the_published_file_is_the_published_graph(published: MiniXception, tmp_path: Path) -> None:
    """The file of this test and the published one describe the same graph, so what is proved of one holds for both."""

    def steps(graph: tuple[xception.Layer, ...]) -> list[tuple]:
        kinds = [(s.kind, s.size, s.stride, s.pad, tuple(t.shape for t in s.tensors)) for s in graph]
        return sorted(kinds, key=str)

    made = xception.read_graph(KerasFile().write(tmp_path / "seeded.hdf5"))
    assert steps(published._graph) == steps(made)
    assert published.model_hashes == {MODEL: weights.entry(MODEL).sha256}


def test_it_tells_emotions_that_are_plain_to_see(published: MiniXception, test_data: Path, table, short_range) -> None:
    """Seven labelled portraits: printed; guessing would get one of seven right, and a laugh must not be missed."""
    import cv2

    from perception.landmarks import FaceLandmarker

    need("face-mesh")
    given = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
    means = dict(zip(given, ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"), strict=True))
    told = {}
    with FaceLandmarker.load(model="face-mesh") as landmarker:
        for emotion in given:
            rgb = cv2.imread(str(test_data / "images" / f"emotion_faceapi_{emotion}.jpg"))[:, :, ::-1].copy()
            (mesh,) = landmarker([rgb], [short_range([rgb])[0][0].box])
            found = published([face_crop(rgb, mesh.points, published.crop)]).probabilities
            assert found is not None
            told[emotion] = LABELS[found[0].argmax()]
    right = sum(told[emotion] == means[emotion] for emotion in given)
    table(f"{right} of {len(given)} portraits right: {told}")
    assert told["happy"] == "happy"
    assert right >= 3
