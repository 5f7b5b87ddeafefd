"""What the parts of a bundle say of each other: list and clips, failures, protocol and numbers."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from benchmark.bundle.record import Results
from benchmark.features import Clip
from manifests.text import printable


def disagreement(results: Results, clips: Iterable[Clip]) -> str | None:
    """The first thing that results.json says and clips or protocol do not, one sentence, or None."""
    found = list(clips)
    if results.test_list.clips != len(found):
        return f"results.json says that the list has {results.test_list.clips} clips, and there are {len(found)}."
    failed = {clip.id: clip.failure for clip in found if clip.failure is not None}
    if failed != results.failures:
        other = sorted(clip for clip in {*failed, *results.failures} if failed.get(clip) != results.failures.get(clip))
        return f"results.json says another thing than the clips of the failure of {printable(other[0])}."
    return _of_protocol(results)


def _of_protocol(results: Results) -> str | None:
    from benchmark.protocol import Protocol

    said = results.protocol
    try:
        protocol = Protocol.model_validate(said.resolved)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return f"results.json holds a protocol that this program cannot read: {printable(where)}."
    if (protocol.name, protocol.version, protocol.sha256) != (said.name, said.version, said.sha256):
        return "results.json names its protocol by another name, version or hash than the protocol that it holds has."
    told = {*(line.key for line in results.metrics), *results.not_applicable, *results.left_out}
    missing = [key for key in protocol.metrics if key not in told] or sorted(told.difference(protocol.metrics))
    if missing:
        return f"results.json and its protocol do not name the same metrics: {printable(missing[0])}."
    return None
