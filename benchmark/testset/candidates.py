"""The kept clips of a curated manifest that a protocol could test on, with their person, label, sound and split."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from manifests.names import names_of, person_of

if TYPE_CHECKING:
    from benchmark.protocol import Choice
    from manifests.manifest import Manifest

_COLUMNS: Final = (
    "id", "source", "status", "start_pts", "end_pts", "time_base_num", "time_base_den", "identity", "dataset",
    "given_identity", "given_emotion", "given_compound", "given_intensity", "emotion", "compound", "ambiguous", "split",
    "crop_x0", "crop_y0", "crop_x1", "crop_y1", "source_width", "source_height", "file", "file_sha256",
)  # fmt: skip
_BOX: Final = ("crop_x0", "crop_y0", "crop_x1", "crop_y1")


@dataclass(frozen=True)
class Candidate:
    """A kept clip.

    id: of the clip in its manifest; person: its person as the data set names it, else as told apart, else its source.
    seconds: exact length. emotion, compound, intensity: its label; label_from: `given` or `measured`, None without.
    sound: whether it has any. split: of the manifest. box: square around the face, shares of the picture, or None.
    picture: width and height that the box was measured on. names: what a training list may call it by.
    """

    id: str
    person: str
    seconds: Fraction
    emotion: str | None
    compound: str | None
    intensity: int | None
    label_from: str | None
    sound: bool
    split: str | None
    box: tuple[float, float, float, float] | None
    picture: tuple[int, int]
    file: str
    sha256: str
    names: tuple[str, ...]


def candidates(manifest: Manifest, choose: Choice) -> list[Candidate]:
    """All kept clips of a manifest, sorted by id."""
    sources = manifest.table("sources", ["id", "name", "origin", "sha256", "audio_codec", "sound_sha256"]).to_pylist()
    of_source = {row["id"]: row for row in sources}
    rows = manifest.table("clips", list(_COLUMNS)).to_pylist()
    kept = [row for row in rows if row["status"] == "kept" and row["file"]]
    return sorted((_candidate(row, of_source[row["source"]], choose) for row in kept), key=lambda clip: clip.id)


def _candidate(row: dict[str, Any], source: dict[str, Any], choose: Choice) -> Candidate:
    emotion, compound, intensity, label_from = _label(row, choose.labels)
    box = None if any(row[name] is None for name in _BOX) else tuple(row[name] for name in _BOX)
    return Candidate(
        id=row["id"],
        person=person_of(row),
        seconds=Fraction((row["end_pts"] - row["start_pts"]) * row["time_base_num"], row["time_base_den"]),
        emotion=emotion,
        compound=compound,
        intensity=intensity,
        label_from=label_from,
        sound=source["audio_codec"] is not None or source["sound_sha256"] is not None,
        split=row["split"],
        box=box,
        picture=(row["source_width"], row["source_height"]),
        file=row["file"],
        sha256=row["file_sha256"],
        names=names_of(row, source),
    )


def _label(row: dict[str, Any], labels: str) -> tuple[str | None, str | None, int | None, str | None]:
    from manifests.emotions import COMPOUNDS

    if row["given_emotion"] or row["given_compound"]:
        return row["given_emotion"], row["given_compound"], row["given_intensity"], "given"
    if labels == "given" or row["ambiguous"]:
        return None, None, None, None
    if row["compound"] in COMPOUNDS:
        return None, row["compound"], None, "measured"
    if row["emotion"] and not row["compound"]:
        return row["emotion"], None, None, "measured"
    return None, None, None, None
