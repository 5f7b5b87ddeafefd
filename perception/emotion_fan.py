"""Emotion-FAN: one emotion out of several frames of a face, each weighed by attention.

D. Meng et al., Frame Attention Networks for Facial Expression Recognition in Videos, ICIP 2019
(github.com/Open-Debin/Emotion-FAN, MIT): a ResNet with 18 layers sees each frame; a first weight of a frame comes from
itself, a second one from itself beside the mean of all. The literature's `Acc_emo` is this network with eight classes,
fine-tuned on MEAD by the makers of EAT (Gan et al., ICCV 2023), whose program (github.com/yuangan/evaluation_eat)
decides everything here: names, order of classes, faces of 224 px as dlib aligns them, values 0..1 that are not
normalised further. That program stores frames as JPEG before and after alignment; nothing is stored here. Its landmarks
are dlib's, ours MediaPipe's: on 183 real faces the crops lie 2 px of 224 apart in their middles (median), and with
dlib's points in both 0.6 of 255 in brightness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from perception.align import DLIB, Reference, align
from perception.errors import PerceptionError
from perception.opening import Placed, accelerator, opened

if TYPE_CHECKING:
    import torch
    from torch import nn

MODEL: Final = "emotion-fan-mead"
SIDE: Final = 224  # px of a crop
WIDTH: Final = 512  # numbers that stand for a frame
LABELS: Final = ("happy", "angry", "disgusted", "fear", "sad", "neutral", "surprised", "contempt")
"""The network's classes in their order, in our words."""
_SCALE: Final = SIDE / DLIB.side
REFERENCE: Final = Reference(
    SIDE, DLIB.marks, tuple((_SCALE * (x + 0.5) - 0.5, _SCALE * (y + 0.5) - 0.5) for x, y in DLIB.points)
)
"""dlib's five points on 224 px, with its padding of 0.25 (`get_face_chip`)."""


class EmotionFan(Placed["nn.ModuleDict"]):
    """Sees frames in batches, and judges them together."""

    @classmethod
    def load(
        cls, device: torch.device | None = None, *, seeded: bool = False, dtype: torch.dtype | None = None
    ) -> EmotionFan:
        """Open the network.

        Args:
            device: None takes the accelerator where there is one.
            seeded: take weights from a seed, whose answers mean nothing.
            dtype: None takes float32.

        Raises:
            PerceptionError: the weights are missing, damaged, another network's, or could run code.
        """
        import torch

        network = build()
        opened(network, MODEL, seeded=seeded, rename=_without_classifier)
        return cls(network, device or accelerator(), dtype or torch.float32)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """See frames.

        Args:
            crops: [n, 224, 224, 3] uint8 RGB, as `crop` cuts them.

        Returns:
            [n, 512] what stands for each, float32 or the network's type.

        Raises:
            PerceptionError: crops of another shape or type.
        """
        import torch

        if crops.shape[1:] != (SIDE, SIDE, 3) or crops.dtype != np.uint8:
            raise PerceptionError(
                f"Emotion-FAN takes crops [n, {SIDE}, {SIDE}, 3] uint8, not {list(crops.shape)} {crops.dtype}."
            )
        with torch.inference_mode():
            seen = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).to(self.dtype) / 255
            return embed(self._network, seen.contiguous()).cpu().numpy()

    def judge(self, vectors: np.ndarray) -> np.ndarray:
        """What frames of one face show together.

        Args:
            vectors: [m > 0, 512] of its frames, as the network gives them.

        Returns:
            [8] float64 probabilities of sum 1 in the order of `LABELS`.
        """
        import torch

        with torch.inference_mode():
            seen = torch.from_numpy(vectors).to(self.device, self.dtype)
            return np.asarray(attend(self._network, seen).to("cpu", torch.float64).softmax(dim=0).numpy())


def build() -> nn.ModuleDict:
    """The network with untrained weights, by the names of the published files.

    `pred_fc1` serves the variant with the first kind of weight only; published files hold it, and nothing asks it.
    """
    from torch import nn

    from perception.resnet import trunk

    return nn.ModuleDict(
        {
            **trunk(18),
            "alpha": nn.Sequential(nn.Linear(WIDTH, 1), nn.Sigmoid()),
            "beta": nn.Sequential(nn.Linear(2 * WIDTH, 1), nn.Sigmoid()),
            "pred_fc1": nn.Linear(WIDTH, len(LABELS)),
            "pred_fc2": nn.Linear(2 * WIDTH, len(LABELS)),
        }
    )


def embed(network: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
    """[n, 3, 224, 224] RGB 0..1 -> [n, 512]."""
    import torch

    for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        x = network[name](x)
    return torch.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)


def attend(network: nn.ModuleDict, frames: torch.Tensor) -> torch.Tensor:
    """[m, 512] of one clip -> [8] scores before softmax."""
    import torch

    alpha = network["alpha"](frames)
    mean = (frames * alpha).sum(dim=0) / alpha.sum()
    both = torch.cat([frames, mean.expand_as(frames)], dim=1)
    beta = network["beta"](both)
    # Trap: in training frames are weighed by alpha * beta, but the makers' evaluation multiplies by alpha alone and
    # divides by the sum of alpha * beta. The literature's numbers come from the evaluation.
    whole = (both * alpha).sum(dim=0) / (alpha * beta).sum()
    return network["pred_fc2"](whole)


def crop(rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cut out a face where dlib's five points would lie.

    Args:
        rgb: picture [H, W, 3] uint8.
        points: MediaPipe's landmarks [468 or 478, >= 2], px of the picture.

    Returns:
        [224, 224, 3] uint8.

    Raises:
        PerceptionError: the landmarks lie on one spot or are not numbers.
    """
    return align(rgb, points, REFERENCE)


def _without_classifier(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Leave out the classifier that the trunk was trained with first, as the makers do when they open a file."""
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
