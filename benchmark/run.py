"""One run: a system's videos against a protocol's ground truth, from files to a bundle."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.places import cache_folder
from benchmark.plan import Plan, plan
from benchmark.protocol import Protocol, load_protocol
from benchmark.submission import Submission, check_pictures, gather, refusal
from benchmark.systems import System
from benchmark.testset import FILE, TestSet, build, load
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.bundle import Bundle
    from benchmark.cluster import Cluster
    from benchmark.extract import Extraction

Note = Callable[[str], None]


def _silent(text: str) -> None:
    return


@dataclass(frozen=True)
class _Job:
    """All that one run is about."""

    protocol: Protocol
    system: System
    folder: Path
    testset: TestSet
    plan: Plan
    cache: Path
    workers: int
    note: Note
    cluster: Cluster | None


def run(
    protocol: str | Path,
    system: System,
    videos: Path,
    real: Path,
    out: Path,
    *,
    cache: Path | None = None,
    workers: int = 1,
    allow_failures: bool = False,
    allow_fewer: bool = False,
    partial: bool = False,
    seeded: bool = False,
    unmade: Mapping[str, str] | None = None,
    note: Note = _silent,
    cluster: Cluster | None = None,
) -> Bundle:
    """Score a system and write its bundle.

    Args:
        protocol: name or file.
        system: who made the videos.
        videos: a folder with a video `<clip id>.mp4` for every clip of the test list.
        real: a curated manifest, or a test set that was made from one.
        out: the bundle's folder; one that is there is replaced whole.
        cache: where features are kept; None takes the user's cache.
        workers: processes.
        allow_failures: count a clip without a fit video as the worst score, and show it.
        allow_fewer: go on where the manifest holds less than the protocol asks for.
        partial: go on without metrics whose networks are not here.
        seeded: run published networks on seeded weights; their numbers are marked as not comparable.
        unmade: clip -> why the system could not make its video, where that is known.
        note: takes sentences for the user.
        cluster: whose nodes make the test set and find the features; `cache`, `videos` and `real` lie where they see
            them. None: processes of this machine. Results do not depend on it.

    Raises:
        BenchmarkError: a clip is not fit to be scored (its sentence names the clip), a network is missing, the ground
            truth is not the one of the list, or the bundle cannot be written.
    """
    from benchmark.bundle import load as load_bundle
    from benchmark.bundle import recompute, write_bundle
    from benchmark.record import record

    started = time.perf_counter()
    chosen = load_protocol(protocol)
    planned = plan(chosen.metrics, partial, seeded)
    for key, why in planned.missing.items():
        note(f"{key} is left out: {why}")
    folder, testset = test_set(real, chosen, cache, workers, allow_fewer, note, cluster)
    job = _Job(chosen, system, folder, testset, planned, cache_folder(cache), workers, note, cluster)
    submission = gather(videos, testset, chosen, system, unmade)
    _tell(submission, job, allow_failures)
    extraction = _extracted(submission, job)
    _tell(submission, job, allow_failures)
    features = features_of(testset, extraction, submission.errors)
    extracted = time.perf_counter()
    results, not_applicable = recompute(features, planned.metrics)
    seconds = {"extraction": extracted - started, "metrics": time.perf_counter() - extracted}
    made = record(job.protocol, job.system, folder, testset, submission, extraction, planned, not_applicable, seconds)
    write_bundle(out, made, features, results)
    return load_bundle(out)


def test_set(
    real: Path,
    protocol: Protocol,
    cache: Path | None,
    workers: int,
    allow_fewer: bool,
    note: Note = _silent,
    cluster: Cluster | None = None,
) -> tuple[Path, TestSet]:
    """The test set in a folder; one that is made now where the folder is a curated manifest.

    Raises:
        BenchmarkError: as `benchmark.testset.build`.
    """
    if (real / FILE).exists():
        return real, load(real, protocol)
    import manifests

    state = str(manifests.open(real).content.get("state", ""))[:16]
    folder = cache_folder(cache) / "testsets" / f"{protocol.name}-{protocol.sha256[:12]}-{state}"
    return folder, build(real, protocol, folder, allow_fewer, workers, note, cluster)


test_set.__test__ = False  # type: ignore[attr-defined]


def _tell(submission: Submission, job: _Job, allow_failures: bool) -> None:
    """Say what is wrong with a submission; end the run unless failures are allowed."""
    for sentence in submission.notes:
        job.note(sentence)
    submission.notes.clear()
    if not submission.errors:
        return
    if not allow_failures:
        if len(submission.errors) > 1:
            for sentence in submission.errors.values():
                job.note(sentence)
        raise BenchmarkError(refusal(submission.errors.values(), len(job.testset.clips)))


def _extracted(submission: Submission, job: _Job) -> Extraction:
    """Find the features of what is fit, and refuse what turns out not to be; of the other clips, the ground truth's."""
    generated = {clip.id: submission.videos.get(clip.id) for clip in job.testset.clips}
    extraction = _extract(generated, job)
    for clip, sentence in extraction.errors.items():
        if generated[clip] is None:
            raise BenchmarkError(f"The ground truth cannot be measured: {sentence}")
        submission.refuse_said(clip, sentence)
    lost = [clip for clip in extraction.errors if "face" not in _real(extraction, clip)]
    if lost:
        truth = _extract(dict.fromkeys(lost), job)
        if truth.errors:
            raise BenchmarkError(f"The ground truth cannot be measured: {next(iter(truth.errors.values()))}")
        extraction.videos |= {(clip, "real"): truth.videos[clip, "real"] for clip in lost}
    _check_truth(extraction, job)
    _check_made(submission, extraction, job)
    return extraction


