"""A site's patience: at most `rate` requests a second, none while it asks for a pause or is unreachable."""

import ipaddress
import threading
import time
from dataclasses import dataclass, field

UNREACHABLE_AFTER = 4  # connections that fail in a row before the rest of a site's URLs fail at once


class StoppedError(Exception):
    """The run is ending."""


class PausedError(Exception):
    """The site asked for a longer pause than this run waits; the message is one sentence."""


def site_of(host: str) -> str:
    """The site that a host belongs to, media servers count with their pages (`a.example.com` -> `example.com`)."""
    try:
        ipaddress.ip_address(host)
        return host
    except ValueError:
        labels = host.lower().rstrip(".").split(".")
    short = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if short else labels[-2:])


@dataclass
class Site:
    """A token bucket: after a rest `burst` requests may go at once, then one each 1/rate s."""

    rate: float
    burst: int
    stop: threading.Event
    paused_until: float = 0.0
    unreachable: int = 0
    _full_at: float = 0.0  # when the bucket is full again (virtual scheduling, GCRA)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self, most: float) -> None:
        """Wait for a token and for the end of a pause.

        Raises:
            StoppedError: the run is ending.
            PausedError: the pause has more than `most` s left.
        """
        while True:
            if self.pause_left > most:
                raise PausedError(
                    f"the site asked for a pause that lasts {self.pause_left:.0f} s more: run again later"
                )
            with self._lock:
                now = time.monotonic()
                go = max(self._full_at - (self.burst - 1) / self.rate, self.paused_until, now)
                self._full_at = max(self._full_at, go) + 1 / self.rate
            if self.stop.wait(max(0.0, go - time.monotonic())):
                raise StoppedError
            if self.paused_until <= time.monotonic():
                return

    def pause(self, seconds: float) -> None:
        """Ask nothing for a while; afterwards begin slowly."""
        with self._lock:
            until = time.monotonic() + seconds
            self.paused_until = max(self.paused_until, until)
            self._full_at = max(self._full_at, until + (self.burst - 1) / self.rate)

    @property
    def pause_left(self) -> float:
        """s until it may be asked again."""
        return max(0.0, self.paused_until - time.monotonic())

    def connected(self, success: bool) -> None:
        """Count connections that failed in a row."""
        self.unreachable = 0 if success else self.unreachable + 1

    @property
    def is_unreachable(self) -> bool:
        """Whether it is not worth waiting for."""
        return self.unreachable >= UNREACHABLE_AFTER


class Sites:
    """All sites of a run, by name."""

    def __init__(self, rate: float, burst: int, stop: threading.Event) -> None:
        self.rate, self.burst, self.stop = rate, burst, stop
        self._sites: dict[str, Site] = {}
        self._lock = threading.Lock()

    def of(self, host: str) -> Site:
        """The site of a host."""
        with self._lock:
            return self._sites.setdefault(site_of(host), Site(self.rate, self.burst, self.stop))
