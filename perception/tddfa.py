"""3DDFA-V2: pose, shape and expression of a face as 62 parameters of a 3D morphable model (Guo et al., ECCV 2020).

The network is MobileNetV1 at half its width on crops of 120 x 120 px, as its makers publish it
(github.com/cleardusk/3DDFA_V2, MIT). Parameters are the first 40 of the shape basis of Basel's face model (Paysan et
al., 2009) and the first 10 of the expression basis of FaceWarehouse (Cao et al., 2014). The published file also holds a
head for 68 landmarks, which served training only and is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from perception import weights
from perception.boxes import Box
from perception.networks import checked_crops, fill, on_processor, read_state

if TYPE_CHECKING:
    import torch

MODEL: Final = "3ddfa-v2"
SIDE: Final = 120  # px of a crop
POSE, SHAPE, EXPRESSION = slice(0, 12), slice(12, 52), slice(52, 62)
COUNT: Final = 62
_BLOCKS: Final = {  # name -> channels in, channels out, stride
    "dw2_1": (16, 32, 1),
    "dw2_2": (32, 64, 2),
    "dw3_1": (64, 64, 1),
    "dw3_2": (64, 128, 2),
    "dw4_1": (128, 128, 1),
    "dw4_2": (128, 256, 2),
    "dw5_1": (256, 256, 1),
    "dw5_2": (256, 256, 1),
    "dw5_3": (256, 256, 1),
    "dw5_4": (256, 256, 1),
    "dw5_5": (256, 256, 1),
    "dw5_6": (256, 512, 2),
    "dw6": (512, 512, 1),
}
_UNUSED: Final = "fc_lm."
# Mean and deviation of each parameter over the training data: the network's outputs are in these units.
_MEAN: Final = """
    0.00034926363 2.5279013e-07 -6.875198e-07 60.167957 -6.295513e-07 0.00057572004 -5.0853912e-05 74.2782
    5.400917e-07 6.5741384e-05 0.00034420125 -66.67158 -346603.7 -67468.234 46822.266 -15262.047 4350.589 -54261.453
    -18328.033 -1584.3289 -84566.34 3835.9607 -20811.361 38094.93 -19967.855 -9241.37 -19600.715 13168.09 -5259.144
    1848.6478 -13030.662 -2435.5562 -2254.2065 -14396.562 -6176.329 -25621.92 226.39447 -6326.1235 -10867.251 868.4651
    -5831.148 2705.1238 -3629.4177 2043.9901 -2446.6162 3658.697 -7645.9897 -6674.4526 116.38839 7185.597 -1429.4868
    2617.3665 -1.2070955 0.66907924 -0.17760828 0.056725528 0.039678156 -0.13586316 -0.09223993 -0.17260718
    -0.015804484 -0.14168486
"""
_STD: Final = """
    0.00017632153 6.7379435e-05 0.0004470849 26.550232 0.0001231377 4.4930217e-05 7.923671e-05 6.982563 0.0004350444
    0.0001231489 0.00017400002 20.80304 575421.1 277649.06 258336.84 255163.12 150994.38 160086.11 111277.305 97311.78
    117198.45 89317.37 88493.555 72229.93 71080.21 50013.953 55968.582 47525.504 49515.066 38161.48 44872.06 46273.24
    38116.77 28191.162 32191.438 36006.17 32559.893 25551.117 24267.51 27521.398 23166.531 21101.576 19412.324
    19452.203 17454.984 22537.623 16174.281 14671.641 15115.688 13870.073 13746.3125 12663.134 1.5870835 1.5077009
    0.5881358 0.5889745 0.21327852 0.26302013 0.27964294 0.38030216 0.16162841 0.2559693
