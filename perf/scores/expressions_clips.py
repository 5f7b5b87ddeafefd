"""What `moee curate` says of the faces in a folder's clips, read from the manifest it leaves, and lines to print it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from manifests.emotions import EMOTIONS
from perf.intervals import wilson

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """name: expressions
extends: talking-head
select: {seconds: {min: 1000}}  # every candidate is judged before the selection; none is kept, so none is written
"""
SHORT = {"contempt": "cont", "surprised": "surp", "disgusted": "disg", "neutral": "neut"}


@dataclass(frozen=True)
class Judged:
    """What a run says of one candidate clip.

    file: name of its source.
    start, end: frames of the source.
    emotion: the label; None where the panel said nothing.
    ambiguous: why the label is doubtful; empty: it is clear; None where there is no label.
    emotions: [8] the panel's probabilities in the order of `EMOTIONS`; NaN without a label.
    members: each member's probabilities, [8], by its name.
    choices: each member's first choice, by its name.
    intensity: 0..1, None where it was not measured.
    """

    file: str
    start: int
    end: int
    emotion: str | None
    second: str | None
    compound: str | None
    ambiguous: tuple[str, ...] | None
    emotions: np.ndarray
    members: Mapping[str, np.ndarray]
    choices: Mapping[str, str]
    intensity: float | None

    @property
    def clear(self) -> bool:
        """Whether there is a label and nothing makes it doubtful."""
        return self.emotion is not None and not self.ambiguous

    @property
    def top_two(self) -> set[str]:
        """The two emotions that the panel finds most likely; empty without a label."""
        if self.emotion is None:
            return set()
        return {EMOTIONS[place] for place in np.argsort(-self.emotions, kind="stable")[:2]}


def judge(raw: Path, out: Path, env: Mapping[str, str] | None = None) -> list[Judged]:
    """Run `moee curate` on a folder, to its end, and read every candidate clip, dropped ones too.

    Args:
        raw: the videos.
        out: where the manifest goes.
        env: variables of the run beside those of this process.

    Raises:
        RuntimeError: the run left no manifest; holds its last words.
    """
    recipe = out.with_name(f"{out.name}.yaml")
    recipe.write_text(RECIPE, encoding="utf-8")
    words = ["curate", str(raw), "--out", str(out), "--recipe", str(recipe), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "moee_cli", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(env or {})},
    )
    try:
        failed = [source["name"] for source in json.loads(done.stdout)["sources"] if source["status"] == "failed"]
    except ValueError:
        raise RuntimeError(f"moee curate ended with {done.returncode}: {done.stderr[-2000:]}") from None
    if failed:
        raise RuntimeError(f"moee curate failed on {', '.join(failed)}: {done.stderr[-2000:]}")
    return read(out)


def read(out: Path) -> list[Judged]:
    """The candidate clips of a manifest, by source and first frame."""
    import manifests

    opened = manifests.open(out)
    names = {row["id"]: row["name"] for row in opened.table("sources").to_pylist()}
    found = [judged(row, names[row["source"]]) for row in opened.table("clips").to_pylist()]
    return sorted(found, key=lambda clip: (clip.file, clip.start))


def judged(row: Mapping[str, Any], file: str) -> Judged:
    """A row of `clips` as what it says of the face."""
    members = row["members"] or []
    flat = np.asarray(row["member_probabilities"] or [], np.float64)
    if len(flat) != len(EMOTIONS) * len(members):
        raise ValueError(f"{file}: {len(members)} members with {len(flat)} probabilities")
    panel = np.full(len(EMOTIONS), np.nan) if row["emotions"] is None else np.asarray(row["emotions"], np.float64)
    return Judged(
        file,
        row["start_frame"],
        row["end_frame"],
        row["emotion"],
        row["second_emotion"],
        row["compound"],
        None if row["ambiguous"] is None else tuple(row["ambiguous"]),
        panel,
        dict(zip(members, flat.reshape(len(members), len(EMOTIONS)), strict=True)),
        dict(zip(members, row["member_emotions"] or [], strict=True)),
        row["intensity"],
    )


def longest(clips: Iterable[Judged]) -> dict[str, Judged]:
    """The longest candidate of each source, the first of two equally long ones, by the source's name."""
    best: dict[str, Judged] = {}
    for clip in clips:
        if clip.file not in best or clip.end - clip.start > best[clip.file].end - best[clip.file].start:
            best[clip.file] = clip
    return best


def every_member(clips: Iterable[Judged]) -> list[str]:
    """The members that spoke anywhere, in the order in which the clips name them."""
    return list(dict.fromkeys(name for clip in clips for name in clip.members))


def share(hits: int, of: int) -> str:
    """A share with its 95 % interval, ready to print."""
    low, high = wilson(hits, of)
    return f"{hits:3d} of {of:3d} = {hits / max(of, 1):.2f} ({low:.2f} to {high:.2f})"


def members_table(pairs: Sequence[tuple[str, Judged]]) -> tuple[list[str], dict[str, float]]:
    """Each member's first choices against the truth; of one that cannot say contempt also without those clips.

    Args:
        pairs: the true emotion and what was said.

    Returns:
        Lines, and the share of hits by member.
    """
    lines, values = [], {}
    for name in every_member(clip for _, clip in pairs):
        hits = [clip.choices.get(name) == truth for truth, clip in pairs]
        lines.append(f"{name:<34} {share(sum(hits), len(hits))}")
        values[name] = float(np.mean(hits))
        contempt = EMOTIONS.index("contempt")
        mute = not any(clip.members[name][contempt] > 0 for _, clip in pairs if name in clip.members)
        says = [hit for hit, (truth, _) in zip(hits, pairs, strict=True) if truth != "contempt"]
        if mute and len(says) < len(hits):
            lines[-1] += f"; it knows no contempt, of the others {share(sum(says), len(says)).strip()}"
    return lines, values


def confusion(pairs: Sequence[tuple[str, str | None]]) -> list[str]:
    """Which true emotion (rows) was called what (columns), ready to print."""
    columns = [*EMOTIONS, None]
    lines = [" " * 17 + "".join(f"{short(name):>7}" for name in columns)]
    for truth in dict.fromkeys([*EMOTIONS, *(truth for truth, _ in pairs)]):
        said = [found for true, found in pairs if true == truth]
        if said:
            counts = [said.count(name) for name in columns]
            lines.append(f"{truth:<17}" + "".join(f"{count or '.':>7}" for count in counts))
    return lines


def short(name: str | None) -> str:
    """An emotion's name for the head of a column."""
    return "none" if name is None else SHORT.get(name, name)


def clip_line(truth: str, clip: Judged) -> str:
    """One clip: what it shows, what was said and how surely, ready to print."""
    two = f"{clip.emotion} + {clip.second}" if clip.second else str(clip.emotion)
    best = "" if clip.emotion is None else f"{np.nanmax(clip.emotions):.2f}"
    doubt = "no label" if clip.emotion is None else ", ".join(clip.ambiguous or ()) or "clear"
    strong = "" if clip.intensity is None else f"{clip.intensity:.2f}"
    return f"{truth:<18} {two:<22} {best:>5} {strong:>5}  {doubt}"
