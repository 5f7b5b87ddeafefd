"""What the faces say over the whole manifest: balance over persons, members, intensity, action units, doubts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from curation.report.album import Album
from curation.report.ambiguous import MOST, Doubtful, doubtful
from curation.report.balance import Balance, balance
from curation.report.confusion import Confusion, Member, confusions, members
from curation.report.histograms import values_of
from curation.report.tally import Labels, Tally, labels, names, tally
from curation.report.words import count, doubt, number, share

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_UNITS: Final = 6  # action units of an emotion that are named
_BARS: Final = 10  # of an intensity
_REASONS: Final = 12
COLUMNS: Final = ("emotion", "second_emotion", "compound", "given_emotion", "given_compound", "given_identity",
                  "identity", "emotion_entropy", "intensity")  # fmt: skip


@dataclass(frozen=True)
class Strength:
    """Intensity of the kept clips of one label; `bars` are (x, y, width, height) on a drawing of 100 by 20."""

    label: str
    clips: int
    bars: list[tuple[float, float, float, float]]
    low5: str
    median: str
    high5: str


@dataclass(frozen=True)
class Actions:
    """The action units that the kept clips of one label show in most frames: (name, share of the frames)."""

    label: str
    clips: int
    units: list[tuple[str, str]]


@dataclass(frozen=True)
class Expressions:
    """All of the section.

    Args:
        facts: (words, value).
        balance: kept clips over labels and persons.
        members: of the panel.
        truth: whether a data set gives labels, which the confusions are against.
        confusions: of the panel and its members.
        strengths: intensity by label.
        actions: action units by label.
        reasons: why labels are doubtful: (words, clips, kept clips).
        doubtful: the most ambiguous clips.
    """

    facts: list[tuple[str, str]]
    balance: Balance
    members: list[Member]
    truth: bool
    confusions: list[Confusion]
    strengths: list[Strength]
    actions: list[Actions]
    reasons: list[tuple[str, int, int]]
    doubtful: list[Doubtful]


def emotions(manifest: "Manifest", clips: pa.Table, album: Album, anchors: Mapping[str, str]) -> Expressions | None:
    """Return what the faces of a manifest say; None where no clip was judged.

    Args:
        manifest: an opened one.
        clips: the columns `status`, `seconds` and COLUMNS, sorted by id.
        album: of the manifest.
        anchors: of the persons that have a page in the report.
    """
    of = labels(clips)
    if not (of.first >= 0).any():
        return None
    found = tally(manifest, clips, of, MOST)
    ids = [clip for _, doubts, entropy, clip in found.doubtful if doubts or entropy > 0]
    return Expressions(
        facts=_facts(of, found),
        balance=balance(clips, of, anchors),
        members=members(found.voices),
        truth=bool(((of.given >= 0) & (of.label >= 0)).any()),
        confusions=confusions(of, found.voices),
        strengths=_strengths(clips, of),
        actions=_actions(found),
        reasons=_reasons(found),
        doubtful=doubtful(manifest, album, ids),
    )


def _facts(of: Labels, found: Tally) -> list[tuple[str, str]]:
    judged, kept = of.first >= 0, of.kept
    both = judged & (of.given >= 0)
    facts = [
        ("candidate clips with a label", f"{count(int(judged.sum()))} of {count(len(judged))}"),
        ("kept clips with a label", f"{count(int((judged & kept).sum()))} of {count(int(kept.sum()))}"),
        ("clips with a compound", count(int((of.label >= _basic()).sum()))),
        ("members that spoke", str(len(found.voices))),
    ]
    if both.any():
        same = int((of.label[both] == of.given[both]).sum())
        facts.append(("the panel's label is exactly the given one", f"{_part(same, int(both.sum()))}"))
    return facts


def _basic() -> int:
    from manifests.emotions import EMOTIONS

    return len(EMOTIONS)


def _part(part: int, whole: int) -> str:
    return f"{count(part)} of {count(whole)}, {share(part, whole)}"


def _strengths(clips: pa.Table, of: Labels) -> list[Strength]:
    values = values_of(clips.column("intensity"))
    there = of.kept & np.isfinite(values)
    found = []
    for place, label in enumerate(names()):
        mine = values[there & (of.label == place)].astype(np.float64)
        if len(mine):
            counts, _ = np.histogram(np.clip(mine, 0, 1), _BARS, (0, 1))
            heights = 20 * counts / counts.max()
            bars = [
                (100 / _BARS * bar + 0.5, round(20 - height, 2), 100 / _BARS - 1, round(height, 2))
                for bar, height in enumerate(np.where(counts > 0, np.maximum(heights, 1), 0).tolist())
                if height
            ]
            low5, median, high5 = (number(value, 2) for value in np.percentile(mine, (5, 50, 95)).tolist())
            found.append(Strength(label, len(mine), bars, low5, median, high5))
    return found


def _actions(found: Tally) -> list[Actions]:
    from perception.action_units import ACTION_UNITS

    made = []
    for place, label in enumerate(names()):
        clips = int(found.unit_clips[place])
        if clips:
            means = found.units[place] / clips
            order = np.argsort(-means, kind="stable")[:_UNITS]
            units = [(ACTION_UNITS[unit], float(means[unit])) for unit in order.tolist() if means[unit] > 0]
            words = [(f"AU{unit.number} {unit.name}", f"{100 * mean:.0f} %") for unit, mean in units]
            made.append(Actions(label, clips, words))
    return made


def _reasons(found: Tally) -> list[tuple[str, int, int]]:
    rows = [(doubt(code), *clips) for code, clips in found.doubts.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:_REASONS]
