"""What the tables say of one clip, in words and rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from curation.report.album import span
from curation.report.histograms import failing
from curation.report.one_clip import OneClip
from curation.report.timeline import lag_words
from curation.report.words import beside, bounds, clock, doubt, duration, number, several, shown, spoken_unit, title

_MEMBERS: Final = 24  # of a panel that are listed
GIVEN: Final = ("emotion", "compound", "intensity", "identity", "take", "view", "text")


@dataclass(frozen=True)
class Member:
    """A member's word: its first choice and a probability per emotion in the taxonomy's order, with its bar."""

    name: str
    choice: str
    likely: list[tuple[str, float]]


@dataclass(frozen=True)
class Unit:
    """An action unit of the clip: intensity 0..5 that a fifth of the frames exceed, and the share that show it."""

    number: int
    name: str
    text: str
    speech: bool
    intensity: str
    bar: float
    frames: str


@dataclass(frozen=True)
class Measured:
    """A measured column; `end` is passes, fails, or empty where the recipe does not bound it."""

    name: str
    about: str
    value: str
    unit: str
    accepted: str
    end: str


def label_of(row: Mapping[str, Any]) -> str:
    """The label of a clip: its compound where it has one, else its emotion; empty without one."""
    compound, first, second = (shown(row[name] or "", 60) for name in ("compound", "emotion", "second_emotion"))
    if compound and first and second:
        return f"{first} and {second}" if compound == "other-compound" else f"{compound} ({first} and {second})"
    return compound or first


def said(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the face says: (words, value)."""
    if row["emotion"] is None:
        return []
    doubts = [doubt(code) for code in row["ambiguous"] or ()]
    return [
        ("label", label_of(row)),
        ("second emotion", shown(row["second_emotion"] or "none", 60)),
        ("compound", shown(row["compound"] or "none", 60)),
        ("intensity, 0 to 1", number(row["intensity"])),
        ("the panel's probability", number(row["emotion_probability"])),
        ("above the next emotion by", number(row["emotion_margin"])),
        ("entropy", f"{number(row['emotion_entropy'])} bit"),
        ("members that agree", number(row["emotion_agreement"])),
        ("doubts", "; ".join(doubts) or "none"),
    ]


def given(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the data set says: (words, value); empty where it says nothing."""
    found = [(name, row[f"given_{name}"]) for name in GIVEN if row[f"given_{name}"] is not None]
    if row["dataset"] is not None and found:
        found.insert(0, ("data set", row["dataset"]))
    return [(words, shown(value, 300)) for words, value in found]


def members(row: Mapping[str, Any]) -> list[Member]:
    """The panel, then each member with its probabilities; empty where no one spoke."""
    from manifests.emotions import EMOTIONS

    width = len(EMOTIONS)
    names = (row["members"] or [])[:_MEMBERS]
    choices = list(row["member_emotions"] or [])
    flat = list(row["member_probabilities"] or [])
    found = []
    if len(row["emotions"] or []) == width:
        found.append(Member("the panel", label_of(row), _likely(row["emotions"])))
    for place, name in enumerate(names):
        own = flat[place * width : (place + 1) * width]
        choice = shown(choices[place], 60) if place < len(choices) and choices[place] else "–"
        found.append(Member(shown(name, 60), choice, _likely(own if len(own) == width else [None] * width)))
    return found


def _likely(values: list[float | None]) -> list[tuple[str, float]]:
    return [
        ("–", 0.0)
        if value is None or not np.isfinite(value)
        else (f"{value:.2f}", round(100 * min(max(value, 0.0), 1.0), 1))
        for value in values
    ]


def units(row: Mapping[str, Any]) -> list[Unit]:
    """All action units, the strongest first; empty where none was told."""
    from perception.action_units import ACTION_UNITS, COUNT

    strength, frames = (list(row[name] or []) for name in ("action_units", "action_unit_frames"))
    if len(strength) != COUNT:
        return []
    frames = frames if len(frames) == COUNT else [None] * COUNT
    order = sorted(range(COUNT), key=lambda place: (-(strength[place] or 0.0), place))
    return [
        Unit(
            ACTION_UNITS[place].number,
            ACTION_UNITS[place].name,
            ACTION_UNITS[place].text,
            ACTION_UNITS[place].speech,
            number(strength[place], 2),
            round(20 * min(max(strength[place] or 0.0, 0.0), 5.0), 1),
            "–" if frames[place] is None else f"{100 * frames[place]:.0f} %",
        )
        for place in order
    ]


def measures(row: Mapping[str, Any], select: Mapping[str, Any]) -> list[Measured]:
    """Every measured column with the values that the recipe accepts."""
    from manifests.schema import measured, schema

    found = []
    for column in measured():
        notes = {key.decode(): text.decode() for key, text in (schema("clips").field(column).metadata or {}).items()}
        bound = dict(select.get(column) or {})
        low, high = bound.get("min"), bound.get("max")
        bounded = low is not None or high is not None
        value = row[column]
        kind = schema("clips").field(column).type.to_pandas_dtype()
        precise = np.array([np.nan if value is None else value], kind if issubclass(kind, np.floating) else float)
        end = ("fails" if failing(precise, low, high)[0] else "passes") if bounded else ""
        accepted = bounds(low, high, spoken_unit(column)) if bounded else ""
        found.append(
            Measured(
                title(column),
                notes.get("description", ""),
                beside(value, [low, high]),
                notes.get("unit", ""),
                accepted,
                end,
            )
        )
    return found


def origin(clip: OneClip) -> list[tuple[str, str]]:
    """Where the clip comes from and what became of it: (words, value)."""
    row, source = clip.row, clip.source or {}
    start, end = span(row)
    found = [
        ("source", shown(source.get("name") or row["source"], 120)),
        ("span in the source", f"{clock(float(start))} to {clock(float(end))}"),
        ("frames of the source", f"{row['start_frame']:,} up to {row['end_frame']:,}, {row['frames']:,} in all"),
        ("length", duration(row["seconds"])),
        ("picture", f"{row['source_width']} x {row['source_height']} px"),
        ("outcome", row["status"] + (": " + ", ".join(row["reasons"]) if row["reasons"] else "")),
        ("exported file", row["file"] or "none"),
        ("person", row["identity"] or "not told apart"),
        ("split", row["split"] or row["split_note"] or "none"),
        ("sound and lips", "no lag could be told" if row["av_lag"] is None else lag_words(row["av_lag"])),
    ]
    return [(words, shown(value, 160)) for words, value in found]


def models(clip: OneClip) -> list[tuple[str, str]]:
    """The models behind the labels, and what forbids a use: (words, value)."""
    row, source, track = clip.row, clip.source or {}, clip.track or {}
    turns = sorted({model for *_, model in clip.turns})
    flag = {True: "yes", False: "no", None: "not known"}[row["expression_noncommercial"]]
    found = [
        ("emotions", ", ".join(row["members"] or []) or "none"),
        ("action units", row["action_units_model"] or "none"),
        ("measured against", _rest(row["neutral_frames"])),
        ("landmarks", track.get("landmarks_model") or "none"),
        ("speech", ", ".join(turns) or "none"),
        ("caption", row["caption_model"] or "none"),
        ("a licence forbids commercial use", flag),
        ("licence of the source", source.get("licence") or "not stated"),
    ]
    return [(words, shown(value, 300)) for words, value in found]


def _rest(frames: int | None) -> str:
    if not frames:
        return "not known" if frames is None else "no frame at rest"
    return f"{several(frames, 'frame')} of the track at rest"
