"""Lists of URLs with optional spans, crops and labels: text, CSV, TSV, JSON lines, Parquet."""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.sources.inputs import Input, Label, printable

SUFFIXES = (".txt", ".urls", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
CROP = ("x0", "y0", "x1", "y1")
WORDS = ("identity", "emotion", "compound", "take", "view", "text")
COLUMNS = frozenset(("url", "start", "end", *CROP, "crop_width", "crop_height", "intensity", *WORDS))
LONGEST_URL = 4096
LONGEST_TEXT = 10_000
LARGEST_BYTES = 1 << 30
CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,3}):)?(\d{1,9}(?:\.\d{1,9})?)")
Row = Mapping[str, Any]


class _RowError(Exception):
    """One row is wrong; the message is one sentence without the row's number."""


def is_list(path: Path) -> bool:
    """Whether a file is a list of URLs by its name."""
    return path.suffix.lower() in SUFFIXES


def list_urls(path: Path) -> list[Input]:
    """Read a list; rows of one URL become one input with several labels, in order of first mention.

    Columns: `url`; `start`, `end` (s, or h:m:s); `x0`, `y0`, `x1`, `y1` (in [0, 1], or px with `crop_width`,
    `crop_height`); `identity`, `emotion`, `compound`, `intensity`, `take`, `view`, `text`. Only `url` is needed;
    an empty cell is none. A text list has one URL a line, `#` begins a comment.

    Args:
        path: ends in one of SUFFIXES.

    Returns:
        The inputs; a row that is wrong is an input that has failed, with its number.

    Raises:
        CurationError: the file cannot be read as a whole, or lacks the `url` column, or has one that nobody reads.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise CurationError(f"the list {printable(path.name)!r} has more than 1 GiB: split it")
        rows = list(_rows(path))
    except OSError as error:
        raise CurationError(f"the list {printable(path)!r} cannot be read ({error.strerror or error})") from None
    dataset = printable(path.stem)
    inputs: dict[str, Input] = {}
    for number, row in rows:
        try:
            item = Input(None, *_named(row), labels=(_label(row, dataset),))
        except _RowError as error:
            name = f"{printable(path.name)} row {number}"
            inputs[name] = Input(None, name, error=f"row {number} of {printable(path.name)!r}: {error}")
            continue
        before = inputs.get(item.name)
        inputs[item.name] = item if before is None else replace(before, labels=_joined(before.labels, item.labels))
    return list(inputs.values())


def _named(row: Row) -> tuple[str, None, str]:
    url = _url(row)
    return url, None, url


def _joined(before: tuple[Label, ...], more: tuple[Label, ...]) -> tuple[Label, ...]:
    return before + tuple(label for label in more if label not in before)


# -- files --------------------------------------------------------------------------------------------


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Rows with their number as an editor or a table viewer counts them, from 1."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        yield from _parquet_rows(path)
    elif kind in (".csv", ".tsv"):
        yield from _csv_rows(path, "\t" if kind == ".tsv" else ",")
    elif kind in (".jsonl", ".ndjson"):
        yield from _json_rows(path)
    elif kind in SUFFIXES:
        yield from _text_rows(path)
    else:
        raise CurationError(
            f"{printable(path.name)!r} is no list of URLs: name it .txt, .csv, .tsv, .jsonl or .parquet"
        )


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield from file


def _text_rows(path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(_lines(path), 1):
        if (url := line.strip()) and not url.startswith("#"):
            yield number, {"url": url}


def _csv_rows(path: Path, delimiter: str) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise CurationError(f"the first line of {printable(path.name)!r} is no CSV header ({error})") from None
    _check(path, header)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begins, {"": f"it is no CSV ({error})"}
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            yield (
                begins,
                {"": f"it has {len(cells)} cells and the header has {len(header)}: quote cells that hold commas"},
            )
            continue
        yield begins, dict(zip(header, cells, strict=True))


def _json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield number, {"": "it is no JSON object"}
            continue
        if not isinstance(row, dict):
            yield number, {"": "it is no JSON object"}
        elif unknown := sorted(set(row) - COLUMNS):
            yield number, {"": f"nobody reads its field {printable(unknown[0][:80])!r}: remove it"}
        else:
            yield number, row


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check(path, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, UnicodeError) as error:
        raise CurationError(
            f"the list {printable(path.name)!r} is no Parquet file that can be read ({error})"
        ) from None


def _check(path: Path, names: list[str]) -> None:
    """Names that are there twice or that nobody reads would silently lose what they hold."""
    name = printable(path.name)
    if "url" not in names:
        raise CurationError(f"the list {name!r} has no column 'url': its first line names the columns")
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise CurationError(f"the list {name!r} has the column {printable(twice[0][:80])!r} twice")
    if unknown := sorted(set(names) - COLUMNS):
        known = ", ".join(sorted(COLUMNS))
        raise CurationError(
            f"nobody reads the column {printable(unknown[0][:80])!r} of {name!r}: the columns are {known}"
        )


# -- cells --------------------------------------------------------------------------------------------


def _url(row: Row) -> str:
    if "" in row:
        raise _RowError(str(row[""]))
    url = row.get("url")
    if not isinstance(url, str) or not url.strip():
        raise _RowError("it has no URL")
    url = url.strip()
    if len(url) > LONGEST_URL:
        raise _RowError(f"its URL has more than {LONGEST_URL} characters")
    if not url.isprintable() or " " in url:
        raise _RowError("its URL holds a space or a character that is not printable")
    if not re.match(r"https?://[^/?#]", url, re.IGNORECASE):
        raise _RowError(f"only http and https are fetched, and it begins with {url[:20]!r}")
    return url


def _label(row: Row, dataset: str) -> Label:
    start, end = _moment(row, "start"), _moment(row, "end")
    if (start is None) != (end is None):
        raise _RowError("it has only one of start and end")
    if start is not None and end is not None and end <= start:
        raise _RowError("its end is not after its start")
    crop, size = _crop(row)
    words = {name: _text(row, name) for name in WORDS}
    _check_emotion(words)
    intensity = _number(row, "intensity")
    if intensity is not None and intensity.denominator != 1:
        raise _RowError("its intensity is no whole number")
    return Label(dataset, start, end, crop, size, intensity=int(intensity) if intensity is not None else None, **words)


def _check_emotion(words: dict[str, str | None]) -> None:
    from manifests import emotions

    for name, known in (("emotion", emotions.EMOTIONS), ("compound", tuple(emotions.COMPOUNDS))):
        if words[name] is not None and words[name] not in known:
            raise _RowError(f"{printable(str(words[name])[:60])!r} is no {name}: one of {', '.join(known)}")


def _number(row: Row, name: str) -> Fraction | None:
    """A finite number, exactly as written."""
    value = row.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    text = repr(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"[+-]?\d{1,12}(\.\d{1,20})?([eE][+-]?\d{1,2})?", text.strip()):
        raise _RowError(f"its {name} is no number: {printable(str(value)[:40])!r}")
    return Fraction(text.strip())


def _moment(row: Row, name: str) -> Fraction | None:
    """s, or h:m:s."""
    value = row.get(name)
    if isinstance(value, str) and ":" in value:
        match = CLOCK.fullmatch(value.strip())
        if match is None:
            raise _RowError(f"its {name} is no time: {printable(value[:40])!r}")
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)
    moment = _number(row, name)
    if moment is not None and moment < 0:
        raise _RowError(f"its {name} is before the beginning")
    return moment


def _crop(row: Row) -> tuple[tuple[float, float, float, float] | None, tuple[int, int] | None]:
    found = [_number(row, name) for name in CROP]
    sides = [_number(row, name) for name in ("crop_width", "crop_height")]
    edges = [edge for edge in found if edge is not None]
    if not edges:
        return None, None
    if len(edges) != len(CROP):
        raise _RowError("its crop has not all of x0, y0, x1, y1")
    size = None
    if any(side is not None for side in sides):
        if any(side is None or side < 1 or side > 65536 or side.denominator != 1 for side in sides):
            raise _RowError("its crop_width and crop_height are not both whole numbers of px")
        size = (int(sides[0] or 0), int(sides[1] or 0))
    if size is not None and max(edges) > 1:
        edges = [edge / size[n % 2] for n, edge in enumerate(edges)]
    if not (0 <= edges[0] < edges[2] <= 1 and 0 <= edges[1] < edges[3] <= 1):
        raise _RowError(
            "its crop is no box inside the picture: give it in [0, 1], or in px with crop_width, crop_height"
        )
    x0, y0, x1, y1 = map(float, edges)
    return (x0, y0, x1, y1), size


def _text(row: Row, name: str) -> str | None:
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if text is None or len(text) > LONGEST_TEXT:
        raise _RowError(f"its {name} is no text of at most {LONGEST_TEXT} characters")
    return (
        "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text).strip()
        or None
    )
