"""A bucket as the place of a run: workers send results there, the driver works on a copy of all but the clips.

What lies in the bucket is what would lie in a folder, file for file, so that copying it gives a manifest's folder. The
driver's copy lasts (below --scratch), so a rerun fetches only what changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from curation.storage.bucket import AT_ONCE, Bucket, Stored, each
from curation.storage.lease import Lease, held
from manifests.schema import FRAME_TABLES
from manifests.snapshot import newest
from manifests.store import Store

if TYPE_CHECKING:
    from curation.task import Task

STAGED: Final = "staged"
TAGS: Final = ".tags.json"
_ELSEWHERE: Final = ("clips/", f"{STAGED}/", "fetched/", *(f"{table}/" for table in FRAME_TABLES), ".lock")


def scratch_folder(asked: Path | None) -> Path:
    """The folder for files in work: as asked, as this machine's MOEE_SCRATCH says, or below its temporary folder."""
    import getpass
    import tempfile

    own = os.environ.get("MOEE_SCRATCH")
    return asked or (Path(own) if own else Path(tempfile.gettempdir()) / f"moee-{getpass.getuser()}")


class BucketPlace:
    """A place in shared storage.

    Args:
        url: its address.
        scratch: for files in work, on every machine; None for the system's temporary folder.
    """

    def __init__(self, url: str, scratch: Path | None = None) -> None:
        self.bucket = Bucket(url)
        self.scratch = scratch
        name = hashlib.sha256(self.bucket.url.encode()).hexdigest()[:16]
        self.root = scratch_folder(scratch).absolute() / "drivers" / name
        self.lease: Lease | None = None
        self.tags: dict[str, str] = {}  # of the copies under `root`
        self._fetching: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(AT_ONCE)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        from manifests.files import exclusive

        self.bucket.check()
        with exclusive(self.root), held(self.bucket) as self.lease:
            try:
                self._pull()
                yield
            finally:
                self._pool.shutdown(cancel_futures=True)
                self._remember()

    # -- the copy ---------------------------------------------------------------------------------

    def _pull(self) -> None:
        """Make the copy what the bucket holds, but for results that no source's head names."""
        self.tags = self._remembered()
        there = {name: kept for name, kept in self.bucket.list().items() if not name.startswith(_ELSEWHERE)}
        parts = {name for name in there if name.startswith("parts/")}
        self._fetch_changed({name: kept for name, kept in there.items() if name not in parts})
        for path in self._files():
            if path not in there:
                (self.root / path).unlink()
                self.tags.pop(path, None)
        folders = {
            f"parts/{stage}/{head.source[2:4]}/{head.source}/{key}"
            for head in Store(self.root).heads().values()
            for stage, key in head.keys.items()
        }
        self._fetch_changed({name: there[name] for name in parts if name.rpartition("/")[0] in folders})

    def _fetch_changed(self, there: dict[str, Stored]) -> None:
        def fetch(name: str) -> None:
            self.bucket.get(name, self.root / name)
            self.tags[name] = there[name].tag

        each(fetch, [n for n, kept in there.items() if self.tags.get(n) != kept.tag or not (self.root / n).is_file()])

    def _files(self) -> list[str]:
        """Files of the copy, by name; links of frames are made anew with each snapshot."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        names = (str(path.relative_to(self.root)) for path in found)
        return [name for name in names if not name.startswith(_ELSEWHERE) and name != TAGS]

    def _remembered(self) -> dict[str, str]:
        try:
            tags = json.loads((self.root / TAGS).read_text())
        except (OSError, ValueError):
            return {}
        return tags if isinstance(tags, dict) else {}

    def _remember(self) -> None:
        with contextlib.suppress(OSError):
            (self.root / TAGS).write_text(json.dumps(self.tags))

    def _send(self, names: Iterable[str]) -> None:
        """Send files of the copy."""
        assert self.lease is not None
        self.lease.check()
        names = list(names)
        each(lambda name: self.bucket.put(self.root / name, name), names)
        for name in names:
            self.tags.pop(name, None)  # what tag it got is learned when it is listed next

    # -- sources ----------------------------------------------------------------------------------

    def clips(self) -> dict[str, int]:
        return {name: kept.bytes for name, kept in self.bucket.list("clips/").items()}

    def sweep(self) -> None:
        """Nothing unfinished is ever to be seen in a bucket."""

    def close_snapshot(self) -> None:
        self.bucket.remove(["manifest.json"])
        (self.root / "manifest.json").unlink(missing_ok=True)

    def prepare(self, tasks: list[Task]) -> list[Task]:
        """Sources that lie on this machine are sent to the bucket first, once for all equal files."""
        staged = self.bucket.list(f"{STAGED}/")
        wanted: dict[str, Path] = {}
        for task in tasks:
            if task.object is None:
                wanted[task.sha256] = task.path
                if task.sound is not None and task.sound_sha256:
                    wanted[task.sound_sha256] = task.sound
        each(
            lambda item: self.bucket.put(item[1], f"{STAGED}/{item[0]}"),
            [item for item in wanted.items() if f"{STAGED}/{item[0]}" not in staged],
        )
        heads = Store(self.root)
        return [self._prepared(task, heads) for task in tasks]

    def _prepared(self, task: Task, store: Store) -> Task:
        head = store.head(task.id)
        known = tuple(head.keys.items()) if head is not None else ()
        address, sound = task.object, None
        if address is None:
            address = f"{self.bucket.url}/{STAGED}/{task.sha256}"
            sound = f"{self.bucket.url}/{STAGED}/{task.sound_sha256}" if task.sound is not None else None
        return dataclasses.replace(
            task,
            bucket=self.bucket.url,
            object=address,
            sound_object=sound,
            known=known,
            scratch=self.scratch,
        )

    def taken(self, task: Task) -> None:
        """Fetch a source's new results, beside the run."""
        assert self.lease is not None
        self.lease.check()
        self._fetching.append(self._pool.submit(self._fetch, task.id))
        while self._fetching and self._fetching[0].done():
            self._fetching.pop(0).result()

    def _fetch(self, source: str) -> None:
        from manifests.store import Head

        name = f"heads/{source[2:4]}/{source}.json"
        raw = self.bucket.read(name)
        head = Head(**json.loads(raw)) if raw else None
        for stage, key in head.keys.items() if head is not None else ():
            folder = f"parts/{stage}/{source[2:4]}/{source}/{key}"
            commit = self.bucket.read(f"{folder}/commit.json") or b"{}"
            for entry in json.loads(commit).get("tables", {}).values():
                if not (self.root / folder / entry["file"]).is_file():  # its name says its content
                    self.bucket.get(f"{folder}/{entry['file']}", self.root / folder / entry["file"])
            self._write(f"{folder}/commit.json", commit)
        if raw:
            self._write(name, raw)

    def _write(self, name: str, content: bytes) -> None:
        from manifests.files import replace, write_aside

        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(write_aside(path.parent, path.name, lambda file: file.write(content))[0], path)

    def gave(self, source: str) -> None:
        head = Store(self.root).head(source)
        assert head is not None
        folders = [f"parts/{stage}/{source[2:4]}/{source}/{key}" for stage, key in head.keys.items()]
        files = [str(path.relative_to(self.root)) for folder in folders for path in (self.root / folder).iterdir()]
        self._send(name for name in files if not name.endswith("commit.json"))
        self._send(name for name in files if name.endswith("commit.json"))
        self._send([f"heads/{source[2:4]}/{source}.json"])

    def settle(self) -> None:
        for future in self._fetching:
            future.result()
        self._fetching.clear()

    # -- the snapshot -----------------------------------------------------------------------------

    def publish(self) -> None:
        """Send what changed of the snapshot, and `manifest.json` last: without it nothing opens."""
        new = json.loads((self.root / "manifest.json").read_bytes())
        raw = self.bucket.read("manifest.json")
        old = json.loads(raw) if raw else {}
        if new != old:  # of equal state, too: a snapshot that is written anew holds other seconds in its outcomes
            self.bucket.remove(["manifest.json", "certificate.json"])
            self._copy_frames(new, old)
            was = old.get("tables", {})
            self._send(f"{table}.parquet" for table, entry in new["tables"].items() if was.get(table) != entry)
        self._send(str(path.relative_to(self.root)) for path in sorted((self.root / "ledger").glob("*.parquet")))
        self._send(name for name in ("ledger/ledger.json", ".contents.jsonl") if (self.root / name).is_file())
        self._send(["manifest.json"])
        self._send(name for name in ("certificate.json",) if (self.root / name).is_file())

    def _copy_frames(self, new: dict, old: dict) -> None:
        """Tables of frames lie in the results of sources already: the storage copies them."""
        store = Store(self.root)
        wanted = []
        for source, head in store.heads().items():
            for table, part in newest(store.current(head)).items():
                entry = new.get(table, {}).get(source) if table in FRAME_TABLES else None
                if entry is not None and old.get(table, {}).get(source) != entry:
                    wanted.append((str(part.path(table).relative_to(self.root)), f"{table}/{source}.parquet"))
        each(lambda pair: self.bucket.copy(*pair), wanted)

    def collect(self) -> None:
        """Remove what the copy does not hold any more, clips that no kept row names, and staged sources."""
        from manifests.garbage import kept_files

        Store(self.root).collect_garbage()
        ours = set(self._files())
        ours |= {f"{table}/{path.name}" for table in FRAME_TABLES for path in (self.root / table).glob("*.parquet")}
        ours |= kept_files(self.root)
        own = ("parts/", "heads/", "ledger/", "clips/c_", f"{STAGED}/", *(f"{table}/" for table in FRAME_TABLES))
        there = self.bucket.list()
        self.bucket.remove(name for name in there if name.startswith(own) and name not in ours)
        self.tags |= {name: kept.tag for name, kept in there.items() if name in ours}
        shutil.rmtree(self.root / "clips", ignore_errors=True)
