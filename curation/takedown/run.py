"""The whole takedown: found, shown, then done in an order that a kill at any moment cannot spoil."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import manifests
from curation.errors import CurationError
from curation.takedown import disk, on_hub, published
from curation.takedown.again import again, is_done, what_is_left
from curation.takedown.caches import files_in, rewrite_features
from curation.takedown.counts import files_by_kind, near, rows_of
from curation.takedown.disk import Gone
from curation.takedown.find import Request, find
from curation.takedown.journal import Journal, digest_of
from curation.takedown.receipt import write_receipt
from curation.takedown.report import Report
from curation.takedown.rewrites import rewrite_lists, rewrite_results
from curation.takedown.scope import Scope
from curation.takedown.search import left, words_of
from curation.takedown.snapshot import rewrite, rewrite_ledger
from curation.takedown.wanted import Known
from manifests.files import exclusive
from manifests.manifest import read_content
from manifests.tombstones import Tombstones

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
        if is_done(root, request):
            return again(root, asked, request.reason, tuple(places), caches, yes, note)
        published.check(tuple(places), root)
        request = what_is_left(root, request)
        journal, report = _plan(root, request, asked, tuple(places), caches, yes)
        if not yes:
            return report
        journal.write(root)
        done = _finish(root, journal, note)
        done.yours = report.yours
        return done


def _plan(
    root: Path, request: Request, asked: str, places: tuple[str, ...], caches: Sequence[Path], hashed: bool
) -> tuple[Journal, Report]:
    manifest = manifests.open(root)
    scope = find(manifest, request)
    files = disk.files_of(root, scope, hashed)
    sizes = _sizes(files, scope)
    cached = {str(cache.absolute()): files_in(cache, Known(words_of(scope), sizes)) for cache in caches}
    journal = Journal(
        asked, request.reason, datetime.now(UTC).date().isoformat(), scope, manifest.content, files, cached, places
    )
    journal.revisions = on_hub.revisions_of(places) if hashed else {}
    journal.rows = rows_of(root, manifest.content, scope)
    journal.near = near(manifest, scope)
    report = _report(journal)
    report.published = [{"place": place} for place in places]
    rows = manifest.table("sources", ["id", "origin", "sound_origin"]).to_pylist()
    places_of = [row[name] for row in rows if row["id"] in scope.touched for name in ("origin", "sound_origin")]
    report.yours = sorted({place for place in places_of if place and place.startswith("/")})
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
    sizes = _sizes(journal.files, scope)
    wanted = Known(words_of(scope), sizes)
    for folder, files in journal.cached.items():
        disk.delete(Path(folder), files)
        rewrite_features(Path(folder), wanted)
    on_hub.sweep_stages(wanted)
    note("certifying the splits")
    _certify(root)
    report = _report(journal)
    report.published = [
        vars(published.renew(place, root, journal.revisions.get(place, []), note)) for place in journal.published
    ]
    note("searching for what is left")
    caches, places = [Path(folder) for folder in journal.cached], published.folders_of(journal.published)
    report.left, report.found = left(root, read_content(root), scope, sizes, caches, places)
    report.left["revisions"] = published.revisions_left(report.published)
    report.removed = True
    report.receipt = str(write_receipt(root, journal, report.left, report.published, stones))
    Journal.end(root)
    return report


def _certify(root: Path) -> None:
    from curation.certify import certify

    certify(root, fresh=True)
