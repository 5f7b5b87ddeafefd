"""The contract between stages, the shared decode and engines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from curation.sources.inputs import Facts, Label
    from media.decode import DecodeReport, Frame
    from media.probe import SourceFacts

Tables = Mapping[str, "pa.Table"]


@dataclass(frozen=True)
class Resources:
    """What one source needs of a machine while a stage works on it.

    Args:
        cpus: processor cores.
        gpus: accelerators for its models where the machines have any, fractions allowed.
        memory: bytes at the peak.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 1 << 30


@dataclass(frozen=True)
class Drop:
    """The source is fit for no clip, for all of these reasons (codes of `manifests.schema`)."""

    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Fail:
    """The source could not be worked on; `error` is one sentence."""

    error: str


@dataclass
class SourceWork:
    """One source on its way through the stages: what is known of it, and the tables made so far.

    Args:
        id: the source's id.
        name: its name relative to the SOURCE argument, printable.
        path: the file.
        origin: where it came from: its path or URL, printable.
        sha256: of the file's bytes, hex.
        bytes: the file's size.
        folder: where the run may write finished files (`clips/` lies in it).
        sound: the file that holds the sound, when that is another one.
        sound_sha256: of that file, hex.
        labels: what a dataset says of it.
        source_facts: what its site said of it, when it was downloaded.
        exported: clip id -> its row, of the last export with the same settings: its file need not be made again.
    """

    id: str
    name: str
    path: Path
    origin: str
    sha256: str
    bytes: int
    folder: Path
    sound: Path | None = None
    sound_sha256: str | None = None
    labels: "tuple[Label, ...]" = ()
    source_facts: "Facts | None" = None
    tables: "dict[str, pa.Table]" = field(default_factory=dict)
    facts: "SourceFacts | None" = None
    report: "DecodeReport | None" = None
    frames_decoded: int = 0
    clip_errors: dict[str, str] = field(default_factory=dict)
    exported: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, table: "pa.Table") -> None:
        """Store a table that this stage made; a later stage may replace an earlier one's."""
        self.tables[name] = table


class Stage(ABC):
    """A step that reads tables of earlier stages (and perhaps the file) and adds its own.

    Subclasses are frozen dataclasses: their fields are the settings of the recipe's section of the same name.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    reads: ClassVar[tuple[str, ...]] = ()
    resources: ClassVar[Resources] = Resources()

    def models(self) -> tuple[str, ...]:
        """Names and hashes of the weights that the result depends on, for the stage's key."""
        return ()

    def hosted(self) -> "Mapping[str, Callable[[str], Any]]":
        """Its models that may live in a process of their own and serve many sources: name -> load(device)."""
        return {}

    def run(self, work: SourceWork) -> Drop | Fail | None:
        """Add tables to `work`; a returned value ends the source here."""
        raise TypeError(f"stage {self.name} works frame by frame: feed its consumer")


class FrameConsumer(Protocol):
    """What a pixel stage gives to the shared decode."""

    def see(self, frame: "Frame") -> None:
        """Take one frame; called for every frame of the source, in order of presentation."""

    def finish(self, report: "DecodeReport") -> Tables:
        """Give the tables, after the last frame; consumers finish in declared order."""


class PixelStage(Stage):
    """A stage that looks at pictures: all stale ones of a source share one decode."""

    def run(self, work: SourceWork) -> Drop | Fail | None:
        """What must be known before the decode; most pixel stages need nothing."""
        return None

    @abstractmethod
    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A fresh consumer for this source."""

    def replay(self, work: SourceWork) -> FrameConsumer | None:
        """A consumer that fills frames from stored tables when only later stages decode again."""
        return None


class Whole(Protocol):
    """What a stage over the whole manifest may read: `curation.whole.view.View`."""

    def table(self, name: str, columns: Sequence[str] | None = None) -> "pa.Table":
        """A table of the snapshot in the making, sorted by id; `clips` with what earlier manifest stages set."""

    def previous(self, name: str) -> "pa.Table | None":
        """The stage's own table of the last snapshot, if the same settings and models made it: old ids stay."""


class ManifestStage(ABC):
    """A step over the whole manifest: snapshot in, tables out, one writer, order of rows fixed by id.

    Subclasses are frozen dataclasses: their fields are the settings of the recipe's section of the same name. The
    result depends on the tables alone, never on the order in which sources came or on the clock; run again on its own
    result (`previous`) it gives the same.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    judges: ClassVar[bool] = False  # whether it may drop a clip
    rests_on: ClassVar[tuple[str, ...]] = ()  # stages whose new settings start this one anew

    @abstractmethod
    def run(self, manifest: Whole) -> Tables:
        """Tables to put into the snapshot.

        Returns:
            Table name to rows in its schema. A table named `clips` is not replaced: it holds `id` and the columns that
            the stage sets (null for the clips that it does not name), and may hold `reasons`, a list of codes: a kept
            clip with reasons is dropped.
        """
