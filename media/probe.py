"""Facts about a file's streams, as its container declares them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from media.container import is_picture, main_audio, main_video, open_media
from media.errors import MediaError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_PACKETS_FOR_ROTATION = 64


@dataclass(frozen=True)
class VideoFacts:
    """What the container says of the picture stream; width and height are as displayed, after `rotation`."""

    index: int
    codec: str
    width: int
    height: int
    rotation: int  # degrees clockwise to turn the decoded picture for display: 0, 90, 180 or 270
    pixel_format: str
    bit_depth: int
    time_base: Fraction
    start_pts: int | None
    duration_pts: int | None
    frame_rate: Fraction | None  # average
    frames: int | None
    bit_rate: int | None


@dataclass(frozen=True)
class AudioFacts:
    """What the container says of the sound stream."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    time_base: Fraction
    start_pts: int | None
    duration_pts: int | None
    bit_rate: int | None


@dataclass(frozen=True)
class SourceFacts:
    """One file: its container, size, declared length in seconds, and the two streams that are worked on."""

    container: str
    bytes: int
    duration: Fraction | None
    video: VideoFacts | None
    audio: AudioFacts | None


def probe(path: Path) -> SourceFacts:
    """Read a file's stream facts.

    Args:
        path: a regular file.

    Returns:
        The facts; `video` or `audio` is None where the file has no such stream (cover art is not video).

    Raises:
        MediaError: the file is not media, or holds neither picture nor sound that can be decoded.
    """
    with open_media(path) as container:
        video, audio = main_video(container), main_audio(container)
        if video is None and audio is None:
            raise MediaError("The file holds neither video nor audio that can be decoded: convert it first.")
        duration = container.duration
        return SourceFacts(
            container=container.format.name,
            bytes=container.size,
            duration=None if duration is None or duration <= 0 else Fraction(duration, 1_000_000),
            audio=None if audio is None else _audio_facts(audio),
            video=None if video is None else _video_facts(container, video),
        )


def _audio_facts(stream: AudioStream) -> AudioFacts:
    context = stream.codec_context
    return AudioFacts(
        index=stream.index,
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=context.channels,
        time_base=stream_time_base(stream),
        start_pts=stream.start_time,
        duration_pts=_positive(stream.duration),
        bit_rate=_positive(context.bit_rate),
    )


def _video_facts(container: InputContainer, stream: VideoStream) -> VideoFacts:
    context = stream.codec_context
    start, duration, frames = stream.start_time, _positive(stream.duration), _positive(stream.frames)
    rate, bit_rate = stream.average_rate, _positive(context.bit_rate)
    if is_picture(container):
        start, duration, frames, rate = 0, None, 1, None
    time_base = stream_time_base(stream)
    first = _first_picture(container, stream)
    turn = 0 if first is None else clockwise_turn(first)
    width, height = context.width, context.height
    layout = context.format
    return VideoFacts(
        index=stream.index,
        codec=context.codec.canonical_name,
        width=height if turn in (90, 270) else width,
        height=width if turn in (90, 270) else height,
        rotation=turn,
        pixel_format=layout.name if layout is not None else "unknown",
        bit_depth=layout.components[0].bits if layout is not None and layout.components else 8,
        time_base=time_base,
        start_pts=start,
        duration_pts=duration,
        frame_rate=Fraction(rate) if rate else None,
        frames=frames,
        bit_rate=bit_rate,
    )


def stream_time_base(stream: VideoStream | AudioStream) -> Fraction:
    """The unit of a stream's time stamps in seconds; MediaError where the container gives none."""
    base = stream.time_base
    if base is None or base <= 0:
        raise MediaError("A stream of the file has no time base: convert the file first.")
    return Fraction(base)


def clockwise_turn(picture: VideoFrame) -> int:
    """Degrees clockwise (0, 90, 180, 270) to turn a decoded picture for display; PyAV gives them counter-clockwise."""
    return round(-picture.rotation / 90) * 90 % 360


def _first_picture(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    """PyAV shows a stream's display matrix only on decoded pictures, so one is decoded."""
    import av

    stream.thread_count = 1
    try:
        for count, packet in enumerate(container.demux(stream)):
            try:
                pictures = stream.codec_context.decode(packet)
            except av.FFmpegError:
                pictures = []
            if pictures:
                return pictures[0]
            if count >= _PACKETS_FOR_ROTATION:
                break
    except av.FFmpegError:
        return None
    return None


def _positive(number: int | None) -> int | None:
    return number if number is not None and number > 0 else None
