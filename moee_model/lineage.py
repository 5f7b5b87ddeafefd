"""What a training began with and was trained on, beside its model: the licences of both hold for the model too.

`OUT/lineage.json`, and the same in `OUT/model`: `began_with` (part -> name and files with their hashes; empty: seeded
weights only), `dataset` (a hub id, or null), `clips`, `licences` (as sources state them -> clips), `unlicensed`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.files import file_hash, make_folder, plain_errors, write_json
from manifests.publish.gate import is_licence
from manifests.publish.made_of import LINEAGE, name_of
from moee_model.part_files import weight_files

if TYPE_CHECKING:
    from moee_model.feature_store import ClipFeatures
    from moee_model.training_data import TrainingData

_INSIDE: Final = {"unet": "unet", "motion": ""}
_WORDS: Final = 200  # characters of a licence


def begin(out: Path, parts: Mapping[str, str]) -> None:
    """Note the weights that a run begins with.

    Args:
        out: the run's folder. parts: `unet` and `motion` -> folder, file or hub id; none for seeded weights.
    """
    began: dict[str, Any] = {}
    for part, place in sorted(parts.items()):
        files = [(path.name, file_hash(path)) for path in weight_files(place, _INSIDE[part])]
        held = [{"name": name, "bytes": held.bytes, "sha256": held.sha256} for name, held in files]
        began[part] = {"name": name_of(place), "files": held}
    with plain_errors(out):
        make_folder(out)
        write_json(out / LINEAGE, {"began_with": began})


def trained_on(out: Path, data: TrainingData, clips: Sequence[ClipFeatures]) -> bytes | None:
    """Note the clips of a run, and return the whole lineage; None when nobody noted how the run began.

    Args:
        out: the run's folder. data: where the clips are from. clips: that were trained on.
    """
    path = out / LINEAGE
    try:
        began = json.loads(path.read_bytes())["began_with"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    of_clip = {clip.id: clip.licence for clip in data.clips}
    stated = [" ".join((of_clip.get(clip.id) or "").split())[:_WORDS] for clip in clips]
    licences = Counter(licence for licence in stated if is_licence(licence))
    found = {
        "began_with": began,
        "dataset": None if Path(data.place).is_absolute() else data.place,
        "clips": len(clips),
        "licences": dict(sorted(licences.items())),
        "unlicensed": len(clips) - licences.total(),
    }
    with plain_errors(out):
        write_json(path, found)
    return path.read_bytes()
