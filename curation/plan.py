"""What a run would do, without doing it: downloads, hours, storage, and the time that measured rates let expect."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import rates
from curation.sources.inputs import Input

if TYPE_CHECKING:
    from manifests.recipe import Recipe

PROBED = 48  # local files whose length is read; the others are judged by their size
HOUR = 3600


@dataclass(frozen=True)
class _Local:
    """Local files together.

    Attributes:
        hours: of video.
        megapixels: of a picture, mean.
    """

    files: int = 0
    bytes: int = 0
    hours: float = 0.0
    megapixels: float = 0.0


def plan(inputs: Sequence[Input], recipe: "Recipe", workers: int, out: Path) -> dict[str, Any]:
    """The plan as plain JSON values; nothing is written, and nothing is asked of any site.

    Hours, bytes and seconds are estimates. A URL with spans counts with its spans alone where its site allows to fetch
    them (`expected`), and as one whole video of average length where it does not (`at_most`).

    Args:
        inputs: as `curation.sources.inputs_of` gives them.
        recipe: resolved.
        workers: processes that would work.
        out: the manifest's folder.
    """
    from curation.pipeline import build

    stages = build(recipe).stages
    failed = [item for item in inputs if item.error]
    remote = [item for item in inputs if item.url and not item.path and not item.error]
    local = _local([item.path for item in inputs if item.path and not item.error])
    spans = sum(_span_hours(item) for item in remote)
    whole = sum(_span_hours(item) == 0 for item in remote) * rates.HOURS_PER_DOWNLOAD
    most = max(spans + whole, len(remote) * rates.HOURS_PER_DOWNLOAD)
    wanted = sum(_span_hours(item) for item in inputs if not item.error)
    given = recipe.stages.get("clips", {}).get("spans") == "given" and wanted > 0
    clips = _Clips.of(recipe, local, wanted + whole if given else spans + whole + local.hours)
    return {
        "inputs": len(inputs),
        "failed": len(failed),
        "failures": [{"name": item.name, "error": item.error} for item in failed],
        "files": local.files,
        "bytes": local.bytes,
        "downloads": {
            "urls": len(remote),
            "hours_expected": _round(spans + whole),
            "hours_at_most": _round(most),
        },
        "spans": sum(label.start is not None for item in inputs if not item.error for label in item.labels),
        "hours": {"wanted_spans": _round(wanted), "local": _round(local.hours)},
        "storage": _storage(spans + whole, most, clips, out),
        "time": _time(
            len(remote), spans + whole, local, clips, workers, [stage.name for stage in stages], _unmeasured(recipe)
        ),
        "out": str(out),
        "workers": workers,
        "stages": [f"{stage.name} v{stage.version}" for stage in stages],
        "recipe": recipe.resolved(),
    }


def _span_hours(item: Input) -> float:
    spans = [label.end - label.start for label in item.labels if label.start is not None and label.end is not None]
    return float(sum(spans)) / HOUR


def _local(paths: Sequence[Path | None]) -> _Local:
    """Sizes of all local files, and the length of as many as can be read at once."""
    from media.errors import MediaError
    from media.probe import probe

    sizes = [(path, _size(path)) for path in paths if path is not None]
    step = max(1, len(sizes) // PROBED)
    read, hours, pixels = 0, 0.0, 0.0
    for path, size in sizes[::step][:PROBED]:
        try:
            facts = probe(path)
        except MediaError:
            continue
        if facts.video is not None and facts.duration is not None:
            read, length = read + size, float(facts.duration) / HOUR
            hours, pixels = hours + length, pixels + length * facts.video.width * facts.video.height / 1e6
    total = sum(size for _, size in sizes)
    scale = total / read if read else 0.0
    return _Local(len(sizes), total, hours * scale, pixels / hours if hours else 0.0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@dataclass(frozen=True)
class _Clips:
    """The exported clips: hours at most, bytes, size of a picture, and whether that is another than the source's."""

    hours: float
    bytes: float
    megapixels: float
    smaller: bool

    @classmethod
    def of(cls, recipe: "Recipe", local: _Local, hours: float) -> "_Clips":
        """Clips of so many hours in the recipe's form."""
        size, fps = recipe.export.size, float(recipe.export.fps or rates.FPS)
        pixels = size[0] * size[1] if size else (local.megapixels * 1e6 or rates.PIXELS)
        bits = rates.bits_per_pixel(pixels) * pixels * fps + rates.SOUND_BITS
        return cls(hours, hours * HOUR * bits / 8, pixels / 1e6, size is not None)


def _storage(expected: float, most: float, clips: _Clips, out: Path) -> dict[str, Any]:
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.is_dir())
    return {
        "downloads_bytes_expected": round(expected * rates.BYTES_PER_HOUR),
        "downloads_bytes_at_most": round(most * rates.BYTES_PER_HOUR),
        "clips_bytes_at_most": round(clips.bytes),
        "free_bytes": shutil.disk_usage(place).free,
    }


def _time(
    downloads: int,
    remote_hours: float,
    local: _Local,
    clips: _Clips,
    workers: int,
    stages: Sequence[str],
    unmeasured: dict[str, str],
) -> dict[str, Any]:
    """Seconds, by the rates measured; a stage that nobody measured is named, not guessed.

    Args:
        unmeasured: stages whose settings make their rate another one, and one sentence for each.
    """
    work = {
        name: rates.seconds(name, remote_hours, rates.PIXELS / 1e6) + rates.seconds(name, local.hours, local.megapixels)
        for name in stages
        if name in rates.STAGES and name not in unmeasured
    }
    work["export"] = rates.seconds("export", clips.hours, clips.megapixels)
    if clips.smaller:  # the sources' frames are decoded at their own size
        work["export"] += rates.seconds("probe", clips.hours, local.megapixels or rates.PIXELS / 1e6)
    fetch = downloads / rates.DOWNLOADS_PER_HOUR * HOUR
    analysis = sum(work.values()) / max(1, workers)
    return {
        "download_seconds": round(fetch),
        "work_seconds": round(analysis),
        "total_seconds": round(fetch + analysis),
        "core_seconds_per_stage": {name: round(seconds) for name, seconds in work.items()} | dict.fromkeys(unmeasured),
        "unmeasured_stages": [name for name in stages if name not in work],
        "not_counted": list(unmeasured.values()),
        "rates": rates.HOW,
    }


def _unmeasured(recipe: "Recipe") -> dict[str, str]:
    """Stages that this recipe makes cost what nobody measured, and one sentence for each."""
    model = recipe.stages.get("captions", {}).get("model")
    if model is None:
        return {}
    return {"captions": f"how long captions by {model} take on this machine is unknown: the seconds are without them"}


def _round(hours: float) -> float:
    return round(hours, 2)
