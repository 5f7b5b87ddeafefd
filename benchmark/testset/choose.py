"""Which clips are tested: persons by seed, clips by seed, held-out persons first; the order of rows never matters."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.protocol import Protocol
    from benchmark.testset.candidates import Candidate

_RANKS: Final = {"test": 0, "validation": 1, "train": 2}
_OTHER: Final = 3


@dataclass(frozen=True)
class Chosen:
    """The clips of a test set, sorted by id, and sentences on what could not be met (empty: complete)."""

    clips: tuple[Candidate, ...]
    shortfalls: tuple[str, ...]


def choose(clips: Sequence[Candidate], protocol: Protocol, allow_fewer: bool = False) -> Chosen:
    """Draw a protocol's clips.

    Persons whose clips suffice come before others, those of the manifest's test split before validation and training;
    among equals the seed decides, by a hash of seed and name, so another clip or person moves none of the others.

    Raises:
        BenchmarkError: no clip fits; or fewer than the protocol asks for, unless it or `allow_fewer` says so.
    """
    wanted = protocol.choose
    of_person: dict[str, list[Candidate]] = defaultdict(list)
    for clip in clips:
        if _fits(clip, protocol):
            of_person[clip.person].append(clip)
    if not of_person:
        raise BenchmarkError(
            f"The manifest holds no clip for {protocol.name}: it asks for clips of at least "
            f"{protocol.clip.least_seconds:g} s" + "".join(f" with {need}" for need in wanted.needs) + "."
        )
    persons = sorted(of_person, key=lambda name: _rank(name, of_person[name], protocol))[: wanted.subjects]
    drawn = {name: _drawn(name, of_person[name], protocol) for name in persons}
    shortfalls = _shortfalls(drawn, protocol)
    if shortfalls and not (wanted.fewer or allow_fewer):
        raise BenchmarkError(
            f"The manifest is too small for {protocol.name}: {'; '.join(shortfalls)}; --allow-fewer makes a smaller "
            "list, which is marked as not comparable."
        )
    found = sorted((clip for some in drawn.values() for clip in some), key=lambda clip: clip.id)
    return Chosen(tuple(found), shortfalls)


def _fits(clip: Candidate, protocol: Protocol) -> bool:
    lacks = {"sound": not clip.sound, "label": clip.label_from is None}
    return protocol.frames(clip.seconds) > 0 and not any(lacks[need] for need in protocol.choose.needs)


def _rank(name: str, clips: Sequence[Candidate], protocol: Protocol) -> tuple[bool, int, str]:
    split = min(_RANKS.get(clip.split or "", _OTHER) for clip in clips)
    return len(clips) < protocol.choose.clips, split, _draw(protocol, name)


def _draw(protocol: Protocol, *words: str) -> str:
    """A number that seed and words decide, the same on every machine."""
    return hashlib.sha256("\0".join([str(protocol.choose.seed), *words]).encode()).hexdigest()


def _drawn(person: str, clips: Sequence[Candidate], protocol: Protocol) -> list[Candidate]:
    """A person's clips: in turn from each of its emotions, where the protocol draws emotions."""
    wanted = protocol.choose
    ordered = sorted(clips, key=lambda clip: _draw(protocol, person, clip.id))
    if wanted.emotions is None:
        return ordered[: wanted.clips]
    of_emotion: dict[str, list[Candidate]] = defaultdict(list)
    for clip in ordered:
        of_emotion[clip.compound or clip.emotion or ""].append(clip)
    names = sorted(of_emotion, key=lambda name: _draw(protocol, person, "emotion", name))[: wanted.emotions]
    turns = zip_longest(*(of_emotion[name] for name in names))
    return [clip for turn in turns for clip in turn if clip is not None][: wanted.clips]


def _shortfalls(drawn: dict[str, list[Candidate]], protocol: Protocol) -> tuple[str, ...]:
    wanted = protocol.choose
    said = []
    if len(drawn) < wanted.subjects:
        said.append(f"{len(drawn)} of {wanted.subjects} persons")
    few = [name for name, clips in drawn.items() if len(clips) < wanted.clips]
    if few:
        said.append(f"{len(few)} of {len(drawn)} persons have fewer than {wanted.clips} clips")
    if wanted.emotions:
        count = sum(
            len({clip.compound or clip.emotion for clip in clips}) < wanted.emotions for clips in drawn.values()
        )
        if count:
            said.append(f"{count} of {len(drawn)} persons show fewer than {wanted.emotions} emotions")
    return tuple(said)
