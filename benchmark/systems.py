"""A system that is scored: its name, what it was trained on, and, where it is a MoEE model, the one door to it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmark.errors import BenchmarkError
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.testset import TestSet

GROUND_TRUTH: Final = "ground-truth"
"""The system that shows the ground truth itself: the one that may be a copy of it."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()-]{0,79}")
_MOST_BYTES: Final = 256 << 20
_FIELDS: Final = ("identity", "given_identity", "person", "actor", "subject", "source", "url", "sha256", "clip", "id")


@dataclass(frozen=True)
class MadeBy:
    """The model behind a system's videos and how they were made.

    name: of its configuration. sha256: over its folder. code: sha256 over the program that ran it. steps, guidance,
    seed: of sampling. device, precision: of the arithmetic. marks: what must be known beside its scores, a clause each.
    """

    name: str
    sha256: str
    code: str
    steps: int
    guidance: float
    seed: int
    device: str
    precision: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class System:
    """What is scored.

    name: as it stands in tables.
    trained_on: names of persons, sources or clips that it was trained on; None where nothing is declared.
    control: one of the benchmark's own controls (degraded copies): it may be a copy of the ground truth, and no table
        ranks it.
    model: the MoEE model that made its videos here; None where videos were handed in.
    """

    name: str
    trained_on: frozenset[str] | None = None
    control: bool = False
    model: MadeBy | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BenchmarkError(
                f"{printable(self.name)!r} is no name for a system: use up to 80 letters, digits, spaces and . _ + ( ) "
                "-, beginning with a letter or digit."
            )

    @property
    def may_copy(self) -> bool:
        """Whether its videos may be the ground truth's."""
        return self.control or self.name == GROUND_TRUTH


class Model:
    """A saved MoEE model that makes videos for a test set; everything here that knows `moee_model`.

    Args:
        place: folder or hub id.
        steps, guidance, seed: of sampling.
        device, precision: see `moee generate`.

    Raises:
        BenchmarkError: one sentence about what is wrong with it.
    """

    def __init__(
        self,
        place: str | Path,
        steps: int = 20,
        guidance: float = 3.5,
        seed: int = 0,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        from moee_model.generate import Generator, Settings

        with _as_ours():
            self._settings = Settings(steps, guidance, seed)
            self._generator = Generator.open(place, device, precision)  # type: ignore[arg-type]

    @property
    def made_by(self) -> MadeBy:
        """What a bundle records of it."""
        from moee_model.generate import code_sha256

        made, how = self._generator, self._settings
        return MadeBy(
            name=made.config.name, sha256=made.sha256, code=code_sha256(), steps=how.steps, guidance=how.guidance,
            seed=how.seed, device=made.device, precision=made.precision, marks=tuple(made.marks),
        )  # fmt: skip

    @property
    def trained_on(self) -> frozenset[str] | None:
        """What the list says that `moee train` left with the model; None without one."""
        path = self._generator.training_list
        return None if path is None else training_list(path)

    @staticmethod
    def told(label: str | None) -> str | None:
        """A clause where the model cannot be asked for a label and is asked for neutral instead."""
        from moee_model.generate import asked_emotion

        return asked_emotion(label)[1]

    def make(
        self, reference: Path, sound: Path, label: str | None, target: Path, frames: int, fps: Fraction, side: int
    ) -> None:
        """Write the video of one clip.

        Args:
            reference: a picture, cut already. sound: that drives it, silence or not. label: None asks for nothing.
            target: the file. frames, fps, side: of the video; it is scaled from the model's own size.

        Raises:
            BenchmarkError: it cannot be made.
        """
        from moee_model.generate import asked_emotion
        from moee_model.inputs import middle, read_picture, read_sound, squared

        with _as_ours():
            picture = read_picture(reference)
            image = squared(picture, middle(picture), self._generator.config.size)
            heard = read_sound(sound, silence=True)
            self._generator.make(
                image, heard, asked_emotion(label)[0], target, self._settings, frames=frames, fps=fps, side=side
            )


@contextmanager
def _as_ours() -> Iterator[None]:
    """What the model says about wrong input, as an error of this package."""
    from media.errors import MediaError
    from moee_model.errors import ModelError

    try:
        yield
    except (ModelError, MediaError) as error:
        raise BenchmarkError(str(error)) from error


def overlap(system: System, testset: TestSet) -> dict[str, Any]:
    """How far the declared training list meets the test set, as plain JSON values."""
    if system.trained_on is None:
        return {"declared": False, "entries": 0, "identities": [], "clips": []}
    plain = {_plain(name) for name in system.trained_on}
    met = [
        clip for clip in testset.clips if any(_plain(name) in plain for name in (clip.id, clip.identity, *clip.names))
    ]
    return {
        "declared": True,
        "entries": len(system.trained_on),
        "identities": sorted({clip.identity for clip in met}),
        "clips": [clip.id for clip in met],
    }


def training_list(path: Path) -> frozenset[str]:
    """Read what a system was trained on.

    Args:
        path: a text file (a name per line), a CSV, JSONL or Parquet file with a column `identity`, `source`, `url`,
            `sha256` or `clip`, or a curated manifest's folder (its training split).

    Raises:
        BenchmarkError: it cannot be read, or names nothing.
    """
    place = printable(str(path))
    try:
        names = frozenset(name for name in _read(path) if name)
    except OSError as error:
        raise BenchmarkError(f"The training list {place} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise BenchmarkError(f"The training list {place} is damaged: {' '.join(str(error).split())[:200]}.") from error
    if not names:
        raise BenchmarkError(f"The training list {place} names nothing: give a name of a person or source per line.")
    return names


def _read(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield from _of_manifest(path)
        return
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("it is larger than 256 MB")
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        yield from _of_rows(pq.read_table(path).to_pylist(), path)
    elif path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").splitlines()
        yield from _of_rows([json.loads(line) for line in lines if line.strip()], path)
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _of_rows(list(csv.DictReader(file)), path)
    else:
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            if not line.startswith("#"):
                yield line.strip()


def _of_rows(rows: list[Any], path: Path) -> Iterator[str]:
    if not rows:
        return
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("its lines must be objects with a field identity, source, url, sha256 or clip")
    fields = [name for name in rows[0] if name in _FIELDS]
    if not fields:
        raise ValueError(f"none of its columns is one of {', '.join(_FIELDS)}")
    for row in rows:
        yield from (str(row[name]).strip() for name in fields if row.get(name))


def _of_manifest(folder: Path) -> Iterator[str]:
    import manifests
    from benchmark.protocol import Choice
    from benchmark.testset.candidates import candidates

    for clip in candidates(manifests.open(folder), Choice(subjects=1, clips=1)):
        if clip.split == "train":
            yield from clip.names


def _plain(name: str) -> str:
    """One name for what differs in case and in slashes at the end only."""
    return name.strip().rstrip("/").casefold()


def shown(names: Iterable[str], most: int = 5) -> str:
    """Names for a sentence: the first few, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return printable(", ".join(found[:most])) + more
