"""python_speech_features, with its defaults: the coefficients that SyncNet hears."""

from pathlib import Path

import numpy as np
import python_speech_features

PACKAGES = ("python-speech-features",)
RATE = 16_000


def measure(folder: Path) -> dict[str, np.ndarray]:
    """Coefficients [windows, 13] of every sound, under the sound's name."""
    with np.load(folder / "sounds.npz") as file:
        return {name: python_speech_features.mfcc(file[name], RATE) for name in file.files}
