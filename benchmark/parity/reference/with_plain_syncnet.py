"""SyncNet, whose program is on no package index: written here anew, window by window, as its public code documents it.

Lips: five BGR frames of 224 px, 0..255, through seven three-dimensional convolutions of which only the first looks at
more than one moment. Sound: 20 columns of 13 coefficients through six convolutions. Both end in 1024 numbers.
"""

from pathlib import Path

import numpy as np
import python_speech_features
import torch
from shared import described, state
from torch import nn

PACKAGES = ("python-speech-features",)
RATE, SAMPLES, FRAMES, COLUMNS, SHIFT = 16_000, 640, 5, 20, 15


def measure(folder: Path) -> dict[str, np.ndarray]:
    """[clips, windows, 31] distances of each window of lips to the sound at every shift, and the network's names."""
    network = Plain()
    network.load_state_dict(state(folder, "syncnet"), strict=True)
    network.eval()
    with np.load(folder / "crops.npz") as file:
        crops, sounds = file["crops"], file["sounds"]
    return described(network) | {
        "distances": np.stack([_clip(network, *clip) for clip in zip(crops, sounds, strict=True)])
    }


class Plain(nn.Module):
    """Both halves, with the names that the published file has."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_block(nn.Conv2d(1, 64, 3, padding=1)),
            nn.MaxPool2d(1),
            *_block(nn.Conv2d(64, 192, 3, padding=1)),
            nn.MaxPool2d(3, stride=(1, 2)),
            *_block(nn.Conv2d(192, 384, 3, padding=1)),
            *_block(nn.Conv2d(384, 256, 3, padding=1)),
            *_block(nn.Conv2d(256, 256, 3, padding=1)),
            nn.MaxPool2d(3, stride=2),
            *_block(nn.Conv2d(256, 512, (5, 4))),
        )
        self.netfcaud, self.netfclip = _head(), _head()
        self.netcnnlip = nn.Sequential(
            *_block(nn.Conv3d(3, 96, (5, 7, 7), stride=(1, 2, 2))),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
            *_block(nn.Conv3d(96, 256, (1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
            *_block(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_block(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_block(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
            *_block(nn.Conv3d(256, 512, (1, 6, 6))),
        )

    def lips(self, frames: torch.Tensor) -> torch.Tensor:
        """[1, 3, 5, 224, 224] -> [1024]."""
        return self.netfclip(self.netcnnlip(frames).flatten(1))[0]

    def sound(self, columns: torch.Tensor) -> torch.Tensor:
        """[1, 1, 13, 20] -> [1024]."""
        return self.netfcaud(self.netcnnaud(columns).flatten(1))[0]


def _block(convolution: nn.Conv2d | nn.Conv3d) -> list[nn.Module]:
    norm = nn.BatchNorm3d if isinstance(convolution, nn.Conv3d) else nn.BatchNorm2d
    return [convolution, norm(convolution.out_channels), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


def _clip(network: Plain, crops: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """The public program's loop ends one window before the last that there is; here all count."""
    heard = torch.from_numpy(python_speech_features.mfcc(sound, RATE).T.astype(np.float32))
    seen = torch.from_numpy(crops[..., ::-1].transpose(3, 0, 1, 2).astype(np.float32))  # BGR, as OpenCV read them
    windows = range(len(crops) - FRAMES + 1)
    lips = torch.stack([network.lips(seen[None, :, at : at + FRAMES]) for at in windows])
    ears = torch.stack([network.sound(heard[None, None, :, 4 * at : 4 * at + COLUMNS]) for at in windows])
    padded = nn.functional.pad(ears, (0, 0, SHIFT, SHIFT))
    apart = [
        nn.functional.pairwise_distance(lips[at].expand(2 * SHIFT + 1, -1), padded[at : at + 2 * SHIFT + 1])
        for at in windows
    ]
    return torch.stack(apart).numpy()
