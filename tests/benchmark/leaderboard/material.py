"""Material of leaderboard tests: bundles of synthetic systems, on one list of clips, as files and in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any

from benchmark.bundle import Bundle, Results, recompute, write_bundle
from benchmark.bundle.clips import clip_table
from benchmark.bundle.lines import line
from benchmark.bundle.record import BUNDLE_VERSION, InputFacts, SystemFacts
from benchmark.features import Features
from benchmark.leaderboard.entries import Entry
from perf.rescoring import protocol_of, record, synthetic

KEYS = (
    "efid", "fd-pixels", "psnr", "ssim", "akd", "identity", "mouth-audio-lag", "emotion-accuracy", "emotion-f1",
    "speech-quality",
)  # fmt: skip
OVERLAP = {"declared": True, "entries": 9, "identities": [], "clips": []}


def system(
    folder: Path, name: str, noise: float = 0.1, *, failed: Sequence[int] = (), control: bool = False,
    seeded: str | None = None, clips: int = 24, keys: Sequence[str] = KEYS, protocol: str = "hdtf",
    overlap: dict[str, Any] | None = None, inputs: Sequence[InputFacts] | None = None, **changes: Any,
) -> Path:  # fmt: skip
    """Write the bundle of a system that misses the ground truth by so much; `seeded`: a feature on seeded weights."""
    features = synthetic(clips, 6, noise, failed=failed)
    if seeded:
        features = Features(features.clips, features.made_by | {seeded: "some-network@seeded"})
    results, without = recompute(features, keys)
    said = record(features, protocol_of(keys, name=protocol), name, not_applicable=without, **changes)
    facts = SystemFacts(name=name, control=control, overlap=overlap or OVERLAP)
    update: dict[str, Any] = {"system": facts} | ({"inputs": list(inputs)} if inputs is not None else {})
    write_bundle(folder, said.model_copy(update=update), features, results)
    return folder


def entry(name: str, features: Features, keys: Sequence[str]) -> Entry:
    """A system in memory, as if its bundle had been read."""
    results, without = recompute(features, keys)
    said = record(features, protocol_of(keys), name, not_applicable=without)
    facts = said.system.model_copy(update={"overlap": OVERLAP})
    fields = {key: getattr(said, key) for key in type(said).model_fields if key not in ("inputs", "system")}
    lines = [line(key, result) for key, result in results.items()]
    found = Bundle(
        Path("bundles") / name, Results(**fields, system=facts, bundle_version=BUNDLE_VERSION, metrics=lines),
        tuple(said.inputs),
    )  # fmt: skip
    found.__dict__["features"], found.__dict__["clips"] = features, clip_table(features, results)
    return Entry(found, name)


def text(page: Path) -> str:
    """What a page says, without marks, styles and scripts."""
    html = re.sub(r"<(style|script)>.*?</\1>", "", page.read_text(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
