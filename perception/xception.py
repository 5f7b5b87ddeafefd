"""Mini-XCEPTION trained on FER2013: seven emotions of a grey face of 64 x 64 px.

Arriaga, Valdenegro-Toro and Plöger, "Real-time convolutional neural networks for emotion and gender classification",
2017. The published file is Keras': the graph is read from its `model_config`, the numbers from its datasets, and it is
computed here by PyTorch with each batch normalisation folded into the convolution before it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perception import weights
from perception.errors import PerceptionError
from perception.networks import checked_crops, installed, on_processor
from perception.panel import About, FaceCrop, Looks

if TYPE_CHECKING:
    import torch

MODEL = "fer2013-mini-xception"
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # FER2013's numbers 0 to 6
FREQUENCIES = tuple(count / 28_709 for count in (3995, 436, 4097, 7215, 4830, 3171, 4965))
"""Pictures of each label in FER2013's training part, in the order of its labels."""
ABOUT = About(
    name=MODEL,
    label_set="FER2013",
    labels=LABELS,
    trained_on="FER2013 (35,887 pictures found by a web search; Goodfellow et al. 2013)",
    licence="MIT",
    noncommercial=False,
    frequencies=FREQUENCIES,
)
SIDE = 64
HAAR = FaceCrop(side=SIDE, scale=1.07, upright=True, down=-0.07)
"""The square of OpenCV's Haar face detector: FER2013's pictures were cut by it, and so do the authors' programs for
pictures (those for video add 20 and 40 px whatever the size of the face). Against the box around MediaPipe's landmarks
it is 1.07 times as large and lies 0.07 of its side higher: medians of 17 clips that carry no label of emotion,
quartiles 1.04 to 1.08 and 0.06 to 0.09."""
SIZES, RISES = (0.95, 1.07, 1.2), (0.0, 0.07)
"""What the network says depends on the crop, and no detector cuts exactly: it looks at the Haar square and at one
eighth less and more, in the middle of the face and as high as Haar's, and the mean of the six counts."""
CROP = FaceCrop(side=96, scale=1.35, upright=True, down=-0.03)
MOST_BYTES = 64 << 20
MOST_LAYERS = 200
_DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
)  # h5py's, by kind of damage


class MiniXception:
    """The network, opened: judges faces one at a time on one thread, so that a face's result depends on it alone.

    See `perception.panel.PixelMember` for its contract.
    """

    def __init__(self, graph: tuple[Layer, ...], sha256: str) -> None:
        import torch

        torch.set_num_threads(1)
        self.about = ABOUT
        self.model_hashes = {MODEL: sha256}
        self.crop = CROP
        self.stride = 8
        self._graph = graph

    @classmethod
    def load(cls, device: str = "cpu", path: Path | None = None) -> MiniXception:
        """Open the network.

        Args:
            device: only "cpu".
            path: another file of the same kind; None takes the registry's.

        Raises:
            PerceptionError: the model, PyTorch or h5py is missing, or the file holds something else.
        """
        on_processor(device, MODEL)
        path = path or weights.find(MODEL)
        try:
            import h5py  # noqa: F401
            import torch  # noqa: F401
        except ImportError as error:
            raise PerceptionError(f"{MODEL} cannot be loaded ({error}); run `make setup`.") from error
        return cls(read_graph(path), weights.file_sha256(path))

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        """Judge faces; see `PixelMember.__call__`."""
        import torch

        from perception.picture import luma

        found = np.empty((len(crops), len(LABELS)), np.float32)
        with torch.inference_mode():
            for place, crop in enumerate(checked_crops(crops, CROP.side, MODEL)):
                said = [_run(self._graph, (torch.from_numpy(grey) / 255 - 0.5) * 2)[0] for grey in _views(luma(crop))]
                found[place] = torch.stack(said).mean(dim=0).numpy()
        return Looks(found)


@dataclass(frozen=True)
class Layer:
    """One step: what is done (`kind`) to the outputs of which earlier steps (`inputs`), with what.

    tensors: of a convolution, weight and bias; of a separable one, the depthwise weight before them.
    pad: px added at the left, right, top and bottom.
    """

    kind: str
    inputs: tuple[int, ...]
    tensors: tuple[torch.Tensor, ...] = ()
    size: int = 1
    stride: int = 1
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)


