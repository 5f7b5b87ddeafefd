"""The sound of a source on the clock of its pictures: sample n is time n / rate, gaps and missing sound are zeros.

Decoded sound is laid at the sample that its time stamp says, at the source's own rate. A time stamp that differs from
where the last sound ended by less than `TOLERANCE` is rounding of the container and is ignored; more is a real gap
(zeros) or overlap (trimmed). Encoder priming is skipped as the container says (FFmpeg does it). Several channels are
mixed down by their mean (more than two first to stereo, by the usual matrix).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

from media.container import main_audio, open_media
from media.sound import SoundReader, filled, nearest

if TYPE_CHECKING:
    import numpy as np

__all__ = ["RATE", "chunks", "samples", "source_sound", "waveform"]

RATE = 16_000
_MARGIN = Fraction(1, 4)  # seconds of sound on both sides of a span that feed the resampling filter


def chunks(path: Path, rate: int = RATE, seconds: float = 30.0) -> Iterator[tuple[int, np.ndarray]]:
    """The whole sound of a file as contiguous pieces, in bounded memory.

    Args:
        path: a regular file.
        rate: samples per second wanted.
        seconds: length of a piece, > 0; the last may be shorter.

    Returns:
        Yields (index of the piece's first sample on the container's clock, possibly negative; float32 mono [n]).
        Nothing where the file has no sound.

    Raises:
        MediaError: the file is not media.
    """
    import numpy as np

    size = max(1, round(seconds * rate))
    held: list[np.ndarray] = []
    first, count = 0, 0
    for index, piece in _samples(path, rate, 1, None, None):
        first = index if count == 0 else first
        held.append(piece[0])
        count += piece.shape[1]
        while count >= size:
            joined = np.concatenate(held)
            yield first, joined[:size]
            held, first, count = [joined[size:]], first + size, count - size
    if count:
        yield first, np.concatenate(held)


def waveform(path: Path, start: Fraction, end: Fraction, rate: int = RATE) -> np.ndarray:
    """The sound of a span.

    Args:
        path: a regular file.
        start, end: seconds on the container's clock, start <= end; the first sample is the one nearest to `start`.
        rate: samples per second wanted.

    Returns:
        float32 mono [(end - start) * rate, rounded, halves up]; zeros where there is no sound.

    Raises:
        MediaError: the file is not media.
    """
    import numpy as np

    count = max(0, nearest((end - start) * rate))
    first = nearest(start * rate)
    pieces = [piece[0] for _, piece in samples(path, rate, 1, first, first + count)]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def source_sound(path: Path) -> tuple[int, int] | None:
    """(samples per second, channels) of a file's sound stream as declared, or None where it has none."""
    with open_media(path) as container:
        stream = main_audio(container)
        if stream is None:
            return None
        return stream.codec_context.sample_rate, stream.codec_context.channels


def samples(path: Path, rate: int, channels: int, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
    """Exactly the samples [first, last) of a file's sound, zeros where there is none, in bounded pieces.

    Args:
        path: a regular file.
        rate: samples per second wanted.
        channels: 1 or 2.
        first, last: sample indices on the container's clock at `rate`.

    Returns:
        Yields (index, float32 [channels, n]), contiguous from `first` to `last`.

    Raises:
        MediaError: the file is not media.
    """
    yield from filled(_samples(path, rate, channels, first, last), channels, first, last)


def _samples(
    path: Path, rate: int, channels: int, first: int | None, last: int | None
) -> Iterator[tuple[int, np.ndarray]]:
    """Contiguous sound at `rate`, of [first, last) or a little more; nothing without a sound stream."""
    begin = None if first is None else Fraction(first, rate) - _MARGIN
    end = None if last is None else Fraction(last, rate) + _MARGIN
    with SoundReader(path, channels, begin, end) as reader:
        blocks = reader.blocks()
        head = next(blocks, None)
        if head is None:
            return
        native = reader.rate
        if native == rate:
            yield from filled(chain([head], blocks), channels, head[0], None)
        else:
            yield from _resampled(chain([head], blocks), native, rate, channels)


def _resampled(
    blocks: Iterator[tuple[int, np.ndarray]], native: int, rate: int, channels: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Contiguous sound from one rate to another, from its first to its last block.

    Silence around the sound keeps the filter's own start and end out of it, and the first sample fed lies on both
    grids: so a sample does not depend on where reading began.
    """
    head = next(blocks)
    common = native // gcd(native, rate)
    begin = (head[0] - native // 10) // common * common
    end = head[0]

    def with_silence() -> Iterator[tuple[int, np.ndarray]]:
        nonlocal end
        for position, block in filled(chain([head], blocks), channels, begin, None):
            end = position + block.shape[1]
            yield position, block
        yield from filled(iter(()), channels, end, end + native // 10)

    index = begin * rate // native
    first = -(-head[0] * rate // native)
    for piece in _converted(with_silence(), native, rate, channels):
        last = -(-end * rate // native)  # while sound still comes, the filter's delay keeps the pieces before it
        kept = piece[:, max(0, first - index) : max(0, last - index)]
        if kept.shape[1]:
            yield max(first, index), kept
        index += piece.shape[1]


def _converted(blocks: Iterator[tuple[int, np.ndarray]], native: int, rate: int, channels: int) -> Iterator[np.ndarray]:
    """Pieces [channels, n] at `rate` of contiguous blocks at `native`."""
    import numpy as np
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler

    layout = "mono" if channels == 1 else "stereo"
    resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
    for _, block in blocks:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate = native
        for out in resampler.resample(frame):
            yield out.to_ndarray()
    for out in resampler.resample(None):
        yield out.to_ndarray()
