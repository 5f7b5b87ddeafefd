"""The same takedown once more: rows and files are gone, but places and caches that are named now may still hold it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation.takedown import disk, on_hub, published
from curation.takedown.caches import files_in, rewrite_features
from curation.takedown.counts import files_by_kind
from curation.takedown.find import Request
from curation.takedown.receipt import write_later
from curation.takedown.report import Report
from curation.takedown.search import speaking
from curation.takedown.wanted import Remembered
from manifests.tombstones import Tombstones

if TYPE_CHECKING:
    from manifests.manifest import Manifest


def is_done(root: Path, request: Request) -> bool:
    """Whether all that is named was taken down, and nothing of it is there."""
    stones = Tombstones.read(root)
    if not len(stones):
        return False
    left = _named(root, request)
    wanted = [any(stones.has(kind, word) for kind in ("source", "url")) for word in request.sources]
    wanted += [stones.has("uploader", word) for word in request.uploaders]
    wanted += [stones.has("identity", word) for word in request.identities]
    return bool(wanted) and all(wanted) and not left


def what_is_left(root: Path, request: Request) -> Request:
    """The request without what was taken down before, so that a longer list may name it again."""
    stones = Tombstones.read(root)
    if not len(stones):
        return request
    left = _named(root, request)

    def stays(words: tuple[str, ...], *kinds: str) -> tuple[str, ...]:
        return tuple(word for word in words if word in left or not any(stones.has(kind, word) for kind in kinds))

    return replace(
        request,
        sources=stays(request.sources, "source", "url"),
        uploaders=stays(request.uploaders, "uploader"),
        identities=stays(request.identities, "identity"),
    )


def _named(root: Path, request: Request) -> set[str]:
    """The words of a request that the manifest holds: the address of a source that stays without a person is there."""
    import manifests

    manifest = manifests.open(root)
    found = _words(manifest, request)
    return found & {*request.sources, *request.uploaders, *request.identities}


def _words(manifest: "Manifest", request: Request) -> set[str]:
    rows = manifest.table("sources", ["id", "name", "origin", "uploader"])
    names = ["id", "name", "origin"] * bool(request.sources) + ["uploader"] * bool(request.uploaders)
    found = {word for name in names for word in rows.column(name).to_pylist()}
    if request.identities:
        found |= set(manifest.table("identities", ["identity"]).column("identity").unique().to_pylist())
    return found


def again(
    root: Path,
    asked: str,
    reason: str,
    places: tuple[str, ...],
    caches: Sequence[Path],
    yes: bool,
    note: Callable[[str], None],
) -> Report:
    """Clean caches by what tombstones remember, and publish places again that may be behind.

    Args:
        root: the manifest's folder. asked: digest of the line. reason: as it was given.
        places, caches: as for a first takedown. yes: do it. note: told what is being done.

    Raises:
        CurationError: a cache is none.
    """
    stones = Tombstones.read(root)
    wanted = Remembered(stones)
    cached = {cache: files_in(cache, wanted) for cache in caches}
    gone = [one for files in cached.values() for one in files]
    report = Report(removed=yes, already=True, files=files_by_kind(gone))
    report.published = [{"place": place} for place in places]
    if not yes or not (places or caches):
        return report
    for cache, files in cached.items():
        disk.delete(cache, files)
        rewrite_features(cache, wanted)
    on_hub.sweep_stages(wanted)
    report.published = [vars(published.renew(place, root, [], note)) for place in places]
    found = {"caches": speaking(caches, wanted), "published": speaking(published.folders_of(places), wanted)}
    report.left = {name: len(files) for name, files in found.items()}
    report.found = sorted({str(path) for files in found.values() for path in files})
    report.left["revisions"] = published.revisions_left(report.published)
    report.receipt = str(write_later(root, asked, reason, gone, report, stones))
    return report
