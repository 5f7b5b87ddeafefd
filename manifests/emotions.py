"""One taxonomy of emotions, and the way from every label set and file token to it and back.

The names are MEAD's own spellings; the four compounds are those of MoEE (arXiv 2501.01808), named after Du, Tao and
Martinez, PNAS 2014: the first part colours, the second leads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from manifests.errors import ManifestError
from manifests.text import nearest, printable

BASIC: Final = ("angry", "disgusted", "fear", "happy", "sad", "surprised")
EMOTIONS: Final = (*BASIC, "neutral", "contempt")
COMPOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "angrily-disgusted": ("angry", "disgusted"),
    "sadly-surprised": ("sad", "surprised"),
    "sadly-fear": ("sad", "fear"),
    "happily-surprised": ("happy", "surprised"),
}
NAMES: Final = (*EMOTIONS, *COMPOUNDS)
OTHER_COMPOUND: Final = "other-compound"  # two emotions at once that are none of the four; a measured label only


@dataclass(frozen=True)
class LabelSet:
    """The labels of one data set or network.

    Args:
        name: of the set, as people write it.
        labels: each label as the set writes it, in the order of its class numbers, to our name.
        without: labels that the set has and this taxonomy has not, each with what it means.
    """

    name: str
    labels: Mapping[str, str]
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Our names in the order of the set's class numbers: column k of a network's output is `classes[k]`."""
        return tuple(self.labels.values())

    def ours(self, label: str) -> str | None:
        """Our name for one of its labels; None for a label that this taxonomy has no word for (see `without`).

        Upper and lower case are one, and so are a space, an underscore and a hyphen.

        Raises:
            ManifestError: the set has no such label; the sentence names the nearest one.
        """
        wanted = _plain(label)
        for mine, our in self.labels.items():
            if _plain(mine) == wanted:
                return our
        if any(_plain(mine) == wanted for mine in self.without):
            return None
        words = nearest(label, [*self.labels, *self.without])
        raise ManifestError(f"{self.name} has no emotion {printable(label)!r}: {words}")

    def theirs(self, name: str) -> str:
        """The set's own label for one of our names, the inverse of `ours`.

        Raises:
            ManifestError: we have no such name, or the set has no label for it.
        """
        check(name)
        for mine, our in self.labels.items():
            if our == name:
                return mine
        raise ManifestError(f"{self.name} has no label for {name}: it knows {', '.join(self.labels)}.")


def check(name: str) -> str:
    """Return a name of the taxonomy as it is.

    Raises:
        ManifestError: it is none; the sentence names the nearest one.
    """
    if name not in NAMES:
        raise ManifestError(f"There is no emotion {printable(name)!r}: {nearest(name, NAMES)}")
    return name


def parts(name: str) -> tuple[str, ...]:
    """The emotions that a name stands for: the two of a compound, else the one.

    Raises:
        ManifestError: there is no such name.
    """
    return COMPOUNDS.get(name) or (check(name),)


def compound_of(first: str, second: str) -> str | None:
    """The compound that two emotions make together, in either order; None when it is none of the paper's four.

    Raises:
        ManifestError: there is no such name.
    """
    pair = {check(first), check(second)}
    return next((name for name, both in COMPOUNDS.items() if set(both) == pair), None)


def columns(name: str | None) -> dict[str, str | None]:
    """A name as the columns `emotion` and `compound`, of which one is None; both for None.

    Raises:
        ManifestError: there is no such name.
    """
    if name is None:
        return {"emotion": None, "compound": None}
    compound = check(name) in COMPOUNDS
    return {"emotion": None if compound else name, "compound": name if compound else None}


def _plain(label: str) -> str:
    return "-".join(label.strip().lower().replace("_", " ").replace("-", " ").split())


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


