"""Verifies a bundle: every byte against bundle.json, every number against the features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmark import bundle as api
from benchmark.bundle import Problem, files
from benchmark.bundle.agree import disagreement
from benchmark.bundle.clips import column, metric_columns, read_clips
from benchmark.bundle.files import DamagedError
from benchmark.bundle.lines import clip_differences, differences, line
from benchmark.bundle.read import read_model, require_bundle
from benchmark.bundle.record import Inputs, Results
from benchmark.bundle.store import load_features, unfit
from benchmark.errors import BenchmarkError
from benchmark.features import SIDES, Features
from benchmark.results import MetricResult
from manifests.files import file_hash
from manifests.text import printable

_FIXED = (files.RESULTS, files.CLIPS, files.INDEX, files.INPUTS)


def verify(folder: Path) -> list[Problem]:
    """See `benchmark.bundle.verify`."""
    require_bundle(folder)
    changed, wrong = _bytes(folder), _contents(folder)
    named = {problem.file for problem in changed}
    if changed and files.SEAL not in named:  # then files that do not fit each other follow from it
        wrong = [problem for problem in wrong if problem.file is None]
    return changed + [problem for problem in wrong if problem.file is None or problem.file not in named]


def _bytes(folder: Path) -> list[Problem]:
    """Files that changed, are missing, are extra, or are no plain files; one problem each."""
    there, odd = files.listing(folder)
    problems = [Problem(name, None, sentence) for name, sentence in odd.items()]
    try:
        listed = files.read_seal(folder)
    except DamagedError as error:
        if error.file not in odd:
            problems.append(Problem(error.file, None, str(error)))
        missing = [name for name in _FIXED if name not in there and name not in odd]
        return problems + [Problem(name, None, f"{name} is missing.") for name in missing]
    for name in sorted({*listed, *there, *_FIXED}.difference(odd)):
        said = printable(name)
        if name not in there:
            problems.append(Problem(name, None, f"{said} is missing."))
        elif name not in listed:
            problems.append(Problem(name, None, f"{said} is extra: the bundle was written without it."))
        else:
            try:
                changed = file_hash(folder / name) != listed[name]
            except OSError as error:
                problems.append(Problem(name, None, f"{said} cannot be read: {error.strerror or error}."))
                continue
            if changed:
                problems.append(Problem(name, None, f"{said} was changed: it is not as bundle.json describes it."))
    return problems


def _contents(folder: Path) -> list[Problem]:
    """What is wrong with the content, whether or not the hashes fit it."""
    problems: list[Problem] = []
    try:
        read_model(folder, files.INPUTS, Inputs)
    except DamagedError as error:
        problems.append(Problem(error.file, None, str(error)))
    try:
        results, features = read_model(folder, files.RESULTS, Results), load_features(folder)
        values = {key: column(table, key) for table in [read_clips(folder)] for key in metric_columns(table)}
    except DamagedError as error:
        return [*problems, Problem(error.file, None, str(error))]
    used = {files.array_file(side, name) for clip in features.clips for side in SIDES for name in getattr(clip, side)}
    extra = [name for name in files.listing(folder)[0] if name not in used and name not in _FIXED]
    problems += [Problem(name, None, f"{printable(name)} belongs to no bundle.") for name in extra]
    wrong = disagreement(results, features.clips)
    if wrong is not None:
        problems.append(Problem(files.RESULTS, None, wrong))
    defect = unfit(features)
    if defect is not None:
        return [*problems, Problem(defect[0], None, defect[1])]
    return problems + [Problem(None, key, sentence) for key, sentence in _numbers(results, values, features)]


def _numbers(results: Results, values: Mapping[str, Mapping[str, float]], features: Features) -> list[tuple[str, str]]:
    """Metric and sentence for every number that the features do not give."""
    found: list[tuple[str, str]] = []
    for key, why in results.not_applicable.items():
        _, again = _computed(key, features)
        if again != why:
            found.append((key, f"{key}: results.json says that no clip is about it, the features say otherwise."))
    hidden = [key for key in results.left_out if _made(key, features)]
    found += [(key, f"{key}: results.json says that it could not be made, the features give it.") for key in hidden]
    for said in results.metrics:
        key = said.key
        result, why_not = _computed(key, features)
        if result is None:
            found.append((key, f"{key}: the features give no number: {why_not}"))
            continue
        try:
            sentences = differences(said, line(key, result))
        except BenchmarkError as error:
            sentences = [f"{key}: the features give no number: {error}"]
        clips = clip_differences(key, values.get(key, {}), result.per_clip)
        found += [(key, sentence) for sentence in [*sentences, *([clips] if clips else [])]]
    known = {said.key for said in results.metrics}
    found += [
        (key, f"{key}: clips.parquet has values of it, results.json has none.") for key in values if key not in known
    ]
    return found


def _made(key: str, features: Features) -> bool:
    """Whether all that a metric needs was extracted, and gives a number."""
    from benchmark.metrics import keys, metric

    here = key in keys() and set(metric(key).needs) <= set(features.made_by)
    return here and _computed(key, features)[0] is not None


def _computed(key: str, features: Features) -> tuple[MetricResult | None, str]:
    try:
        with np.errstate(all="ignore"):
            results, without = api.recompute(features, [key])
    except BenchmarkError as error:
        return None, str(error)
    except Exception as error:  # features are a stranger's: whatever a metric stumbles over is a defect of the bundle
        return None, f"{type(error).__name__}: {printable(str(error))[:200]}"
    return results.get(key), without.get(key, "")
