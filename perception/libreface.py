"""LibreFace (Chang et al., WACV 2024): eight emotions of AffectNet and the intensity of DISFA's twelve action units.

Two ResNets with 18 layers, distilled from larger networks; their files are looked for in `libreface/` of the weights
folder, under the paths that they have in their makers' repository. With one file only, the member is
`libreface/expression` or `libreface/action-units`. The emotions come from sigmoids that were trained as if they were
logits; they are divided by their sum here, which keeps their order. Faces are cut nearly, not exactly, as theirs are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perception.errors import PerceptionError
from perception.networks import (
    checked_crops,
    fill,
    installed,
    local_file,
    normalised,
    on_processor,
    read_state,
    sha256,
)
from perception.panel import About, FaceCrop, Looks

if TYPE_CHECKING:
    import torch

FAMILY = "libreface"
FILES = {
    "expression": "Facial_Expression_Recognition/checkpoints_fm_resnet/AffectNet/resnet.pt",
    "action-units": "AU_Recognition/resnet_disfa_all/DISFA/all/resnet.pt",
}
LABELS = ("Neutral", "Happiness", "Sadness", "Surprise", "Fear", "Disgust", "Anger", "Contempt")
ACTION_UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
WHOLE = About(
    name=FAMILY,
    label_set="LibreFace",
    labels=LABELS,
    trained_on="AffectNet and DISFA (both given out for research only)",
    licence="USC research licence",
    noncommercial=True,
    action_units=ACTION_UNITS,
    scale="intensity",
)
KNOWN = {
    FAMILY: WHOLE,
    f"{FAMILY}/expression": replace(WHOLE, name=f"{FAMILY}/expression", action_units=(), scale=""),
    f"{FAMILY}/action-units": replace(WHOLE, name=f"{FAMILY}/action-units", label_set="", labels=()),
}
SIDE, SEEN = 256, 224  # px of the aligned face, and of what the networks see
MOST = 5.0  # intensity that a sigmoid's 1 means
CROP = FaceCrop(side=SIDE, scale=1.55, upright=True, down=-0.10)
"""The square of FFHQ's alignment (Karras et al. 2019), which its makers lay through MediaPipe's eyes and mouth. Against
the box around the landmarks it is 1.55 times as large and lies 0.10 of its side higher: medians of 21 clips that carry
no label of emotion, quartiles 1.51 to 1.58 and 0.09 to 0.10. It is levelled by the eyes, theirs by eyes and mouth."""


class LibreFace:
    """The networks, opened: judge faces one at a time on one thread; see `perception.panel.PixelMember`."""

    def __init__(self, about: About, paths: dict[str, Path]) -> None:
        """Open the networks of these files, by the names of `FILES`; raises PerceptionError as `load` does."""
        import torch

        torch.set_num_threads(1)
        self.about = about
        self.model_hashes = {about.name: _sha256(paths.values())}
        self.crop = CROP
        self.stride = 12
        outputs = {"expression": len(LABELS), "action-units": len(ACTION_UNITS)}
        self._networks = {
            part: fill(network(outputs[part]), read_state(path, about.name), path, about.name)
            for part, path in paths.items()
        }

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        """Judge faces; see `PixelMember.__call__`."""
        emotions = np.empty((len(crops), len(self.about.labels)), np.float32)
        units = np.empty((len(crops), len(self.about.action_units)), np.float32)
        for place, crop in enumerate(checked_crops(crops, SIDE, self.about.name)):
            if self.about.labels:
                said = self._judge("expression", _shrunk(crop)).astype(np.float64)
                emotions[place] = said / said.sum() if said.sum() > 0 else 1 / len(said)
            if self.about.action_units:
                units[place] = MOST * self._judge("action-units", _middle(crop))
        return Looks(emotions if self.about.labels else None, units if self.about.action_units else None)

    def _judge(self, part: str, picture: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self._networks[part](torch.from_numpy(normalised(picture)))[0].numpy()


def network(outputs: int) -> torch.nn.Module:
    """A network with untrained weights: [n, 3, 224, 224] -> [n, outputs], each 0..1."""
    from torch import nn

    from perception.resnet import FEATURES, trunk

    parts = [*trunk(18).values(), nn.AdaptiveAvgPool2d(1)]
    encoder = nn.Sequential(*parts)
    classifier = nn.Sequential(
        nn.Linear(FEATURES[18], 128),
        nn.ReLU(),
        nn.BatchNorm1d(128),
        nn.Dropout(0.1),
        nn.Linear(128, outputs),
        nn.Sigmoid(),
    )
    whole = nn.Sequential()
    whole.add_module("encoder", encoder)
    whole.add_module("flat", nn.Flatten())
    whole.add_module("classifier", classifier)
    return whole


def usable() -> tuple[str, str] | None:
    """Name and sha256 of what is here, or None; with both files the sha256 of theirs; nothing heavy is imported."""
    paths = _files()
    if not paths or not installed(("torch",), FAMILY) or any(sha256(path) is None for path in paths.values()):
        return None
    return FAMILY if len(paths) == len(FILES) else f"{FAMILY}/{next(iter(paths))}", _sha256(paths.values())


def about(name: str) -> About:
    """What is known of a member without opening it; raises PerceptionError where there is none of that name."""
    if name not in KNOWN:
        raise PerceptionError(f"There is no {name!r} in the panel; there are {', '.join(KNOWN)}.")
    return KNOWN[name]


def load(name: str = FAMILY, device: str = "cpu") -> LibreFace:
    """Open a member.

    Raises:
        PerceptionError: a file or PyTorch is missing, or a file is damaged, holds code, or is another network.
    """
    known = about(name)
    on_processor(device, name)
    wanted = [part for part, needed in (("expression", known.labels), ("action-units", known.action_units)) if needed]
    paths = _files()
    for part in wanted:
        if part not in paths:
            raise PerceptionError(
                f"LibreFace's {FILES[part]} is not here: put it, with these folders, into {FAMILY}/ of the folder that "
                "MOEE_WEIGHTS names."
            )
    return LibreFace(known, {part: paths[part] for part in wanted})


def _files() -> dict[str, Path]:
    found = {part: local_file((f"{FAMILY}/{place}",)) for part, place in FILES.items()}
    return {part: path for part, path in found.items() if path is not None}


def _sha256(paths: Iterable[Path]) -> str:
    hashes = [sha256(path) or "" for path in paths]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def _shrunk(crop: np.ndarray) -> np.ndarray:
    """The whole aligned face, as the network of emotions was trained on it."""
    import cv2

    return cv2.resize(crop, (SEEN, SEEN), interpolation=cv2.INTER_AREA)


def _middle(crop: np.ndarray) -> np.ndarray:
    """The middle of the aligned face, as the network of action units was trained on it."""
    edge = (SIDE - SEEN) // 2
    return crop[edge : edge + SEEN, edge : edge + SEEN]