def _real(extraction: Extraction, clip: str) -> dict[str, Any]:
    found = extraction.videos.get((clip, "real"))
    return found[0] if found else {}


def _extract(generated: Mapping[str, Path | None], job: _Job) -> Extraction:
    """Features of these clips; one without a video is paired with its own ground truth, for that one's features."""
    from benchmark.extract import Pair, Settings, extract

    form = job.protocol.clip
    of_clip = {clip.id: clip for clip in job.testset.clips}
    real = {clip: job.folder / of_clip[clip].real for clip in generated}
    pairs = [Pair(clip, real[clip], path or real[clip], of_clip[clip].frames) for clip, path in generated.items()]
    longest = max(of_clip[clip].frames for clip in generated)
    settings = Settings(form.fps, longest, form.size[0], form.size[1], job.plan.extractors)
    return extract(pairs, settings, job.cache / "features", job.workers, job.note, cluster=job.cluster)


def _check_truth(extraction: Extraction, job: _Job) -> None:
    """The ground truth that was scored against is the one of the list."""
    for clip in job.testset.clips:
        found = extraction.videos.get((clip.id, "real"))
        if found is not None and found[1].sha256 != clip.sha256:
            raise BenchmarkError(
                f"The ground truth of {clip.id} in {printable(str(job.folder))} is not the one of the test list: make "
                "the test set again."
            )


def _check_made(submission: Submission, extraction: Extraction, job: _Job) -> None:
    digests, mse = {}, {}
    for clip in job.testset.clips:
        found = extraction.videos.get((clip.id, "generated"))
        if found is None or clip.id not in submission.videos:
            continue
        facts = found[1]
        if facts.fps != job.protocol.clip.fps:
            said = "uneven times" if facts.fps is None else f"{float(facts.fps):g} frames per second"
            submission.refuse(clip.id, f"its frames come at {said} where {job.protocol.name} asks for "
                              f"{job.protocol.clip.fps} per second.")  # fmt: skip
        elif facts.frames != clip.frames:
            submission.refuse(clip.id, f"it has {facts.frames} frames where its ground truth has {clip.frames}.")
        if facts.picture_digest:
            digests[clip.id] = facts.picture_digest
        if "mse" in extraction.pairs.get(clip.id, {}):
            mse[clip.id] = extraction.pairs[clip.id]["mse"]
    check_pictures(submission, digests, mse, job.testset, job.system)


def features_of(testset: TestSet, extraction: Extraction, errors: Mapping[str, str]) -> Features:
    """What metrics are computed from: every clip of the list, failed ones with their sentence."""
    clips = []
    for listed in testset.clips:
        real = extraction.videos.get((listed.id, "real"))
        clip = Clip(
            id=listed.id,
            identity=listed.identity,
            emotion=listed.emotion,
            compound=listed.compound,
            intensity=listed.intensity,
            real=real[0] if real else {},
        )
        if listed.id in errors:
            clips.append(replace(clip, failure=errors[listed.id]))
            continue
        generated = extraction.videos[listed.id, "generated"][0]
        clips.append(replace(clip, generated=generated, pair=extraction.pairs.get(listed.id, {})))
    return Features(tuple(clips), extraction.made_by)
