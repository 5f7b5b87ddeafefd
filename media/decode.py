"""One decode of a source's pictures, with exact time stamps, feeding any number of consumers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from media.errors import MediaError
from media.frame import Frame, Geometry
from media.probe import clockwise_turn
from media.reader import PictureReader
from media.timeline import PtsRepair, nominal_duration

__all__ = ["DecodeReport", "Decoder", "Frame", "SupportsSee", "feed"]

_REORDERED = 4  # pictures among which the last one of a file may be shown


class SupportsSee(Protocol):
    """Anything that wants each frame of a source in order."""

    def see(self, frame: Frame) -> object:
        """Take one frame; it must not be kept after the call."""


@dataclass(frozen=True)
class DecodeReport:
    """What one decode found.

    Attributes:
        frames: pictures given.
        corrupt_frames: of those, pictures in which the decoder found damage.
        decode_errors: packets that gave an error (each costs itself only).
        repaired_pts: pictures whose time stamp was missing or did not move forward.
        start_pts, end_pts: first time stamp; last time stamp plus its duration (exclusive); None without pictures.
        flags: "truncated", "corrupt_frames", "decode_errors", "repaired_pts", in this order, where they apply.
    """

    frames: int
    corrupt_frames: int
    decode_errors: int
    repaired_pts: int
    start_pts: int | None
    end_pts: int | None
    flags: tuple[str, ...]


class Decoder:
    """Decodes one source's pictures in presentation order, once: `with Decoder(path) as frames: for frame in frames`.

    Args:
        path: a regular file.
        threads: decoding threads; the pictures are the same at any number, except where damage is concealed.
        start_pts: begin at a picture with pts <= start_pts if there is one: the key picture before it where the
            container has an index and the picture found passes the check, else the first picture of the file.

    Raises:
        MediaError: no video stream, or not one picture can be decoded.
    """

    def __init__(self, path: Path, threads: int = 1, start_pts: int | None = None) -> None:
        self._path, self._threads, self._start_pts = Path(path), threads, start_pts
        self._reader: PictureReader | None = None
        self._repair: PtsRepair | None = None
        self._frames = self._corrupt = 0
        self._begin: int | None = None
        self._end: int | None = None
        self._last_corrupt: int | None = None
        self._cut_off = False

    def __enter__(self) -> Self:
        self._reader = PictureReader(self._path, self._threads)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.close()

    @property
    def reader(self) -> PictureReader:
        """The open file; it exists once the with block was entered."""
        if self._reader is None:
            raise MediaError("The decoder is not open: use it in a with block.")
        return self._reader

    @property
    def time_base(self) -> Fraction:
        """Seconds per tick of every time stamp."""
        return self.reader.time_base

    @property
    def sought(self) -> bool:
        """Whether decoding began inside the file, at a key picture."""
        return self.reader.sought

    @property
    def decoded(self) -> int:
        """Pictures that were decoded so far, also those that were not given."""
        return self.reader.pictures_out

    def __iter__(self) -> Iterator[Frame]:
        if self._repair is not None:
            raise MediaError("A decoder is read once: open another one.")
        rate = self.reader.stream.average_rate
        nominal = nominal_duration(Fraction(rate) if rate else None, self.time_base)
        self._repair = PtsRepair(self.time_base, nominal)
        waiting: Frame | None = None
        for frame in self._timed(self._repair):
            if waiting is not None:
                waiting.pts = waiting.pts if self._repair.moved_last is None else self._repair.moved_last
                waiting.duration = frame.pts - waiting.pts
                yield self._counted(waiting)
            waiting = frame
        if waiting is None:
            raise MediaError("Not one picture of the video could be decoded: fetch the file again or convert it.")
        waiting.duration = waiting.picture.duration if waiting.picture.duration > 0 else nominal
        last = self._counted(waiting)
        self._cut_off = self.reader.cut_off(last.pts + last.duration, self._damaged_end)
        yield last

    def _timed(self, repair: PtsRepair) -> Iterator[Frame]:
        """Pictures with their time stamps; the next one's says how long each lasts."""
        from av.video.reformatter import VideoReformatter

        reformatter, geometry = VideoReformatter(), None
        for index, picture in enumerate(self.reader.pictures(self._start_pts)):
            if geometry is None:
                geometry = Geometry(picture.width, picture.height, clockwise_turn(picture))
            pts = repair.place(picture.pts, picture.dts, picture.duration)
            yield Frame(picture, index, pts, self.time_base, geometry, reformatter)

    def _counted(self, frame: Frame) -> Frame:
        self._frames += 1
        self._corrupt += frame.corrupt
        self._last_corrupt = frame.index if frame.corrupt else self._last_corrupt
        self._begin = frame.pts if self._begin is None else self._begin
        self._end = frame.pts + frame.duration
        return frame

    @property
    def _damaged_end(self) -> bool:
        """Whether the last picture in file order may be damaged: it is shown among the last few."""
        return self._last_corrupt is not None and self._frames - self._last_corrupt <= _REORDERED

    @property
    def report(self) -> DecodeReport:
        """What was found so far; "truncated" is known once the last frame was given."""
        errors = self._reader.errors if self._reader is not None else 0
        repaired = self._repair.repaired if self._repair is not None else 0
        found = {
            "truncated": self._cut_off,
            "corrupt_frames": self._corrupt > 0,
            "decode_errors": errors > 0,
            "repaired_pts": repaired > 0,
        }
        return DecodeReport(
            frames=self._frames,
            corrupt_frames=self._corrupt,
            decode_errors=errors,
            repaired_pts=repaired,
            start_pts=self._begin,
            end_pts=self._end,
            flags=tuple(flag for flag, applies in found.items() if applies),
        )


def feed(path: Path, consumers: Sequence[SupportsSee], threads: int = 1) -> DecodeReport:
    """Decode a source once and show each frame to each consumer, in their order.

    Args:
        path: a regular file.
        consumers: each one's `see(frame)` is called for every frame; earlier ones may fill fields for later ones.
        threads: decoding threads.

    Returns:
        What the decode found.

    Raises:
        MediaError: as `Decoder`.
    """
    with Decoder(path, threads) as frames:
        for frame in frames:
            for consumer in consumers:
                consumer.see(frame)
        return frames.report
