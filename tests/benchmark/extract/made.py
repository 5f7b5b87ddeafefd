"""Small videos without faces that differ by their seed, and settings that fit them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from benchmark.extract import Settings

SIZE = (96, 64)
FRAMES = 12
# the macroblock tree reads memory that nobody wrote: with it two encodings of the same pictures differ now and then
OPTIONS = {"crf": "4", "preset": "veryfast", "x264-params": "no-mbtree=1:threads=1"}


def moving(
    path: Path,
    seed: int = 0,
    frames: int = FRAMES,
    size: tuple[int, int] = SIZE,
    fps: int | Fraction = 25,
    sound: float = 0.0,
    times: list[int] | None = None,
) -> Path:
    """A coloured texture that moves, nearly lossless; `sound` seconds of a tone; `times` in ms instead of a rate."""
    rng = np.random.default_rng(seed)
    whole = rng.integers(0, 256, (size[1] // 8 + 3, size[0] // 8 + 8, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options=OPTIONS)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        tone = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for index in range(frames):
            picture = whole[4 : 4 + size[1], 3 * index % 24 : 3 * index % 24 + size[0]]
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            else:
                frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            wave = (0.2 * np.sin(np.arange(int(16_000 * sound)) / 7)).astype(np.float32)[None]
            heard = AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 16_000, 0
            container.mux(tone.encode(heard))
            container.mux(tone.encode(None))
    return path


def settings(*extractors: str, frames: int = FRAMES, size: tuple[int, int] = SIZE, fps: int = 25) -> Settings:
    """Settings that fit `moving`."""
    return Settings(Fraction(fps), frames, *size, extractors)
