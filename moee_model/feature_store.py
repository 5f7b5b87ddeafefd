"""Features on disk: one safetensors file per clip and part, named by what it was made from, and the list of clips.

A file per clip rather than shards of many: a clip is what is written at once, resumed, replaced and taken down, and a
sample reads a few frames of one clip through the memory map either way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.text import printable
from moee_model.batch import Six
from moee_model.config import ModelConfig, from_dict
from moee_model.errors import ModelError

if TYPE_CHECKING:
    import torch

VERSION: Final = 1
"""Of what the files hold; another number makes all of them again."""
INDEX: Final = "features.json"
PARTS: Final = ("picture", "sound", "text", "face")
"""picture: `latents` [T, C, h, w] float16. sound: `hidden` [T, L, D] float16, `emotion` [V] float32. text: `text` [T']
float32. face: `mouth` [T, h, w] uint8, and `aus` [22] float32 where they were measured."""


@dataclass(frozen=True)
class ClipFeatures:
    """A clip with its features. parts: part -> file, relative to the folder; a part that the clip cannot have is left
    out. The other fields are those of `moee_model.training_data.TrainingClip`; frames: at the model's rate."""

    id: str
    sha256: str
    split: str
    person: str
    names: tuple[str, ...]
    label: Six | None
    frames: int
    parts: dict[str, str]


@dataclass(frozen=True)
class FeatureSet:
    """The features of a dataset for one model.

    root: the folder. data: the dataset. config: of the model. clips: sorted by id. left_out: clip -> why it has none.
    """

    root: Path
    data: str
    config: ModelConfig
    clips: tuple[ClipFeatures, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    def split(self, name: str) -> list[ClipFeatures]:
        """The clips of a split."""
        return [clip for clip in self.clips if clip.split == name]

    def open(self, clip: ClipFeatures, part: str) -> Any:
        """A memory-mapped safetensors file, as a context; raises ModelError when it is missing or damaged."""
        return opened_part(self.root / clip.parts[part])

    def save(self) -> None:
        """Write the list, whole or not at all."""
        from manifests.files import write_json

        content = {
            "version": VERSION,
            "data": self.data,
            "config": asdict(self.config),
            "clips": [asdict(clip) for clip in self.clips],
            "left_out": self.left_out,
        }
        write_json(self.root / INDEX, content)


def open_features(root: Path) -> FeatureSet:
    """The features that `moee_model.features.prepare` finished in a folder.

    Raises:
        ModelError: there are none, or another version made them.
    """
    content = read_index(root)
    if content is None:
        raise ModelError(f"There are no features in {printable(str(root))}: prepare them first.")
    try:
        config = from_dict(ModelConfig, content["config"], "config")
        clips = tuple(_clip(clip) for clip in content["clips"])
        return FeatureSet(root, content["data"], config, clips, content["left_out"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{printable(str(root / INDEX))} is damaged: delete it and prepare the features again."
        ) from error


def read_index(root: Path) -> dict[str, Any] | None:
    """What the list of a folder says, None where there is none of this version."""
    from manifests.errors import ManifestError
    from manifests.files import read_json

    try:
        content = read_json(root / INDEX)
    except (FileNotFoundError, NotADirectoryError, ManifestError):
        return None
    return content if content.get("version") == VERSION else None


def _clip(row: dict[str, Any]) -> ClipFeatures:
    label = None if row["label"] is None else tuple(float(weight) for weight in row["label"])
    if label is not None and len(label) != 6:
        raise ValueError("a label has six weights")
    return ClipFeatures(**{**row, "names": tuple(row["names"]), "label": label})


def key_of(*parts: Any) -> str:
    """16 hexadecimal digits that change with anything that a file was made from."""
    text = json.dumps([VERSION, *parts], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def part_file(part: str, sha256: str, key: str) -> str:
    """Where the file of a clip's part lies in the folder; 256 folders keep each of them small."""
    return f"{part}/{sha256[:2]}/{sha256}-{key}.safetensors"


@contextmanager
def opened_part(path: Path) -> Iterator[Any]:
    """A memory-mapped file of features.

    Raises:
        ModelError: it is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        file = safe_open(path, "pt")
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"The features {printable(str(path))} are missing or damaged: prepare the features again."
        ) from error
    with file as held:
        yield held


def whole(path: Path) -> bool:
    """Whether a file is there and as long as its head says: what was killed or cut is made again."""
    if not path.is_file():
        return False
    try:
        with opened_part(path):
            return True
    except ModelError:
        return False


def write_part(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write a file whole or not at all."""
    from safetensors.torch import save

    from manifests.files import make_folder, plain_errors, replace, write_aside

    content = save(tensors)
    with plain_errors(path.parent):
        make_folder(path.parent)
        aside, _ = write_aside(path.parent, path.name, lambda file: file.write(content))
        replace(aside, path)


def sweep(root: Path, kept: set[str]) -> int:
    """Remove what killed runs left, and the features of clips that the dataset no longer holds, as after a takedown.

    Args:
        root: the folder. kept: sha256 of the files of the clips that remain.

    Returns:
        Files removed.
    """
    gone = 0
    for part in PARTS:
        for path in (root / part).glob("*/*"):
            if path.name.startswith(".tmp-") or path.name.partition("-")[0] not in kept:
                path.unlink(missing_ok=True)
                gone += 1
    return gone


def persons(clips: Sequence[ClipFeatures]) -> list[str]:
    """Whoever a model was trained on, by every name that a training list may use; sorted."""
    return sorted({name for clip in clips for name in (clip.person, *clip.names)})
