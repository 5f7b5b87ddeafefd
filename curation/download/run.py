"""The whole list: what is settled is not asked again, several threads work on the rest, each result is kept."""

import ctypes
import gc
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from curation.download.addresses import Addresses
from curation.download.fetch import Fetcher
from curation.download.gate import Gate
from curation.download.ledger import UNFINISHED, Ledger, covers
from curation.download.model import Downloaded, Remote, Settings, Span
from curation.download.outcomes import Verdict
from curation.download.queue import Queue, Waiting
from curation.download.session import Session, open_session
from curation.download.site import Sites, StoppedError
from curation.download.table import write_table
from curation.errors import CurationError
from manifests.errors import ManifestError
from manifests.files import exclusive

DECODES = 2  # files checked at once: a decode needs memory, and a thread of its own keeps it in one place
SWEEP = 100  # URLs after which memory that nobody holds is given back
GRACE = 5.0  # s that threads get to end; what hangs longer in a socket ends with the process, and writes nothing
OnDone = Callable[[Downloaded], None]


def run(remotes: Sequence[Remote], folder: Path, settings: Settings, on_done: OnDone) -> dict[str, Downloaded]:
    """See `download_all`."""
    wanted = merged(remotes)
    prepare(folder)
    with only_one(folder):
        ledger = Ledger(folder)
        results: dict[str, Downloaded] = {}
        waiting = []
        for remote in wanted:
            record = ledger.settled(remote.url)
            if record is not None and not _is_asked_again(record, remote, settings):
                results[remote.url] = record
                on_done(record)
            else:
                waiting.append(remote)
        try:
            if waiting:
                Downloads(waiting, folder, settings, ledger, results, on_done).work([r.url for r in wanted])
        finally:
            ledger.close()
            write_table(ledger.records.values(), folder / "downloads.parquet")
    return {remote.url: results[remote.url] for remote in wanted}


def prepare(folder: Path) -> None:
    """Make the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / UNFINISHED).mkdir(exist_ok=True)
    except OSError as error:
        raise CurationError(f"the folder {str(folder)!r} cannot be written ({error.strerror})") from None


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder for one run."""
    try:
        with exclusive(folder):
            yield
    except ManifestError as error:
        raise CurationError(str(error)) from None


def merged(remotes: Sequence[Remote]) -> list[Remote]:
    """Each URL once, with all its spans; wanted whole by one is wanted whole."""
    spans: dict[str, set[Span] | None] = {}
    for remote in remotes:
        before = spans.get(remote.url, set())
        spans[remote.url] = None if before is None or not remote.spans else before | set(remote.spans)
    return [Remote(url, tuple(sorted(found)) if found else ()) for url, found in spans.items()]


def _is_asked_again(record: Downloaded, remote: Remote, settings: Settings) -> bool:
    if record.ok:
        return not covers(record, remote)
    if record.outcome == "refused-address" and settings.allow_private and record.note is None:
        return True  # the settings decide this, not the site
    return settings.retry_permanent or not record.permanent


