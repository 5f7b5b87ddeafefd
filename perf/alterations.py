"""Altered copies of a video, as they come back from the web: coded again at a low rate, cropped, mirrored, sped up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

import av
from av.filter import Graph

Filters = Sequence[tuple[str, str]]
SOUND_RATE: Final = 44_100


@dataclass(frozen=True)
class Coding:
    """How a copy is coded.

    Args:
        crf: x264's quality.
        sound_bits: bits per second of AAC.
    """

    crf: int = 23
    sound_bits: int = 96_000


def coded(
    source: Path,
    copy: Path,
    pictures: Filters,
    sound: Filters,
    coding: Coding | None = None,
    skip: Fraction | None = None,
) -> None:
    """Decode a video, run FFmpeg's filters over it, and code it again as H.264 and AAC.

    Args:
        source: the video.
        copy: written, MP4.
        pictures, sound: (filter, its arguments) in order.
        coding: of the copy.
        skip: seconds on the container's clock before which everything is left out.
    """
    coding = coding or Coding()
    with av.open(str(source)) as inside, av.open(str(copy), "w", format="mp4") as outside:
        streams = [stream for kind in ("video", "audio") for stream in getattr(inside.streams, kind)[:1]]
        graphs = {stream: _graph(stream, pictures if stream.type == "video" else sound) for stream in streams}
        encoders: dict[Any, Any] = {}
        heard = [frame for stream in streams[1:] for frame in _filtered(inside, stream, graphs[stream], skip)]
        inside.seek(0)
        if heard:  # streams are declared before the first packet is written
            encoders[streams[1]] = _sound_encoder(outside, coding)
        for frame in _filtered(inside, streams[0], graphs[streams[0]], skip):
            if streams[0] not in encoders:
                rate = Fraction(streams[0].average_rate or 25)
                encoders[streams[0]] = _picture_encoder(outside, frame, rate, coding)
            frame.pict_type = 0
            outside.mux(encoders[streams[0]].encode(frame))
        outside.mux(encoders[streams[0]].encode(None))
        for frame in heard:
            outside.mux(encoders[streams[1]].encode(frame))
        if heard:
            outside.mux(encoders[streams[1]].encode(None))


def remuxed(source: Path, copy: Path) -> None:
    """The same packets in Matroska."""
    with av.open(str(source)) as inside, av.open(str(copy), "w", format="matroska") as outside:
        streams = [stream for kind in ("video", "audio") for stream in getattr(inside.streams, kind)[:1]]
        written = {stream.index: outside.add_stream_from_template(stream) for stream in streams}
        for packet in inside.demux(streams):
            if packet.dts is not None:
                packet.stream = written[packet.stream.index]
                outside.mux(packet)


def alterations(keeps_pitch: bool = True) -> dict[str, Callable[[Path, Path], None]]:
    """The six alterations by name; each writes a copy of a video.

    Args:
        keeps_pitch: the faster copy's voice sounds as before, else 5 % higher.
    """
    faster = [("atempo", "1.05")] if keeps_pitch else [("asetrate", f"{SOUND_RATE * 1.05:.0f}")]
    half = "trunc(iw/4)*2:trunc(ih/4)*2"
    return {
        "low rate": partial(coded, pictures=[("scale", half)], sound=[], coding=Coding(34, 32_000)),
        "cropped": partial(coded, pictures=[("crop", "trunc(iw*0.45)*2:trunc(ih*0.45)*2")], sound=[]),
        "mirrored": partial(coded, pictures=[("hflip", "")], sound=[]),
        "faster": partial(coded, pictures=[("setpts", "PTS/1.05")], sound=faster),
        "re-muxed": remuxed,
        "trimmed": _trimmed,
    }


def _trimmed(source: Path, copy: Path) -> None:
    """Without its first fifth."""
    with av.open(str(source)) as container:
        video = container.streams.video[0]
        start = (video.start_time or 0) * Fraction(video.time_base or 0)
        end = Fraction(container.duration or 0, av.time_base) + Fraction(container.start_time or 0, av.time_base)
    coded(source, copy, [], [], skip=start + (end - start) / 5)


def _graph(stream: Any, filters: Filters) -> Graph:
    """FFmpeg's filters from what the stream gives to what the encoder takes."""
    graph = Graph()
    if stream.type == "video":
        last = graph.add_buffer(template=stream, time_base=stream.time_base)
        ending = [("format", "yuv420p"), ("buffersink", "")]
    else:
        last = graph.add_abuffer(template=stream, time_base=stream.time_base)
        filters = [("aresample", str(SOUND_RATE)), *filters]
        ending = [
            ("aformat", f"sample_fmts=fltp:sample_rates={SOUND_RATE}:channel_layouts=stereo"),
            ("abuffersink", ""),
        ]
    for name, arguments in [*filters, *ending]:
        following = graph.add(name, arguments) if arguments else graph.add(name)
        last.link_to(following)
        last = following
    graph.configure()
    return graph


def _filtered(container: Any, stream: Any, graph: Graph, skip: Fraction | None) -> Iterator[Any]:
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:  # one damaged packet costs itself
            continue
        for frame in frames:
            if frame.pts is None or (skip is not None and frame.pts * frame.time_base < skip):
                continue
            graph.push(frame)
            yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, EOFError):
            return


def _picture_encoder(container: Any, frame: Any, rate: Fraction, coding: Coding) -> Any:
    options = {"crf": str(coding.crf), "preset": "veryfast", "threads": "1"}
    stream = container.add_stream("libx264", rate=rate.limit_denominator(1000), options=options)
    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
    stream.codec_context.time_base = frame.time_base
    return stream


def _sound_encoder(container: Any, coding: Coding) -> Any:
    stream = container.add_stream("aac", rate=SOUND_RATE)
    stream.bit_rate = coding.sound_bits
    stream.codec_context.layout = "stereo"
    return stream
