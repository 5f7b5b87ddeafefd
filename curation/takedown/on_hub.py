"""What was published on the Hub is published again without what went, and its earlier revisions are taken away."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.takedown.published import HUB, Renewed, as_stated, is_nothing
from curation.takedown.search import speaking
from curation.takedown.wanted import Wanted
from manifests.errors import ManifestError
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.publish.forget import Forgotten
    from manifests.publish.remote import Head, Remote

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
DONE: Final = (
    "{place} holds one commit ({commit}, {tag}): of {asked} earlier revisions {left} still resolve, and {files} large "
    "files ({mb:.1f} MB) that only these held were deleted; what the Hub keeps in caches and backups, forks, and what "
    "others downloaded is out of reach: ask the Hub's support and them"
)
BESIDE: Final = "; look at the branches and pull requests there, whose small files may name what was removed: {beside}"


def revisions_of(places: tuple[str, ...]) -> dict[str, list[str]]:
    """Place -> its commits and tags before anything is done; none of one that cannot be asked, which is told later."""
    from manifests.publish.forget import revisions_of
    from manifests.publish.remote import Remote, repo_of

    found = {}
    for place in places:
        if place.startswith(HUB):
            try:
                found[place] = revisions_of(Remote(repo_of(place)))
            except (ManifestError, OSError):
                found[place] = []
    return found


def renew(place: str, root: Path, revisions: list[str], note: Callable[[str], None]) -> Renewed:
    """Publish to the Hub as it was published there: its form, its visibility, and what was allowed to be public.

    Args:
        place: `hf:ORG/NAME`. root: the manifest's folder.
        revisions: commits and tags of before, as far as they are known. note: told what is being done.

    Raises:
        ManifestError: it is not there, holds no dataset of ours, may not be public, or the Hub refuses.
    """
    import time

    import manifests
    from manifests.publish.forget import clear
    from manifests.publish.push import record_at
    from manifests.publish.remote import Remote, repo_of
    from manifests.publish.run import MEDIA

    remote = Remote(repo_of(place), say=note)
    remote.check_login()
    head = remote.head()
    if head is None:
        raise ManifestError(
            f"{printable(place)} is not on the Hub, or is not yours to see: give ORG/NAME as published."
        )
    record = record_at(remote, head)
    if record.get("form") not in MEDIA.values():
        raise ManifestError(f"{printable(place)} holds no dataset: give the repository of the dataset.")
    manifest = manifests.open(root)
    clips = files = 0
    if is_nothing(manifest, str(record["form"])):
        gone = clear(remote, str(manifest.content.get("state", "")), note, time.sleep)
    else:
        clips, files, gone = _push(place, root, remote, head, record, note)
    asked = sorted({head.commit, *head.tags, *head.tags.values(), *revisions} - {gone.commit, gone.tag})
    return _told(place, clips, files, gone, asked, [revision for revision in asked if remote.has(revision)])


def _push(
    place: str, root: Path, remote: "Remote", head: "Head", record: dict[str, Any], note: Callable[[str], None]
) -> "tuple[int, int, Forgotten]":
    import manifests
    from manifests.publish import gate
    from manifests.publish.plan import plan_by_split
    from manifests.publish.run import MEDIA
    from manifests.publish.target import CARD
    from manifests.publish.to_hub import publish_to_hub

    card = remote.read(CARD, head.commit).decode("utf-8", "replace") if CARD in head.files else ""
    options = as_stated(record, card)
    manifest = manifests.open(root)
    found = gate.look(manifest, plan_by_split(manifest).clips)
    former = options.pop("allowed", [])
    allow = [name for name in former if name == gate.UNLICENSED or name in found.models]
    if not head.private:
        _check(place, found, allow)
    media = next(how for how, form in MEDIA.items() if form == record["form"])
    done = publish_to_hub(root, place, private=head.private, media=media, allow=allow, forget=True, say=note, **options)
    if done.published is None or done.forgotten is None:
        raise ManifestError(f"{printable(place)} was not published again: run the same line again.")
    return done.published.clips, done.published.files, done.forgotten


def _check(place: str, found: Any, allow: list[str]) -> None:
    """What was allowed to be public before may be public again, and nothing more."""
    from manifests.publish import gate

    try:
        gate.check(found, allow)
    except ManifestError as error:
        raise ManifestError(
            f"{error} It still holds what was removed: make it private on its page, or publish there once with moee "
            f"publish and --allow, then give this line again ({printable(place)})."
        ) from error


def _told(place: str, clips: int, files: int, gone: "Forgotten", asked: list[str], left: list[str]) -> Renewed:
    said = {
        "place": printable(place),
        "commit": gone.commit[:12],
        "tag": gone.tag,
        "asked": len(asked),
        "left": len(left),
    }
    note = DONE.format(**said, files=gone.files, mb=gone.bytes / 1e6)
    if gone.beside:
        note += BESIDE.format(beside=" ".join(map(printable, gone.beside)))
    hub = {
        "commit": gone.commit,
        "tag": gone.tag,
        "tags_gone": [name for name in asked if not _COMMIT.fullmatch(name) and name not in left],
        "files_gone": gone.files,
        "bytes_gone": gone.bytes,
        "revisions_asked": len(asked),
        "revisions_that_still_resolve": left,
        "branches_beside": len(gone.beside),
    }
    return Renewed(printable(place), clips, files, note=note, hub=hub)


def sweep_stages(wanted: Wanted) -> int:
    """Delete folders that a push was made in and that still hold what went; returns how many.

    A push that was killed, or only planned, leaves one in the user's cache.
    """
    import platformdirs

    stages = Path(platformdirs.user_cache_dir("moee")) / "publish"
    gone = [stage for stage in sorted(stages.glob("*")) if stage.is_dir() and speaking([stage], wanted)]
    for stage in gone:
        shutil.rmtree(stage)
    return len(gone)
