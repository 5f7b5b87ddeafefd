"""The networks of the emotion panel: which of them this machine can run, and how each is opened.

None is needed: `perception.facs` judges from landmarks alone. A network joins when its weights and its library are
here: mini-XCEPTION through the registry (`moee models fetch`), the others when their makers' files lie in the weights
folder (`$MOEE_WEIGHTS`), as `KINDS` says. None of these is ever downloaded.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Protocol, cast

from perception import xception
from perception.errors import PerceptionError
from perception.panel import About, PixelMember

ABSENT: tuple[str, ...]
"""Networks of the registry that cannot be used here, so that a later run that can does its work again."""


@dataclass(frozen=True)
class Kind:
    """A family of members: the first part of their names, what it adds, and where its files go."""

    name: str
    adds: str
    how: str


KINDS = (
    Kind(xception.MODEL, "seven emotions of FER2013", f"moee models fetch {xception.MODEL}"),
    Kind(
        "deepface",
        "seven emotions, as DeepFace tells them",
        "put facial_expression_model_weights.pth into deepface/ of the folder that MOEE_WEIGHTS names (or into "
        "~/.deepface/weights) and `pip install 'moee[emotion]'`",
    ),
    Kind(
        "emotiefflib",
        "seven or eight emotions of AffectNet",
        "put enet_b2_8.onnx of github.com/sb-ai-lab/EmotiEffLib into emotiefflib/ of the folder that MOEE_WEIGHTS "
        "names",
    ),
    Kind(
        "libreface",
        "eight emotions of AffectNet and 12 action units of DISFA",
        "put Facial_Expression_Recognition/checkpoints_fm_resnet/AffectNet/resnet.pt and "
        "AU_Recognition/resnet_disfa_all/DISFA/all/resnet.pt of github.com/ihp-lab/LibreFace, with these folders, into "
        "libreface/ of the folder that MOEE_WEIGHTS names",
    ),
    Kind(
        "opengraphau",
        "27 action units, no emotion",
        "put OpenGprahAU-ResNet50_first_stage.pth of github.com/lingjivoo/OpenGraphAU into opengraphau/ of the folder "
        "that MOEE_WEIGHTS names",
    ),
)
_MODULES = {xception.MODEL: "perception.xception"}
_PACKAGES = {xception.MODEL: ("torch", "h5py")}


class _Module(Protocol):
    def usable(self) -> tuple[str, str] | None: ...
    def about(self, name: str) -> About: ...
    def load(self, name: str, device: str = "cpu") -> PixelMember: ...


def usable() -> tuple[tuple[str, str], ...]:
    """Name and sha256 of each network that this machine can run, in the order of `KINDS`; imports nothing heavy."""
    found = (_module(kind.name).usable() for kind in KINDS)
    return tuple(member for member in found if member is not None)


def about(name: str) -> About:
    """What is known of a network without opening it.

    Raises:
        PerceptionError: there is no such member.
    """
    return _module(name).about(name)


def lacks(name: str) -> tuple[str, ...]:
    """Packages that a network of the registry needs and that are not installed."""
    return tuple(package for package in _PACKAGES.get(name, ()) if importlib.util.find_spec(package) is None)


def load(name: str, device: str = "cpu") -> PixelMember:
    """Open a network.

    Args:
        name: as `usable` gives it.
        device: only "cpu".

    Raises:
        PerceptionError: there is no such member, its files or library are missing, or its file holds something else.
    """
    return _module(name).load(name, device)


def _module(name: str) -> _Module:
    family = name.split("/")[0]
    if family not in (kind.name for kind in KINDS):
        known = ", ".join(kind.name for kind in KINDS)
        raise PerceptionError(f"There is no network {name!r} in the panel; there are {known}.")
    return cast(_Module, importlib.import_module(_MODULES.get(family, f"perception.{family}")))


def __getattr__(name: str) -> tuple[str, ...]:
    """`ABSENT` is found anew each time it is asked for: files and packages come and go."""
    if name != "ABSENT":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return () if xception.usable() else (xception.MODEL,)
