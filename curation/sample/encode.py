"""Frames and sound to a video file: H.264 and AAC (MPEG-2 and MP2 in .mpg), the same bytes every time.

x264 is deterministic only with one thread and without macroblock-tree, which reads uninitialised memory; B-frames are
off so that the first frame stands at time 0.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from curation.sample.scenes import Scene
from curation.sample.speech import RATE

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".mpg": "vob"}


def encode(
    path: Path, scene: Scene, ticks: list[int], pictures: Iterable[np.ndarray], sound: np.ndarray | None
) -> None:
    """Write a video file.

    Args:
        path: where to write; the container follows the scene's name.
        scene: size, rate and time base of the frames.
        ticks: [frames + 1] time of each frame and the end of the last, in the scene's time base.
        pictures: [H, W, 3] uint8 RGB each.
        sound: [n] float32 mono at 48 kHz from time 0; None for no audio stream.
    """
    import av

    suffix = Path(scene.name).suffix
    options = {"fflags": "+bitexact"}
    if suffix == ".mp4" and scene.index_first:
        options["movflags"] = "+faststart"
    with av.open(str(path), "w", format=_FORMATS[suffix], options=options) as container:
        video = _Video(container, scene, ticks)
        audio = None if sound is None else _audio(container, suffix)
        feeder = None if audio is None or sound is None else _Feeder(container, audio, sound)
        for index, picture in enumerate(pictures):
            video.add(picture)
            if feeder:
                feeder.until(float(ticks[index + 1] * scene.time_base))
        video.close()
        if feeder:
            feeder.close()


class _Video:
    """Hands pictures to the encoder and tells the container how long each of them stands."""

    def __init__(self, container: "OutputContainer", scene: Scene, ticks: list[int]) -> None:
        self._container, self._base, self._ticks = container, scene.time_base, ticks
        self._stream = _stream(container, scene, Path(scene.name).suffix)
        self._given = self._written = 0

    def add(self, picture: np.ndarray) -> None:
        """Encode the next picture, [H, W, 3] uint8 RGB."""
        import av

        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._ticks[self._given], self._base
        self._given += 1
        self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Encode what the encoder still holds."""
        self._mux(self._stream.encode(None))

    def _mux(self, packets: Iterable["Packet"]) -> None:
        for packet in packets:
            stands = self._ticks[self._written + 1] - self._ticks[self._written]
            packet.duration = round(stands * self._base / packet.time_base)
            self._written += 1
            self._container.mux(packet)


def _stream(container: "OutputContainer", scene: Scene, suffix: str) -> "VideoStream":
    mpeg = suffix == ".mpg"
    options = {"flags": "+bitexact"}
    if mpeg:
        options |= {"b": "2500k", "bf": "0", "g": "12"}
    else:
        options |= {"preset": "veryfast", "crf": str(scene.crf), "bf": "0", "x264-params": "no-mbtree=1:threads=1"}
    stream = container.add_stream("mpeg2video" if mpeg else "libx264", rate=scene.fps, options=options)
    stream.width, stream.height = scene.size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = scene.time_base
    stream.codec_context.thread_count = 1
    return stream


def _audio(container: "OutputContainer", suffix: str) -> "AudioStream":
    codec, rate = ("mp2", 192_000) if suffix == ".mpg" else ("aac", 96_000)
    stream = cast("AudioStream", container.add_stream(codec, rate=RATE, options={"flags": "+bitexact"}))
    stream.layout = "mono"
    stream.bit_rate = rate
    stream.codec_context.time_base = Fraction(1, RATE)
    stream.codec_context.open()
    return stream


class _Feeder:
    """Hands sound to the encoder in whole codec frames, never far ahead of the picture."""

    def __init__(self, container: "OutputContainer", stream: "AudioStream", sound: np.ndarray) -> None:
        self._container, self._stream, self._at = container, stream, 0
        self._size = stream.codec_context.frame_size or 1024
        self._format = stream.codec_context.format.name
        missing = -len(sound) % self._size if stream.codec_context.name == "mp2" else 0
        self._sound = np.concatenate([sound, np.zeros(missing, np.float32)])

    def until(self, seconds: float) -> None:
        """Encode what belongs before a time."""
        while self._at < min(seconds * RATE, len(self._sound)):
            self._frame(self._sound[self._at : self._at + self._size])

    def close(self) -> None:
        """Encode the rest and what the encoder still holds."""
        self.until(len(self._sound) / RATE + 1)
        self._mux(self._stream.encode(None))

    def _frame(self, samples: np.ndarray) -> None:
        import av

        values = samples if self._format.startswith("flt") else np.rint(samples * 32767.0).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values[None]), format=self._format, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, Fraction(1, RATE)
        self._at += len(samples)
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: Iterable["Packet"]) -> None:
        for packet in packets:
            self._container.mux(packet)


def start_of(path: Path) -> tuple[int, Fraction]:
    """Time of the first frame of a finished file, and the unit that it is told in."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            if frame.pts is not None and stream.time_base is not None:
                return frame.pts, stream.time_base
    return 0, Fraction(1)
