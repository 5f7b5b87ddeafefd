"""The pictures of a file as its decoder gives them: damaged packets cost themselves, seeks are checked."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from media.container import MAX_PIXELS, main_video, open_media
from media.errors import MediaError
from media.probe import stream_time_base

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

MOV, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
INDEXED = (MOV, MATROSKA)  # their index says where the key pictures are
DECLARING = (MOV, MATROSKA, "flv", "avi", "asf")  # they say their length; others guess it from what is there
CLEARLY_SHORT = Fraction(1, 2)  # seconds missing at the end before a file counts as cut off
_BACK = (Fraction(0), Fraction(1), Fraction(10))  # seconds before the wanted time at which a key picture is sought


class PictureReader:
    """An open file and its picture stream.

    Attributes:
        errors: packets that could not be decoded.
        broken_off: reading ended by an error, not by the end of the file.
        pictures_out: pictures that left the decoder, also those that a seek's check discarded.
        sought: the last `pictures(start_pts)` began at a key picture inside the file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path, self._threads = path, threads
        self.pictures_out = 0
        self._open()

    def _open(self) -> None:
        self.container = open_media(self._path)
        stream = main_video(self.container)
        if stream is None:
            self.container.close()
            raise MediaError("The file has no video: give one with moving pictures.")
        self.stream = stream
        try:
            self.time_base = stream_time_base(stream)
        except MediaError:
            self.container.close()
            raise
        context = stream.codec_context
        context.thread_count = self._threads
        context.thread_type = "AUTO" if self._threads > 1 else "NONE"
        context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
        self.errors = 0
        self.packets = 0
        self.broken_off = False
        self.sought = False
        self._last_is_part = False  # the last packet of the file was not whole
        self._furthest: Fraction | None = None

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def pictures(self, start_pts: int | None = None) -> Iterator[VideoFrame]:
        """Decoded pictures in presentation order, from a checked key picture at or before `start_pts`, else all."""
        if start_pts is not None and self.container.format.name in INDEXED:
            wanted = (start_pts - int(back / self.time_base) for back in _BACK)
            begin = self.stream.start_time
            for pts in (pts for pts in wanted if begin is None or pts > begin):
                pictures = self._pictures_from(pts)
                first = next(pictures, None)
                if first is not None and first.pts is not None and first.pts <= start_pts:
                    self.sought = True
                    yield first
                    yield from pictures
                    return
                self.close()
                self._open()
        yield from self._decoded()

    def _pictures_from(self, pts: int) -> Iterator[VideoFrame]:
        """Pictures from the key picture that the index gives for `pts`; those shown before it are not whole."""
        import av

        try:
            self.container.seek(pts, stream=self.stream, backward=True)
        except av.FFmpegError:
            return
        whole = False
        for picture in self._decoded():
            whole = whole or (picture.key_frame and not picture.is_corrupt)
            if whole:
                yield picture

    def _decoded(self) -> Iterator[VideoFrame]:
        for packet in self._packets():
            for picture in self._decode(packet):
                self.pictures_out += 1
                yield picture

    def _decode(self, packet: Packet | None) -> list[VideoFrame]:
        import av

        try:
            return self.stream.codec_context.decode(packet)
        except av.error.EOFError:
            return []
        except av.FFmpegError:
            self.errors += 1
            return []

    def _packets(self) -> Iterator[Packet | None]:
        """Packets of the picture stream, then None to flush the decoder; other streams only tell how far they reach."""
        import av

        packets = self.container.demux(*self._read_streams())
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.FFmpegError:
                self.broken_off = True
                break
            if packet.size == 0 and packet.dts is None:
                continue
            self._note_end(packet)
            self._last_is_part = packet.is_corrupt
            if packet.stream_index == self.stream.index:
                self.packets += 1
                yield packet
        yield None

    def _read_streams(self) -> list[Stream]:
        from av.stream import Discard

        wanted: list[Stream] = [self.stream, *self.container.streams.audio]
        for stream in self.container.streams:
            stream.discard = Discard.default if stream in wanted else Discard.all
        return wanted

    def _note_end(self, packet: Packet) -> None:
        if packet.pts is None or packet.time_base is None:
            return
        end = (packet.pts + (packet.duration or 0)) * packet.time_base
        if self._furthest is None or end > self._furthest:
            self._furthest = end

    def cut_off(self, end_pts: int, damaged_end: bool) -> bool:
        """Whether the file ended early.

        That is: reading ended by an error or inside a packet; or the pictures end (at `end_pts`) clearly before the
        container's declared end; or, where it declares none, in a damaged picture.
        """
        if self.broken_off or self._last_is_part:
            return True
        name = self.container.format.name
        if name not in DECLARING:
            return damaged_end
        if name == MOV and not self.sought and self.packets < len(self.stream.index_entries):
            return True
        declared = self.stream.duration
        if declared is not None and declared > 0:
            missing = ((self.stream.start_time or 0) + declared - end_pts) * self.time_base
            if missing > CLEARLY_SHORT:
                return True
        whole = self.container.duration
        if whole is None or whole <= 0 or self._furthest is None:
            return False
        declared_end = Fraction((self.container.start_time or 0) + whole, 1_000_000)
        return declared_end - self._furthest > CLEARLY_SHORT
