"""Publishes a manifest to a folder: written aside, read back, put in place; the same input again does no work."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.certificate import FILE, VERSION
from manifests.errors import ManifestError
from manifests.publish import certified, links, target
from manifests.publish.facts import Stated, Told
from manifests.publish.languages import checked
from manifests.publish.writing import write
from manifests.text import nearest, printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest
    from manifests.publish.hub import Watch

FORMS: Final = ("hub", "dh-faceemovid-150", "bare", "files")
MEDIA: Final = {"embedded": "hub", "files": "files", "none": "bare"}  # how clips go along -> form
SHARD_BYTES: Final = 100_000_000  # a reader that streams may hold a whole file: Arrow reads ahead
_VERSION: Final = 6  # of what is written; a change publishes again
_LONGEST: Final = 200  # characters of a licence or a name that go into the card's head
_SHOWN: Final = 40  # characters of what was published before
_MOST_FILES, _MOST_IN_FOLDER = 100_000, 10_000  # the Hub's advice


@dataclass(frozen=True)
class Published:
    """What a folder holds now.

    Attributes:
        folder: where, printable.
        form: one of `FORMS`.
        already: nothing had to be written.
        clips: published clips.
        hours: their length.
        splits: split -> clips.
        left_out: why -> ids of the kept clips that are not published.
        files: how many files there are.
        bytes: their size.
        notes: what the reader should know, a sentence each.
    """

    folder: str
    form: str
    already: bool
    clips: int
    hours: float
    splits: dict[str, int]
    left_out: dict[str, list[str]]
    files: int
    bytes: int
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def publish(
    folder: str | Path,
    to: str | Path,
    *,
    form: str = "hub",
    max_shard_bytes: int = SHARD_BYTES,
    licence: str | None = None,
    pretty_name: str | None = None,
    allowed: Sequence[str] = (),
    languages: Sequence[str] = (),
    watch: "Watch" = lambda what, done, total: None,
) -> Published:
    """Publish the kept clips of a manifest to a folder, with everything that is known of them.

    Args:
        folder: a folder that `moee curate --out` wrote; it is only read.
        to: a new or empty folder, or one that was published before in the same form, whose content is replaced, the
            card with what was edited in it too; nothing outside it is written.
        form: `hub`, which `datasets.load_dataset` reads, `bare`, the same without media, `files`, with clips as
            files, or `dh-faceemovid-150`, files
            named as in that set.
        max_shard_bytes: a Parquet file is closed when it holds about so much.
        licence: of the whole, for the card; None takes what the sources state.
        pretty_name: for the card; None names the recipe.
        allowed: for the card: what may be public though its licence forbids or lacks it.
        languages: codes of the languages that are spoken (`en`), for the card, beside those that sources state.
        watch: told what is done, how many clips of how many.

    Returns:
        What the folder holds; `already` when it held it before and nothing was written.

    Raises:
        ManifestError: not a manifest, nothing to publish, a damaged clip, a target that is not ours or of
            another form, a file that may not be read or written, a full disk.
    """
    import manifests

    if form not in FORMS:
        raise ManifestError(f"There is no form {printable(form)!r}: {nearest(form, FORMS)}")
    if max_shard_bytes < 1:
        raise ManifestError("A file of clips must be allowed to hold at least one byte.")
    words = _words_of("licence", licence), _words_of("pretty name", pretty_name)
    stated = Stated(*words, tuple(sorted(allowed)), checked(languages))
    place = target.place_of(to)
    manifest = manifests.open(folder)
    target.check_place(place, manifest.root)
    record = target.record_of(place)
    target.check_form(record, form, place)
    found = certified.stored(manifest)
    notes = [found.note] if found.note else []
    key = _key(manifest, form, max_shard_bytes, found, stated)
    if record is not None and target.is_current(place, record, key):
        return _result(place, record, notes, already=True)
    with target.aside(place) as new:
        record = target.record_of(place)
        target.check_form(record, form, place)
        with target.told_errors(place, manifest.root):
            told = _told(manifest, found, stated, new)
            result, known = write(form, manifest, new, place, max_shard_bytes, told, watch)
        _refuse_changed(manifest)
        last = "metadata.parquet" if form == "dh-faceemovid-150" else "data"
        base = {"form": form, "key": key, "of": _of(manifest), "stated": {**asdict(stated), "shard": max_shard_bytes}}
        target.put_in_place(place, new, {**base, **result}, last, known)
    return _result(place, target.record_of(place) or {}, [*notes, *_replaced(record, manifest)], already=False)


def form_of(media: str) -> str:
    """Return the form in which media go along as `--media` says.

    Raises:
        ManifestError: there is no such way.
    """
    if media not in MEDIA:
        raise ManifestError(f"There is no --media {printable(media)}: {nearest(media, MEDIA)}")
    return MEDIA[media]


def _words_of(what: str, words: str | None) -> str | None:
    if words is None:
        return None
    words = " ".join(words.split())
    if not 0 < len(words) <= _LONGEST:
        raise ManifestError(f"The {what} must have 1 to {_LONGEST} characters.")
    return printable(words)


def _told(manifest: "Manifest", found: certified.Stored, stated: Stated, new: Path) -> Told:
    """Put the certificate below `new`, made where none is stored that holds."""
    content, raw = found.content, found.raw
    if found.wanted and raw is None:
        content, raw = certified.made(manifest)
    if raw is not None:
        (new / FILE).write_bytes(raw)
    return Told(content, stated)


def _of(manifest: "Manifest") -> dict[str, Any]:
    """What .published.json says of the manifest."""
    return {"state": str(manifest.content.get("state", "")), "recipe": manifest.recipe.get("name")}


def _replaced(record: dict[str, Any] | None, manifest: "Manifest") -> list[str]:
    """What was there before, if it was of another manifest, or of another state of this one."""
    if record is None or record.get("whole") is not True or record.get("of") == _of(manifest):
        return []
    former = record.get("of")
    known = former if isinstance(former, dict) else {}
    named = [f"{name} {str(known[name])[:_SHOWN]}" for name in ("recipe", "state") if known.get(name)]
    words = printable(", ".join(named) or "state not recorded")
    return [f"replaced the publication of another manifest or an earlier state of this one ({words})"]


def _key(manifest: "Manifest", form: str, limit: int, found: certified.Stored, stated: Stated) -> str:
    """Changes when anything that is published may change."""
    from manifests.schema import FRAME_TABLES

    decisive_keys = ("schema_version", "tables", *FRAME_TABLES, "stages", "recipe")
    content = {name: manifest.content[name] for name in decisive_keys}
    asked = links.key(manifest.root)
    decisive = [_VERSION, form, limit, found.content, found.wanted, VERSION, asdict(stated), content, asked]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _refuse_changed(manifest: "Manifest") -> None:
    """A manifest that was replaced meanwhile gave a mixture of old and new."""
    import manifests

    if manifests.open(manifest.root).content != manifest.content:
        raise ManifestError("The manifest was changed while it was published: publish again when moee curate is done.")


def _result(place: Path, record: dict[str, Any], notes: list[str], already: bool) -> Published:
    files = record["files"]
    return Published(
        folder=printable(str(place)),
        form=record["form"],
        already=already,
        clips=record["clips"],
        hours=record["hours"],
        splits=record["splits"],
        left_out=record["left_out"],
        files=len(files),
        bytes=sum(entry["bytes"] for entry in files.values()),
        notes=[*_notes(files), *notes],
    )


def _notes(files: dict[str, Any]) -> list[str]:
    notes = []
    folders: dict[str, int] = {}
    for name in files:
        folder = name.rpartition("/")[0]
        folders[folder] = folders.get(folder, 0) + 1
    if len(files) >= _MOST_FILES:
        notes.append(f"{len(files):,} files: the Hub takes fewer than {_MOST_FILES:,}, use the form hub there")
    for folder, number in sorted(folders.items()):
        if number >= _MOST_IN_FOLDER:
            notes.append(f"{number:,} files in {folder}: the Hub takes fewer than {_MOST_IN_FOLDER:,} in one folder")
    return notes
