"""What was published of a manifest is published again without what went, in its form and under its name."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.errors import CurationError
from manifests.errors import ManifestError
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

HUB: Final = "hf:"
DH: Final = "dh-faceemovid-150"
_NOT_STATED: Final = ("unknown", "several", "other")  # what a card says where nobody stated a licence


@dataclass(frozen=True)
class Renewed:
    """A place that was published again.

    Attributes:
        place: as it was given. clips, files: that it holds now. error: why it could not be done.
        note: what is to be known of it.
        hub: what is not on the Hub any more, as the receipt tells it; empty for a folder.
    """

    place: str
    clips: int = 0
    files: int = 0
    error: str | None = None
    note: str | None = None
    hub: dict[str, Any] = field(default_factory=dict)


def check(places: tuple[str, ...], root: Path) -> None:
    """Refuse what is no publication before anything is removed.

    Raises:
        CurationError: a folder that moee publish did not write.
    """
    from manifests.publish.remote import repo_of
    from manifests.publish.target import check_place, record_of

    for place in places:
        try:
            if place.startswith(HUB):
                repo_of(place)
                continue
            check_place(Path(place), root)
            record = record_of(Path(place))
        except ManifestError as error:
            raise CurationError(str(error)) from error
        if record is None:
            raise CurationError(f"{printable(place)} was not published: give a folder that moee publish wrote")


def folders_of(places: tuple[str, ...]) -> list[Path]:
    """The places that are folders of this machine."""
    return [Path(place) for place in places if not place.startswith(HUB)]


def revisions_left(places: list[dict[str, Any]]) -> int:
    """How many commits of before the Hub still gives."""
    return sum(len(place["hub"].get("revisions_that_still_resolve", ())) for place in places)


def renew(place: str, root: Path, revisions: list[str], note: Callable[[str], None]) -> Renewed:
    """Publish again; a failure is told, not raised: what was removed stays removed, and the same line tries again.

    Args:
        place: a folder, or `hf:ORG/NAME`.
        root: the manifest's folder.
        revisions: commits and tags on the Hub that held what went, as far as they are known.
        note: told what is being done.
    """
    from curation.takedown import on_hub

    note(f"publishing {printable(place)} again")
    try:
        return on_hub.renew(place, root, revisions, note) if place.startswith(HUB) else _folder(place, root)
    except (ManifestError, OSError) as error:
        return Renewed(printable(place), error=printable(str(error)))


def _folder(place: str, root: Path) -> Renewed:
    """Publish a folder again in its form.

    Raises:
        ManifestError: it is not ours, or cannot be written.
    """
    import manifests
    from manifests.publish.run import publish
    from manifests.publish.target import CARD, aside, record_of

    folder, shown = Path(place), printable(place)
    record = record_of(folder)
    if record is None:
        return Renewed(shown, note=f"{shown} holds no publication any more")
    with aside(folder):  # what a publication that was killed left aside still shows what went
        pass
    manifest = manifests.open(root)
    if is_nothing(manifest, str(record.get("form"))):
        _empty(folder, record)
        return Renewed(shown)
    _rename_the_gone(folder, record, manifest)
    card = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        card = (folder / CARD).read_text("utf-8")
    done = publish(root, folder, form=record.get("form", "hub"), **as_stated(record, card))
    return Renewed(shown, done.clips, done.files)


def is_nothing(manifest: "Manifest", form: str) -> bool:
    """Whether no clip is left that could be published in a form."""
    import pyarrow.compute as pc

    from manifests.publish.dh_names import name_clips
    from manifests.publish.plan import has_no_splits, kept_clips

    if not pc.any(pc.equal(manifest.table("clips", ["status"]).column("status"), "kept")).as_py():
        return True
    clips = kept_clips(manifest)
    if form == DH:
        return not name_clips(clips.to_pylist(), {}).clips
    return clips.column("split").null_count == clips.num_rows and not has_no_splits(manifest, clips)


def as_stated(record: dict[str, Any], card: str) -> dict[str, Any]:
    """Licence, name, languages, size of shards and what was allowed, as they were published; options of `publish`.

    Args:
        record: what .published.json says. card: the text of its README.md, for publications that do not say it there.
    """
    stated = record.get("stated")
    if not isinstance(stated, dict):
        return _by_card(card)
    found: dict[str, Any] = {name: stated.get(name) for name in ("licence", "pretty_name")}
    found["allowed"] = [str(name) for name in stated.get("allowed") or ()]
    if stated.get("languages"):
        found["languages"] = [str(name) for name in stated["languages"]]
    if isinstance(stated.get("shard"), int) and stated["shard"] > 0:
        found["max_shard_bytes"] = stated["shard"]
    return found


def _by_card(card: str) -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = {}
    with contextlib.suppress(yaml.YAMLError, IndexError):
        head = yaml.safe_load(card.split("---")[1])
        if isinstance(head, dict):
            if isinstance(head.get("pretty_name"), str):
                found["pretty_name"] = head["pretty_name"]
            licence = head.get("license_name") if head.get("license") == "other" else head.get("license")
            if isinstance(licence, str) and licence not in _NOT_STATED:
                found["licence"] = licence
    return found


def _rename_the_gone(folder: Path, record: dict[str, Any], manifest: "Manifest") -> None:
    """The form of DH-FaceEmoVid-150 remembers each person's number: the number stays taken, without saying by whom."""
    from manifests.files import write_json
    from manifests.publish.dh_names import person_of
    from manifests.publish.target import RECORD

    actors = record.get("actors")
    if not isinstance(actors, dict):
        return
    clips = manifest.table("clips", ["identity", "dataset", "given_identity", "source"])
    there = {person_of(clip) for clip in clips.to_pylist()}
    renamed = {person if person in there else f"gone:{actor}": actor for person, actor in actors.items()}
    if renamed != actors:
        write_json(folder / RECORD, {**record, "actors": renamed})


def _empty(folder: Path, record: dict[str, Any]) -> None:
    """Nothing is left to publish: what moee publish wrote there goes, the record last."""
    from manifests.publish.target import RECORD

    for name in record.get("names", []):
        path = folder / str(name)
        if Path(str(name)).name == name:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    (folder / RECORD).unlink(missing_ok=True)
