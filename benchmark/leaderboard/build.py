"""From bundles to a site: verify, copy, rank, write the pages beside the old ones, tidy up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmark.errors import BenchmarkError
from benchmark.leaderboard import library, media
from benchmark.leaderboard.collect import check, problems
from benchmark.leaderboard.content import make_content
from benchmark.leaderboard.entries import by_list
from benchmark.leaderboard.export import as_csv, as_json
from benchmark.leaderboard.model import Site, Unshown
from benchmark.leaderboard.opinion import load_studies
from benchmark.leaderboard.pages import render
from benchmark.study.bundle import is_opinions
from manifests.text import printable

CLIPS: Final = 12


@dataclass(frozen=True)
class Built:
    """What was built. bundles: shown or kept. videos: in the site. pages: written, of all kinds."""

    site: Path
    content: Site
    bundles: int
    videos: int
    pages: int


def leaderboard(
    bundles: Sequence[Path], site: Path, videos: Sequence[Path] = (), clips: int = CLIPS, workers: int = 1
) -> Built:
    """Make a site of these bundles; one that lies there is replaced once the new one is whole.

    Args:
        bundles: of systems and of rater studies; each is verified, and what is not sound is named and not shown.
        site: absent, empty or a site. videos: folders in which videos that were scored may lie.
        clips: shown of each list, at most. workers: processes.

    Raises:
        BenchmarkError: the folder holds something else or cannot be written, no bundle is named: one sentence.
    """
    if not bundles:
        raise BenchmarkError("Name at least one bundle: a folder that moee bench run or moee study score wrote.")
    with library.opened(site, new=True) as before:
        sound, unshown = check(bundles, workers)
        old = before.pages if before is not None else ()
        library.mark(site, library.Kept(clips=clips, unshown=tuple(unshown), pages=old))
        taken = list(dict.fromkeys(library.take(site, bundle) for bundle in sound))
        return _build(site, taken, unshown, videos, clips, old)


def submit(bundle: Path, site: Path, videos: Sequence[Path] = (), workers: int = 1) -> Built:
    """Verify a bundle, add it to a site, and make the pages again from all of its bundles.

    Raises:
        BenchmarkError: the bundle is not sound (then the site stays as it was), or there is no site: one sentence.
    """
    with library.opened(site, new=False) as before:
        assert before is not None
        wrong = problems(bundle)
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise BenchmarkError(f"The bundle {printable(bundle.name)} is refused: {wrong[0]}{more}")
        held, broken = check(library.held(site), workers)
        taken = sorted({*held, library.take(site, bundle)})
        unshown = [*(one for one in before.unshown if one not in broken), *broken]
        library.mark(site, before.model_copy(update={"unshown": tuple(before.unshown)}))
        return _build(site, taken, unshown, videos, before.clips, before.pages)


def _build(
    site: Path, taken: Sequence[Path], unshown: Sequence[Unshown], videos: Sequence[Path], clips: int,
    old: Sequence[str],
) -> Built:  # fmt: skip
    studies = load_studies(folder for folder in taken if is_opinions(folder))
    lists = by_list(folder for folder in taken if not is_opinions(folder))
    found = media.gather(site, lists.values(), videos, clips)
    content, systems = make_content(lists, studies, unshown, found)
    pages = render(content, systems) | {"leaderboard.json": as_json(content), "leaderboard.csv": as_csv(content)}
    kept = library.Kept(clips=clips, unshown=tuple(unshown), pages=tuple(sorted(pages)))
    library.mark(site, kept.model_copy(update={"pages": tuple(sorted({*old, *pages}))}))
    library.write_pages(site, pages)
    library.remove_pages(site, {*old} - {*pages})
    broken = {one.folder for one in unshown}
    library.keep_bundles(site, [*taken, *(folder for folder in library.held(site) if folder.name in broken)])
    media.keep_media(site, found.there)
    library.mark(site, kept)
    return Built(site, content, len(taken), len(found.there), len(pages))
