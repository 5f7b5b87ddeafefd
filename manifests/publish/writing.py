"""Writes a manifest in one of the forms, with its card: the tables, the files beside them, and what describes them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.files import Written
from manifests.publish import head
from manifests.publish.described import describe, summary_of, write_card
from manifests.publish.facts import Told, gather
from manifests.publish.plan import check_files, plan_by_split

if TYPE_CHECKING:
    from manifests.manifest import Manifest
    from manifests.publish.hub import Watch


def write(
    form: str, manifest: "Manifest", new: Path, place: Path, limit: int, told: Told, watch: "Watch"
) -> tuple[dict[str, Any], dict[str, Written]]:
    """Write a form below `new`.

    Args:
        form: `hub`, `bare`, `files` or `dh-faceemovid-150`. manifest: where the clips come from. new: empty.
        place: where it will lie in the end. limit: bytes of a Parquet file, about.
        told: what the card tells beside the manifest. watch: told what is done, how many clips of how many.

    Returns:
        What .published.json keeps of the result, and what the files hold where that is known already.

    Raises:
        ManifestError: nothing to publish, or a clip's file is missing or damaged.
    """
    if form == "bare":
        from manifests.publish.bare import write_bare

        return write_bare(manifest, new, place, limit, told, watch)
    if form == "files":
        from manifests.publish.linked import write_linked

        return write_linked(manifest, new, place, limit, told, watch)
    if form == "hub":
        return _hub(manifest, new, limit, told, watch)
    from manifests.publish.dh import write_dh

    return write_dh(manifest, new, place, told, watch)


def _hub(
    manifest: "Manifest", new: Path, limit: int, told: Told, watch: "Watch"
) -> tuple[dict[str, Any], dict[str, Written]]:
    from manifests.publish import hub_card
    from manifests.publish.hub import write_hub

    plan = plan_by_split(manifest)
    check_files(manifest.root, plan.clips)
    written = write_hub(manifest, plan, new, limit, watch)
    facts = gather(manifest, plan, told)
    front = head.front_matter(facts, hub_card.configs(written), hub_card.infos(written))
    write_card(
        new, facts, front, hub_card.lines(facts, written), hub_card.frames_words() if "frames" in written else ()
    )
    shards = [shard for config in written.values() for files in config.shards.values() for shard in files]
    known = {shard.path.relative_to(new).as_posix(): Written(shard.sha256, shard.bytes) for shard in shards}
    describe(facts, new, known)
    return summary_of(facts, plan), known
