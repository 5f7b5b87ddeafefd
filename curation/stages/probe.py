"""Stream facts of a source, and what the one decode found out about its frames."""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from curation.sources.inputs import printable
from curation.stage import Drop, Fail, FrameConsumer, PixelStage, SourceWork, Tables

# Files that lie beside videos and do not pretend to be one: no failure of anybody.
SIDECARS = frozenset({".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".yaml", ".yml", ".toml", ".xml"})
SIDECARS |= {".log", ".txt", ".md", ".rst", ".html", ".pdf", ".srt", ".vtt", ".ass"}
UNFRAMED = frozenset({"h261", "h263", "h264", "hevc", "m4v", "mpegvideo", "mp3", "aac", "ac3", "dnxhd", "obu", "vc1"})


@dataclass(frozen=True)
class Probe(PixelStage):
    """Opens the file, refuses what is no video, and writes the `sources` row."""

    name: ClassVar[str] = "probe"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("input",)

    def run(self, work: SourceWork) -> Drop | Fail | None:
        """Read the stream facts before anything is decoded."""
        from media.errors import MediaError
        from media.probe import probe

        try:
            work.facts = probe(work.path)
        except MediaError as error:
            if work.path.suffix.lower() in SIDECARS:
                return Drop(("not_media",))
            return Fail(str(error))
        if work.path.suffix.lower() in SIDECARS and work.facts.container in UNFRAMED:
            return Drop(("not_media",))  # any bytes look like some raw stream
        if work.facts.video is None or work.facts.container.endswith("_pipe"):
            return Drop(("video",))
        return None

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """Notes the time of every frame; the decode's report says the rest."""
        return _SourceRow(work)


class _SourceRow:
    def __init__(self, work: SourceWork) -> None:
        self.work = work
        self.pts: list[int] = []

    def see(self, frame: Any) -> None:
        self.pts.append(frame.pts)

    def finish(self, report: Any) -> Tables:
        from manifests.schema import table_from_rows

        timeline = table_from_rows("timeline", [{"source": self.work.id, "pts": self.pts}])
        return {"sources": source_row(self.work, report), "timeline": timeline}


def source_row(work: SourceWork, report: Any = None) -> Any:
    """The `sources` table with this source's one row; facts that are not known are null."""
    from manifests.schema import table_from_rows

    row: dict[str, Any] = {
        "id": work.id,
        "name": work.name,
        "origin": work.origin,
        "sha256": work.sha256 or None,
        "bytes": work.bytes,
        "retrieved_at": datetime.now(UTC),
        "flags": [],
        "sound_sha256": work.sound_sha256,
        "sound_origin": printable(work.sound) if work.sound else None,
    }
    if work.source_facts is not None:
        row.update(dataclasses.asdict(work.source_facts))
    facts = work.facts
    if facts is not None:
        row["container"] = facts.container
        row.update(_video_facts(facts.video))
        if facts.audio is not None:
            row.update(
                audio_codec=facts.audio.codec,
                audio_rate=facts.audio.sample_rate,
                audio_channels=facts.audio.channels,
            )
    if report is not None:
        row.update(start_pts=report.start_pts, end_pts=report.end_pts, frames=report.frames, flags=list(report.flags))
    return table_from_rows("sources", [row])


def _video_facts(video: Any) -> dict[str, Any]:
    if video is None:
        return {}
    rate = video.frame_rate
    return {
        "video_codec": video.codec,
        "width": video.width,
        "height": video.height,
        "rotation": video.rotation,
        "pixel_format": video.pixel_format,
        "frame_rate_num": rate.numerator if rate else None,
        "frame_rate_den": rate.denominator if rate else None,
        "time_base_num": video.time_base.numerator,
        "time_base_den": video.time_base.denominator,
    }
