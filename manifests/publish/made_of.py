"""What a MoEE model was made of, as its folder says: networks, weights that training began with, licences of its clips.

`moee.json` holds sizes and where networks came from; `lineage.json` what a training began with and was trained on.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from manifests.publish.licences import Terms
from manifests.text import printable

CONFIG: Final = "moee.json"
LINEAGE: Final = "lineage.json"
_PARTS: Final = {  # path of a network's name in `moee.json` -> what the network does
    ("codec", "model"): "codec of pictures",
    ("audio", "model"): "speech",
    ("emotion", "text_model"): "text of emotions",
    ("emotion", "audio_model"): "emotion of speech",
}
_BEGAN: Final = {"unet": "pictures, where training began", "motion": "motion, where training began"}
# Public networks that such a model may be made of, by the last part of their name, as their pages on the Hub say.
NETWORKS: Final[Mapping[str, Terms]] = {
    "wav2vec2-base-960h": Terms("Apache-2.0", False),
    "sd-vae-ft-mse": Terms("MIT", False),
    "stable-diffusion-v1-5": Terms("CreativeML-OpenRAIL-M", False),
    "sentence-t5-base": Terms("Apache-2.0", False),
    "sentence-t5-large": Terms("Apache-2.0", False),
    "wav2vec2-large-robust-12-ft-emotion-msp-dim": Terms("CC-BY-NC-SA-4.0", True),
}
_INNER: Final = ("unet", "vae", "diffusion_pytorch_model.safetensors", "model.safetensors")
_CACHED: Final = re.compile(r"models--[^/]+--([^/]+)/snapshots/")


@dataclass(frozen=True)
class Part:
    """A network inside: what it does, its name without its place, and what is known of its licence; None: seeded."""

    does: str
    name: str | None
    terms: Terms | None


@dataclass(frozen=True)
class Lineage:
    """What a training began with and was trained on.

    Attributes:
        began_with: names of public weights by part (`unet`, `motion`); what is not there began seeded.
        licences: as the sources of the clips state them -> clips.
        unlicensed: clips whose source states none.
    """

    began_with: Mapping[str, str]
    licences: Mapping[str, int]
    unlicensed: int

    @property
    def clips(self) -> int:
        """How many it was trained on."""
        return sum(self.licences.values()) + self.unlicensed


def name_of(place: str) -> str:
    """Return what a network is called: the last part of a hub id or path that says which network it is."""
    path = place.replace("\\", "/").rstrip("/")
    if found := _CACHED.search(path + "/"):
        return printable(found.group(1))
    parts = list(PurePosixPath(path).parts)
    while len(parts) > 1 and parts[-1] in _INNER:
        parts.pop()
    return printable(parts[-1].removesuffix(".safetensors")) if parts else ""


def parts_of(root: Path) -> list[Part]:
    """Return the networks that a model says it was made of; none where it says nothing."""
    config, lineage = config_of(root), lineage_of(root)
    found = []
    for (section, key), does in _PARTS.items():
        inner = config.get(section)
        name = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(name, str):
            found.append(_part(does, name_of(name)))
    if lineage is not None:
        found += [_part(does, lineage.began_with[part]) for part, does in _BEGAN.items() if part in lineage.began_with]
    return found


def places_in(root: Path) -> list[str]:
    """Return what in `moee.json` is a place on this machine: it goes along as it is."""
    config = config_of(root)
    sections = ((config.get(section), key) for section, key in _PARTS)
    names = {str(inner.get(key) or "") for inner, key in sections if isinstance(inner, dict)}
    return sorted(name for name in names if Path(name).is_absolute() or name.startswith(("~", ".")))


def noncommercial(root: Path) -> dict[str, str]:
    """Return the networks inside that forbid commercial use, each with what it does."""
    return {part.name: part.does for part in parts_of(root) if part.name and part.terms and part.terms.noncommercial}


def config_of(root: Path) -> dict[str, Any]:
    """Return a model's configuration; empty where there is none that can be read."""
    return _read(root / CONFIG)


def lineage_of(root: Path) -> Lineage | None:
    """Return what a training began with and was trained on; None where the folder does not say."""
    found = _read(root / LINEAGE)
    try:
        began = {str(part): name_of(str(of["name"])) for part, of in found["began_with"].items()}
        licences = {str(name): int(clips) for name, clips in found["licences"].items()}
        return Lineage(began, licences, int(found["unlicensed"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _part(does: str, name: str) -> Part:
    return Part(does, name or None, NETWORKS.get(name))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
