"""A test set of fewer clips, for trying a ladder: the first ones by hash, marked in every result."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.testset import FILE, TestSet
from benchmark.testset.files import as_json


def first_clips(folder: Path, testset: TestSet, most: int, out: Path) -> tuple[Path, TestSet]:
    """The test set itself where it has no more clips than that; else one of its first clips in the order of a hash.

    Args:
        folder: of the test set.
        most: clips, >= 1.
        out: gets the files (links, where the disk can) and the list.

    Raises:
        BenchmarkError: fewer than one clip is asked for.
    """
    if most < 1:
        raise BenchmarkError("A ladder needs clips: give --clips 1 or more.")
    if most >= len(testset.clips):
        return folder, testset
    by_hash = sorted(testset.clips, key=lambda clip: hashlib.sha256(clip.id.encode()).hexdigest())
    kept = {clip.id for clip in by_hash[:most]}
    clips = [clip for clip in testset.clips if clip.id in kept]
    for clip in clips:
        for name in (clip.real, clip.reference, clip.audio):
            if name is not None:
                _linked(folder / name, out / name)
    mark = f"only {most} of the {len(testset.clips)} clips were taken (--clips)"
    fewer = testset.model_copy(update={"clips": clips, "shortfalls": [*testset.shortfalls, mark]})
    (out / FILE).write_text(as_json(fewer), encoding="utf-8")
    return out, fewer


def _linked(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)
