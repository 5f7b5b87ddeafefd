"""Material of bundle tests: bundles of synthetic features, and hands that edit them and seal them again."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.bundle import Problem, files, recompute, write_bundle
from benchmark.bundle.record import BUNDLE_VERSION
from benchmark.features import Features
from manifests.files import file_hash
from perf.rescoring import protocol_of, record, synthetic

METRICS = ("efid", "efid-corrected", "psnr", "ssim", "akd", "m-lmd", "identity", "emotion-accuracy")
CLIPS, FRAMES = 24, 6
FEATURE = "features/real.points68.npy"


def make(
    folder: Path,
    features: Features | None = None,
    metrics: Sequence[str] = METRICS,
    system: str = "synthetic",
    **changes: Any,
) -> Features:
    """Write a bundle of features that look like a run's; `changes` are of its record."""
    features = features or synthetic(CLIPS, FRAMES)
    results, without = recompute(features, metrics)
    written = record(features, protocol_of(metrics), system, **({"not_applicable": without} | changes))
    write_bundle(folder, written, features, results)
    return features


def seal(folder: Path) -> None:
    """Hash every file of a bundle and seal it again, as someone does who edits one and knows the format."""
    listed = files.listing(folder)[0]
    (folder / files.SEAL).write_bytes(files.sealed({name: file_hash(folder / name) for name in listed}))


def edit_results(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit results.json and seal the bundle again."""
    path = folder / files.RESULTS
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content, indent=1) + "\n")
    seal(folder)


def edit_clips(folder: Path, edit: Callable[[dict[str, list[Any]]], object]) -> None:
    """Edit clips.parquet and seal the bundle again."""
    edit_table(folder, files.CLIPS, edit)


def edit_table(folder: Path, name: str, edit: Callable[[dict[str, list[Any]]], object]) -> None:
    """Edit columns of a table and seal the bundle again."""
    path = folder / name
    table = pq.read_table(path)
    columns = table.to_pydict()
    edit(columns)
    pq.write_table(pa.table(columns, table.schema), path)
    seal(folder)


def edit_array(folder: Path, name: str, edit: Callable[[np.ndarray], object]) -> None:
    """Edit an array of features/ and seal the bundle again."""
    path = folder / name
    array = np.load(path, allow_pickle=False)
    edit(array)
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    path.write_bytes(buffer.getvalue())
    seal(folder)


def flip(path: Path, place: int, bit: int) -> None:
    """Turn one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(bytes(content))


def digest(folder: Path) -> str:
    """A hash over names and bytes of a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def names(folder: Path) -> list[str]:
    """All files of a bundle."""
    return [*files.listing(folder)[0], files.SEAL]


def one_line(problems: list[Problem]) -> None:
    """Assert that every problem is one plain sentence that names its file or metric."""
    for problem in problems:
        assert (problem.file is None) != (problem.metric is None)
        assert "\n" not in problem.sentence and problem.sentence[-1] in ".!" and len(problem.sentence) < 400
        assert (problem.file or problem.metric or "?") in problem.sentence


__all__ = [
    "BUNDLE_VERSION",
    "CLIPS",
    "FEATURE",
    "FRAMES",
    "METRICS",
    "digest",
    "edit_array",
    "edit_clips",
    "edit_results",
    "flip",
    "make",
    "names",
    "one_line",
    "seal",
]
