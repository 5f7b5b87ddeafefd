"""A bundle: one folder that says everything of one run and recomputes every number without a video or a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.bundle.record import (
    BUNDLE_VERSION,
    CodeFacts,
    DeviceFacts,
    InputFacts,
    MetricLine,
    ModelFacts,
    ProtocolFacts,
    Results,
    RunRecord,
    SystemFacts,
    TestListFacts,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from benchmark.features import Features
    from benchmark.results import MetricResult

__all__ = [
    "BUNDLE_VERSION",
    "Bundle",
    "CodeFacts",
    "DeviceFacts",
    "InputFacts",
    "MetricLine",
    "ModelFacts",
    "Problem",
    "ProtocolFacts",
    "Results",
    "RunRecord",
    "SystemFacts",
    "TestListFacts",
    "check_protocol",
    "code",
    "device",
    "load",
    "load_features",
    "packages",
    "recompute",
    "verify",
    "write_bundle",
]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that was read; features and clips are read when they are asked for.

    folder: where it lies.
    results: what results.json says.
    inputs: every file that went into the run.
    """

    folder: Path
    results: Results
    inputs: tuple[InputFacts, ...]

    @cached_property
    def features(self) -> Features:
        """What its numbers are computed from; raises BenchmarkError where a file is damaged."""
        return load_features(self.folder)

    @cached_property
    def clips(self) -> pa.Table:
        """A row per clip: labels, failure, and a column per metric that has a value for each clip."""
        from benchmark.bundle.clips import read_clips
        from benchmark.bundle.read import naming

        with naming(self.folder):
            return read_clips(self.folder)

    def per_clip(self, key: str) -> dict[str, float]:
        """Clip -> value of a metric, for clips that it is about; empty for metrics of whole sets."""
        from benchmark.bundle.clips import column

        return column(self.clips, key)


@dataclass(frozen=True)
class Problem:
    """Something of a bundle that is not as it was written.

    file: path inside the bundle, None where a number and no file is meant.
    metric: key of the metric, None where a file is meant.
    sentence: what differs, naming file or metric, and the clip where there is one.
    """

    file: str | None
    metric: str | None
    sentence: str


def write_bundle(folder: Path, record: RunRecord, features: Features, results: Mapping[str, MetricResult]) -> None:
    """Write a bundle whole or not at all; one that lies there is replaced in one step.

    Args:
        folder: absent, empty, or a bundle.
        record: of the run.
        features: that the results were computed from, finite but for rows of NaN (no face).
        results: metric key -> its number, in the order in which they are to stand.

    Raises:
        BenchmarkError: the folder holds something else or cannot be written, or something is not fit to be kept: one
            sentence.
    """
    from benchmark.bundle.write import write_bundle

    write_bundle(folder, record, features, results)


def load(folder: Path) -> Bundle:
    """Read a bundle; nothing is recomputed and no hash is checked (`verify` does).

    Raises:
        BenchmarkError: there is none, it is damaged, or another version of this program wrote it: one sentence.
    """
    from benchmark.bundle.read import load

    return load(folder)


def load_features(folder: Path) -> Features:
    """Rebuild the features of a bundle exactly: clips, order, types; arrays are read-only views of mapped files.

    Raises:
        BenchmarkError: a file is missing or damaged: one sentence that names it.
    """
    from benchmark.bundle.read import naming
    from benchmark.bundle.store import load_features

    with naming(folder):
        return load_features(folder)


def recompute(features: Features, keys: Sequence[str]) -> tuple[dict[str, MetricResult], dict[str, str]]:
    """Compute metrics from features alone.

    Args:
        features: of all clips.
        keys: of `benchmark.metrics`.

    Returns:
        key -> number, and key -> why no clip is about it; both in the order of `keys`.

    Raises:
        BenchmarkError: there is no such metric, or a feature that it needs is missing.
    """
    from benchmark.metrics import NotApplicable, metric

    results: dict[str, MetricResult] = {}
    without: dict[str, str] = {}
    for key in keys:
        try:
            results[key] = metric(key).compute(features)
        except NotApplicable as reason:
            without[key] = str(reason)
    return results, without


def verify(folder: Path) -> list[Problem]:
    """Check every byte of a bundle, then recompute every number from its features; empty when all is as written.

    Numbers may differ by 1e-9 of their size or by 1e-12, whichever is more: what another processor's arithmetic does.

    Raises:
        BenchmarkError: the folder is not a bundle at all.
    """
    from benchmark.bundle.problems import verify

    return verify(folder)


def check_protocol(bundle: Bundle, name: str, version: int, sha256: str) -> None:
    """Refuse a bundle that was made with another protocol, version or setting.

    Raises:
        BenchmarkError: one sentence that names both.
    """
    from benchmark.bundle.read import check_protocol

    check_protocol(bundle, name, version, sha256)


def code() -> CodeFacts:
    """This program: version and a hash over its source, wherever it is installed."""
    from benchmark.bundle.facts import code

    return code()


def packages() -> dict[str, str]:
    """Installed packages that numbers may depend on: name -> version."""
    from benchmark.bundle.facts import packages

    return packages()


def device() -> DeviceFacts:
    """This machine; no network is opened and no library that is not loaded yet is imported."""
    from benchmark.bundle.facts import device

    return device()
