"""Who speaks: lips against sound, speech from outside the picture, dubbed sound, voices, and what has no measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.facts import Kind
from curation.report.histograms import values_of
from curation.report.words import number, several, share, shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

# The measures that have their place here, the lag first.
COLUMNS: Final = (
    "av_lag", "sync", "sync_margin", "mouth_motion", "moving_mouth", "offscreen", "dubbed", "speakers",
)  # fmt: skip
_NEAR: Final = (40, 80, 160)  # ms: one and two frames at 25 per second, and what nobody overlooks
_FAR: Final = 8  # inputs
_KINDS: Final = 8  # of what found turns
_FEWEST: Final = 2  # clips with a lag of an input that is named


@dataclass(frozen=True)
class Count:
    """Clips of which something is true, out of those of which it is known, all and kept ones."""

    words: str
    known: int
    clips: int
    share: str
    kept: int


@dataclass(frozen=True)
class Far:
    """An input whose sound is not with its lips: median lag in ms over its clips."""

    name: str
    clips: int
    lag: str


@dataclass(frozen=True)
class Speakers:
    """What was found.

    Args:
        counts: in words and numbers.
        missing: clips without a lag, by why they have none.
        far: the inputs whose median lag is the largest.
        turns: turns of speech by what found them.
        voices: of these turns, those whose speaker was told apart.
        models: of the moving mouth.
    """

    counts: list[Count]
    missing: list[Kind]
    far: list[Far]
    turns: list[Kind]
    voices: int
    models: list[str]


def speakers(manifest: "Manifest", clips: pa.Table, sources: pa.Table) -> Speakers | None:
    """Return what is known of who speaks; None for a manifest whose mouths were never compared with the sound.

    Args:
        manifest: an opened one.
        clips: the columns `source`, `track`, `status` and COLUMNS.
        sources: the columns `id` and `name`.
    """
    tracks = manifest.table("speaking", ["id", "windows", "valid", "moving_mouth_model"])
    measured = any(clips.column(name).null_count < clips.num_rows for name in COLUMNS)
    if not tracks.num_rows and not measured:
        return None
    turns = manifest.table("speech", ["speaker", "model"])
    models = pc.unique(tracks.column("moving_mouth_model").drop_null()).to_pylist()
    return Speakers(
        counts=_counts(clips, manifest.recipe.get("select") or {}),
        missing=_missing(clips, tracks),
        far=_far(clips, sources),
        turns=_kinds(turns.column("model")),
        voices=turns.num_rows - turns.column("speaker").null_count,
        models=[shown(model, 80) for model in sorted(models)[:4]],
    )


def _kinds(column: pa.ChunkedArray) -> list[Kind]:
    rows = pc.value_counts(column.drop_null()).to_pylist()
    rows.sort(key=lambda row: (-row["counts"], row["values"]))
    found = [Kind(shown(row["values"], 80), row["counts"]) for row in rows[:_KINDS]]
    rest = rows[_KINDS:]
    return [*found, Kind(several(len(rest), "other"), sum(row["counts"] for row in rest))] if rest else found


def _counts(clips: pa.Table, select: Mapping[str, Any]) -> list[Count]:
    kept = pc.equal(clips.column("status"), "kept").to_numpy()
    values = {name: values_of(clips.column(name)) for name in COLUMNS}
    lag = values["av_lag"]

    def count(words: str, known: np.ndarray, true: np.ndarray) -> Count:
        items = int((known & true).sum())
        return Count(words, int(known.sum()), items, share(items, int(known.sum())), int((known & true & kept).sum()))

    def limit_of(column: str, usual: float, words: str) -> tuple[float, str]:
        bound = (select.get(column) or {}).get("max")
        return (usual, words) if bound is None else (bound, f"more than {number(bound)}, the recipe's bound,")

    found = [count("the lag is known", np.ones(len(lag), bool), np.isfinite(lag))]
    found += [count(f"lips and sound at most {near} ms apart", np.isfinite(lag), np.abs(lag) <= near) for near in _NEAR]
    limit, words = limit_of("offscreen", 0.5, "more than half")
    off = values["offscreen"]
    found.append(count(f"off-screen: the mouth stays still in {words} of the speech", np.isfinite(off), off > limit))
    limit, words = limit_of("dubbed", 0.1, "more than a tenth")
    dubbed = values["dubbed"]
    found.append(count(f"dubbed: {words} of unrelated sounds would fit the mouth as well", np.isfinite(dubbed),
                       dubbed > limit))  # fmt: skip
    mouth, voices = values["moving_mouth"], values["speakers"]
    found.append(
        count("Light-ASD sees the mouth speak in at least half of the frames", np.isfinite(mouth), mouth >= 0.5)
    )
    found.append(count("two voices or more", np.isfinite(voices), voices >= 2))
    return found


def _missing(clips: pa.Table, tracks: pa.Table) -> list[Kind]:
    """Why clips have no lag, the most frequent first."""
    without = clips.filter(clips.column("av_lag").is_null()).column("track")
    if not len(without):
        return []
    at = pc.index_in(without, value_set=tracks.column("id").combine_chunks())
    windows, valid = (tracks.column(name).take(at).fill_null(-1).to_numpy() for name in ("windows", "valid"))
    unseen = at.is_null().to_numpy()
    faceless = without.is_null().to_numpy()
    cases = {
        "no face track": faceless,
        "the track was not compared with the sound: no sound, or no landmarks": unseen & ~faceless,
        "nobody speaks while the mouth is seen": ~unseen & (windows == 0),
        "the two signals agree on no lag": ~unseen & (windows != 0) & (valid == 0),
        "the track has a lag elsewhere, not in the clip": ~unseen & (windows != 0) & (valid != 0),
    }
    found = [Kind(words, int(where.sum())) for words, where in cases.items()]
    return sorted((kind for kind in found if kind.items), key=lambda kind: -kind.items)


def _far(clips: pa.Table, sources: pa.Table) -> list[Far]:
    """Inputs of several clips that agree on a large lag."""
    there = clips.select(["source", "av_lag"]).filter(clips.column("av_lag").is_valid())
    if not there.num_rows:
        return []
    grouped = there.group_by("source").aggregate([("av_lag", "approximate_median"), ([], "count_all")])
    grouped = grouped.filter(pc.greater_equal(grouped.column("count_all"), _FEWEST))
    lags = values_of(grouped.column("av_lag_approximate_median"))
    ranks = pc.rank(grouped.column("source")).to_numpy()
    order = np.lexsort((ranks, -np.abs(lags)))[:_FAR]
    chosen = grouped.take(pa.array(order, pa.int64())).to_pylist()
    ids = pa.array([row["source"] for row in chosen], pa.string())
    mine = sources.filter(pc.is_in(sources.column("id"), value_set=ids)).select(["id", "name"]).to_pylist()
    names = {row["id"]: row["name"] for row in mine}
    return [
        Far(shown(names.get(row["source"]) or row["source"], 120), row["count_all"],
            f"{number(row['av_lag_approximate_median'])} ms")
        for row in chosen
        if abs(row["av_lag_approximate_median"]) > _NEAR[0]
    ]  # fmt: skip
