"""metadata.parquet of a folder in DH-FaceEmoVid's form: what it says of each video beside the file's name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from curation.sources.inputs import Label, printable

METADATA: Final = "metadata.parquet"
DATASET: Final = "dh-faceemovid"
MEASURED, CAPTION = "measured", "caption"  # in `dh_label_from` and `dh_text_from`, as `moee publish` writes them
_TEXTS: Final = ("dh_actor", "dh_emotion", "dh_compound", "dh_take", "dh_text", "given_view")
_COLUMNS: Final = ("file_name", *_TEXTS, "given_intensity", "dh_label_from", "dh_text_from")
_LONGEST: Final = 20_000  # characters of a text


class RowError(ValueError):
    """One sentence on what is wrong with a row."""


@dataclass
class Metadata:
    """The rows of one folder.

    Attributes:
        rows: file -> its row, for files named once and inside the folder.
        wrong: (where, one sentence) for every row, or the file, that says nothing usable.
    """

    rows: dict[Path, Mapping[str, Any]] = field(default_factory=dict)
    wrong: list[tuple[str, str]] = field(default_factory=list)


def read_metadata(folder: Path) -> Metadata | None:
    """Return what metadata.parquet in a folder says; None when there is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, found = folder / METADATA, Metadata()
    if not path.exists():
        return None
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in _COLUMNS if name in file.schema_arrow.names]
            if "file_name" not in names:
                found.wrong.append((METADATA, "it has no column file_name: labels come from the file names alone"))
                return found
            for number, row in enumerate(_rows(file, names), start=1):
                _sort_in(folder, number, row, found)
    except (pa.ArrowException, OSError) as error:
        said = printable(" ".join(str(error).split())[:120])
        found.wrong.append((METADATA, f"it cannot be read as Parquet ({said}): labels come from the file names alone"))
        found.rows.clear()
    return found


def _rows(file: Any, names: list[str]) -> Iterator[Mapping[str, Any]]:
    for batch in file.iter_batches(batch_size=4096, columns=names):
        yield from batch.to_pylist()


def _sort_in(folder: Path, number: int, row: Mapping[str, Any], found: Metadata) -> None:
    name, where = row["file_name"], f"{METADATA} row {number}"
    parts = PurePosixPath(name) if isinstance(name, str) and name and "\0" not in name else None
    if parts is None or parts.is_absolute() or ".." in parts.parts:
        found.wrong.append((where, "its file_name is no path inside the folder"))
        return
    path = folder / parts
    if path in found.rows:
        found.wrong.append((where, f"{printable(str(name)[:200])!r} is named by an earlier row too"))
        return
    found.rows[path] = {**row, "row": number}


def label_of_row(row: Mapping[str, Any], named: Label | None) -> Label:
    """What a row says of its file; where it says nothing, the file's name does.

    An emotion that was measured before it was published, and a text that is a caption, are given by no one: they are
    left out, and measured anew.

    Args:
        row: of metadata.parquet.
        named: what the name says, or None when it says nothing.

    Raises:
        RowError: a value of the wrong kind, an unknown emotion, or one that contradicts the name.
    """
    words = {name: _text(row, name) for name in _TEXTS}
    emotion, compound = words["dh_emotion"], words["dh_compound"]
    _check_emotion(emotion, compound)
    if named is not None:
        said = {"dh_actor": named.identity, "dh_take": named.take}
        if emotion or compound:
            said |= {"dh_emotion": named.emotion, "dh_compound": named.compound}
        for name, value in said.items():
            if (words[name] or name in ("dh_emotion", "dh_compound")) and words[name] != value:
                raise RowError(f"its {name} is {_shown(words[name])}, but its name says {_shown(value)}")
        if not (emotion or compound):
            emotion, compound = named.emotion, named.compound
    elif not (words["dh_actor"] and (emotion or compound)):
        raise RowError("neither its name nor its row says actor and emotion: name it <actor>_<emotion>_<take>.mp4")
    if row.get("dh_label_from") == MEASURED:
        emotion = compound = None
    return Label(
        DATASET,
        identity=words["dh_actor"] or (named.identity if named else None),
        emotion=emotion,
        compound=compound,
        intensity=_whole(row, "given_intensity"),
        take=words["dh_take"] or (named.take if named else None),
        view=words["given_view"],
        text=None if row.get("dh_text_from") == CAPTION else words["dh_text"],
    )


def _check_emotion(emotion: str | None, compound: str | None) -> None:
    from manifests import emotions
    from manifests.text import nearest

    if emotion and compound:
        raise RowError("it has both an emotion and a compound")
    for what, value, known in (
        ("emotion", emotion, emotions.EMOTIONS),
        ("compound", compound, tuple(emotions.COMPOUNDS)),
    ):
        if value and value not in known:
            raise RowError(f"there is no {what} {_shown(value)}: {nearest(value[:60], known)}")


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RowError(f"its {name} is no text")
    if len(value) > _LONGEST:
        raise RowError(f"its {name} is longer than {_LONGEST} characters")
    return value


def _whole(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 32767:
        raise RowError(f"its {name} is no whole number from 0 to 32767")
    return value


def _shown(value: str | None) -> str:
    return "nothing" if value is None else repr(printable(value[:60]))
