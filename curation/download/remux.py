"""Puts packets into one file without recoding: pictures and sound that came apart, or only the wanted spans.

Time stamps stay those of the source, so that a span means the same moment in the part as in the whole: what comes
before the first packet is an empty edit in the MP4, what lies between two spans a long last picture.
"""

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm
from operator import itemgetter
from pathlib import Path
from typing import Any

from curation.download.model import Span

SOUND_AROUND = Fraction(1, 2)  # s of sound kept on both sides of a span
CODECS = {"h264", "hevc", "vp9", "av1", "mpeg4", "aac", "opus", "mp3", "ac3", "eac3", "flac"}  # that MP4 holds


class CannotCopyError(Exception):
    """These streams cannot be put into an MP4 as they are; the message is one sentence."""


def copy(containers: Sequence[Any], target: Path, spans: Sequence[Span] = ()) -> tuple[Span, ...]:
    """Copy the main pictures and the main sound of open PyAV containers into one MP4.

    Args:
        containers: the first that has pictures gives them, the last that has sound gives that.
        target: written anew.
        spans: [start, end) in s, sorted, not overlapping; none copies all. Pictures begin at the key picture before the
            one that a span needs, so that also leading pictures of an open group decode.

    Returns:
        What was copied of the pictures, in s; () for the whole.

    Raises:
        CannotCopyError: a codec that MP4 does not hold, or no pictures.
    """
    import av

    from media.container import main_audio, main_video

    pictures: Any = next((found for c in containers if (found := main_video(c)) is not None), None)
    sound: Any = next((heard for c in reversed(containers) if (heard := main_audio(c)) is not None), None)
    chosen = [s for s in (pictures, sound) if s is not None]
    if pictures is None or any(s.codec_context.name.removeprefix("lib") not in CODECS for s in chosen):
        raise CannotCopyError("pictures or sound are in a codec that MP4 does not hold")
    scale = lcm(*(s.time_base.denominator for s in chosen))
    options = {"movie_timescale": str(scale)} if scale < 1 << 31 else {}
    copied: list[Span] = []
    with av.open(str(target), "w", format="mp4", container_options=options) as out:
        made = {id(s): out.add_stream_from_template(s) for s in chosen}
        for stream in chosen:
            made[id(stream)].time_base = stream.time_base
        for span in spans or (None,):
            sources = [
                _packets(container, [s for s in chosen if s.container is container], span, copied)
                for container in dict.fromkeys(s.container for s in chosen)
            ]
            for _, _, stream, packet in heapq.merge(*map(_keyed, range(len(sources)), sources), key=itemgetter(0, 1)):
                packet.stream = made[id(stream)]
                out.mux(packet)
    return tuple(copied)


def _keyed(number: int, source: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Fraction, int, Any, Any]]:
    return ((p.dts * p.time_base, number, stream, p) for stream, p in source)


def _packets(
    container: Any, streams: Sequence[Any], span: Span | None, copied: list[Span]
) -> Iterator[tuple[Any, Any]]:
    """Packets of one container's streams: all, or whole groups of pictures around a span with the sound around it.

    Pictures begin one key picture earlier than the span needs, so that also leading pictures of an open group decode.
    """
    by_index = {s.index: s for s in streams}
    if span is None:
        yield from ((by_index[p.stream_index], p) for p in container.demux(*streams) if p.dts is not None)
        return
    pictures: Any = next((s for s in streams if s.type == "video"), None)
    _seek(container, pictures, streams[0], span[0])
    ended: set[int] = set()
    edges: list[int] = []
    for packet in container.demux(*streams):
        stream = by_index[packet.stream_index]
        if packet.dts is None or packet.pts is None or stream.index in ended:
            continue
        around = Fraction(0) if stream is pictures else SOUND_AROUND
        if packet.dts * stream.time_base >= span[1] + around:
            ended.add(stream.index)
            if len(ended) == len(streams):
                break
            continue
        if stream is pictures:
            edges = [min([packet.pts, *edges]), max([packet.pts + (packet.duration or 0), *edges])]
        elif packet.pts * stream.time_base < span[0] - around:
            continue
        yield stream, packet
    if pictures is not None and edges:
        copied.append((edges[0] * pictures.time_base, edges[1] * pictures.time_base))


def _seek(container: Any, pictures: Any | None, any_stream: Any, start: Fraction) -> None:
    if pictures is None:
        container.seek(max(0, int((start - SOUND_AROUND) / any_stream.time_base)), stream=any_stream)
        return
    container.seek(int(start / pictures.time_base), stream=pictures)
    key = next((p for p in container.demux(pictures) if p.pts is not None), None)
    if key is not None:
        container.seek(int(key.pts) - 1, stream=pictures)
