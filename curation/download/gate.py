"""The rules that every request of a run obeys, and the connection to an address that was checked."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from yt_dlp.networking.exceptions import RequestError, TransportError

from curation.download.addresses import AddressError, Addresses
from curation.download.site import Site, Sites


class RefusedError(RequestError):
    """The address, or one that it leads to, must not be asked."""


class TooLargeError(RequestError):
    """More bytes than the settings allow, announced or counted."""


class NoRoomError(TooLargeError):
    """More bytes than the disk has room for."""


class EndedError(RequestError):
    """The run is ending."""


class SitePausedError(RequestError):
    """The site asked for a longer pause than this run waits."""


class UnreachableError(TransportError):
    """The site could not be reached several times in a row."""


class SlowError(TransportError):
    """Fewer bytes than the settings ask for."""


@dataclass
class Job:
    """What the network keeps of the URL that a thread works on."""

    requests: int = 0
    statuses: list[int] = field(default_factory=list)
    validator: str | None = None  # of the media file: a partial file is only continued while it holds
    resume_with: str | None = None
    last_url: str = ""
    error: RequestError | None = None  # the last one, as yt-dlp's downloader passes on only its text


@dataclass
class Gate:
    """Rules that all threads of a run share; `job` is the thread's own."""

    sites: Sites
    addresses: Addresses
    timeout: float
    min_speed: float
    max_bytes: int
    max_wait: float
    look: Callable[[], int]  # bytes that the disk has room for; raises when it runs full
    _local: threading.local = field(default_factory=threading.local)

    @property
    def job(self) -> Job:
        """What this thread works on."""
        if not hasattr(self._local, "job"):
            self._local.job = Job()
        return self._local.job

    @job.setter
    def job(self, job: Job) -> None:
        self._local.job = job

    def check(self, url: str) -> tuple[str, int]:
        """Refuse an address before anything is sent."""
        try:
            return self.addresses.check(url)
        except AddressError as error:
            raise RefusedError(str(error)) from None

    def site(self, url: str) -> Site:
        """The site of a URL."""
        return self.sites.of(self.check(url)[0])

    def connect(self, address: tuple[str, int], *rest: Any, **options: Any) -> socket.socket:
        """Connect to an address that was checked, not to what a second look-up might give."""
        host, port = address
        site = self.sites.of(host)
        if site.is_unreachable:
            raise UnreachableError(f"the site {host[:80]!r} cannot be reached: check the name and the network")
        try:
            found = self.addresses.resolve(host, port)
        except AddressError as error:
            raise RefusedError(str(error)) from None
        except (OSError, UnicodeError):
            site.connected(False)
            raise TransportError(f"the name {host[:80]!r} cannot be resolved: check it and the network") from None
        try:
            connection = _connect(found, rest[0] if rest else options.get("timeout", self.timeout))
        except OSError as error:
            site.connected(False)
            raise TransportError(f"no connection to {host[:80]!r} ({error.strerror or error})") from None
        site.connected(True)
        return connection


def _connect(found: list[Any], timeout: Any) -> socket.socket:
    last: OSError | None = None
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout if isinstance(timeout, (int, float)) else None)
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            last = error
    raise last or OSError("no address")
