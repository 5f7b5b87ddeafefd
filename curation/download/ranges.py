"""A remote file that is read where it is needed, by range requests through the gate."""

import io
from typing import Any

from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import RequestError

SKIP = 128 << 10  # bytes that are read over rather than asked for anew
BLOCK, LARGEST_BLOCK = 256 << 10, 8 << 20  # asked for after a jump, doubled while reading on


class NoRangesError(Exception):
    """The site does not serve parts of this file."""


class RangeFile(io.RawIOBase):
    """Seekable view of a URL; one request per jump.

    Args:
        session: whose `urlopen` is used.
        url: of the media file.
        headers: as the extractor wants them sent.

    Raises:
        NoRangesError: the site answers without the range.
    """

    def __init__(self, session: Any, url: str, headers: dict[str, str]) -> None:
        super().__init__()
        self.session, self.url, self.headers = session, url, headers
        self.at = 0
        self.fetched = 0
        self.error: RequestError | None = None
        self.body: Any = None
        self.body_at = self.body_end = 0
        self.block = BLOCK
        self.size = 0
        self._open(0)

    def _open(self, at: int) -> None:
        if self.body is not None:
            self.body.close()
            self.block = min(2 * self.block, LARGEST_BLOCK) if at == self.body_end else BLOCK
        asked = f"bytes={at}-{at + self.block - 1}"
        self.body = self.session.urlopen(Request(self.url, headers={**self.headers, "Range": asked}))
        place, _, size = self.body.headers.get("Content-Range", "").partition("/")
        if self.body.status != 206 or not place.startswith(f"bytes {at}-") or not size.isdigit():
            self.body.close()
            raise NoRangesError("the site serves this file only as a whole")
        self.size, self.body_at = int(size), at
        self.body_end = min(at + self.block, self.size)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is asked before the next read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        self.at = max(0, base + offset)
        return self.at

    def tell(self) -> int:
        """Where the next read begins."""
        return self.at

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; the network's errors are kept in `error`, as FFmpeg hides them."""
        if size < 0:
            size = self.size - self.at
        size = min(size, self.size - self.at)
        if size <= 0:
            return b""
        try:
            if not 0 <= self.at - self.body_at <= SKIP or self.at >= self.body_end:
                self._open(self.at)
            while self.body_at < self.at:
                self._take(self.at - self.body_at)
            data = self._take(min(size, self.body_end - self.at))
        except RequestError as error:
            self.error = error
            raise OSError("the remote file cannot be read on") from error
        self.at += len(data)
        return data

    def _take(self, size: int) -> bytes:
        data: bytes = self.body.read(size)
        if not data:
            raise RequestError("the remote file ended early")
        self.body_at += len(data)
        self.fetched += len(data)
        return data

    def close(self) -> None:
        """Close the connection."""
        if self.body is not None:
            self.body.close()
        super().close()
