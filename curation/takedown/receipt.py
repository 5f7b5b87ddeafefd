"""The receipt: what was removed, counted and digested, and what was searched for afterwards; no id, name or address."""

import hashlib
from pathlib import Path
from typing import Any, Final

from curation.takedown.counts import files_by_kind
from curation.takedown.journal import Journal
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
        "published_again": [
            {"clips": place["clips"], "files": place["files"], "failed": place["error"] is not None} for place in places
        ],
        "salt": stones.salt,
        "how": HOW,
        "removed": sorted(
            ({"what": g.what, "bytes": g.bytes, "digest": stones.digest("content", g.sha256)} for g in files),
            key=lambda row: (row["what"], row["digest"]),
        ),
    }
    folder = root / RECEIPTS
    name = hashlib.sha256(f"{stones.salt} {journal.request}".encode()).hexdigest()[:12]
    path = folder / f"{journal.date}-{name}.json"
    with plain_errors(root):
        make_folder(folder)
        write_json(path, content)
    return path
