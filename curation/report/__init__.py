"""The HTML report of a manifest and the pages of its clips: files that open from disk, print, and need no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        path: the report; the folder of the pages where only these were asked for.
        bytes: its size, that of all pages where only these were asked for.
        pictures: thumbnails that show a frame.
        placeholders: thumbnails whose frame could not be had any more.
        pages: the clips whose pages were written too, beside it in `pages`.
    """

    path: Path
    bytes: int
    pictures: int
    placeholders: int
    pages: tuple[str, ...] = ()


def write_report(folder: Path, target: Path | None = None) -> Path:
    """Write the report of the manifest in a folder; the same manifest and media give the same bytes.

    Args:
        folder: an output folder of `moee curate`.
        target: the HTML file, `report.html` in the folder when None; its folder is made when missing.

    Returns:
        The file that was written, whole or not at all; pages of the most ambiguous clips lie beside it in `pages`.

    Raises:
        manifests.errors.ManifestError: no manifest, a damaged one, or a folder that cannot be written.
    """
    return write(folder, target).path


def write(folder: Path, target: Path | None = None) -> Written:
    """As `write_report`, but say more about what was written."""
    import manifests
    from curation.report.clip_page import FOLDER, render_clip
    from curation.report.page import render

    manifest = manifests.open(folder)
    target = _target(folder, target)
    page = render(manifest)
    for clip in page.clips:
        made = render_clip(manifest, clip, f"../{target.name}")
        _write(target.parent / FOLDER / f"{clip}.html", made.html)
    return Written(target, _write(target, page.html), page.pictures, page.placeholders, page.clips)


def write_clips(folder: Path, clips: Sequence[str], target: Path | None = None) -> Written:
    """Write the pages of some clips, and no report.

    Args:
        folder: an output folder of `moee curate`.
        clips: their ids.
        target: where the report is or would be, as for `write_report`: the pages lie beside it in `pages`.

    Raises:
        manifests.errors.ManifestError: as `write_report`, or an id that is none of the manifest's clips.
    """
    import manifests
    from curation.report.clip_page import FOLDER, check, render_clip

    ids = check(clips)
    manifest = manifests.open(folder)
    target = _target(folder, target)
    link = f"../{target.name}" if target.is_file() else ""
    size = pictures = placeholders = 0
    for clip in ids:
        made = render_clip(manifest, clip, link)
        size += _write(target.parent / FOLDER / f"{clip}.html", made.html)
        pictures, placeholders = pictures + made.pictures, placeholders + made.placeholders
    return Written(target.parent / FOLDER, size, pictures, placeholders, tuple(ids))


def _target(folder: Path, target: Path | None) -> Path:
    from manifests.errors import ManifestError
    from manifests.text import printable

    target = Path(target) if target is not None else Path(folder) / "report.html"
    if target.is_dir():
        raise ManifestError(f"{printable(str(target))} is a folder: give the name of a file, such as report.html.")
    return target


def _write(target: Path, html: str) -> int:
    """Write a page whole or not at all; return its bytes."""
    from manifests.files import make_folder, plain_errors, replace, write_aside

    content = html.encode()
    with plain_errors(target.parent):
        make_folder(target.parent)
        aside, written = write_aside(target.parent, target.name, lambda file: file.write(content))
        aside.chmod(0o644)
        replace(aside, target)
    return written.bytes
