"""What is there twice: clips of sources that show the same, of which one is kept."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from curation.stage import ManifestStage, Tables, Whole
from curation.whole.copies import Copy, copies, mapped

if TYPE_CHECKING:
    import pyarrow as pa

    from media.matching import Match

CLIP_COLUMNS = (
    "id", "source", "start_pts", "end_pts", "time_base_num", "time_base_den",
    "crop_x0", "crop_y0", "crop_x1", "crop_y1", "source_width", "source_height", "status",
)  # fmt: skip


@dataclass(frozen=True)
class Duplicates(ManifestStage):
    """Finds clips that show the same by fingerprints of pictures and sound: coded again, cropped, mirrored, sped up.

    Two clips are duplicates when their sources have a part in common that maps at least `share` of the shorter clip
    onto the other one, and their crops show the same place of the picture. Groups are what such pairs connect. Of a
    group the clip with the largest picture (its shorter side) is kept, of several the longest, then the one of the
    highest bit rate, then the lowest id. Clips that were dropped before count for nothing.

    Args:
        keep: `best` keeps one clip of a group and drops the others; `all` only says which belong together.
        share: least part of the shorter clip, 0..1.
        place: least overlap of the two crops (intersection over union); two people of one picture have none.
        sound_alone: the same sound under other pictures makes duplicates too; else it is only listed.
    """

    name: ClassVar[str] = "duplicates"
    version: ClassVar[int] = 1
    judges: ClassVar[bool] = True

    keep: Literal["best", "all"] = "best"
    share: float = 0.5
    place: float = 0.25
    sound_alone: bool = False

    def __post_init__(self) -> None:
        for name in ("share", "place"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} lies between 0 and 1")

    def run(self, manifest: Whole) -> Tables:
        """The table `duplicates`, a row per common part of two sources, and each clip's group."""
        from manifests.schema import table_from_rows

        fingerprints = manifest.table("fingerprints")
        sources = fingerprints.column("id").to_pylist()
        found = list(copies(fingerprints))
        rows = sorted((_row(copy, sources) for copy in found), key=lambda row: row["id"])
        clips = _Clips(manifest)
        pairs = clips.pairs([copy for copy in found if copy.same or self.sound_alone], sources, self.share, self.place)
        return {"duplicates": table_from_rows("duplicates", rows), "clips": clips.decided(pairs, self.keep)}


def _row(copy: Copy, sources: Sequence[str]) -> dict[str, Any]:
    from manifests.schema import make_id

    source, other, match = sources[copy.source], sources[copy.other], copy.match
    times = {
        "start_ms": match.start, "end_ms": match.end, "other_start_ms": match.other_start,
        "other_end_ms": match.other_end,
    }  # fmt: skip
    spans = {name: round(seconds * 1000) for name, seconds in times.items()}
    return spans | {
        "id": make_id("duplicate", source, other, spans["start_ms"], spans["other_start_ms"], int(match.mirrored)),
        "source": source,
        "other": other,
        "how": copy.how,
        "speed": match.speed,
        "mirrored": match.mirrored,
        "score": max(0.0, min(1.0, match.score)),
    }


@dataclass(frozen=True)
class _Clip:
    id: str
    start: float  # seconds on the source's clock
    end: float
    crop: tuple[float, float, float, float] | None
    rank: tuple[Any, ...]  # the lowest is kept