def _views(grey: np.ndarray) -> Iterator[np.ndarray]:
    """The six squares of a crop [96, 96] uint8 that the network sees, each [1, 1, 64, 64] float32 in 0..255."""
    import cv2

    unit = CROP.side / CROP.scale  # px of the longer side of the box around the landmarks
    centre = CROP.side / 2 - CROP.down * CROP.side  # of that box, from the crop's top
    for size in SIZES:
        for rise in RISES:
            corner = np.array([CROP.side / 2, centre - rise * size * unit]) - size * unit / 2
            step = size * unit / SIDE
            place = np.array([[step, 0.0, corner[0] + step / 2 - 0.5], [0.0, step, corner[1] + step / 2 - 0.5]])
            how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            seen = cv2.warpAffine(grey, place, (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_REPLICATE)
            yield seen.astype(np.float32)[None, None]


def usable() -> tuple[str, str] | None:
    """Name and sha256 of the network when this machine can run it, or None; nothing heavy is imported."""
    if not installed(("torch", "h5py"), MODEL) or not weights.available(MODEL):
        return None
    return MODEL, weights.entry(MODEL).sha256


def about(name: str = MODEL) -> About:
    """What is known of the network without opening it."""
    return ABOUT


def load(name: str = MODEL, device: str = "cpu") -> MiniXception:
    """Open the network; see `MiniXception.load`."""
    return MiniXception.load(device)


def read_graph(path: Path) -> tuple[Layer, ...]:
    """Read the network of a Keras file (version 2.0, HDF5).

    Raises:
        PerceptionError: the file is damaged, links to something outside its own datasets, or holds another kind of
            network than one grey picture of 64 x 64 px in and the seven classes out.
    """
    import h5py

    try:
        if path.stat().st_size > MOST_BYTES:
            raise PerceptionError(f"{path.name} is too large for a network of {MODEL}; fetch it again.")
        with h5py.File(path, "r", locking=False) as file:
            return _Reader(file, path.name).graph()
    except RecursionError as error:
        raise PerceptionError(f"{path.name} nests its description too deeply; fetch it again.") from error
    except _DAMAGE as error:
        raise PerceptionError(f"{path.name} is no Keras file of {MODEL} ({_short(error)}); fetch it again.") from error


class _Reader:
    """Turns the layers of `model_config` into steps, in the file's order; each step knows its output's shape."""

    def __init__(self, file: Any, name: str) -> None:
        self._file = file
        self._name = name
        self._steps: list[Layer] = []
        self._shapes: list[tuple[int, int, int]] = []  # channels, height, width of each step's output
        self._place: dict[str, int] = {}  # a layer's name -> the step that gives its output

    def graph(self) -> tuple[Layer, ...]:
        config = json.loads(_text(self._file.attrs["model_config"]))["config"]
        layers = config["layers"]
        if not isinstance(layers, list) or not 0 < len(layers) <= MOST_LAYERS:
            raise self._wrong("its number of layers")
        for layer in layers:
            self._take(layer)
        outputs = [str(output[0]) for output in config["output_layers"]]
        if outputs != [layers[-1]["name"]] or self._shapes[-1] != (len(LABELS), 1, 1):
            raise self._wrong(f"its output, which should be {len(LABELS)} classes")
        if self._steps[-1].kind != "softmax":
            raise self._wrong("its output, which should be probabilities")
        return tuple(self._steps)

    def _take(self, layer: dict) -> None:
        name, kind, config = layer["name"], layer["class_name"], layer["config"]
        if not isinstance(name, str) or not name.replace("_", "").isalnum() or name in self._place:
            raise self._wrong(f"the name of layer {name!r}")
        nodes = layer["inbound_nodes"]
        inputs = tuple(self._place[node[0]] for node in nodes[0]) if nodes else ()
        adds = {
            "InputLayer": self._input,
            "Conv2D": self._convolution,
            "SeparableConv2D": self._convolution,
            "BatchNormalization": self._normalisation,
            "Activation": self._activation,
            "MaxPooling2D": self._pooling,
            "Add": self._sum,
            "GlobalAveragePooling2D": self._mean,
        }
        if kind not in adds or len(nodes) > 1 or config.get("data_format", "channels_last") != "channels_last":
            raise self._wrong(f"layer {name} ({kind})")
        if len(inputs) != {"InputLayer": 0, "Add": 2}.get(kind, 1):
            raise self._wrong(f"the inputs of layer {name}")
        adds[kind](name, config, inputs)
        self._place[name] = len(self._steps) - 1 if kind != "BatchNormalization" else inputs[0]

    def _add(self, step: Layer, shape: tuple[int, int, int]) -> None:
        self._steps.append(step)
        self._shapes.append(shape)

    def _input(self, name: str, config: dict, inputs: tuple[int, ...]) -> None:
        if config["batch_input_shape"][1:] != [SIDE, SIDE, 1] or self._steps:
            raise self._wrong("its input, which should be one grey picture of 64 x 64 px")
        self._add(Layer("input", ()), (1, SIDE, SIDE))

    def _convolution(self, name: str, config: dict, inputs: tuple[int, ...]) -> None:
        import torch

        size, stride = self._square(config, "kernel_size"), self._square(config, "strides")
        filters, channels = int(config["filters"]), self._shapes[inputs[0]][0]
        apart = "depth_multiplier" in config
        if config["activation"] != "linear" or config.get("depth_multiplier", 1) != 1 or (apart and stride != 1):
            raise self._wrong(f"layer {name}")
        if any(side != 1 for side in config.get("dilation_rate", ())):
            raise self._wrong(f"the dilation of layer {name}")
        if apart:
            depthwise = self._tensor(name, "depthwise_kernel", (size, size, channels, 1)).permute(2, 3, 0, 1)
            pointwise = self._tensor(name, "pointwise_kernel", (1, 1, channels, filters)).permute(3, 2, 0, 1)
            tensors: tuple[torch.Tensor, ...] = (depthwise.contiguous(), pointwise.contiguous())
        else:
            tensors = (self._tensor(name, "kernel", (size, size, channels, filters)).permute(3, 2, 0, 1).contiguous(),)
        bias = self._tensor(name, "bias", (filters,)) if config["use_bias"] else torch.zeros(filters)
        pad, shape = self._window(inputs[0], size, stride, config["padding"])
        kind = "separable" if apart else "convolution"
        self._add(Layer(kind, inputs, (*tensors, bias), size, stride, pad), (filters, *shape))

    def _normalisation(self, name: str, config: dict, inputs: tuple[int, ...]) -> None:
        """Fold it into the convolution before it, which nothing else may read."""
        place = inputs[0]
        step = self._steps[place]
        users = [other for other in self._steps if place in other.inputs]
        if step.kind not in ("convolution", "separable") or users or config["axis"] not in (-1, 3):
            raise self._wrong(f"layer {name}, which should follow a convolution")
        channels = (self._shapes[place][0],)
        kinds = ("gamma", "beta", "moving_mean", "moving_variance")
        gamma, beta, mean, variance = (self._tensor(name, kind, channels).double() for kind in kinds)
        epsilon = float(config["epsilon"])
        if not (epsilon > 0 and bool((variance >= 0).all())):
            raise self._wrong(f"the variance of layer {name}")
        scale = gamma / (variance + epsilon).sqrt()
        *before, weight, bias = step.tensors
        folded = (weight.double() * scale[:, None, None, None]).float(), ((bias - mean) * scale + beta).float()
        self._steps[place] = Layer(step.kind, step.inputs, (*before, *folded), step.size, step.stride, step.pad)

    def _activation(self, name: str, config: dict, inputs: tuple[int, ...]) -> None:
        if config["activation"] not in ("relu", "softmax"):
            raise self._wrong(f"the activation of layer {name}")
        self._add(Layer(config["activation"], inputs), self._shapes[inputs[0]])

    def _pooling(self, name: str, config: dict, inputs: tuple[int, ...]) -> None:
        size, stride = self._square(config, "pool_size"), self._square(config, "strides")
        pad, shape = self._window(inputs[0], size, stride, config["padding"])
        self._add(Layer("maximum", inputs, (), size, stride, pad), (self._shapes[inputs[0]][0], *shape))

    def _sum(self, name: str, config: dict, inputs: tuple[int, ...]) -> None:
        if self._shapes[inputs[0]] != self._shapes[inputs[1]]:
            raise self._wrong(f"the shapes that layer {name} adds")
        self._add(Layer("sum", inputs), self._shapes[inputs[0]])

    def _mean(self, name: str, config: dict, inputs: tuple[int, ...]) -> None:
        self._add(Layer("mean", inputs), (self._shapes[inputs[0]][0], 1, 1))

    def _window(
        self, place: int, size: int, stride: int, padding: str
    ) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
        """Padding and output size as Keras has them: with `same`, the odd pixel is added at the right and bottom."""
        pads: list[int] = []
        sides: list[int] = []
        for side in self._shapes[place][1:]:
            given = -(-side // stride) if padding == "same" else (side - size) // stride + 1
            if given < 1 or padding not in ("same", "valid"):
                raise self._wrong("the padding of a layer")
            added = max(0, (given - 1) * stride + size - side) if padding == "same" else 0
            pads = [added // 2, added - added // 2, *pads]  # PyTorch names the last axis first
            sides.append(given)
        return (pads[0], pads[1], pads[2], pads[3]), (sides[0], sides[1])

    def _square(self, config: dict, key: str) -> int:
        one, other = (int(side) for side in config[key])
        if one != other or not 1 <= one <= 7:
            raise self._wrong(f"a {key} of {one} x {other}")
        return one

    def _tensor(self, layer: str, kind: str, shape: tuple[int, ...]) -> torch.Tensor:
        """A dataset that lies in the file itself, has this shape and holds finite numbers."""
        import h5py
        import torch

        node, where = self._file, f"model_weights/{layer}/{layer}_1/{kind}:0"
        for part in where.split("/"):
            if not isinstance(node, h5py.Group) or not isinstance(node.get(part, getlink=True), h5py.HardLink):
                raise self._wrong(f"{where}, which is not in the file itself")
            node = node[part]
        if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external:
            raise self._wrong(f"{where}, which is not in the file itself")
        if node.shape != shape or node.dtype.kind != "f":
            raise self._wrong(f"{where}, which should have the shape {list(shape)}")
        values = np.asarray(node[()], np.float32)
        if not np.isfinite(values).all():
            raise self._wrong(f"{where}, which holds numbers that are none")
        return torch.from_numpy(values)

    def _wrong(self, what: str) -> PerceptionError:
        return PerceptionError(f"{self._name} is no network of {MODEL}: wrong is {what}; fetch it again.")


def _run(graph: tuple[Layer, ...], grey: torch.Tensor) -> torch.Tensor:
    """[n, 1, 64, 64] in -1..1 -> probabilities [n, classes]."""
    from torch.nn import functional

    outputs: list[torch.Tensor] = []
    for layer in graph:
        x = outputs[layer.inputs[0]] if layer.inputs else grey
        if any(layer.pad):
            x = functional.pad(x, layer.pad, value=float("-inf") if layer.kind == "maximum" else 0.0)
        if layer.kind == "convolution":
            weight, bias = layer.tensors
            x = functional.conv2d(x, weight, bias, layer.stride)
        elif layer.kind == "separable":
            depthwise, weight, bias = layer.tensors
            x = functional.conv2d(functional.conv2d(x, depthwise, groups=x.shape[1]), weight, bias)
        elif layer.kind == "maximum":
            x = functional.max_pool2d(x, layer.size, layer.stride)
        elif layer.kind == "relu":
            x = x.relu()
        elif layer.kind == "sum":
            x = x + outputs[layer.inputs[1]]
        elif layer.kind == "mean":
            x = x.mean(dim=(2, 3), keepdim=True)
        elif layer.kind == "softmax":
            x = x.softmax(dim=1)
        outputs.append(x)
    return outputs[-1].flatten(1)


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
