"""DeepFace's emotion network (S. I. Serengil): seven emotions of a grey face of 48 x 48 px, run by the library itself.

The weights are `facial_expression_model_weights.pth`, looked for in `deepface/` of the weights folder and where the
library keeps them (`.deepface/weights` in `$DEEPFACE_HOME`, else in the home folder). The library would fetch a missing
file; it is never asked to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from perception.errors import PerceptionError
from perception.networks import checked_crops, fill, installed, local_file, on_processor, read_state, sha256
from perception.panel import About, FaceCrop, Looks
from perception.xception import FREQUENCIES, HAAR

MODEL = "deepface"
FILE = "facial_expression_model_weights.pth"
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
ABOUT = About(
    name=MODEL,
    label_set="DeepFace",
    labels=LABELS,
    trained_on="FER2013 (35,887 pictures found by a web search; Goodfellow et al. 2013)",
    licence="MIT",
    noncommercial=False,
    frequencies=FREQUENCIES,
)
SIDE = 48
CROP = FaceCrop(SIDE, HAAR.scale, HAAR.upright, HAAR.down)
"""Trained on the same pictures as mini-XCEPTION, and cut by the same Haar detector, which is the library's own default.
The library cuts 224 px and takes every fifth; here the crop is averaged down to the 48 px that the network sees."""


class DeepFaceEmotion:
    """The library's client, opened: judges faces one at a time; see `perception.panel.PixelMember`."""

    def __init__(self, client: Any, sha256: str) -> None:
        import torch

        torch.set_num_threads(1)
        self.about = ABOUT
        self.model_hashes = {MODEL: sha256}
        self.crop = CROP
        self.stride = 5
        self._client = client

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        """Judge faces; see `PixelMember.__call__`."""
        found = np.empty((len(crops), len(LABELS)), np.float32)
        for place, crop in enumerate(checked_crops(crops, SIDE, MODEL)):
            found[place] = self._client.predict(crop[:, :, ::-1].astype(np.float32) / 255)  # it wants BGR, 0..1
        return Looks(found)


def usable() -> tuple[str, str] | None:
    """Name and sha256 of the network when its file and library are here, or None; nothing heavy is imported."""
    path = _file()
    if path is None or not installed(("deepface", "torch", "cv2", "gdown"), MODEL):
        return None
    hashed = sha256(path)
    return (MODEL, hashed) if hashed is not None else None


def about(name: str = MODEL) -> About:
    """What is known of the network without opening it."""
    return ABOUT


def load(name: str = MODEL, device: str = "cpu") -> DeepFaceEmotion:
    """Open the network.

    Raises:
        PerceptionError: the file or the library is missing, or the file is damaged or holds something else.
    """
    on_processor(device, MODEL)
    path = _file()
    if path is None:
        raise PerceptionError(
            f"DeepFace's {FILE} is not on this machine: put it into deepface/ of the folder that MOEE_WEIGHTS names."
        )
    state = read_state(path, MODEL)
    try:
        import torch

        with _quiet():
            from deepface.models.demography.pytorch import Emotion
    except ImportError as error:
        raise PerceptionError(f"DeepFace cannot be loaded ({error}); run `pip install 'moee[emotion]'`.") from error
    client = Emotion.EmotionClient.__new__(Emotion.EmotionClient)  # its __init__ would fetch, and take any CUDA device
    client.model_name = "Emotion"
    client.device = torch.device("cpu")
    client.model = fill(Emotion.base_model(), state, path, MODEL)
    return DeepFaceEmotion(client, sha256(path) or "")


def _file() -> Path | None:
    own = local_file((f"deepface/{FILE}", FILE))
    if own is not None:
        return own
    theirs = Path(os.environ.get("DEEPFACE_HOME") or "~").expanduser() / ".deepface" / "weights" / FILE
    return theirs if theirs.is_file() else None


@contextmanager
def _quiet() -> Iterator[None]:
    """The library prints to standard output what it has to say; its level is read once, when it is imported."""
    name = "DEEPFACE_LOG_LEVEL"
    before = os.environ.get(name)
    os.environ[name] = "50"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
