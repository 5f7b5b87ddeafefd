"""DH-FaceEmoVid's file names as labels: `<actor>_<emotion>_<take>.mp4`, such as `001_happy_038` or `018_fear_51`."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from curation.sources.inputs import Input, Label
from curation.sources.walk import Note, quiet, videos
from manifests.emotions import DH_FACEEMOVID, columns
from manifests.errors import ManifestError

_NAME = re.compile(r"(?P<actor>[0-9]+)_(?P<emotion>.+)_(?P<take>[0-9]+)")


def list_inputs(sources: Sequence[Path], out: Path, note: Note = quiet) -> list[Input]:
    """Every video with what its name says; a name of another form or emotion is a failed input, the rest go on."""
    return [_read(item) for item in videos(sources, out, note)]


def _read(item: Input) -> Input:
    if item.error or item.path is None:
        return item
    try:
        return replace(item, labels=(label_of(item.path.stem),))
    except (ValueError, ManifestError) as error:
        return replace(item, error=str(error))


def label_of(stem: str) -> Label:
    """What a file name says; actor and take stay as they are written, with or without leading zeros.

    Raises:
        ValueError: it is not of that form.
        ManifestError: the set has no such emotion.
    """
    found = _NAME.fullmatch(stem)
    if found is None:
        raise ValueError("its name is not <actor>_<emotion>_<take>, such as 001_happy_038")
    given = columns(DH_FACEEMOVID.ours(found["emotion"]))
    return Label(
        "dh-faceemovid",
        identity=found["actor"],
        emotion=given["emotion"],
        compound=given["compound"],
        take=found["take"],
    )


def file_stem(actor: str, name: str, take: str) -> str:
    """The file name, without its suffix, of one of our emotions or compounds: the inverse of `label_of`.

    Raises:
        ManifestError: the set has no token for it.
    """
    return f"{actor}_{DH_FACEEMOVID.theirs(name)}_{take}"
