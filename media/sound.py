"""Decoded sound laid on the container's clock at the source's own rate; damaged packets leave a gap."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from media.container import main_audio, open_media
from media.probe import stream_time_base
from media.reader import MOV

if TYPE_CHECKING:
    import numpy as np
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.packet import Packet

Timed = tuple["Fraction | None", "np.ndarray"]

TOLERANCE = Fraction(5, 1000)  # seconds by which a time stamp may differ from the running clock
BREAK = 3600  # seconds: a time stamp further ahead than this is damage even if the next one agrees
AHEAD = 16  # blocks that tell whether a time stamp was damaged
SEEK_BEYOND = 60  # seconds of sound before a span that are decoded rather than sought over
_LEAD = Fraction(2)  # seconds decoded before a sought span, so that the decoder has settled
_ZEROS = 1 << 20  # samples of silence made at once


def filled(
    blocks: Iterator[tuple[int, np.ndarray]], channels: int, first: int, last: int | None
) -> Iterator[tuple[int, np.ndarray]]:
    """Sound without gaps: zeros between, before and (with `last`) after the blocks, which are cut to [first, last).

    Args:
        blocks: (index, float32 [channels, n]); what overlaps earlier sound is left out.
        channels: rows of the zeros.
        first, last: sample indices; without `last` the sound ends with the last block.

    Returns:
        Yields contiguous (index, float32 [channels, n]), n > 0.
    """
    at = first
    for index, block in blocks:
        if last is not None and index >= last:
            break
        if index < at:
            block, index = block[:, at - index :], at
        if last is not None:
            block = block[:, : last - index]
        if not block.shape[1]:
            continue
        yield from _silence(channels, at, index)
        yield index, block
        at = index + block.shape[1]
    if last is not None:
        yield from _silence(channels, at, last)


def _silence(channels: int, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
    import numpy as np

    for index in range(first, last, _ZEROS):
        yield index, np.zeros((channels, min(_ZEROS, last - index)), np.float32)


class SoundReader:
    """A file's sound stream, read once: `with SoundReader(path, channels) as reader: for at, block in reader.blocks()`.

    Args:
        path: a regular file.
        channels: 1 or 2.
        begin, end: seconds on the container's clock; sound outside is not wanted (some may still be given).

    Attributes:
        rate: samples per second of the blocks; known once the first one was given.
    """

    def __init__(self, path: Path, channels: int, begin: Fraction | None = None, end: Fraction | None = None) -> None:
        self._path, self._channels, self._begin, self._end = path, channels, begin, end
        self._same_kind: dict[tuple[str, str, int], AudioResampler] = {}
        self.rate = 0

    def __enter__(self) -> Self:
        self._container = open_media(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yields (sample index on the container's clock at `rate`, float32 [channels, n]); some may overlap."""
        for position, block in self._placed():
            if self._end is not None and position > self._end * self.rate:
                return
            if block.shape[1] and (self._begin is None or position + block.shape[1] >= self._begin * self.rate):
                yield position, block

    def _placed(self) -> Iterator[tuple[int, np.ndarray]]:
        """Each block with its place: where the last one ended, unless its time stamp says otherwise.

        A time stamp that leaves the running clock is damage, and ignored, if the clock comes back right after it.
        """
        at: int | None = None
        for (seconds, block), coming in _with_next(self._timed()):
            own = seconds if seconds is None else nearest(seconds * self.rate)
            if at is not None and (own is None or not self._leaves(at, own, block.shape[1], coming)):
                own = at
            own = own or 0
            at = own + block.shape[1]
            yield own, block

    def _leaves(self, at: int, own: int, count: int, coming: Iterable[Timed]) -> bool:
        """Whether `count` samples stamped `own`, after sound up to `at`, leave its clock, as those after them say."""
        step = abs(own - at)
        if step <= TOLERANCE * self.rate or own - at > BREAK * self.rate:
            return False
        near = step // 2 if step > self.rate else TOLERANCE * self.rate
        agreed = False
        for seconds, block in coming:
            if seconds is not None:
                if abs(nearest(seconds * self.rate) - (at + count)) <= near:
                    return False
                agreed = True
            count += block.shape[1]
        return agreed

    def _timed(self) -> Iterator[tuple[Fraction | None, np.ndarray]]:
        """Yields (time in seconds, or None where the file gives none; float32 [channels, n] at `rate`)."""
        import av

        self._seek()
        stream = main_audio(self._container)
        if stream is None:
            return
        base = stream_time_base(stream)
        for packet in self._packets():
            try:
                frames = stream.codec_context.decode(packet)
            except av.FFmpegError:
                continue
            for frame in frames:
                if frame.samples <= 0 or frame.sample_rate <= 0:
                    continue
                self.rate = self.rate or frame.sample_rate
                seconds = None if frame.pts is None else frame.pts * base
                yield seconds, self._mixed(frame)

    def _packets(self) -> Iterator[Packet | None]:
        import av
        from av.stream import Discard

        stream = main_audio(self._container)
        for other in self._container.streams:
            other.discard = Discard.default if other is stream else Discard.all
        packets = self._container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):
                break
            if packet.size == 0 and packet.dts is None:
                continue
            if not packet.is_corrupt:
                yield packet
        yield None

    def _seek(self) -> None:
        """Skip to just before a far span, where the container's index proves that time runs evenly up to there.

        Then sound found after the seek lies at the same samples as in a decode from the start. An encoder's noise
        substitution may give other noise there; nothing else differs.
        """
        import av

        stream = main_audio(self._container)
        if stream is None or self._begin is None or self._container.format.name != MOV:
            return
        base = stream_time_base(stream)
        start = (stream.start_time or 0) * base
        if self._begin - start <= SEEK_BEYOND or base * stream.codec_context.sample_rate != 1:
            return
        target = int((self._begin - _LEAD) / base)
        stamps = [entry.timestamp for entry in stream.index_entries]
        steps = {b - a for a, b in pairwise(stamps) if a < target}
        if len(steps) != 1 or not stamps or stamps[-1] < target:
            return
        try:
            self._container.seek(target, stream=stream, backward=True)
        except av.FFmpegError:
            self._container.close()
            self._container = open_media(self._path)

    def _mixed(self, frame: AudioFrame) -> np.ndarray:
        """One decoded block as float32 [channels, n] at `rate`."""
        import numpy as np
        from av.audio.resampler import AudioResampler

        count = frame.layout.nb_channels
        kept = min(count, 2)
        layout = "mono" if kept == 1 else "stereo"
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind not in self._same_kind:
            self._same_kind[kind] = AudioResampler(
                format="fltp", layout=layout, rate=self.rate, options={"rematrix_maxval": "1.0"}
            )
        frame.pts = None
        pieces = [out.to_ndarray() for out in self._same_kind[kind].resample(frame)]
        sound = np.concatenate(pieces, axis=1) if pieces else np.zeros((kept, 0), np.float32)
        np.nan_to_num(sound, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        if self._channels == 1:
            return sound.mean(axis=0, keepdims=True, dtype=np.float32)
        return np.repeat(sound, 2, axis=0) if kept == 1 else sound


def _with_next(items: Iterator[Timed]) -> Iterator[tuple[Timed, deque[Timed]]]:
    """Each item with up to `AHEAD` of those after it."""
    held: deque[Timed] = deque(islice(items, AHEAD))
    while held:
        item = held.popleft()
        held.extend(islice(items, AHEAD - len(held)))
        yield item, held


def nearest(number: Fraction) -> int:
    """The nearest whole number, halves up: the one rounding that does not depend on where counting starts."""
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)
