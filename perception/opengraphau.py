"""OpenGraphAU (Luo et al., IJCAI 2022): how likely each of 27 action units is to be seen; it judges no emotion.

The files of its first stage are looked for in `opengraphau/` of the weights folder; of several, the first of `FILES` is
the member. The 14 units that tell left from right are not given out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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

FAMILY = "opengraphau"
FILES = {"OpenGprahAU-ResNet50_first_stage.pth": 50, "OpenGprahAU-ResNet18_first_stage.pth": 18}  # their own spelling
ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 26, 27, 32, 38, 39)
SIDE = 224
CROP = FaceCrop(side=SIDE, scale=1.38, upright=True, down=-0.12)
"""Their pictures are faces as FFHQ aligns them, of which the middle 224 of 256 px are taken. Against the box around the
landmarks their six examples are 1.58 times as large and lie 0.10 of their side higher (medians; 1.48 to 1.70)."""


class OpenGraphAU:
    """The network, opened: judges faces one at a time on one thread; see `perception.panel.PixelMember`."""

    def __init__(self, path: Path) -> None:
        """Open a file that bears one of the published names; raises PerceptionError as `load` does."""
        self.about = about(f"{FAMILY}/{path.stem}")
        state = read_state(path, self.about.name)
        import torch

        from perception.au_graph import ActionUnitGraph

        torch.set_num_threads(1)
        self.model_hashes = {self.about.name: sha256(path) or ""}
        self.crop = CROP
        self.stride = 12
        self._network = fill(ActionUnitGraph(FILES[path.name]), state, path, self.about.name)

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        """Judge faces; see `PixelMember.__call__`."""
        import torch

        found = np.empty((len(crops), len(ACTION_UNITS)), np.float32)
        with torch.inference_mode():
            for place, crop in enumerate(checked_crops(crops, SIDE, self.about.name)):
                found[place] = self._network(torch.from_numpy(normalised(crop)))[0].clamp(0, 1).numpy()
        return Looks(None, found)


def usable() -> tuple[str, str] | None:
    """Name and sha256 of the preferred network that is here, or None; nothing heavy is imported."""
    path = local_file(f"{FAMILY}/{file}" for file in FILES)
    if path is None or not installed(("torch",), FAMILY):
        return None
    hashed = sha256(path)
    return (f"{FAMILY}/{path.stem}", hashed) if hashed is not None else None


def about(name: str) -> About:
    """What is known of a network without opening it; raises PerceptionError where there is none of that name."""
    stem = name.removeprefix(f"{FAMILY}/")
    if f"{stem}.pth" not in FILES:
        known = ", ".join(f"{FAMILY}/{Path(file).stem}" for file in FILES)
        raise PerceptionError(f"There is no network {name!r} of OpenGraphAU in the panel; there are {known}.")
    return About(
        name=f"{FAMILY}/{stem}",
        label_set="",
        labels=(),
        trained_on="BP4D, DISFA, RAF-AU, Aff-Wild2, CK+ and CASME II (given out for research only)",
        licence="Apache-2.0",
        noncommercial=True,
        action_units=ACTION_UNITS,
        scale="presence",
    )


def load(name: str, device: str = "cpu") -> OpenGraphAU:
    """Open a network.

    Raises:
        PerceptionError: its file or PyTorch is missing, or the file is damaged, holds code, or is another network.
    """
    known = about(name)
    on_processor(device, known.name)
    file = f"{known.name.removeprefix(f'{FAMILY}/')}.pth"
    path = local_file((f"{FAMILY}/{file}",))
    if path is None:
        raise PerceptionError(f"{file} is not here: put it into {FAMILY}/ of the folder that MOEE_WEIGHTS names.")
    return OpenGraphAU(path)
