"""Sound bundles sorted into lists that may be compared, and what must be known of each system beside its numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.leaderboard.library import seal_of
from benchmark.leaderboard.model import Kind, Mark
from benchmark.systems import GROUND_TRUTH
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.bundle import Bundle

ListKey = tuple[str, int, str, str, str]
"""Protocol, its version and sha256, sha256 of the test list, and of what the bundle itself says of clips and truth."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A bundle of a system that stands in a table.

    folder: the site's copy. seal: sha256 of its seal. earlier: folders of bundles of the same system that it replaced.
    """

    bundle: Bundle
    seal: str
    earlier: tuple[Path, ...] = ()

    @property
    def folder(self) -> Path:
        """The site's copy."""
        return self.bundle.folder

    @property
    def name(self) -> str:
        """The system, printable."""
        return printable(self.bundle.results.system.name)

    @property
    def kind(self) -> Kind:
        """A floor is never ranked, and neither is a system any number of which ran on seeded weights."""
        system = self.bundle.results.system
        if not all(line.comparable for line in self.bundle.results.metrics):
            return "not comparable"
        return "floor" if system.control or system.name == GROUND_TRUTH else "system"


def by_list(folders: Iterable[Path]) -> dict[ListKey, list[Entry]]:
    """Bundles of systems by what they may be compared on, in the order of names; the newest of each system only."""
    from benchmark.bundle import load

    found: dict[ListKey, dict[tuple[str, bool], list[Entry]]] = {}
    for folder in folders:
        bundle = load(folder)
        system = bundle.results.system
        same = found.setdefault(_key(bundle), {}).setdefault((system.name, system.control), [])
        same.append(Entry(bundle, seal_of(folder)))
    return {key: _ordered(systems.values()) for key, systems in sorted(found.items())}


def _ordered(systems: Iterable[list[Entry]]) -> list[Entry]:
    newest = []
    for same in systems:
        *older, last = sorted(same, key=lambda entry: (entry.bundle.results.made_at, entry.seal))
        newest.append(Entry(last.bundle, last.seal, tuple(entry.folder for entry in reversed(older))))
    return sorted(newest, key=lambda entry: (entry.name.lower(), entry.seal))


def _key(bundle: Bundle) -> ListKey:
    """Lists of one hash whose clips or ground truth differ all the same are kept apart."""
    protocol = bundle.results.protocol
    clips = bundle.clips.select(["id", "identity", "emotion", "compound", "intensity"]).to_pylist()
    truth = sorted((file.clip or "", file.sha256) for file in bundle.inputs if file.role == "real")
    said = hashlib.sha256(json.dumps([clips, truth]).encode()).hexdigest()
    return protocol.name, protocol.version, protocol.sha256, bundle.results.test_list.sha256, said


def does(entry: Entry) -> str:
    """What a floor does to the ground truth; empty for others."""
    from benchmark.controls import CONTROLS

    control = CONTROLS.get(entry.bundle.results.system.name)
    return control.does if control is not None and entry.kind == "floor" else ""


def marks(entry: Entry) -> tuple[Mark, ...]:
    """What must be known of a system."""
    results = entry.bundle.results
    found = []
    seeded = [line.key for line in results.metrics if not line.comparable]
    if seeded:
        full = f"Networks ran on seeded weights, so that these numbers measure nothing: {', '.join(seeded)}."
        found.append(Mark(short="not comparable: networks on seeded weights", full=full))
    if not results.test_list.complete:
        full = "Not comparable with other lists: " + "; ".join(printable(text) for text in results.test_list.shortfalls)
        found.append(Mark(short="smaller list", full=full))
    if results.failures:
        count = len(results.failures)
        full = "Counted as the worst score: " + " ".join(printable(text) for text in results.failures.values())
        found.append(Mark(short=f"{count} clip{'s' * (count != 1)} failed", full=full))
    if results.left_out:
        keys = ", ".join(printable(key) for key in results.left_out)
        found.append(Mark(short="partial", full=f"This machine could not make: {keys}."))
    if results.system.model is not None:
        found += [Mark(short=_short(mark), full=printable(mark)) for mark in results.system.model.marks]
    return (*found, *(_overlap(entry) if entry.kind != "floor" else ()))


def _short(mark: str, most: int = 48) -> str:
    text = printable(mark)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _overlap(entry: Entry) -> list[Mark]:
    met = entry.bundle.results.system.overlap
    if not met["declared"]:
        full = "It declares no training list (--trained-on): whether it saw these persons is not known."
        return [Mark(short="training not declared", full=full)]
    if not met["clips"]:
        return []
    persons = ", ".join(printable(str(name)) for name in met["identities"])
    return [
        Mark(short="trained on test persons", full=f"Its training list meets {len(met['clips'])} clips: {persons}.")
    ]
