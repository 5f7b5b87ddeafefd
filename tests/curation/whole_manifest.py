"""A manifest of made tables, as a stage over the whole manifest sees it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from manifests.schema import empty, make_id, table_from_rows


class Made:
    """Tables by name; those that are not given are empty, and nothing was decided before unless it is given."""

    def __init__(self, tables: Mapping[str, pa.Table], before: Mapping[str, pa.Table] | None = None) -> None:
        self.tables = dict(tables)
        self.before = dict(before or {})

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """As `curation.stage.Whole`."""
        table = self.tables.get(name, empty(name))
        return table if columns is None else table.select(list(columns))

    def previous(self, name: str) -> pa.Table | None:
        """As `curation.stage.Whole`."""
        return self.before.get(name)


def source_id(name: str) -> str:
    """The id of a made source."""
    return make_id("source", name)


def track_id(source: str, number: int = 0) -> str:
    """The id of a made track."""
    return make_id("track", source_id(source), number)


def manifest_of(tracks: Sequence[Mapping[str, Any]], before: Mapping[str, pa.Table] | None = None) -> Made:
    """A manifest with one clip per track.

    Args:
        tracks: each with source (a name), vector or None, and perhaps number, span (first and last frame), model and
            given: data set -> the person it names.
        before: what was decided before.
    """
    rows: dict[str, list[dict[str, Any]]] = {"tracks": [], "embeddings": [], "labels": [], "clips": []}
    labelled: set[tuple[str, str]] = set()
    for track in tracks:
        source, own = source_id(track["source"]), track_id(track["source"], track.get("number", 0))
        first, last = track.get("span", (0, 50))
        base = {"source": source, "start_pts": first, "end_pts": last, "time_base_num": 1, "time_base_den": 25}
        base |= {"shot": make_id("shot", source, 0), "start_frame": first, "end_frame": last}
        seen = {"index": 0, "frames": last - first, "detected": 1, "meshed": 1, "tracked": 0, "face": 0}
        rows["tracks"].append({"id": own, **base, **seen, "confirmed": True})
        if track["vector"] is not None:
            made = {"model": track.get("model", "dlib-face@1"), "noncommercial": False, "frames": [0], "spread": 0.1}
            rows["embeddings"].append({"id": own, "source": source, "vector": list(track["vector"]), **made})
        clip = {
            "id": make_id("clip", own),
            "track": own,
            **base,
            "frames": last - first,
            "seconds": (last - first) / 25,
        }
        clip |= {"source_width": 64, "source_height": 64, "recipe": "r", "status": "kept", "reasons": []}
        rows["clips"].append(clip)
        for dataset, name in track.get("given", {}).items():
            if (source, dataset) not in labelled:
                labelled.add((source, dataset))
                label = {"id": make_id("label", source, dataset), "source": source, "index": 0}
                rows["labels"].append({**label, "dataset": dataset, "identity": name})
    return Made({name: table_from_rows(name, found).sort_by("id") for name, found in rows.items()}, before)
