"""Deep3DFaceRecon: shape, expression, colour, light and pose of a face as 257 coefficients of a 3D morphable model.

Y. Deng et al., Accurate 3D Face Reconstruction with Weakly-Supervised Learning, CVPR Workshops 2019; this is the
network of the PyTorch program (github.com/sicxu/Deep3DFaceRecon_pytorch, MIT): a ResNet with 50 layers and a layer of
its own for each kind of coefficient. The model is Basel's of 2009 with the expression basis of Guo et al. (2018). Two
sets of weights go by the name `epoch_20.pth`: the first one (2021), and one of April 2023 that was also trained on
closed eyes. Their coefficients differ, so the name says which it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from perception.errors import PerceptionError
from perception.opening import Placed, accelerator, opened

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import nn

MODELS: Final = ("deep3d-2023", "deep3d-2021")
"""In `perception.weights`; the first one that is here is used."""
SIDE: Final = 224  # px of a crop
PARTS: Final = {"identity": 80, "expression": 64, "texture": 80, "angles": 3, "light": 27, "shift": 2, "depth": 1}
"""Kind -> how many coefficients, in their order; `angles` in radians, `shift` and `depth` in the model's units."""
COUNT: Final = sum(PARTS.values())
EXPRESSION: Final = slice(80, 144)
_FACE: Final = 102.0  # px of a crop for a length of 1 of the standard face: `rescale_factor` of util/preprocess.py
# Middles of both eyes, tip of the nose and corners of the mouth of a standard face, the eyes 0.62 apart: `load_lm3d` of
# util/load_mats.py, out of BFM/similarity_Lm3D_all.mat.
_STANDARD: Final = np.array(
    [
        [-0.31148657, 0.29036078, 0.13377953],
        [0.30979887, 0.28972036, 0.13179526],
        [0.0032534988, -0.046179324, 0.55244243],
        [-0.25216928, -0.38133916, 0.22405732],
        [0.2484662, -0.38128236, 0.22235769],
    ],
    np.float32,
)
_LARGEST: Final = 1 << 24  # px of a picture that is scaled as a whole


def model() -> str:
    """The one of `MODELS` that is used here; the last one where none is."""
    from perception.weights import available

    return next((name for name in MODELS if available(name)), MODELS[-1])


class Deep3d(Placed["nn.ModuleDict"]):
    """Fits faces in batches."""

    @classmethod
    def load(
        cls, device: torch.device | None = None, *, seeded: bool = False, dtype: torch.dtype | None = None
    ) -> Deep3d:  # fmt: skip
        """Open the network.

        Args:
            device: None takes the accelerator where there is one.
            seeded: take weights from a seed, whose coefficients mean nothing.
            dtype: None takes float32.

        Raises:
            PerceptionError: the weights are missing, damaged, another network's, or could run code.
        """
        import torch

        network = build()
        opened(network, model(), seeded=seeded)
        return cls(network, device or accelerator(), dtype or torch.float32)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Fit faces.

        Args:
            crops: [n, 224, 224, 3] uint8 RGB, as `crop` cuts them.

        Returns:
            [n, 257] coefficients in the order of `PARTS`, float32 or the network's type.

        Raises:
            PerceptionError: crops of another shape or type.
        """
        import torch

        if crops.shape[1:] != (SIDE, SIDE, 3) or crops.dtype != np.uint8:
            raise PerceptionError(
                f"Deep3DFaceRecon takes crops [n, {SIDE}, {SIDE}, 3] uint8, not {list(crops.shape)} {crops.dtype}."
            )
        with torch.inference_mode():
            seen = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).to(self.dtype) / 255
            return forward(self._network, seen.contiguous()).cpu().numpy()


def build() -> nn.ModuleDict:
    """The network with untrained weights, by the names under `net_recon` in the published files."""
    from torch import nn

    from perception.resnet import FEATURES, trunk

    layers = nn.ModuleList([nn.Conv2d(FEATURES[50], count, 1) for count in PARTS.values()])
    return nn.ModuleDict({"backbone": trunk(50), "final_layers": layers})


def forward(network: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
    """[n, 3, 224, 224] RGB 0..1 -> [n, 257] in the order of `PARTS`."""
    import torch

    for part in network["backbone"].children():
        x = part(x)
    x = torch.nn.functional.adaptive_avg_pool2d(x, 1)
    return torch.cat([layer(x) for layer in network["final_layers"].children()], dim=1).flatten(1)


def crop(rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Scale a picture so that its face is as large as in training, and cut a square around it; it is not turned.

    As `align_img` of the makers' util/preprocess.py does: least squares of the weak perspective that takes five points
    of the standard face to those of the picture, PIL's bicubic, whole px cut off towards zero.

    Args:
        rgb: picture [H, W, 3] uint8.
        points: the 68 landmarks of `perception.points68`, [68, >= 2] px of the picture (pixel corners).

    Returns:
        [224, 224, 3] uint8, black beyond the picture's edge.

    Raises:
        PerceptionError: the landmarks lie on one spot or are no numbers.
    """
    from PIL import Image

    height, width = rgb.shape[:2]
    shift, scale = _placed(five_points(points), height)
    wide, high = int(width * scale), int(height * scale)
    left = int(wide / 2 - SIDE / 2 + (shift[0] - width / 2) * scale)
    top = int(high / 2 - SIDE / 2 + (height / 2 - shift[1]) * scale)
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    return np.array(_cut(picture, (max(wide, 1), max(high, 1)), left, top))


