"""The whole takedown: found, shown, then done in an order that a kill at any moment cannot spoil."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import manifests
from curation.errors import CurationError
from curation.takedown import disk, published
from curation.takedown.caches import files_in, rewrite_features
from curation.takedown.counts import files_by_kind, near, rows_of
from curation.takedown.disk import Gone
from curation.takedown.find import Request, find
from curation.takedown.journal import Journal, digest_of
from curation.takedown.receipt import write_receipt
from curation.takedown.rewrites import rewrite_lists, rewrite_results
from curation.takedown.scope import Scope
from curation.takedown.search import left, words_of
from curation.takedown.snapshot import rewrite, rewrite_ledger
from manifests.files import exclusive
from manifests.manifest import read_content
from manifests.tombstones import Tombstones


@dataclass
class Report:
    """What would go, or went.

    Attributes:
        removed: whether it was done.
        rows: table -> rows.
        files: kind -> files and bytes.
        clips: of all that go; shared: of other persons, who are seen together with the removed one.
        sources: that go whole; parts: that stay without the person.
        near: persons who stay with a face as near as one person's are.
        yours: files outside the folder that were given to moee curate, which it never deletes.
        published: places published again (on a dry run: that would be).
        left: what each search found afterwards.
        receipt: its file.
    """

    removed: bool = False
    already: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    clips: int = 0
    shared: int = 0
    sources: int = 0
    parts: int = 0
    near: list[str] = field(default_factory=list)
    yours: list[str] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    receipt: str | None = None

    @property
    def is_clean(self) -> bool:
        """Whether all was done: nothing was found afterwards, and every place was published again."""
        return not any(self.left.values()) and not any(place.get("error") for place in self.published)


Note = Callable[[str], None]


def take_down(
    folder: Path,
    request: Request,
    *,
    places: Sequence[str] = (),
    caches: Sequence[Path] = (),
    yes: bool = False,
    note: Note = lambda text: None,
) -> Report:
    """Remove what a request names from a manifest and from what was made of it; without `yes` only say what would go.

    Args:
        folder: that moee curate --out wrote.
        request: whom or what, and why.
        places: folders, or `hf:ORG/NAME`, where it was published.
        caches: folders of features and the like.
        yes: do it.
        note: told what is being done.

    Raises:
        CurationError: the request names nothing that is there, or a place or cache is none.
        manifests.errors.ManifestError: no manifest, another run writes it, the disk refuses.
    """
    root = Path(folder)
    if not root.is_dir():
        raise CurationError("there is no such folder on this machine: copy the manifest to a disk and give its folder")
    asked = digest_of(request, tuple(places), tuple(str(cache.absolute()) for cache in caches))
    with exclusive(root):
        begun = Journal.read(root)
        if begun is not None:
            if not yes:
                raise CurationError("a takedown of this folder was not finished: add --yes to finish it first")
            note("finishing the takedown that was begun before")
            report = _finish(root, begun, note)
            if begun.request == asked:
                return report
        if _is_done(root, request):
            return _again(root, places)
        published.check(tuple(places), root)
        journal, report = _plan(root, request, asked, tuple(places), caches, yes)
        if not yes:
            return report
        journal.write(root)
        done = _finish(root, journal, note)
        done.yours = report.yours
        return done


def _is_done(root: Path, request: Request) -> bool:
    """Whether all that is named is gone already."""
    stones = Tombstones.read(root)
    if not len(stones):
        return False
    wanted = [any(stones.has(kind, word) for kind in ("source", "url")) for word in request.sources]
    wanted += [stones.has("uploader", word) for word in request.uploaders]
    wanted += [stones.has("identity", word) for word in request.identities]
    return bool(wanted) and all(wanted)


def _again(root: Path, places: Sequence[str]) -> Report:
    """Nothing is left to remove; what is published may still be behind."""
    report = Report(removed=True, already=True)
    report.published = [vars(published.renew(place, root)) for place in places]
    return report


def _plan(
    root: Path, request: Request, asked: str, places: tuple[str, ...], caches: Sequence[Path], hashed: bool
) -> tuple[Journal, Report]:
    manifest = manifests.open(root)
    scope = find(manifest, request)
    files = disk.files_of(root, scope, hashed)
    sizes = _sizes(files, scope)
    cached = {str(cache.absolute()): files_in(cache, words_of(scope), sizes) for cache in caches}
    journal = Journal(
        asked, request.reason, datetime.now(UTC).date().isoformat(), scope, manifest.content, files, cached, places
    )
    journal.rows = rows_of(root, manifest.content, scope)
    journal.near = near(manifest, scope)
    report = _report(journal)
    report.published = [{"place": place} for place in places]
    origins = manifest.table("sources", ["id", "origin"]).to_pylist()
    report.yours = sorted(row["origin"] for row in origins if row["id"] in scope.touched and row["origin"][:1] == "/")
    return journal, report


def _sizes(files: list[Gone], scope: Scope) -> dict[int, set[str]]:
    """Size -> hashes of the clips of that size."""
    sizes: dict[int, set[str]] = {}
    for gone in files:
        sha256 = scope.files.get(Path(gone.path).name.split(".")[0])
        if gone.what == "clip" and sha256 is not None:
            sizes.setdefault(gone.bytes, set()).add(sha256)
    return sizes


def _report(journal: Journal) -> Report:
    scope = journal.scope
    every = [*journal.files, *(gone for files in journal.cached.values() for gone in files)]
    return Report(
        rows=journal.rows,
        files=files_by_kind(every),
        clips=len(scope.clips),
        shared=len(scope.shared),
        sources=len(scope.sources),
        parts=len(scope.spans),
        near=journal.near,
    )


def _finish(root: Path, journal: Journal, note: Note) -> Report:
    """Do what a journal says; every step may be done twice."""
    scope = journal.scope
    stones = Tombstones.read(root)
    for kind, values in scope.values.items():  # first: from here on nothing of it is fetched or curated again
        for value in values:
            stones.add(kind, value, journal.reason, journal.date)
    stones.write(root)
    if not scope.is_empty:
        note("rewriting the tables")
        rewrite(root, journal.content, scope)
        rewrite_results(root, scope)
        rewrite_ledger(root, scope)
    note("deleting files")
    disk.delete(root, journal.files)
    disk.delete(root, disk.files_of(root, scope, hashed=False))  # what rewriting left of shared sources
    disk.sweep(root)
    rewrite_lists(root, scope)
    for folder, files in journal.cached.items():
        disk.delete(Path(folder), files)
        rewrite_features(Path(folder), scope.clips, words_of(scope))
    note("certifying the splits")
    _certify(root)
    report = _report(journal)
    report.published = [vars(published.renew(place, root)) for place in journal.published]
    note("searching for what is left")
    caches = [Path(folder) for folder in journal.cached]
    report.left = left(root, read_content(root), scope, caches, _sizes(journal.files, scope))
    report.removed = True
    report.receipt = str(write_receipt(root, journal, report.left, report.published, stones))
    Journal.end(root)
    return report


def _certify(root: Path) -> None:
    from curation.certify import certify

    certify(root, fresh=True)
