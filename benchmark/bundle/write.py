"""Writes a bundle beside its place, then puts it there in one step."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from benchmark.bundle import files
from benchmark.bundle.agree import disagreement
from benchmark.bundle.clips import clip_table
from benchmark.bundle.lines import line
from benchmark.bundle.record import BUNDLE_VERSION, Inputs, Results, RunRecord
from benchmark.bundle.store import index_table, stacks, unfit
from benchmark.bundle.tables import write_table
from benchmark.errors import BenchmarkError
from benchmark.features import Features
from benchmark.results import MetricResult
from manifests.errors import ManifestError
from manifests.files import Written, make_folder, plain_errors, sync_folder, write_aside
from manifests.text import printable

_OWN: Final = {files.SEAL, files.RESULTS, files.CLIPS, files.INDEX, files.INPUTS, files.ARRAYS}
_AT_CWD: Final = -100
_EXCHANGE: Final = 2  # flag of renameat2: two names change places in one step

Write = Callable[[BinaryIO], object]


def write_bundle(folder: Path, record: RunRecord, features: Features, results: Mapping[str, MetricResult]) -> None:
    """See `benchmark.bundle.write_bundle`."""
    folder = folder.resolve()
    refuse_other(folder)
    contents = _contents(record, features, results)
    try:
        with plain_errors(folder):
            make_folder(folder.parent)
            aside = folder.parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}-{folder.name}"
            try:
                _write_files(aside, contents)
                _put(aside, folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    except ManifestError as error:
        raise BenchmarkError(str(error)) from error


def refuse_other(folder: Path) -> None:
    """Check that a bundle may be put here: nothing is there, or a bundle and nothing else.

    Raises:
        BenchmarkError: it is a file, or a folder that holds something else.
    """
    place = printable(str(folder))
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise BenchmarkError(f"No bundle can be written to {place}: {error.strerror or error}.") from error
    other = [name for name in names if name not in _OWN]
    if names and (other or files.SEAL not in names):
        held = printable(other[0]) if other else "no bundle"
        raise BenchmarkError(f"{place} holds {held}, which would be lost: name a new folder for the bundle.")


def _contents(record: RunRecord, features: Features, results: Mapping[str, MetricResult]) -> dict[str, Write]:
    """Path -> what writes that file."""
    ids = [clip.id for clip in features.clips]
    if len(set(ids)) != len(ids):
        raise BenchmarkError("A clip stands in the list twice: every clip needs an id of its own.")
    defect = unfit(features)
    if defect is not None:
        raise BenchmarkError(defect[1])
    said = record.model_dump(mode="python", exclude={"inputs"})
    lines = [line(key, result) for key, result in results.items()]
    content = Results.model_validate(said | {"bundle_version": BUNDLE_VERSION, "metrics": lines})
    wrong = disagreement(content, features.clips)
    if wrong is not None:
        raise BenchmarkError(wrong)
    inputs = Inputs(bundle_version=BUNDLE_VERSION, inputs=record.inputs)
    clips, arrays = clip_table(features, results), stacks(features)
    index = index_table(features, arrays)
    return {
        files.RESULTS: _json(content.model_dump(mode="json")),
        files.INPUTS: _json(inputs.model_dump(mode="json")),
        files.CLIPS: lambda file: write_table(clips, file),
        files.INDEX: lambda file: write_table(index, file),
        **{files.array_file(*place): stack.write for place, stack in arrays.items()},
    }


def _json(content: dict[str, Any]) -> Write:
    try:
        text = json.dumps(content, indent=1, ensure_ascii=True, allow_nan=False)
    except ValueError as error:
        raise BenchmarkError(f"The record of the run holds a number that is not finite: {error}.") from error
    return lambda file: file.write(text.encode() + b"\n")


def _write_files(folder: Path, contents: Mapping[str, Write]) -> None:
    make_folder(folder / files.ARRAYS)
    written: dict[str, Written] = {}
    for name, write in contents.items():
        written[name] = _write(folder / name, write)
    _write(folder / files.SEAL, lambda file: file.write(files.sealed(written)))
    sync_folder(folder / files.ARRAYS)
    sync_folder(folder)


def _write(path: Path, write: Write) -> Written:
    aside, written = write_aside(path.parent, "file", write)
    aside.rename(path)
    return written


def _put(aside: Path, folder: Path) -> None:
    """Give a finished bundle its place; the old one is then at `aside`, and goes with it."""
    if folder.is_dir() and any(folder.iterdir()):
        if not _exchanged(aside, folder):  # this file system cannot: for a moment neither is there
            old = aside.with_name(aside.name + "-old")
            folder.rename(old)
            aside.rename(folder)
            shutil.rmtree(old)
    else:
        aside.rename(folder)
    sync_folder(folder.parent)


def _exchanged(first: Path, second: Path) -> bool:
    """Let two folders change names in one step, where the system can."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return swap is not None and swap(_AT_CWD, os.fsencode(first), _AT_CWD, os.fsencode(second), _EXCHANGE) == 0
