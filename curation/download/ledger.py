"""What became of each URL so far: one line of JSON each in an append-only file; the last line of a URL counts."""

import json
import os
import threading
from dataclasses import asdict, fields
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from curation.download.model import Downloaded, Remote
from curation.download.site import StoppedError
from curation.sources.inputs import Facts
from manifests.files import file_hash, sync_folder

NAME = "downloads.jsonl"
UNFINISHED = "unfinished"


class Ledger:
    """The folder's memory; it survives a kill at any moment, a torn last line included.

    A file is first whole and synced under `unfinished`, then its line is written and synced, then it takes its name:
    killed at whichever moment, the next run finds either no line, or a line and the file in one of both places.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[str, Downloaded] = {}
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._closed = False
        path = folder / NAME
        whole = _whole_lines(path)
        for line in whole.splitlines():
            record = from_json(line, folder)
            if record is not None:
                self.records[record.url] = record
        if path.exists() and path.stat().st_size > len(whole):
            os.truncate(path, len(whole))

    def settled(self, url: str) -> Downloaded | None:
        """The last record of a URL; an ok one only if its file is there, if need be still unnamed."""
        record = self.records.get(url)
        if record is None or not record.ok or record.path is None:
            return record
        if not record.path.is_file():
            left = self.folder / UNFINISHED / record.path.stem / f"ready{record.path.suffix}"
            if not left.is_file() or file_hash(left).sha256 != record.sha256:
                return None
            left.replace(record.path)
        return record if record.path.stat().st_size == record.bytes else None

    def write(self, record: Downloaded) -> None:
        """Append a record; it is on the disk when this returns."""
        line = json.dumps(to_json(record), ensure_ascii=True, allow_nan=False).encode() + b"\n"
        with self._lock:
            if self._closed:
                raise StoppedError
            if self._file is None:
                new = not (self.folder / NAME).exists()
                self._file = (self.folder / NAME).open("ab", buffering=0)
                if new:
                    sync_folder(self.folder)
            self._file.write(line)
            os.fsync(self._file.fileno())
            self.records[record.url] = record

    def close(self) -> None:
        """Let go of the file; nothing is written any more."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None


def _whole_lines(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return b""
    return content[: content.rfind(b"\n") + 1]


def to_json(record: Downloaded) -> dict[str, Any]:
    """A record as JSON holds it; of its path only the name."""
    row = {f.name: getattr(record, f.name) for f in fields(record)}
    row["facts"] = asdict(record.facts)
    row["path"] = record.path.name if record.path else None
    row["retrieved_at"] = record.retrieved_at.isoformat() if record.retrieved_at else None
    row["fetched_spans"] = [[str(start), str(end)] for start, end in record.fetched_spans]
    return row


def from_json(line: bytes, folder: Path) -> Downloaded | None:
    """A record, or None for a line that is damaged: its URL is asked again."""
    try:
        row = json.loads(line)
        known = {f.name for f in fields(Downloaded)}
        row = {name: value for name, value in row.items() if name in known}
        row["facts"] = Facts(**row["facts"])
        row["path"] = folder / Path(row["path"]).name if row["path"] else None
        row["retrieved_at"] = datetime.fromisoformat(row["retrieved_at"]) if row["retrieved_at"] else None
        row["fetched_spans"] = tuple((Fraction(start), Fraction(end)) for start, end in row["fetched_spans"])
        return Downloaded(**row)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def covers(record: Downloaded, remote: Remote) -> bool:
    """Whether a fetched file holds what is wanted."""
    if not record.fetched_spans:
        return True
    if not remote.spans:
        return False
    have = record.fetched_spans
    return all(any(a <= start and (end <= b) for a, b in have) for start, end in remote.spans)