"""
MEAN: Final = np.array(_MEAN.split(), np.float32)
DEVIATION: Final = np.array(_STD.split(), np.float32)


class Tddfa:
    """Fits faces one at a time on one thread, so that a face's parameters depend on nothing else.

    name: "3ddfa-v2"; model_hashes: its sha256 by name.
    """

    def __init__(self, network: torch.nn.ModuleDict, sha256: str) -> None:
        import torch

        torch.set_num_threads(1)
        self.name = MODEL
        self.model_hashes = {MODEL: sha256}
        self._network = network

    @classmethod
    def load(cls, device: str = "cpu", path: Path | None = None) -> Tddfa:
        """Open the network.

        Args:
            device: only "cpu".
            path: another file of the same kind; None takes the registry's.

        Raises:
            PerceptionError: the model or PyTorch is missing, or the file is damaged or holds something else.
        """
        on_processor(device, MODEL)
        path = path or weights.find(MODEL)
        state = read_state(path, MODEL)
        used = {name: tensor for name, tensor in state.items() if not name.startswith(_UNUSED)}
        network = build()
        fill(network, used, path, MODEL)
        return cls(network, weights.file_sha256(path))

    def __call__(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Fit faces.

        Args:
            crops: [120, 120, 3] uint8 RGB each, as `crop` cuts them.

        Returns:
            [n, 62] float32: pose (a 3 x 4 matrix by rows: scaled rotation and shift in px of the crop), 40 of shape, 10
            of expression, in the units of the face model.

        Raises:
            PerceptionError: a crop of another size.
        """
        import torch

        found = np.empty((len(crops), COUNT), np.float32)
        with torch.inference_mode():
            for place, picture in enumerate(checked_crops(crops, SIDE, MODEL)):
                found[place] = forward(self._network, torch.from_numpy(_prepared(picture)))[0].numpy()
        return found * DEVIATION + MEAN


def roi_of_box(box: Box) -> Box:
    """The square to crop around a detected face (brows to chin): 1.58 times its size, moved down by 0.14 of it.

    Args:
        box: (x0, y0, x1, y1) px.

    Returns:
        (x0, y0, x1, y1) px, a whole number of px wide.
    """
    size = (box[2] - box[0] + box[3] - box[1]) / 2
    return _square((box[0] + box[2]) / 2, (box[1] + box[3]) / 2 + 0.14 * size, int(size * 1.58))


def roi_of_points(points: np.ndarray) -> Box:
    """The square to crop around the 68 landmarks: the diagonal of the square around them, about its middle.

    Args:
        points: [68, >= 2] px.

    Returns:
        (x0, y0, x1, y1) px.
    """
    low, high = points[:, :2].min(axis=0).astype(np.float64), points[:, :2].max(axis=0).astype(np.float64)
    middle = (low + high) / 2
    return _square(float(middle[0]), float(middle[1]), float((high - low).max()) * 2**0.5)


def crop(rgb: np.ndarray, roi: Box) -> np.ndarray:
    """Cut out a square and bring it to the network's size, black beyond the picture's edge.

    Args:
        rgb: picture [H, W, 3] uint8.
        roi: (x0, y0, x1, y1) px, rounded to whole ones.

    Returns:
        [120, 120, 3] uint8 RGB; all black where the square lies outside the picture.
    """
    import cv2

    x0, y0, x1, y1 = (round(edge) for edge in roi)
    height, width = rgb.shape[:2]
    cut = np.zeros((max(1, y1 - y0), max(1, x1 - x0), 3), np.uint8)
    inside = rgb[max(0, y0) : max(0, min(y1, height)), max(0, x0) : max(0, min(x1, width))]
    if inside.size:
        top, left = max(0, -y0), max(0, -x0)
        cut[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def build() -> torch.nn.ModuleDict:
    """The network without its weights; its tensors bear their makers' names."""
    from torch import nn

    parts: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False),
        "bn1": nn.BatchNorm2d(16),
    }
    for name, (taken, given, stride) in _BLOCKS.items():
        parts[name] = nn.ModuleDict(
            {
                "conv_dw": nn.Conv2d(taken, taken, 3, stride=stride, padding=1, groups=taken, bias=False),
                "bn_dw": nn.BatchNorm2d(taken),
                "conv_sep": nn.Conv2d(taken, given, 1, bias=False),
                "bn_sep": nn.BatchNorm2d(given),
            }
        )
    parts["fc_param"] = nn.Linear(512, COUNT)
    return nn.ModuleDict(parts)


def forward(network: Any, x: torch.Tensor) -> torch.Tensor:
    """[n, 3, 120, 120] float32 -> [n, 62] in deviations from the mean."""
    x = network["bn1"](network["conv1"](x)).relu()
    for name in _BLOCKS:
        block = network[name]
        x = block["bn_dw"](block["conv_dw"](x)).relu()
        x = block["bn_sep"](block["conv_sep"](x)).relu()
    return network["fc_param"](x.mean(dim=(2, 3)))


def _prepared(rgb: np.ndarray) -> np.ndarray:
    """A crop as the network takes it: [1, 3, 120, 120] float32, blue first, about -1..1."""
    return np.ascontiguousarray(((rgb[:, :, ::-1].astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)[None])


def _square(x: float, y: float, side: float) -> Box:
    return (x - side / 2, y - side / 2, x - side / 2 + side, y - side / 2 + side)
