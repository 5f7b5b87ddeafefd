"""Names of files as in DH-FaceEmoVid-150: `<actor>_<emotion>_<take>.mp4`, the same names when clips are added."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from manifests.emotions import DH_FACEEMOVID
from manifests.errors import ManifestError

DATASET: Final = "dh-faceemovid"
GIVEN, MEASURED = "given", "measured"
_WIDTH: Final = 3  # digits, as in 001_happy_038


@dataclass(frozen=True)
class Name:
    """What a file's name says; `emotion` is our name for it, basic or compound."""

    actor: str
    emotion: str
    take: str

    @property
    def stem(self) -> str:
        """The file name without its suffix."""
        return file_stem(self.actor, self.emotion, self.take)

    @property
    def file(self) -> str:
        """Where the file lies in the published folder: one folder for each actor."""
        return f"videos/{self.actor}/{self.stem}.mp4"


@dataclass(frozen=True)
class Names:
    """The names of clips.

    Attributes:
        clips: id -> name.
        left_out: why -> ids of clips that have none.
        actors: person -> actor; also of persons of earlier publications, whose numbers no one else gets.
    """

    clips: dict[str, Name]
    left_out: dict[str, list[str]]
    actors: dict[str, str] = field(default_factory=dict)


def file_stem(actor: str, name: str, take: str) -> str:
    """The file name, without its suffix, of one of our emotions or compounds.

    Raises:
        ManifestError: the set has no token for it.
    """
    return f"{actor}_{DH_FACEEMOVID.theirs(name)}_{take}"


def emotion_of(clip: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The emotion of a clip and who says so: `given`, a compound first, else `measured`, else None twice."""
    for who, prefix in ((GIVEN, "given_"), (MEASURED, "")):
        if label := clip[f"{prefix}compound"] or clip[f"{prefix}emotion"]:
            return label, who
    return None, None


def person_of(clip: Mapping[str, Any]) -> str:
    """Who is seen, as far as is known: the identity, else the person named by the data set, else the source."""
    if clip["identity"]:
        return str(clip["identity"])
    if clip["given_identity"]:
        return f"{clip['dataset']}:{clip['given_identity']}"
    return str(clip["source"])


def name_clips(
    clips: Sequence[Mapping[str, Any]], actors: Mapping[str, str], former: Mapping[str, Name] | None = None
) -> Names:
    """Name clips; who had a number or a name keeps it, the data set's own names stay as they are.

    Args:
        clips: rows of `clips` (identity, dataset, given columns, emotion, compound, source, start).
        actors: person -> actor of the publication that was in the folder before.
        former: clip -> name of that publication.
    """
    left_out: dict[str, list[str]] = {}
    named: list[tuple[Mapping[str, Any], str]] = []
    for clip in clips:
        emotion, _ = emotion_of(clip)
        if emotion is None:
            left_out.setdefault("no emotion is known", []).append(clip["id"])
        elif emotion not in DH_FACEEMOVID.classes:
            left_out.setdefault(f"the set has no token for {emotion}", []).append(clip["id"])
        else:
            named.append((clip, emotion))
    numbers = _actors([clip for clip, _ in named], dict(actors))
    names = _takes(named, numbers, former or {})
    return Names(names, left_out, {**actors, **numbers})


def _actors(clips: Sequence[Mapping[str, Any]], former: dict[str, str]) -> dict[str, str]:
    """Person -> actor: as before, else as the data set counts, else the next free number."""
    people = sorted({person_of(clip) for clip in clips})
    found = {person: former[person] for person in people if person in former}
    taken = {int(actor) for actor in former.values()}
    for person, actor in _given_actors(clips).items():
        if person not in found and int(actor) not in taken:
            found[person] = actor
            taken.add(int(actor))
    free = _free(taken)
    return {person: found.get(person) or f"{next(free):0{_WIDTH}d}" for person in people}


def _given_actors(clips: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Person -> the set's own number, where each of the two stands for the other alone."""
    pairs = {(person_of(clip), _given(clip, "given_identity")) for clip in clips}
    people = Counter(person for person, _ in pairs)
    numbers = Counter(int(actor) for _, actor in pairs if actor is not None)
    return {
        person: actor
        for person, actor in pairs
        if actor is not None and people[person] == 1 and numbers[int(actor)] == 1
    }


def _takes(
    named: Sequence[tuple[Mapping[str, Any], str]], actors: Mapping[str, str], former: Mapping[str, Name]
) -> dict[str, Name]:
    """Clip -> name: as before, else with the set's own take, else with the next free one by source and time."""
    names: dict[str, Name] = {}
    taken: dict[tuple[str, str], set[int]] = {}
    ordered = sorted(named, key=lambda pair: (pair[0]["source"], pair[0]["start_frame"], pair[0]["id"]))

    def give(clip: Mapping[str, Any], emotion: str, take: str | None) -> None:
        actor = actors[person_of(clip)]
        used = taken.setdefault((actor, emotion), set())
        if clip["id"] not in names and take is not None and int(take) not in used:
            used.add(int(take))
            names[clip["id"]] = Name(actor, emotion, take)

    for clip, emotion in ordered:
        before = former.get(clip["id"])
        if before is not None and (before.actor, before.emotion) == (actors[person_of(clip)], emotion):
            give(clip, emotion, before.take)
    for clip, emotion in ordered:
        give(clip, emotion, _given(clip, "given_take"))
    free: dict[tuple[str, str], Iterator[int]] = {}
    for clip, emotion in ordered:
        if clip["id"] not in names:
            place = (actors[person_of(clip)], emotion)
            numbers = free.setdefault(place, _free(taken.get(place, set())))
            give(clip, emotion, f"{next(numbers):0{_WIDTH}d}")
    return names


def _given(clip: Mapping[str, Any], column: str) -> str | None:
    """A number that the set itself gives, as it is written there."""
    value = clip[column]
    if clip["dataset"] != DATASET or not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        return None
    return value if len(value) <= 9 else None


def _free(taken: set[int]) -> Iterator[int]:
    number = 0
    while True:
        number += 1
        if number not in taken:
            yield number


def former_names(rows: Iterable[Mapping[str, Any]]) -> dict[str, Name]:
    """Clip -> name from the rows of a metadata.parquet that was published before.

    Raises:
        ManifestError: a row that is not ours.
    """
    found = {}
    for row in rows:
        emotion = row["dh_compound"] or row["dh_emotion"]
        if not (row["id"] and row["dh_actor"] and emotion and str(row["dh_take"]).isdigit()):
            raise ManifestError("The metadata.parquet in the folder is damaged: give a new or empty folder.")
        found[row["id"]] = Name(row["dh_actor"], emotion, row["dh_take"])
    return found
