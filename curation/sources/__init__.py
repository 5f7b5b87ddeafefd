"""Where inputs come from: each module turns SOURCE arguments into inputs, and `inputs_of` chooses the module."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curation.sources.inputs import Input

VIEWS = ("front",)


def inputs_of(
    sources: Sequence[Path],
    out: Path,
    dataset: str | None = None,
    *,
    views: Sequence[str] = VIEWS,
    note: Callable[[str], None] = lambda text: None,
) -> "list[Input]":
    """Every input of the SOURCE arguments, in order of name; the same file or URL counts once.

    A list file is a list of URLs whatever the data set; HDTF's own files of URLs stand for their subset.

    Args:
        sources: files, folders and list files.
        out: the manifest's folder, left out where it lies inside a source.
        dataset: one of `manifests.recipe.DATASETS`; None is `folder`.
        views: MEAD's camera positions to take.
        note: told, in one sentence each, what was left out on purpose.

    Raises:
        CurationError: a source does not exist, or is not what the data set asks for.
        ManifestError: there is no such data set or view.
    """
    from curation.sources.urls import is_list, list_urls

    lists = [source for source in sources if is_list(source) and source.is_file()]
    found: list[Input] = []
    for source in lists:
        subset = _subset(source) if dataset == "hdtf" else None
        if subset:
            found += _hdtf([source.parent], out, subset, note)
        else:
            found += list_urls(source)
    rest = [source for source in sources if source not in lists]
    if rest:
        found += _dataset(rest, out, dataset or "folder", views, note)
    unique: dict[str, Input] = {}
    for item in found:
        unique.setdefault(item.origin, item)
    return sorted(unique.values(), key=lambda item: (item.name, item.origin))


def _subset(source: Path) -> str | None:
    from curation.sources.hdtf import SUBSETS

    return next((subset for subset in SUBSETS if source.name == f"{subset}_video_url.txt"), None)


def _hdtf(folders: Sequence[Path], out: Path, only: str | None, note: Callable[[str], None]) -> "list[Input]":
    from curation.sources.hdtf import list_inputs

    return list_inputs(folders, out, only, note)


def _dataset(
    sources: Sequence[Path], out: Path, dataset: str, views: Sequence[str], note: Callable[[str], None]
) -> "list[Input]":
    from curation.sources import dh_faceemovid, file_names, folder, mead
    from manifests.errors import ManifestError
    from manifests.recipe import DATASETS
    from manifests.text import nearest

    if dataset == "folder":
        return folder.list_inputs(sources, out)
    if dataset == "hdtf":
        return _hdtf(sources, out, None, note)
    if dataset == "mead":
        return mead.list_inputs(sources, out, views, note)
    if dataset == "dh-faceemovid":
        return dh_faceemovid.list_inputs(sources, out, note)
    if dataset == "ravdess":
        return file_names.list_ravdess(sources, out, note=note)
    if dataset == "crema-d":
        return file_names.list_crema_d(sources, out, note)
    raise ManifestError(f"There is no data set {dataset!r}: {nearest(dataset, DATASETS)}")