def five_points(points: np.ndarray) -> np.ndarray:
    """Middles of both eyes, tip of the nose, corners of the mouth out of 68 landmarks: [68, >= 2] -> [5, 2] float32.

    An eye's middle is the mean of its two corners, the tip the lowest point of the nose's bridge; left in the picture
    comes first (`extract_5p` of util/preprocess.py takes the same).
    """
    seen = points[:, :2].astype(np.float32)
    left, right = seen[[36, 39]].mean(axis=0), seen[[42, 45]].mean(axis=0)
    return np.stack([left, right, seen[30], seen[48], seen[54]])


def _placed(five: np.ndarray, height: int) -> tuple[np.ndarray, float]:
    """Where the standard face's origin lies, [2] px with y up from the lowest row, and by what to scale the picture."""
    seen = five - np.float32(0.5)  # the makers' landmarks are counted between pixel centres
    seen[:, 1] = height - 1 - seen[:, 1]
    if not np.isfinite(seen).all():
        raise PerceptionError("The landmarks of a face are no numbers: it cannot be aligned.")
    face = np.concatenate([_STANDARD, np.ones((5, 1))], axis=1)
    found = np.linalg.lstsq(face, seen.astype(np.float64), rcond=None)[0]
    size = float(np.linalg.norm(found[:3], axis=0).mean())
    if size < 1e-3:
        raise PerceptionError("The landmarks of a face lie on one spot: it cannot be aligned.")
    return found[3], _FACE / size


def _cut(picture: Image.Image, size: tuple[int, int], left: int, top: int) -> Image.Image:
    """A square of the picture scaled to `size`; of one that would become too large only the square is scaled."""
    from PIL import Image

    window = (left, top, left + SIDE, top + SIDE)
    if size[0] * size[1] <= _LARGEST:
        return picture.resize(size, Image.Resampling.BICUBIC).crop(window)
    found = Image.new("RGB", (SIDE, SIDE))
    inside = (max(left, 0), max(top, 0), min(window[2], size[0]), min(window[3], size[1]))
    if inside[0] < inside[2] and inside[1] < inside[3]:
        across, down = picture.width / size[0], picture.height / size[1]
        box = (inside[0] * across, inside[1] * down, inside[2] * across, inside[3] * down)
        part = picture.resize((inside[2] - inside[0], inside[3] - inside[1]), Image.Resampling.BICUBIC, box=box)
        found.paste(part, (inside[0] - left, inside[1] - top))
    return found
