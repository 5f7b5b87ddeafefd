"""The video that raters see: a system's packets in a new file that says nothing of where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmark.errors import BenchmarkError
from manifests.text import printable

if TYPE_CHECKING:
    from av.container import InputContainer

_CODECS: Final = ("h264", "vp9", "av1")
_SOUND: Final = ("aac", "mp3", "opus")
_FORMATS: Final = ("yuv420p", "yuvj420p")
_SEI: Final = "filter_units=remove_types=6"  # H.264 units in which encoders write their name and settings


@dataclass(frozen=True)
class Shown:
    """What was written. seconds: how long it plays. sound: whether it has any."""

    seconds: float
    sound: bool


def write_video(source: Path, target: Path) -> Shown:
    """Copy a video's first picture and sound stream without the container's words and the encoder's notes.

    Nothing is encoded again: pictures and sound are the system's own.

    Args:
        source: an MP4 that browsers play (H.264, VP9 or AV1 in 4:2:0; AAC, MP3, Opus or no sound).
        target: written from scratch.

    Raises:
        BenchmarkError: it is no video, or browsers cannot play it: one sentence.
    """
    import av

    from media.container import main_audio, main_video, open_media
    from media.errors import MediaError

    place = printable(str(source))
    try:
        with open_media(source) as given:
            video, audio = main_video(given), main_audio(given)
            if video is None:
                raise BenchmarkError(f"{place} holds no video.")
            codec, form = video.codec_context.codec.canonical_name, video.codec_context.pix_fmt
            heard = None if audio is None else audio.codec_context.codec.canonical_name
            if codec not in _CODECS or form not in _FORMATS or (heard is not None and heard not in _SOUND):
                raise BenchmarkError(
                    f"{place} ({codec}, {form}, sound {heard or 'none'}) is not played by every browser: convert it, "
                    "such as with ffmpeg -i IN -c:v libx264 -crf 12 -pix_fmt yuv420p -c:a aac OUT."
                )
            seconds = _copied(given, [stream for stream in (video, audio) if stream is not None], target)
    except (MediaError, av.FFmpegError) as error:
        raise BenchmarkError(f"{place} cannot be read as a video: {printable(str(error))[:200]}") from error
    if seconds <= 0:
        raise BenchmarkError(f"{place} shows nothing: its video lasts 0 seconds.")
    return Shown(seconds, heard is not None)


def _copied(given: InputContainer, streams: list[Any], target: Path) -> float:
    """Write the packets of some streams; returns the seconds until the last picture ends."""
    import av
    from av.bitstream import BitStreamFilterContext

    end = 0.0
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as made:
        copies = {stream.index: made.add_stream_from_template(stream) for stream in streams}
        for copy in copies.values():
            copy.metadata.clear()
        video = streams[0]
        clean = BitStreamFilterContext(_SEI, video) if video.codec_context.name == "h264" else None
        for packet in given.demux(streams):
            if packet.dts is None:
                continue
            index = packet.stream.index
            for found in clean.filter(packet) if clean is not None and index == video.index else [packet]:
                if index == video.index and found.pts is not None:
                    end = max(end, float((found.pts + (found.duration or 0)) * video.time_base))
                found.stream = copies[index]
                made.mux(found)
    return end


def write_picture(source: Path, target: Path) -> None:
    """Write a reference picture's pixels as a new PNG.

    Raises:
        BenchmarkError: it cannot be read: one sentence.
    """
    import cv2

    pixels = cv2.imread(str(source))
    if pixels is None or not cv2.imwrite(str(target), pixels):
        raise BenchmarkError(f"The reference picture {printable(str(source))} cannot be read.")
