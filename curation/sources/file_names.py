"""Data sets whose file names are codes: RAVDESS and CREMA-D."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from curation.sources.inputs import Input, Label
from curation.sources.walk import Note, quiet, videos
from manifests.emotions import CREMA_D, RAVDESS, LabelSet
from manifests.errors import ManifestError
from manifests.text import nearest

# What is said, by the fifth number of a name (Livingstone and Russo 2018) and by the second part (Cao et al. 2014).
RAVDESS_TEXTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
CREMA_D_TEXTS = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
# Low, medium, high; XX is unspecified, and one published file has a single X.
CREMA_D_LEVELS: dict[str, int | None] = {"LO": 1, "MD": 2, "HI": 3, "XX": None, "X": None}
_Value = TypeVar("_Value")
PICTURE_AND_SOUND = ("01",)
_RAVDESS = re.compile(r"(0[123])-(0[12])-([0-9]{2})-(0[12])-([0-9]{2})-([0-9]{2})-([0-9]{2})")
_CREMA_D = re.compile(r"([0-9]{4})_([A-Z]+)_([A-Z]+)_([A-Z]+)")


def ravdess_label(stem: str) -> Label:
    """What a name such as `01-01-06-01-02-01-12` says: modality, channel, emotion, intensity, statement, take, actor.

    The take is channel, statement and repetition. A calm clip has no emotion: the taxonomy has no word for it.

    Raises:
        ValueError: it is not of that form.
        ManifestError: the emotion is none of RAVDESS.
    """
    found = _RAVDESS.fullmatch(stem)
    if found is None:
        raise ValueError("its name is not seven two-digit numbers, such as 01-01-06-01-02-01-12, as in RAVDESS")
    _, channel, emotion, intensity, statement, repetition, actor = found.groups()
    return Label(
        "ravdess",
        identity=actor,
        emotion=RAVDESS.ours(emotion),
        intensity=int(intensity),
        take=f"{'speech' if channel == '01' else 'song'}-{statement}-{repetition}",
        text=_known("RAVDESS", "statement", statement, RAVDESS_TEXTS),
    )


def crema_d_label(stem: str) -> Label:
    """What a name such as `1001_IEO_ANG_HI` says: actor, sentence, emotion, level.

    Raises:
        ValueError: it is not of that form, or a part is unknown.
        ManifestError: the emotion is none of CREMA-D.
    """
    found = _CREMA_D.fullmatch(stem)
    if found is None:
        raise ValueError("its name is not <actor>_<sentence>_<emotion>_<level>, such as 1001_IEO_ANG_HI, as in CREMA-D")
    actor, sentence, emotion, level = found.groups()
    return Label(
        "crema-d",
        identity=actor,
        emotion=CREMA_D.ours(emotion),
        intensity=_known("CREMA-D", "level", level, CREMA_D_LEVELS),
        take=sentence,
        text=_known("CREMA-D", "sentence", sentence, CREMA_D_TEXTS),
    )


def _known(dataset: str, what: str, code: str, codes: Mapping[str, _Value]) -> _Value:
    if code not in codes:
        raise ValueError(f"{dataset} has no {what} {code!r}: {nearest(code, codes)}")
    return codes[code]


def list_ravdess(
    sources: Sequence[Path], out: Path, modalities: Sequence[str] = PICTURE_AND_SOUND, note: Note = quiet
) -> list[Input]:
    """Every RAVDESS video of the chosen modalities: 01 has picture and sound, 02 the same picture alone."""
    found = videos(sources, out, note)
    taken = [item for item in found if not (match := _match(item)) or match[1] in modalities]
    if len(taken) < len(found):
        note(f"{len(found) - len(taken)} videos of other modalities than {', '.join(modalities)} were left out")
    inputs = [_labelled(item, ravdess_label) for item in taken]
    _tell_unnamed(inputs, RAVDESS, note)
    return inputs


def list_crema_d(sources: Sequence[Path], out: Path, note: Note = quiet) -> list[Input]:
    """Every CREMA-D video with what its name says."""
    return [_labelled(item, crema_d_label) for item in videos(sources, out, note)]


def _match(item: Input) -> re.Match[str] | None:
    return _RAVDESS.fullmatch(item.path.stem) if item.path else None


def _labelled(item: Input, label_of: Callable[[str], Label]) -> Input:
    if item.error or item.path is None:
        return item
    try:
        return replace(item, labels=(label_of(item.path.stem),))
    except (ValueError, ManifestError) as error:
        return replace(item, error=str(error))


def _tell_unnamed(inputs: Sequence[Input], labels: LabelSet, note: Note) -> None:
    unnamed = sum(label.emotion is None for item in inputs for label in item.labels)
    if unnamed:
        words = ", ".join(labels.without.values())
        note(f"{unnamed} clips show {words}, which has no counterpart among our emotions: they carry no emotion")
