"""What was published of a manifest is published again without what went, in its form and under its name."""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from curation.errors import CurationError
from manifests.errors import ManifestError
from manifests.text import printable

HUB: Final = "hf:"
_NOT_STATED: Final = ("unknown", "several", "other")  # what a card says where nobody stated a licence


@dataclass(frozen=True)
class Renewed:
    """A place that was published again: clips and files that it holds now, or why it could not be done."""

    place: str
    clips: int = 0
    files: int = 0
    error: str | None = None


def check(places: tuple[str, ...], root: Path) -> None:
    """Refuse what is no publication before anything is removed.

    Raises:
        CurationError: a folder that moee publish did not write.
    """
    from manifests.publish.target import check_place, record_of

    for place in places:
        if place.startswith(HUB):
            continue
        try:
            check_place(Path(place), root)
            record = record_of(Path(place))
        except ManifestError as error:
            raise CurationError(str(error)) from error
        if record is None:
            raise CurationError(f"{printable(place)} was not published: give a folder that moee publish wrote")


def renew(place: str, root: Path) -> Renewed:
    """Publish again; a failure is told, not raised: what was removed stays removed, and the same line tries again."""
    from manifests.manifest import open as open_manifest
    from manifests.publish.run import publish

    try:
        if not place.startswith(HUB):
            kept = len(open_manifest(root).clips)
            if not kept:
                _empty(Path(place))
                return Renewed(printable(place))
            done = publish(root, Path(place), **_as_before(Path(place)))
        else:
            done = publish(root, place)
    except (ManifestError, OSError) as error:
        return Renewed(printable(place), error=str(error))
    return Renewed(printable(place), done.clips, done.files)


def _as_before(folder: Path) -> dict[str, Any]:
    """Form, licence and name as they were published, from the record and the card's head."""
    import yaml

    from manifests.publish.target import CARD, record_of

    record = record_of(folder) or {}
    found: dict[str, Any] = {"form": record.get("form", "hub")}
    with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError, IndexError):
        head = yaml.safe_load((folder / CARD).read_text("utf-8").split("---")[1])
        if isinstance(head, dict):
            if isinstance(head.get("pretty_name"), str):
                found["pretty_name"] = head["pretty_name"]
            licence = head.get("license_name") if head.get("license") == "other" else head.get("license")
            if isinstance(licence, str) and licence not in _NOT_STATED:
                found["licence"] = licence
    return found


def _empty(folder: Path) -> None:
    """Nothing is left to publish: what moee publish wrote there goes."""
    from manifests.publish.target import RECORD, record_of

    record = record_of(folder) or {}
    for name in record.get("names", []):
        path = folder / str(name)
        if Path(str(name)).name == name:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    (folder / RECORD).unlink(missing_ok=True)
