"""URLs that wait for their turn: no two of one site in a row where others wait, failed ones come back later."""

import heapq
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from curation.download.addresses import AddressError, host_port
from curation.download.model import Remote
from curation.download.site import StoppedError, site_of


@dataclass(order=True)
class Waiting:
    """A URL with the moment (monotonic s) before which it is not asked, and the attempts so far."""

    at: float
    number: int
    remote: Remote = field(compare=False)
    attempts: int = field(default=0, compare=False)
    requests: int = field(default=0, compare=False)


class Queue:
    """Hands out what is due to several threads, until nothing is left or worked on."""

    def __init__(self, remotes: Iterable[Remote], stop: threading.Event) -> None:
        self._waiting = [Waiting(0.0, number, remote) for number, remote in enumerate(interleaved(remotes))]
        self._at_work = 0
        self._changed = threading.Condition()
        self._stop = stop

    def take(self) -> Waiting | None:
        """The next URL that is due; waits for one; None at the end.

        Raises:
            StoppedError: the run is ending.
        """
        with self._changed:
            while True:
                if self._stop.is_set():
                    raise StoppedError
                if self._waiting:
                    left = self._waiting[0].at - time.monotonic()
                    if left <= 0:
                        self._at_work += 1
                        return heapq.heappop(self._waiting)
                    self._changed.wait(min(left, 0.5))
                elif self._at_work:
                    self._changed.wait(0.5)
                else:
                    return None

    def done(self, again: Waiting | None = None) -> None:
        """A URL was worked on; `again` when it is to be asked once more."""
        with self._changed:
            self._at_work -= 1
            if again is not None:
                heapq.heappush(self._waiting, again)
            self._changed.notify_all()


def interleaved(remotes: Iterable[Remote]) -> list[Remote]:
    """In order within a site, sites by turns."""
    sites: dict[str, deque[Remote]] = defaultdict(deque)
    for remote in remotes:
        sites[_site(remote.url)].append(remote)
    result = []
    while sites:
        for name in list(sites):
            result.append(sites[name].popleft())
            if not sites[name]:
                del sites[name]
    return result


def _site(url: str) -> str:
    try:
        return site_of(host_port(url)[0])
    except AddressError:
        return ""
