"""Collects what a bundle says of a run beside its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.bundle import (
    DeviceFacts,
    InputFacts,
    ModelFacts,
    ProtocolFacts,
    RunRecord,
    SystemFacts,
    TestListFacts,
    code,
    device,
    packages,
)
from benchmark.systems import System, overlap
from benchmark.testset import FILE

if TYPE_CHECKING:
    from benchmark.extract import Extraction
    from benchmark.plan import Plan
    from benchmark.protocol import Protocol
    from benchmark.submission import Submission
    from benchmark.testset import TestSet


def record(
    protocol: Protocol,
    system: System,
    folder: Path,
    testset: TestSet,
    submission: Submission,
    extraction: Extraction,
    planned: Plan,
    not_applicable: Mapping[str, str],
    seconds: Mapping[str, float],
) -> RunRecord:
    """All of a run but its numbers.

    Args:
        folder: of the test set.
        submission: with the final list of what was refused.
        planned: which metrics were left out.
        not_applicable: metrics that no clip of the list is about.
        seconds: stage -> s on the clock.
    """
    return RunRecord(
        system=SystemFacts(
            name=system.name, control=system.control, model=_model(system), overlap=overlap(system, testset)
        ),
        protocol=ProtocolFacts(
            name=protocol.name, version=protocol.version, sha256=protocol.sha256, resolved=protocol.resolved()
        ),
        test_list=TestListFacts(
            sha256=testset.sha256,
            clips=len(testset.clips),
            complete=testset.complete,
            shortfalls=testset.shortfalls,
        ),
        not_applicable=dict(not_applicable),
        left_out=dict(planned.missing),
        failures=dict(submission.errors),
        weights=extraction.weights,
        code=code(),
        packages=packages(),
        device=_device(extraction),
        seconds={"wall": sum(seconds.values()), **seconds, **extraction.seconds},
        frames_decoded=extraction.frames_decoded,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        inputs=_inputs(folder, testset, submission, extraction),
    )


def _device(extraction: Extraction) -> DeviceFacts:
    """The machine that made the features; of several nodes every kind. This one where all of them were kept."""
    found = extraction.devices or (device(),)
    processors = sorted({one.cpu for one in found})
    accelerators = sorted({one.accelerator for one in found if one.accelerator})
    return DeviceFacts(
        cpu=" / ".join(processors), cores=max(one.cores for one in found), accelerator=" / ".join(accelerators) or None
    )


def _model(system: System) -> ModelFacts | None:
    made = system.model
    return None if made is None else ModelFacts(**asdict(made) | {"marks": list(made.marks)})


def _inputs(folder: Path, testset: TestSet, submission: Submission, extraction: Extraction) -> list[InputFacts]:
    """Every file that went in, by its hash."""
    from manifests.files import file_hash

    listed = file_hash(folder / FILE)
    found = [InputFacts(role="test list", name=FILE, sha256=listed.sha256, bytes=listed.bytes)]
    for clip in testset.clips:
        found.append(
            InputFacts(role="real", clip=clip.id, name=Path(clip.real).name, sha256=clip.sha256, bytes=clip.bytes)
        )
        path = submission.videos.get(clip.id)
        if path is not None:
            facts = extraction.videos[clip.id, "generated"][1]
            found.append(
                InputFacts(role="generated", clip=clip.id, name=path.name, sha256=facts.sha256, bytes=facts.bytes)
            )
    return found