class Downloads:
    """URLs that are worked on by several threads; with `probe` they are only asked for."""

    def __init__(
        self,
        waiting: list[Remote],
        folder: Path,
        settings: Settings,
        ledger: Ledger,
        results: dict[str, Downloaded],
        on_done: OnDone,
        probe: bool = False,
    ) -> None:
        self.probe = probe
        self.folder, self.settings, self.ledger, self.results, self.on_done = folder, settings, ledger, results, on_done
        self.stop = threading.Event()
        self.queue = Queue(waiting, self.stop)
        self.failure: BaseException | None = None
        self.threads = min(settings.parallel, len(waiting))
        self.lock = threading.Lock()
        self.settled = 0
        self.checks = ThreadPoolExecutor(DECODES, "check")

    def work(self, listed: Sequence[str]) -> None:
        """Until every URL is settled; `listed` are all URLs of the list.

        Raises:
            CurationError: the disk runs full or the cookies cannot be read.
        """
        gate = make_gate(listed, self.folder, self.settings, self.stop)
        gate.look()
        session = open_session(self.settings, gate)  # in this thread: cookies that cannot be read stop the run
        threads = [
            threading.Thread(
                target=self._thread, args=(gate, session if n == 0 else None), name=f"download-{n}", daemon=True
            )
            for n in range(self.threads)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.5)  # in steps, so that Ctrl-C is heard
        finally:
            self.stop.set()
            until = time.monotonic() + GRACE
            for thread in threads:
                thread.join(max(0.0, until - time.monotonic()))
            self.checks.shutdown(wait=False, cancel_futures=True)
        if self.failure is not None:
            raise self.failure

    def _thread(self, gate: Gate, session: Session | None) -> None:
        try:
            session = session or open_session(self.settings, gate)
            fetcher = Fetcher(session, gate, self.folder, self.settings, self.checks)
            while (item := self.queue.take()) is not None:
                self.queue.done(self._one(fetcher, item))
            session.end()
        except StoppedError:
            return
        except BaseException as error:
            self.failure = self.failure or error
            self.stop.set()

    def _one(self, fetcher: Fetcher, item: Waiting) -> Waiting | None:
        """Work on a URL; returns it when it is to be asked once more."""
        record, verdict = fetcher.attempt(item.remote, self.probe)
        item.attempts += 1
        item.requests += record.requests
        record = replace(record, attempts=item.attempts, requests=item.requests)
        if verdict is not None:
            wait = self._wait(verdict, item, fetcher.gate)
            if wait is not None:
                item.at = wait
                return item
        self._settle(record, item.remote)
        return None

    def _wait(self, verdict: Verdict, item: Waiting, gate: Gate) -> float | None:
        """The moment of the next attempt, or None when there is none; a site that asks for a pause gets it."""
        asked = verdict.wait
        if verdict.outcome == "rate-limited" or asked is not None:
            pause = asked if asked is not None else self._back_off(item)
            gate.site(gate.job.last_url or item.remote.url).pause(pause)
            if pause > self.settings.max_wait:
                return None
        if not verdict.again or item.attempts >= self.settings.attempts:
            return None
        return time.monotonic() + min(self.settings.max_wait, max(self._back_off(item), asked or 0.0))

    def _back_off(self, item: Waiting) -> float:
        return float(min(self.settings.max_wait, self.settings.back_off * 2 ** (item.attempts - 1)))

    def _settle(self, record: Downloaded, remote: Remote) -> None:
        if not self.probe:
            self.ledger.write(record)
        if record.ok and record.path is not None:
            place = self.folder / UNFINISHED / remote.key
            (place / f"ready{record.path.suffix}").replace(record.path)
            shutil.rmtree(place, ignore_errors=True)
        with self.lock:
            self.results[record.url] = record
            self.on_done(record)
            self.settled += 1
            if self.settled % SWEEP == 0:
                sweep()


def sweep() -> None:
    """Give back what is free: a thread per answer leaves holes in the heap that grow by 20 KiB with each URL."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc only
    if trim is not None:
        trim(0)


def make_gate(listed: Sequence[str], folder: Path, settings: Settings, stop: threading.Event) -> Gate:
    """The gate of a run over the URLs `listed`."""

    def look() -> int:
        free = shutil.disk_usage(folder).free
        if free < settings.min_free_bytes:
            raise CurationError(
                f"the disk of {str(folder)!r} has {free >> 20} MiB left, {settings.min_free_bytes >> 20} MiB must stay"
                " free: free some space, then run again; what was fetched is kept"
            )
        return free - settings.min_free_bytes

    return Gate(
        sites=Sites(settings.rate, settings.burst, stop),
        addresses=Addresses(settings.allow_private, listed, settings.allowed_hosts),
        timeout=settings.timeout_seconds,
        min_speed=settings.min_speed,
        max_bytes=settings.max_bytes,
        max_wait=settings.max_wait,
        look=look,
    )
