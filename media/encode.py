"""Writes one clip: H.264 and AAC in MP4, with exact time stamps and bytes that depend on nothing but the input.

x264's macroblock-tree reads uninitialised memory, so it is off; one thread, because another number gives other bytes;
no B-frames, so that pictures start at time zero also for readers that ignore edit lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING

from media.errors import MediaError
from media.pixels import Colour

if TYPE_CHECKING:
    import numpy as np
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

AAC_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
AAC_FRAME = 1024
_BITS_PER_CHANNEL = 96_000


@dataclass(frozen=True)
class VideoShape:
    """What the picture stream of a clip is."""

    width: int
    height: int
    time_base: Fraction  # 1 / timescale
    frame_rate: Fraction  # for the encoder's rate control only
    colour: Colour
    aspect: Fraction  # width / height of one pixel
    seconds: Fraction  # length of the clip
    crf: int
    preset: str


@dataclass(frozen=True)
class AudioShape:
    """What the sound stream of a clip is; `rate` is one of AAC_RATES, `channels` 1 or 2."""

    rate: int
    channels: int


class ClipWriter:
    """An MP4 file being written: `with ClipWriter(path, video, audio) as writer`, all sound first, then the pictures.

    Args:
        path: written from scratch.
        video: the picture stream.
        audio: the sound stream, or None.
    """

    def __init__(self, path: Path, video: VideoShape, audio: AudioShape | None) -> None:
        import av
        from av.container.core import Flags

        options = {
            "movflags": "+faststart+write_colr",
            "video_track_timescale": str(video.time_base.denominator),
            "movie_timescale": str(_movie_timescale(video, audio)),
            "fflags": "+bitexact",
        }
        self._container: OutputContainer = av.open(
            f"file:{path.absolute()}", mode="w", format="mp4", container_options=options
        )
        self._container.flags |= int(Flags.bitexact.value)  # type: ignore[call-overload]
        self._video_shape, self._audio_shape = video, audio
        self._video = _add_video(self._container, video)
        self._audio = None if audio is None else _add_audio(self._container, audio)
        self._sound: list[Packet] = []
        self._durations: dict[int, int] = {}
        self._heard = 0
        self.frames = 0
        self.priming = 0

    def close(self) -> None:
        """Write what is left and end the file."""
        self._container.close()

    def add_sound(self, blocks: Iterable[tuple[int, np.ndarray]]) -> int:
        """Encode all of the clip's sound, float32 [channels, n] blocks in order; returns the samples taken."""
        import numpy as np

        if self._audio is None or self._audio_shape is None:
            return 0
        layout = "mono" if self._audio_shape.channels == 1 else "stereo"
        held = np.zeros((self._audio_shape.channels, 0), np.float32)
        for _, block in blocks:
            held = np.concatenate([held, block], axis=1)
            whole = held.shape[1] // AAC_FRAME * AAC_FRAME
            for at in range(0, whole, AAC_FRAME):
                self._encode_sound(held[:, at : at + AAC_FRAME], layout)
            held = held[:, whole:]
        if held.shape[1]:
            self._encode_sound(held, layout)
        self._sound += self._audio.codec_context.encode(None)
        self._trim_sound()
        return self._heard

    def _encode_sound(self, block: np.ndarray, layout: str) -> None:
        import numpy as np
        from av.audio.frame import AudioFrame

        assert self._audio is not None and self._audio_shape is not None
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate = self._audio_shape.rate
        frame.time_base = Fraction(1, self._audio_shape.rate)
        frame.pts = self._heard
        self._heard += block.shape[1]
        self._sound += self._audio.codec_context.encode(frame)

    def _trim_sound(self) -> None:
        """The encoder's own delay is the priming; no packet reaches past the sound that was given."""
        self.priming = max(0, -min((packet.pts for packet in self._sound if packet.pts is not None), default=0))
        for packet in self._sound:
            if packet.pts is not None and packet.pts + (packet.duration or 0) > self._heard:
                packet.duration = self._heard - packet.pts
        self._sound = [packet for packet in self._sound if (packet.duration or 0) > 0]

    def add_picture(self, picture: VideoFrame, pts: int, duration: int) -> None:
        """Encode one prepared picture shown from `pts` for `duration` ticks of the clip's time base."""
        picture.pts = pts
        picture.time_base = self._video_shape.time_base
        picture.duration = duration
        picture.pict_type = 0
        picture.color_range = 1
        picture.colorspace = self._video_shape.colour.space
        self._durations[pts] = duration
        self._mux(self._video.codec_context.encode(picture))

    def finish(self) -> None:
        """Encode what the encoder holds; call it once, after the last picture."""
        self._mux(self._video.codec_context.encode(None))
        self._mux_sound(None)
        if self._durations:
            raise MediaError("The encoder lost pictures of the clip: encode it again and report the source.")

    def _mux(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            if packet.pts is None or packet.pts != packet.dts or packet.pts not in self._durations:
                raise MediaError("The encoder moved a picture in time: report the source.")
            packet.duration = self._durations.pop(packet.pts)
            packet.stream = self._video
            self._mux_sound((packet.pts + packet.duration) * self._video_shape.time_base)
            self._container.mux(packet)
            self.frames += 1

    def _mux_sound(self, until: Fraction | None) -> None:
        """Interleave the sound that plays before `until` seconds, or all of it."""
        if self._audio is None or self._audio_shape is None:
            return
        count = 0
        for packet in self._sound:
            if until is not None and (packet.pts or 0) >= until * self._audio_shape.rate:
                break
            packet.stream = self._audio
            self._container.mux(packet)
            count += 1
        del self._sound[:count]


def _movie_timescale(video: VideoShape, audio: AudioShape | None) -> int:
    """A clock on which the edit lists of both streams end exactly; the default, milliseconds, would cut sound off."""
    ticks = video.time_base.denominator
    if audio is None:
        return ticks
    both = lcm(ticks, audio.rate)
    return both if both * (video.seconds + 1) < 1 << 32 else audio.rate


def _add_video(container: OutputContainer, shape: VideoShape) -> VideoStream:
    options = {
        "preset": shape.preset,
        "crf": str(shape.crf),
        "bf": "0",
        "flags": "+bitexact",
        "x264-params": "no-mbtree=1:threads=1:lookahead-threads=1:sliced-threads=0",
    }
    stream = container.add_stream("libx264", options=options)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = shape.width, shape.height, "yuv420p"
    context.time_base = shape.time_base
    context.framerate = shape.frame_rate
    context.sample_aspect_ratio = shape.aspect
    context.thread_count = 1
    context.color_range = 1
    context.colorspace = shape.colour.space
    context.color_primaries = shape.colour.primaries
    context.color_trc = shape.colour.transfer
    stream.time_base = shape.time_base
    return stream


def _add_audio(container: OutputContainer, shape: AudioShape) -> AudioStream:
    stream = container.add_stream("aac", rate=shape.rate, options={"flags": "+bitexact"})
    context = stream.codec_context
    context.layout = "mono" if shape.channels == 1 else "stereo"
    context.format = "fltp"
    context.bit_rate = _BITS_PER_CHANNEL * shape.channels
    context.time_base = Fraction(1, shape.rate)
    context.thread_count = 1
    stream.time_base = Fraction(1, shape.rate)
    return stream
