"""What a run would do, without doing it: downloads, hours, storage, and the time that measured rates let expect."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import rates
from curation.sources.inputs import Input

if TYPE_CHECKING:
    from curation.stage import Stage
    from manifests.recipe import Recipe

PROBED = 48  # local files whose length is read; the others are judged by their size
HOUR = 3600
_SHARED = re.compile(r"^([a-z][a-z0-9]+):/+")  # an address such as s3://bucket/prefix, also as a Path holds it


@dataclass(frozen=True)
class _Local:
    """Files together, local or in shared storage.

    Attributes:
        hours: of video.
        megapixels: of a picture, mean.
        largest: bytes of the largest.
    """

    files: int = 0
    bytes: int = 0
    hours: float = 0.0
    megapixels: float = 0.0
    largest: int = 0


def plan(inputs: Sequence[Input], recipe: "Recipe", workers: int, out: Path | str) -> dict[str, Any]:
    """The plan as plain JSON values; nothing is written, and nothing is asked of any site.

    Hours, bytes and seconds are estimates. A URL with spans counts with its spans alone where its site allows to fetch
    them (`expected`), and as one whole video of average length where it does not (`at_most`). Files in shared storage
    are not opened: their length follows from their size.

    Args:
        inputs: as `curation.sources.inputs_of` gives them.
        recipe: resolved.
        workers: processes that would work.
        out: the manifest's folder, or its address in shared storage.
    """
    from curation.pipeline import build

    stages = build(recipe).stages
    failed = [item for item in inputs if item.error]
    remote = [item for item in inputs if item.url and not (item.path or item.object) and not item.error]
    local = _local([item.path for item in inputs if item.path and not item.object and not item.error])
    local = _with_objects(local, [item.object.bytes for item in inputs if item.object and not item.error])
    spans = sum(_span_hours(item) for item in remote)
    whole = sum(_span_hours(item) == 0 for item in remote) * rates.HOURS_PER_DOWNLOAD
    most = max(spans + whole, len(remote) * rates.HOURS_PER_DOWNLOAD)
    wanted = sum(_span_hours(item) for item in inputs if not item.error)
    given = recipe.stages.get("clips", {}).get("spans") == "given" and wanted > 0
    clips = _Clips.of(recipe, local, wanted + whole if given else spans + whole + local.hours)
    place = _SHARED.sub(r"\1://", str(out))
    time = _time(
        len(remote), spans + whole, local, clips, workers, [stage.name for stage in stages], _unmeasured(recipe)
    )
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
        "storage": _storage(spans + whole, most, clips, place)
        | _tables(spans + whole + local.hours, len(inputs) - len(failed), local, clips, workers),
        "time": time,
        "compute": _compute(time["core_seconds_per_stage"], stages),
        "out": place,
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
    largest = max((size for _, size in sizes), default=0)
    return _Local(len(sizes), total, hours * scale, pixels / hours if hours else 0.0, largest)


def _with_objects(local: _Local, sizes: Sequence[int]) -> _Local:
    """Local files, and files in shared storage that are as long as a download of their size would be."""
    if not sizes:
        return local
    hours = sum(sizes) / rates.BYTES_PER_HOUR
    pixels = local.hours * local.megapixels + hours * rates.PIXELS / 1e6
    return _Local(
        local.files + len(sizes),
        local.bytes + sum(sizes),
        local.hours + hours,
        pixels / (local.hours + hours) if local.hours + hours else 0.0,
        max(local.largest, *sizes),
    )


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


def _storage(expected: float, most: float, clips: _Clips, place: str) -> dict[str, Any]:
    return {
        "downloads_bytes_expected": round(expected * rates.BYTES_PER_HOUR),
        "downloads_bytes_at_most": round(most * rates.BYTES_PER_HOUR),
        "clips_bytes_at_most": round(clips.bytes),
        "free_bytes": None if _SHARED.match(place) else _free(Path(place).absolute()),
    }


def _free(out: Path) -> int:
    place = next(folder for folder in (out, *out.parents) if folder.is_dir())
    return shutil.disk_usage(place).free


def _tables(hours: float, sources: int, local: _Local, clips: _Clips, workers: int) -> dict[str, Any]:
    """Bytes of the tables, and of what one node holds while it works where nothing but a bucket is shared.

    A worker holds one source, its tables and its clips; the largest is taken, a download being of average length.
    """
    tables = rates.table_bytes(hours, sources)
    largest = max(local.largest, round(rates.HOURS_PER_DOWNLOAD * rates.BYTES_PER_HOUR) if sources > local.files else 0)
    share = largest / max(1, local.bytes + (sources - local.files) * rates.HOURS_PER_DOWNLOAD * rates.BYTES_PER_HOUR)
    one = largest + min(1.0, share) * (sum(tables.values()) + clips.bytes)
    return {
        "tables_bytes": round(sum(tables.values())),
        "tables_of_frames_bytes": round(sum(tables[name] for name in rates.FRAME_TABLES)),
        "scratch_bytes_per_node": round(one * max(1, min(workers, sources))),
    }


def _compute(core_seconds: "dict[str, float | None]", stages: Sequence["Stage"]) -> dict[str, Any]:
    """Hours of cores and of graphics cards, in all and by stage; a stage that was not measured is null.

    A stage may take a share of a graphics card only where the machines have one.
    """
    cards = {
        stage.name: round((core_seconds.get(stage.name) or 0.0) * stage.resources.gpus / HOUR, 4)
        for stage in stages
        if stage.resources.gpus
    }
    known = [seconds for seconds in core_seconds.values() if seconds is not None]
    return {
        "core_hours": _round(sum(known) / HOUR),
        "core_hours_per_stage": {
            name: None if seconds is None else round(seconds / HOUR, 4) for name, seconds in core_seconds.items()
        },
        "gpu_hours": _round(sum(cards.values())),
        "gpu_hours_per_stage": cards,
        "gpu_why": rates.GPU_WHY_SOME if cards else rates.GPU_WHY_NONE,
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
