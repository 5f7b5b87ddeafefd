"""The receipt: what was removed, counted and digested, and what was searched for afterwards; no id, name or address."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from curation.takedown.counts import files_by_kind
from curation.takedown.disk import Gone
from curation.takedown.journal import Journal
from curation.takedown.report import Report
from curation.takedown.search import RECEIPTS
from manifests.files import make_folder, plain_errors, write_json
from manifests.tombstones import Tombstones

HOW: Final = (
    "digest = sha256(salt + 0x1f + 'content' + 0x1f + sha256 of the file in hexadecimal), in hexadecimal: who has a "
    "file can tell that it was removed, and nobody can tell from this receipt which file it was"
)


def write_receipt(
    root: Path, journal: Journal, left: dict[str, int], places: list[dict[str, Any]], stones: Tombstones
) -> Path:
    """Write the receipt of a takedown into the manifest's folder; the same takedown has the same receipt's name.

    Args:
        root: the folder.
        journal: what was done.
        left: what the searches found.
        places: where it was published again.
        stones: the folder's tombstones, whose salt is used.
    """
    files = [*journal.files, *(gone for found in journal.cached.values() for gone in found)]
    content = {
        "moee_takedown": 1,
        "date": journal.date,
        "reason": journal.reason,
        "rows": journal.rows,
        "files": files_by_kind(files),
        "clips": len(journal.scope.clips),
        "clips_of_others": len(journal.scope.shared),
        "sources": len(journal.scope.sources),
        "sources_that_stay_without_the_person": len(journal.scope.spans),
        "persons_that_stay_and_look_alike": len(journal.near),
        "tombstones": sorted(
            stones.digest(kind, value) for kind, values in journal.scope.values.items() for value in values
        ),
        "searched_afterwards": left,
        "published_again": _places(places),
        **_files(files, stones),
    }
    return _write(root, f"{journal.date}-{_name(stones, journal.request)}.json", content)


def write_later(root: Path, asked: str, reason: str, files: list[Gone], report: Report, stones: Tombstones) -> Path:
    """Write the receipt of what the same line did later, beside the first one.

    Args:
        root: the folder. asked: digest of the line. reason: as it was given. files: of caches, which were deleted.
        report: what was done. stones: the folder's tombstones, whose salt is used.
    """
    date = datetime.now(UTC).date().isoformat()
    content = {
        "moee_takedown": 1,
        "date": date,
        "reason": reason,
        "later": True,
        "files": files_by_kind(files),
        "searched_afterwards": report.left,
        "published_again": _places(report.published),
        **_files(files, stones),
    }
    name, number = f"{date}-{_name(stones, asked)}-later", 1
    while (root / RECEIPTS / f"{name}-{number}.json").exists():
        number += 1
    return _write(root, f"{name}-{number}.json", content)


def _places(places: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without their names; of the Hub what is not there any more."""
    told = [
        {"clips": place["clips"], "files": place["files"], "failed": place["error"] is not None, "hub": place["hub"]}
        for place in places
    ]
    return [{name: value for name, value in place.items() if name != "hub" or value} for place in told]


def _files(files: list[Gone], stones: Tombstones) -> dict[str, Any]:
    rows = [{"what": g.what, "bytes": g.bytes, "digest": stones.digest("content", g.sha256)} for g in files]
    return {"salt": stones.salt, "how": HOW, "removed": sorted(rows, key=lambda row: (row["what"], row["digest"]))}


def _name(stones: Tombstones, asked: str) -> str:
    return hashlib.sha256(f"{stones.salt} {asked}".encode()).hexdigest()[:12]


def _write(root: Path, name: str, content: dict[str, Any]) -> Path:
    path = root / RECEIPTS / name
    with plain_errors(root):
        make_folder(path.parent)
        write_json(path, content)
    return path
