"""What was taken down in a folder is never made again there, also not from an older publication that still names it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.rebuild.published import Published
from curation.stages.export import clip_file

if TYPE_CHECKING:
    import pyarrow as pa

    from manifests.tombstones import Tombstones

DONE = "rebuilt"  # a file for each source that is finished


def stones_of(out: Path) -> "Tombstones":
    """What was taken down in a folder.

    Raises:
        CurationError: a takedown of the folder was killed and not finished yet.
        ManifestError: what it holds of earlier ones is damaged.
    """
    from curation.takedown.gate import Gate

    return Gate(out).stones


def without(published: Published, stones: "Tombstones", out: Path) -> tuple[Published, int]:
    """Leave out what was taken down, and delete what an earlier run had made of it.

    Args:
        published: what is to be made again.
        stones: of the folder that it is made in.
        out: that folder.

    Returns:
        The rest, without any row of what is gone, and the number of clips that were left out.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(stones):
        return published, 0
    closed = {row["id"] for row in published.sources() if source_is_gone(row, stones)}
    clips = published.tables["clips"]
    rows = clips.select(["id", "source", "identity", "dataset", "given_identity"]).to_pylist()
    stays = [row["source"] not in closed and not _clip_is_gone(row, stones) for row in rows]
    for row, there in zip(rows, stays, strict=True):
        if not there:
            forget(out, row["source"], [row["id"]])
    kept = clips.filter(pa.array(stays))
    tables = {"clips": kept}
    for table, column in (("sources", "source"), ("shots", "shot")):
        held = published.tables[table]
        tables[table] = held.filter(pc.is_in(held.column("id"), value_set=_unique(kept, column)))
    return replace(published, tables=tables), len(rows) - kept.num_rows


def _unique(rows: "pa.Table", column: str) -> "pa.Array":
    import pyarrow as pa

    return pa.array(sorted(set(rows.column(column).to_pylist())), pa.string())


def source_is_gone(row: dict[str, Any], stones: "Tombstones") -> bool:
    """Whether a source was taken down: by its address, its id, its content or who published it."""
    kinds = {"url": row["origin"], "source": row["id"], "content": row["sha256"], "uploader": row["uploader"]}
    return any(stones.has(kind, value) for kind, value in kinds.items())


def _clip_is_gone(row: dict[str, Any], stones: "Tombstones") -> bool:
    """Whether a clip was taken down, also as one of somebody else that shows the person, or is of a person who was."""
    from manifests.tombstones import given_name

    given = None
    if row["dataset"] is not None and row["given_identity"] is not None:
        given = given_name(row["dataset"], row["given_identity"])
    return stones.has("clip", row["id"]) or stones.has("identity", row["identity"]) or stones.has("given", given)


def forget(out: Path, source: str, clips: list[str]) -> None:
    """Delete what an earlier run had made of clips of a source: their files, and what was found of the source."""
    (out / DONE / f"{source}.json").unlink(missing_ok=True)
    for clip in clips:
        (out / clip_file(clip)).unlink(missing_ok=True)
