"""Writes a bundle beside its place, then puts it there in one step."""

from __future__ import annotations

import json
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
from benchmark.folders import whole
from benchmark.results import MetricResult
from manifests.files import Written, make_folder, sync_folder, write_aside

_OWN: Final = frozenset({files.SEAL, files.RESULTS, files.CLIPS, files.INDEX, files.INPUTS, files.ARRAYS})

Write = Callable[[BinaryIO], object]


def write_bundle(folder: Path, record: RunRecord, features: Features, results: Mapping[str, MetricResult]) -> None:
    """See `benchmark.bundle.write_bundle`."""
    contents = _contents(record, features, results)
    with whole(folder, "bundle", _OWN, files.SEAL) as aside:
        _write_files(aside, contents)


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


def _write(path: Path, write: Write) -> Written:
    aside, written = write_aside(path.parent, "file", write)
    aside.rename(path)
    return written