# Folder names of the published tree.
MEAD: Final = LabelSet("MEAD", _same("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised"))
# Class numbers 0 to 6 of the challenge's CSV file (Goodfellow et al. 2013).
FER2013: Final = LabelSet(
    "FER2013",
    {
        "Angry": "angry",
        "Disgust": "disgusted",
        "Fear": "fear",
        "Happy": "happy",
        "Sad": "sad",
        "Surprise": "surprised",
        "Neutral": "neutral",
    },
)
# Class numbers 0 to 7 (Mollahosseini, Hasani and Mahoor 2017); 8 to 10 are no emotions.
AFFECTNET8: Final = LabelSet(
    "AffectNet-8",
    {
        "Neutral": "neutral",
        "Happy": "happy",
        "Sad": "sad",
        "Surprise": "surprised",
        "Fear": "fear",
        "Disgust": "disgusted",
        "Anger": "angry",
        "Contempt": "contempt",
    },
    without={"None": "no emotion fits", "Uncertain": "raters were unsure", "Non-Face": "no face"},
)
# Output order of its emotion network.
DEEPFACE: Final = LabelSet(
    "DeepFace",
    {
        "angry": "angry",
        "disgust": "disgusted",
        "fear": "fear",
        "happy": "happy",
        "sad": "sad",
        "surprise": "surprised",
        "neutral": "neutral",
    },
)
# Output order of its AffectNet network (Chang et al., WACV 2024).
LIBREFACE: Final = LabelSet(
    "LibreFace",
    {
        "Neutral": "neutral",
        "Happiness": "happy",
        "Sadness": "sad",
        "Surprise": "surprised",
        "Fear": "fear",
        "Disgust": "disgusted",
        "Anger": "angry",
        "Contempt": "contempt",
    },
)
# Third number of a file name (Livingstone and Russo 2018). Calm is a second resting state beside neutral, with a mildly
# pleasant tone; to call it neutral would mix two conditions that the authors kept apart, so it has no counterpart.
RAVDESS: Final = LabelSet(
    "RAVDESS",
    {
        "01": "neutral",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fear",
        "07": "disgusted",
        "08": "surprised",
    },
    without={"02": "calm"},
)
# Third part of a file name (Cao et al. 2014).
CREMA_D: Final = LabelSet(
    "CREMA-D",
    {"ANG": "angry", "DIS": "disgusted", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"},
)
# Second part of a file name: the tokens of the public form; those of the compounds are not published, so they are
# spelled as here.
DH_FACEEMOVID: Final = LabelSet(
    "DH-FaceEmoVid",
    {
        "angry": "angry",
        "disgust": "disgusted",
        "fear": "fear",
        "happy": "happy",
        "sad": "sad",
        "surprise": "surprised",
        **_same(*COMPOUNDS),
    },
)
# Output order of its networks (enet_b0_8, enet_b2_8, mbf_va_mtl and others; Savchenko 2022 and 2023): alphabetical.
EMOTIEFFLIB8: Final = LabelSet(
    "EmotiEffLib-8",
    {
        "Anger": "angry",
        "Contempt": "contempt",
        "Disgust": "disgusted",
        "Fear": "fear",
        "Happiness": "happy",
        "Neutral": "neutral",
        "Sadness": "sad",
        "Surprise": "surprised",
    },
)
# The same without contempt (enet_b2_7).
EMOTIEFFLIB7: Final = LabelSet(
    "EmotiEffLib-7", {label: our for label, our in EMOTIEFFLIB8.labels.items() if our != "contempt"}
)
# Members of the panel that speak our own names.
MOEE: Final = LabelSet("MoEE", _same(*EMOTIONS))
LABEL_SETS: Final = (
    MEAD,
    FER2013,
    AFFECTNET8,
    DEEPFACE,
    LIBREFACE,
    RAVDESS,
    CREMA_D,
    DH_FACEEMOVID,
    EMOTIEFFLIB8,
    EMOTIEFFLIB7,
    MOEE,
)


def label_set(name: str) -> LabelSet:
    """The label set of a name as people write it (`LabelSet.name`).

    Raises:
        ManifestError: there is none; the sentence names the nearest one.
    """
    for labels in LABEL_SETS:
        if labels.name == name:
            return labels
    words = nearest(name, [labels.name for labels in LABEL_SETS])
    raise ManifestError(f"There is no label set {printable(name)!r}: {words}")