class _Clips:
    """The kept clips of each source."""

    def __init__(self, manifest: Whole) -> None:
        import pyarrow.compute as pc

        clips = manifest.table("clips", list(CLIP_COLUMNS))
        clips = clips.filter(pc.equal(clips.column("status"), "kept"))
        rates = _bit_rates(manifest)
        self.of_source: dict[str, list[_Clip]] = defaultdict(list)
        self.by_id: dict[str, _Clip] = {}
        for row in clips.to_pylist():
            tick = row["time_base_num"] / row["time_base_den"]
            start, end = row["start_pts"] * tick, row["end_pts"] * tick
            sides = tuple(row[f"crop_{name}"] for name in ("x0", "y0", "x1", "y1"))
            short = min(row["source_width"], row["source_height"])
            rank = (-short, -round(end - start, 3), -rates.get(row["source"], 0.0), row["id"])
            clip = _Clip(row["id"], start, end, None if None in sides else sides, rank)
            self.of_source[row["source"]].append(clip)
            self.by_id[clip.id] = clip

    def pairs(self, found: list[Copy], sources: Sequence[str], share: float, place: float) -> Iterator[tuple[str, str]]:
        """Clips that show the same."""
        parts: dict[tuple[int, int], list[Match]] = defaultdict(list)
        for copy in found:
            parts[copy.source, copy.other].append(copy.match)
        for (source, other), matches in parts.items():
            for clip in self.of_source.get(sources[source], ()):
                for one in self.of_source.get(sources[other], ()):
                    if alike(clip, one, matches, share, place):
                        yield clip.id, one.id

    def decided(self, pairs: Iterator[tuple[str, str]], keep: str) -> "pa.Table":
        """The columns of `clips` that say which clips belong together, and which of them go."""
        import pyarrow as pa

        rows: dict[str, list[Any]] = {"id": [], "duplicate_group": [], "duplicate_of": [], "reasons": []}
        for group in connected(pairs):
            best = min((self.by_id[name] for name in group), key=lambda clip: clip.rank).id
            for name in group:
                out = keep == "best" and name != best
                rows["id"].append(name)
                rows["duplicate_group"].append(group[0])
                rows["duplicate_of"].append(best if name != best else None)
                rows["reasons"].append(["duplicate"] if out else [])
        kinds = [pa.string(), pa.string(), pa.string(), pa.list_(pa.string())]
        made = pa.table(
            {name: pa.array(values, kind) for (name, values), kind in zip(rows.items(), kinds, strict=True)}
        )
        return made.sort_by("id")


def alike(clip: _Clip, other: _Clip, matches: Sequence["Match"], share: float, place: float) -> bool:
    """Whether common parts of their sources map enough of the shorter clip onto the other, at the same place."""
    return any(
        _covers(clip, other, [match for match in matches if match.mirrored is mirrored], share)
        and overlap(clip.crop, other.crop, mirrored) >= place
        for mirrored in (False, True)
    )


def _covers(clip: _Clip, other: _Clip, matches: Sequence["Match"], share: float) -> bool:
    """Whether common parts map enough of the shorter clip onto the other; a moment counts once."""
    covered = shorter = 0.0
    reached = -inf
    spans = []
    for match in matches:
        start, end = (mapped(match, t) for t in (max(clip.start, match.start), min(clip.end, match.end)))
        spans.append((max(start, other.start), min(end, other.end)))
        shorter = min((clip.end - clip.start) * match.speed, other.end - other.start)
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered > 0 and covered >= share * shorter


def overlap(crop: Any, other: Any, mirrored: bool) -> float:
    """Intersection over union of two crops (x0, y0, x1, y1 of the picture); 1 where one of them is not known."""
    if crop is None or other is None:
        return 1.0
    if mirrored:
        other = (1 - other[2], other[1], 1 - other[0], other[3])
    wide, high = (max(0.0, min(crop[k + 2], other[k + 2]) - max(crop[k], other[k])) for k in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (crop, other)]
    return wide * high / max(sum(areas) - wide * high, 1e-12)


def connected(pairs: Iterator[tuple[str, str]]) -> list[list[str]]:
    """What pairs connect: sorted groups of sorted names."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    groups = defaultdict(list)
    for name in sorted(parent):
        groups[root(name)].append(name)
    return sorted(groups.values())


def _bit_rates(manifest: Whole) -> dict[str, float]:
    """Bytes a second of each source whose length is known."""
    columns = ["id", "bytes", "start_pts", "end_pts", "time_base_num", "time_base_den"]
    rates = {}
    for row in manifest.table("sources", columns).to_pylist():
        if all(row[name] is not None for name in columns) and row["end_pts"] > row["start_pts"]:
            seconds = (row["end_pts"] - row["start_pts"]) * row["time_base_num"] / row["time_base_den"]
            rates[row["id"]] = row["bytes"] / seconds
    return rates
