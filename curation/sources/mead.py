"""MEAD's folder tree as inputs: what a path says is the label, and the sound is joined by take.

`<actor>/video/<view>/<emotion>/level_<n>/<take>.mp4` and `<actor>/audio/<emotion>/level_<n>/<take>.m4a` (Wang et al.,
ECCV 2020): 8 emotions, 3 levels (neutral has the first only), 7 views, one sound for all views of a take.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from curation.sources.inputs import Input, Label, printable
from curation.sources.walk import Note, quiet, videos
from manifests.emotions import MEAD
from manifests.errors import ManifestError
from manifests.text import nearest

VIEWS = ("front", "left_30", "left_60", "right_30", "right_60", "top", "down")
_SOUNDS = (".m4a", ".wav", ".aac", ".mp3", ".flac")
_LEVEL = re.compile(r"level_([123])")


def list_inputs(
    sources: Sequence[Path], out: Path, views: Sequence[str] = ("front",), note: Note = quiet
) -> list[Input]:
    """Every take of the chosen views; a path that does not fit the tree, or has no sound, is a failed input.

    Args:
        sources: folders that hold actors, or actors.
        out: the manifest's folder, left out.
        views: camera positions to take, of `VIEWS`.
        note: told how many takes of other views were left out.
    """
    for view in views:
        if view not in VIEWS:
            raise ManifestError(f"MEAD has no view {printable(view)!r}: {nearest(view, VIEWS)}")
    inputs, others = [], 0
    for item in videos(sources, out, note):
        if item.error is None and _view(item.path) in set(VIEWS) - set(views):
            others += 1
        else:
            inputs.append(_read(item))
    if others:
        note(f"{others} takes of other views than {', '.join(views)} were left out")
    return inputs


def _view(path: Path | None) -> str | None:
    parts = path.parts[-6:] if path else ()
    return parts[2] if len(parts) == 6 and parts[1] == "video" else None


def _read(item: Input) -> Input:
    if item.error or item.path is None:
        return item
    try:
        label = label_of(item.path)
        return replace(item, labels=(label,), sound=_sound(item.path, label))
    except (ValueError, ManifestError) as error:
        return replace(item, error=" ".join(str(error).split()))


def label_of(path: Path) -> Label:
    """What a video's place in the tree says of it.

    Raises:
        ValueError: it does not lie in such a tree.
        ManifestError: the folder is no emotion of MEAD.
    """
    parts = path.parts[-6:]
    if len(parts) < 6 or parts[1] != "video":
        raise ValueError("it does not lie at <actor>/video/<view>/<emotion>/level_<n>/<take>.mp4, as in MEAD")
    actor, _, view, emotion, folder, _ = map(printable, parts)
    if view not in VIEWS:
        raise ValueError(f"MEAD has no view {view!r}: {nearest(view, VIEWS)}")
    level = _LEVEL.fullmatch(folder)
    if level is None:
        raise ValueError(f"its folder {folder!r} is no level of MEAD: known: level_1, level_2, level_3")
    return Label(
        "mead",
        identity=actor,
        emotion=MEAD.ours(emotion),
        intensity=int(level[1]),
        take=printable(path.stem),
        view=view,
    )


def _sound(path: Path, label: Label) -> Path:
    """The file with the take's sound."""
    folder = path.parents[4] / "audio" / path.parent.parent.name / path.parent.name
    for suffix in _SOUNDS:
        file = folder / f"{path.stem}{suffix}"
        if file.is_file():
            return file
    place = f"{label.identity}/audio/{path.parent.parent.name}/{path.parent.name}/{path.stem}.m4a"
    raise ValueError(f"its sound is missing: {printable(place)}; unpack the actor's audio beside its video")
