"""Answers on disk: SQLite with a write-ahead log that is synced before an answer is acknowledged."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from benchmark.errors import BenchmarkError
from benchmark.study.ratings import Answer
from manifests.text import printable

FILE: Final = "answers.sqlite"
_SCHEMA: Final = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE raters (number INTEGER PRIMARY KEY, link BLOB NOT NULL UNIQUE);
CREATE TABLE seen (rater INTEGER, position INTEGER, at REAL NOT NULL, PRIMARY KEY (rater, position)) WITHOUT ROWID;
CREATE TABLE answers (
  rater INTEGER NOT NULL REFERENCES raters, position INTEGER NOT NULL, said TEXT NOT NULL, seconds REAL NOT NULL,
  plays INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (rater, position)
) WITHOUT ROWID;
"""
Kept = Literal["stored", "known", "other"]


@dataclass(frozen=True)
class Place:
    """Where a rater is. answered: steps; the next has this number. seen: when that one was first shown, or None."""

    answered: int
    seen: float | None


def hashed(secret: str) -> bytes:
    """What is kept of a link's secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def create(path: Path, raters: int, study_sha256: str) -> list[str]:
    """Make the store of a study; returns the secrets of its raters, 192 random bits each, which are kept nowhere else.

    Args:
        path: absent.
        raters: how many.
        study_sha256: of study.json, which must not change from now on.
    """
    made = [secrets.token_urlsafe(24) for _ in range(raters)]
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    database = sqlite3.connect(path)
    try:
        database.executescript(_SCHEMA)
        database.execute("PRAGMA user_version = 1")
        database.executemany(
            "INSERT INTO facts VALUES (?, ?)", [("key", secrets.token_bytes(32)), ("study", study_sha256.encode())]
        )
        database.executemany("INSERT INTO raters VALUES (?, ?)", enumerate(map(hashed, made), start=1))
        database.commit()
    finally:
        database.close()
    return made


class Store:
    """The answers of a study; safe to be used by several threads, each with a connection of its own.

    Args:
        folder: of the study.
        study_sha256: of the study.json that lies there.
        write: whether answers are taken.

    Raises:
        BenchmarkError: it is missing or damaged, or belongs to another study.json: one sentence.
    """

    def __init__(self, folder: Path, study_sha256: str, write: bool) -> None:
        self._path, self._write, self._local = (folder / FILE).resolve(), write, threading.local()
        place = printable(str(folder))
        if not self._path.is_file():
            raise BenchmarkError(f"There is no {FILE} in {place}: make the study again with moee study new.")
        try:
            facts = dict(self._database.execute("SELECT key, value FROM facts"))
            links = self._database.execute("SELECT link, number FROM raters").fetchall()
        except sqlite3.Error as error:
            raise BenchmarkError(f"{FILE} in {place} cannot be read: {error}.") from error
        if bytes(facts["study"]).decode() != study_sha256:
            raise BenchmarkError(
                f"study.json in {place} is not the one that was fixed before the first answer: restore it."
            )
        self._key = bytes(facts["key"])
        self._links = {bytes(link): number for link, number in links}

    @property
    def _database(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "database", None)
        if found is None:
            mode = "rw" if self._write else "ro"
            found = sqlite3.connect(f"{self._path.as_uri()}?mode={mode}", uri=True, timeout=20, isolation_level=None)
            if self._write:
                found.execute("PRAGMA journal_mode = WAL")
                found.execute("PRAGMA synchronous = FULL")
            self._local.database = found
        return found

    def rater(self, secret: str) -> int | None:
        """The number of the rater with this secret, or None.

        What is looked up is a hash of what was sent, so that time tells nothing of a stored one.
        """
        given = hashed(secret)
        found = self._links.get(given)
        return found if found is not None and any(hmac.compare_digest(given, link) for link in self._links) else None

    def token(self, rater: int, position: int) -> str:
        """What an answer to this step must carry: nobody can make it who was not shown the step."""
        return hmac.new(self._key, f"{rater}:{position}".encode(), "sha256").hexdigest()

    def right_token(self, rater: int, position: int, token: str) -> bool:
        """Whether a token is the step's, in constant time."""
        return hmac.compare_digest(self.token(rater, position).encode(), token.encode("utf-8", "surrogatepass"))

    def place(self, rater: int) -> Place:
        """Where a rater is."""
        (answered,) = self._database.execute("SELECT count(*) FROM answers WHERE rater = ?", (rater,)).fetchone()
        row = self._database.execute("SELECT at FROM seen WHERE rater = ? AND position = ?", (rater, answered))
        found = row.fetchone()
        return Place(answered, None if found is None else found[0])

    def show(self, rater: int, position: int) -> None:
        """Note when a step was first shown."""
        self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (rater, position, time.time()))

    def known(self, rater: int, position: int) -> dict[str, int] | None:
        """The answer that is stored of a step, or None."""
        row = self._database.execute("SELECT said FROM answers WHERE rater = ? AND position = ?", (rater, position))
        found = row.fetchone()
        return None if found is None else json.loads(found[0])

    def keep(self, answer: Answer) -> Kept:
        """Store an answer; it is on the disk when this returns.

        Returns:
            `stored`; `known` where the same was stored before; `other` where something else was, which stays.
        """
        said = json.dumps(answer.values, sort_keys=True)
        row = (answer.rater, answer.position, said, answer.seconds, answer.plays, time.time())
        done = self._database.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)
        if done.rowcount == 1:
            return "stored"
        return "known" if self.known(answer.rater, answer.position) == answer.values else "other"

    def answers(self) -> Sequence[Answer]:
        """All answers, by rater and position."""
        rows = self._database.execute("SELECT rater, position, said, seconds, plays FROM answers ORDER BY 1, 2")
        return [Answer(rater, at, json.loads(said), seconds, plays) for rater, at, said, seconds, plays in rows]
