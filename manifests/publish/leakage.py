"""The card's section on persons who stand in two splits: the certificate's numbers in sentences, escaped."""

import math
from collections.abc import Iterator
from typing import Any, Final

from manifests.certificate import WIDEST
from manifests.publish.facts import Facts
from manifests.publish.markdown import many, text

_LONGEST: Final = 600  # characters of a sentence of the certificate
_SOURCES: Final = 10  # sources of two splits that are named
_SHARED: Final = {
    "identities": "person",
    "given_identities": "person as a data set names it",
    "sources": "source",
    "duplicate_clips": "duplicate",
}
_PLURALS: Final = {"given_identities": "persons as data sets name them"}


def section(facts: Facts) -> Iterator[str]:
    """Yield the lines; keys that are not known here are left to certificate.json, what is missing in it is not told."""
    yield from ("## Leakage between splits", "")
    if facts.certificate is None:
        yield "The manifest has no splits, so there is nothing to measure between them."
    else:
        part = ""
        if facts.kept is not None:
            kept = f"{facts.clips:,} of its {many(facts.kept, 'kept clip')}"
            part = f" They are of the whole manifest: {kept} {'is' if facts.clips == 1 else 'are'} in this folder."
        yield f"`certificate.json` holds all numbers and how they were measured.{part}"
        yield ""
        for line in _told(facts.certificate):
            yield f"- {line}"
    yield ""


def _told(certificate: dict[str, Any]) -> Iterator[str]:
    yield from _shared(_mapping(certificate.get("shared")))
    yield from _estimate(_mapping(certificate.get("leakage")))
    faces = certificate.get("nearest_faces")
    for found in faces if isinstance(faces, list) else ():
        yield from _nearest(_mapping(found))
    unknown = _mapping(certificate.get("unknown"))
    without = _number(unknown.get("clips_without_identity"))
    if without:
        yield f"{many(without, 'clip')} in a split without an identity: {text(unknown.get('means', ''), _LONGEST)}."
    notes = certificate.get("notes")
    yield from (f"{text(note, _LONGEST)}." for note in (notes if isinstance(notes, list) else ()))


def _shared(shared: dict[str, Any]) -> Iterator[str]:
    found = {name: _number(shared.get(name)) for name in _SHARED}
    counts = [many(number, _SHARED[name], _PLURALS.get(name)) for name, number in found.items() if number is not None]
    if counts:
        named = shared.get("sources_first")
        first = [text(source) for source in named[:_SOURCES]] if isinstance(named, list) else []
        yield f"In two splits: {', '.join(counts)}" + (f" (sources: {', '.join(first)})." if first else ".")


def _estimate(leakage: dict[str, Any]) -> Iterator[str]:
    how, ends = text(leakage.get("how", ""), _LONGEST), leakage.get("interval")
    share, held = _number(leakage.get("estimate")), _number(leakage.get("held_out_identities"))
    if share is None or held is None or not isinstance(ends, list) or None in map(_number, ends):
        yield f"How many persons leak is not estimated: {how}."
        return
    nearest = _number(_mapping(_mapping(leakage.get("near_training")).get(f"{WIDEST:.2f}")).get("identities"))
    near = round(share * held) if nearest is None else nearest
    yield (
        f"{near:,} of {many(held, 'held-out person')} {'lies' if near == 1 else 'lie'} near a training person "
        f"({share:.1%}, 95 % interval {' to '.join(f'{end:.1%}' for end in ends)}). How: {how}."
    )
    if "limits" in leakage:
        yield f"Limits of this estimate: {text(leakage['limits'], _LONGEST)}."


def _nearest(found: dict[str, Any]) -> Iterator[str]:
    """The two faces of a pair of splits that are nearest to each other."""
    splits, pairs = found.get("splits"), found.get("pairs")
    if not isinstance(splits, list) or not isinstance(pairs, list) or not pairs:
        return
    first = _mapping(pairs[0])
    distance, clips = _number(first.get("distance")), first.get("clips")
    if distance is not None and isinstance(clips, list):
        names, both = (" and ".join(text(name) for name in listed) for listed in (splits, clips))
        yield f"Nearest faces of {names}: distance {distance:.3f}, clips {both}."


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None
