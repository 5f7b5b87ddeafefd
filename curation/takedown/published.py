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
    note: str | None = None


HISTORY: Final = (
    "earlier revisions of {place} still hold what was removed: squash its history (huggingface_hub: "
    "HfApi().super_squash_history) and delete its old files in the repository's settings on the Hub"
)


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
            done = _push(place, root)
    except (ManifestError, OSError) as error:
        return Renewed(printable(place), error=str(error))
    note = HISTORY.format(place=printable(place)) if place.startswith(HUB) else None
    return Renewed(printable(place), done.clips, done.files, note=note)


def _push(place: str, root: Path) -> Any:
    """Publish to the Hub as it was published there: its form, its visibility, and what was allowed to be public.

    Raises:
        ManifestError: it is not there, or the Hub refuses.
    """
    import platformdirs

    import manifests
    from manifests.publish import gate
    from manifests.publish.plan import plan_by_split
    from manifests.publish.push import record_at
    from manifests.publish.remote import Remote, repo_of
    from manifests.publish.to_hub import publish_to_hub

    name = repo_of(place)
    remote = Remote(name)
    head = remote.head()
    if head is None:
        raise ManifestError(
            f"{printable(place)} is not on the Hub, or is not yours to see: give ORG/NAME as published."
        )
    stages = Path(platformdirs.user_cache_dir("moee")) / "publish"  # what a push that was killed left behind
    for stage in stages.glob(f"{name.replace('/', '@')}-*"):
        shutil.rmtree(stage, ignore_errors=True)
    manifest = manifests.open(root)
    found = gate.look(manifest, plan_by_split(manifest).clips)
    allow = [*([gate.UNLICENSED] if found.unlicensed else []), *found.models]  # it is public already
    media = "none" if record_at(remote, head).get("form") == "bare" else "embedded"
    done = publish_to_hub(root, place, private=head.private, media=media, allow=allow)
    if done.published is None:
        raise ManifestError(f"{printable(place)} holds no dataset: give the repository of the dataset.")
    return done.published


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
