"""The HTML report of a manifest: one file that opens from disk, prints, and needs no network."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        path: the report.
        bytes: its size.
        pictures: thumbnails that show a frame.
        placeholders: thumbnails whose frame could not be had any more.
    """

    path: Path
    bytes: int
    pictures: int
    placeholders: int


def write_report(folder: Path, target: Path | None = None) -> Path:
    """Write the report of the manifest in a folder; the same manifest and media give the same bytes.

    Args:
        folder: an output folder of `moee curate`.
        target: the HTML file, `report.html` in the folder when None; its folder is made when missing.

    Returns:
        The file that was written, whole or not at all.

    Raises:
        manifests.errors.ManifestError: no manifest, a damaged one, or a folder that cannot be written.
    """
    return write(folder, target).path


def write(folder: Path, target: Path | None = None) -> Written:
    """As `write_report`, but say more about what was written."""
    import manifests
    from curation.report.page import render
    from manifests.errors import ManifestError
    from manifests.files import make_folder, plain_errors, replace, write_aside
    from manifests.text import printable

    target = Path(target) if target is not None else Path(folder) / "report.html"
    if target.is_dir():
        raise ManifestError(f"{printable(str(target))} is a folder: give the name of a file, such as report.html.")
    page = render(manifests.open(folder))
    content = page.html.encode()
    with plain_errors(target.parent):
        make_folder(target.parent)
        aside, written = write_aside(target.parent, target.name, lambda file: file.write(content))
        aside.chmod(0o644)
        replace(aside, target)
    return Written(target, written.bytes, page.pictures, page.placeholders)
