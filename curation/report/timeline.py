"""One clip on one time axis: emotions, action units, speech, mouth, sound and the turn of the head."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.report.curves import WIDTH, binned, ticks
from curation.report.one_clip import OneClip
from curation.report.words import number, shown

POINTS: Final = 300  # of a curve
UNITS: Final = 8  # action units that are drawn
BOLD: Final = 3  # emotions that are highest on average; the others are drawn faintly
_SPEAKERS: Final = 4
_NAME: Final = 20  # characters of a speaker's name: a title must fit a phone
_TITLE, _AFTER, _AXIS = 20, 12, 26  # px above a drawing for its title, below it, and for the axis


@dataclass(frozen=True)
class Stroke:
    """A curve; `kind` is its class in the style, which gives colour and dashes."""

    kind: str
    path: str
    words: str


@dataclass(frozen=True)
class Block:
    """A rectangle from one moment to another, in units of the drawing."""

    kind: str
    x: float
    width: float
    words: str


@dataclass(frozen=True)
class Mark:
    """A line at one moment, in units of the drawing."""

    kind: str
    x: float


@dataclass(frozen=True)
class Panel:
    """One drawing of the axis, `y` px below its top.

    Args:
        name: for a program.
        title: for a reader.
        aside: range and unit.
        y, height: px.
        strokes: curves, on a drawing of WIDTH by `height`.
        blocks: rectangles.
        marks: lines at single moments.
        level: height of a line at a special value; None without one.
        about: what a reader who does not see it is told.
    """

    name: str
    title: str
    aside: str
    y: int
    height: int
    strokes: list[Stroke]
    blocks: list[Block]
    marks: list[Mark]
    level: float | None
    about: str


@dataclass(frozen=True)
class Filled:
    """What a panel draws."""

    strokes: list[Stroke]
    blocks: list[Block]
    level: float | None
    about: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """All drawings over each other; `ticks` are s, percent of the width, words and anchor."""

    panels: list[Panel]
    ticks: list[tuple[float, float, str, str]]
    height: int
    mean_of: int
    units: list[int]


def timeline(clip: OneClip, sound: tuple[np.ndarray, np.ndarray] | None) -> Timeline:
    """Lay out a clip; a panel that has nothing to show is left out.

    Args:
        clip: what the tables hold of it.
        sound: how much sound sets in: s and strength; None without sound.
    """
    chosen = strongest(clip)
    drawn = [("emotions", "The panel's probabilities", "0 to 1", 150, _emotions(clip, 150))]
    drawn += [(f"unit-{unit}", *_unit_title(unit), 30, _unit(clip, unit, 30)) for unit in chosen]
    for who in _speakers(clip):
        title = "Speech" if who is None else f"Speech of {shown(who, _NAME)}"
        drawn.append(("speech", title, "", 14, _speech(clip, who)))
    drawn += [
        ("mouth", "Mouth, height of the lips", "0 to 1 of the eyes' distance", 60, _mouth(clip, 60)),
        ("sound", "Sound setting in", "spectral flux, 0 to the most here", 60, _sound(clip, sound, 60)),
        ("yaw", "Turn to the side", "-60 to 60 degrees, line at 0", 60, _yaw(clip, 60)),
    ]
    made: list[Panel] = []
    for name, title, aside, height, filled in drawn:
        if filled is not None:
            y = (made[-1].y + made[-1].height + _AFTER if made else 0) + _TITLE
            drawing = (filled.strokes, filled.blocks, list(filled.marks), filled.level)
            made.append(Panel(name, title, aside, y, height, *drawing, filled.about))
    counts = [binned(times, times, clip.length, POINTS).mean_of for times in (clip.judged, clip.seen)]
    below = made[-1].y + made[-1].height + _AXIS if made else 0
    return Timeline(made, ticks(clip.length), below, max(counts), chosen)


def strongest(clip: OneClip) -> list[int]:
    """Numbers of the action units with the highest intensity that a fifth of the frames exceed, highest first."""
    from perception.action_units import NUMBERS

    seen = clip.units[np.isfinite(clip.units).all(axis=1)]
    if not len(seen):
        return []
    strength = np.percentile(seen, 80, axis=0)
    order = np.lexsort((np.arange(len(NUMBERS)), -seen.mean(axis=0), -strength))[:UNITS]
    return [NUMBERS[place] for place in order]


def _emotions(clip: OneClip, height: int) -> Filled | None:
    from manifests.emotions import EMOTIONS

    if not np.isfinite(clip.emotions).any():
        return None
    curves = binned(clip.judged, clip.emotions, clip.length, POINTS)
    means = np.nanmean(clip.emotions, axis=0)
    order = np.argsort(-means, kind="stable").tolist()
    strokes = [
        Stroke(
            f"e-{EMOTIONS[place]}{' faint' if place in order[BOLD:] else ''}",
            curves.path(place, 0, 1, clip.length, height),
            EMOTIONS[place],
        )
        for place in reversed(order)
    ]
    said = ", ".join(f"{EMOTIONS[place]} {number(float(means[place]), 2)}" for place in order[:BOLD])
    return Filled(strokes, [], height / 2, f"highest on average: {said}")


def _unit_title(unit: int) -> tuple[str, str]:
    from perception.action_units import BY_NUMBER

    about = BY_NUMBER[unit]
    return f"AU{unit} {about.name}", "0 to 5, speech moves it" if about.speech else "0 to 5"


def _unit(clip: OneClip, unit: int, height: int) -> Filled:
    from perception.action_units import place

    values = clip.units[:, place(unit)]
    curves = binned(clip.judged, values, clip.length, POINTS)
    about = f"mean {number(float(np.nanmean(values)), 2)}, highest {number(float(np.nanmax(values)), 2)} of 5"
    return Filled([Stroke("unit-line", curves.path(0, 0, 5, clip.length, height), "")], [], None, about)


def _speakers(clip: OneClip) -> list[str | None]:
    """Those who speak, who speaks most first; at most so many."""
    sums: dict[str | None, float] = {}
    for start, end, speaker, _ in clip.turns:
        sums[speaker] = sums.get(speaker, 0.0) + end - start
    return sorted(sums, key=lambda who: (-sums[who], who or ""))[:_SPEAKERS]


def _speech(clip: OneClip, speaker: str | None) -> Filled:
    turns = [(start, end) for start, end, who, _ in clip.turns if who == speaker]
    scale = WIDTH / clip.length
    blocks = [Block("turn", round(start * scale, 1), round((end - start) * scale, 1), "") for start, end in turns]
    spoken = sum(end - start for start, end in turns)
    return Filled([], blocks, None, f"{len(turns)} turns, {number(spoken)} s of {number(clip.length)} s")


def _mouth(clip: OneClip, height: int) -> Filled | None:
    if not np.isfinite(clip.mouth).any():
        return None
    curves = binned(clip.seen, clip.mouth, clip.length, POINTS)
    about = f"from {number(float(np.nanmin(clip.mouth)), 2)} to {number(float(np.nanmax(clip.mouth)), 2)}"
    return Filled([Stroke("mouth-line", curves.path(0, 0, 1, clip.length, height), "")], [], None, about)


def _sound(clip: OneClip, sound: tuple[np.ndarray, np.ndarray] | None, height: int) -> Filled | None:
    """The flux, and at its strongest moment how far the sound is from the lips."""
    if sound is None or not sound[1].any():
        return None
    seconds, strength = sound
    curves = binned(seconds, strength, clip.length, POINTS)
    top = float(np.nanmax(curves.values))
    strokes = [Stroke("sound-line", curves.path(0, 0, top, clip.length, height), "")]
    lag = clip.row["av_lag"]
    if lag is None:
        return Filled(strokes, [], None, "no lag could be told")
    peak = float(seconds[int(strength.argmax())])
    first, last = sorted((peak, peak - lag / 1000))
    scale = WIDTH / clip.length
    words = lag_words(lag)
    block = Block("lag", round(first * scale, 1), round((last - first) * scale, 1), _short(lag))
    marks = (Mark("lag-lips", round((peak - lag / 1000) * scale, 1)), Mark("lag-sound", round(peak * scale, 1)))
    return Filled(strokes, [block], None, words, marks)


def lag_words(lag: float) -> str:
    """The lag of a clip for people."""
    if abs(lag) < 0.5:
        return "sound and lips are together"
    return f"the sound comes {number(abs(lag), 2)} ms {'after' if lag > 0 else 'before'} the lips"


def _short(lag: float) -> str:
    return (
        "with the lips" if abs(lag) < 0.5 else f"{number(abs(lag), 2)} ms {'after' if lag > 0 else 'before'} the lips"
    )


def _yaw(clip: OneClip, height: int) -> Filled | None:
    if not np.isfinite(clip.yaw).any():
        return None
    curves = binned(clip.seen, clip.yaw, clip.length, POINTS)
    about = f"from {number(float(np.nanmin(clip.yaw)), 2)} to {number(float(np.nanmax(clip.yaw)), 2)} degrees"
    return Filled([Stroke("yaw-line", curves.path(0, -60, 60, clip.length, height), "")], [], height / 2, about)
