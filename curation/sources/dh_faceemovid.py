"""DH-FaceEmoVid as inputs: `<actor>_<emotion>_<take>.mp4`, such as `001_happy_038`, and metadata.parquet."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.sources.dh_metadata import METADATA, RowError, label_of_row, read_metadata
from curation.sources.inputs import Input, Label, printable
from curation.sources.walk import Note, quiet, videos
from manifests.emotions import DH_FACEEMOVID, columns
from manifests.errors import ManifestError
from manifests.publish.dh_names import file_stem as file_stem

_NAME = re.compile(r"(?P<actor>[0-9]+)_(?P<emotion>.+)_(?P<take>[0-9]+)")


def list_inputs(sources: Sequence[Path], out: Path, note: Note = quiet) -> list[Input]:
    """Every video with what its name says, and what metadata.parquet in its folder says beside that.

    A name of another form or emotion, a row that says something else than the name, and a row whose file is missing
    are failed inputs; the rest go on.
    """
    rows: dict[Path, Mapping[str, Any]] = {}
    failed: list[Input] = []
    for folder in (source.absolute() for source in sources if source.is_dir()):
        found = read_metadata(folder)
        if found is not None:
            rows |= found.rows
            failed += [Input(None, f"{printable(folder.name)}: {where}", error) for where, error in found.wrong]
    items = [_read(item, rows.get(item.path) if item.path else None) for item in videos(sources, out, note)]
    there = {item.path for item in items}
    failed += [_missing(path, row) for path, row in rows.items() if path not in there]
    if rows:
        unnamed = sum(item.path is not None and item.path not in rows for item in items)
        note(f"{METADATA} has rows for {len(items) - unnamed} of {len(items)} videos")
    return sorted([*items, *failed], key=lambda item: (item.name, item.origin))


def _missing(path: Path, row: Mapping[str, Any]) -> Input:
    why = "the file is not there" if not path.is_file() else "the file is no video by its name"
    return Input(None, printable(path.name), f"row {row['row']} of {METADATA} names it, but {why}")


def _read(item: Input, row: Mapping[str, Any] | None) -> Input:
    if item.error or item.path is None:
        return item
    try:
        return replace(item, labels=(_label(item.path.stem, row),))
    except RowError as error:
        return replace(item, error=f"row {row['row'] if row else 0} of {METADATA}: {error}")
    except (ValueError, ManifestError) as error:
        return replace(item, error=str(error))


def _label(stem: str, row: Mapping[str, Any] | None) -> Label:
    if row is None:
        return label_of(stem)
    try:
        named = label_of(stem)
    except (ValueError, ManifestError):
        named = None
    return label_of_row(row, named)


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
