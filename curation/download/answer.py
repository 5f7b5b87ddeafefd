"""A body that comes in time, no longer than allowed, and whole; a packed one is unpacked in bounded memory."""

import http.client
import io
import time
import zlib
from typing import Any

from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import IncompleteRead, RequestError, TransportError

from curation.download.gate import EndedError, Gate, NoRoomError, SlowError, TooLargeError

PAGE_BYTES = 32 << 20  # of a page, an error page or an unpacked answer; media are read in blocks
LOOK_EVERY = 16 << 20  # bytes between two looks at the disk
BLOCK = 1 << 16
HEAD = 8192


class GuardedResponse(Response):
    """A body that comes in time, no longer than allowed, and whole."""

    def __init__(self, inner: Response, gate: Gate) -> None:
        super().__init__(inner.fp, inner.url, dict(inner.headers), inner.status, inner.reason)
        self.headers = inner.headers
        self.inner = inner  # held: it closes the connection when it is collected
        self.gate = gate
        self.head = b""  # the beginning, for whoever asks why a page is refused
        raw = getattr(inner.fp, "fp", None)
        packed = isinstance(raw, io.BytesIO)
        length = inner.headers.get("Content-Length", "")
        self.left = int(length) if length.isdigit() and not packed else None
        self.got = self.looked = 0
        self.window, self.window_at = 0, time.monotonic()
        if self.left is not None and self.left > gate.max_bytes:
            self.close()
            raise TooLargeError(f"the file has {self.left} bytes and the limit is {gate.max_bytes}")
        if self.left is not None and self.left > LOOK_EVERY and self.left > (room := gate.look()):
            self.close()
            raise NoRoomError(f"the file has {self.left} bytes and the disk has room for {room}")

    def read(self, amt: int | None = None) -> bytes:
        """Up to `amt` bytes; the whole page without it."""
        if amt is not None and amt >= 0:
            return self._some(amt)
        parts, size = [], 0
        while block := self._some(BLOCK):
            parts.append(block)
            size += len(block)
            if size > PAGE_BYTES:
                raise TooLargeError(f"the page has more than {PAGE_BYTES >> 20} MiB")
        return b"".join(parts)

    def _some(self, amt: int) -> bytes:
        if self.closed or amt == 0 or self.left == 0:
            return b""
        if self.gate.sites.stop.is_set():
            raise EndedError("the run is ending")
        try:
            return self._block(amt)
        except RequestError as error:
            self.gate.job.error = error
            raise

    def _block(self, amt: int) -> bytes:
        try:
            block: bytes = self.fp.read1(amt) if hasattr(self.fp, "read1") else self.fp.read(amt)
        except TimeoutError:
            raise SlowError(f"no byte within {self.gate.timeout:g} s") from None
        except (OSError, http.client.HTTPException, zlib.error) as error:
            raise TransportError(f"the connection broke off ({error})", cause=error) from None
        self._count(len(block))
        if len(self.head) < HEAD:
            self.head += block[: HEAD - len(self.head)]
        if not block and self.left:
            raise IncompleteRead(self.got, self.left)
        return block

    def _count(self, size: int) -> None:
        self.got += size
        self.window += size
        if self.left is not None:
            self.left -= size
        if self.got > self.gate.max_bytes:
            raise TooLargeError(f"more than {self.gate.max_bytes} bytes came")
        if self.got - self.looked >= LOOK_EVERY:
            self.looked = self.got
            self.gate.look()
        past = time.monotonic() - self.window_at
        if past >= self.gate.timeout:
            if self.window < self.gate.min_speed * past:
                raise SlowError(f"less than {self.gate.min_speed:g} bytes a second came for {self.gate.timeout:g} s")
            self.window, self.window_at = 0, time.monotonic()


def unpacked(body: Any, coding: str) -> bytes:
    """A compressed body in bounded memory, whatever it claims to hold."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise RequestError(f"the answer is packed as {coding[:20]!r}, which was not asked for")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32 if coding != "deflate" else zlib.MAX_WBITS)
    parts, size = [], 0
    while block := body.read1(BLOCK) if hasattr(body, "read1") else body.read(BLOCK):
        while block and not unpack.eof:
            try:
                part = unpack.decompress(block, BLOCK * 16)
            except zlib.error:
                raise RequestError("the answer is not what its content encoding says") from None
            block = unpack.unconsumed_tail
            size += len(part)
            if size > PAGE_BYTES:
                raise TooLargeError(f"the answer unpacks to more than {PAGE_BYTES >> 20} MiB")
            parts.append(part)
        if unpack.eof:
            break
    return b"".join(parts)
