"""What became of a run: of each input, and of all."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Result:
    """What became of one input.

    Args:
        name: relative to the SOURCE argument, printable.
        id: of its source.
        status: kept, dropped or failed.
        reasons: codes, when dropped.
        error: one sentence, when failed.
        clips: kept clips.
        failed_clips: clips that passed selection but could not be exported.
        flags: what is odd about the file, such as truncated.
    """

    name: str
    id: str
    status: str
    reasons: tuple[str, ...] = ()
    error: str | None = None
    clips: int = 0
    failed_clips: int = 0
    flags: tuple[str, ...] = ()


@dataclass
class RunReport:
    """A finished run over its inputs, in order of name.

    Args:
        source_frames: frames of all sources of the run.
        analysed_frames: frames that the analysis decoded in this run.
        analysed_of: frames of the sources that it analysed in this run.
        exported_frames: frames decoded for exports in this run.
        worked: sources that a worker brought up to date.
        attempts: how often a worker began with a source: more than sources where processes died.
        held: inputs in the folder, of this and of earlier calls, and its kept clips.
        models: weights that the face tracks depend on.
        missing: a sentence for each optional model that was not used because it is absent or damaged.
    """

    out: Path | str
    results: list[Result] = field(default_factory=list)
    source_frames: int = 0
    analysed_frames: int = 0
    analysed_of: int = 0
    exported_frames: int = 0
    worked: int = 0
    attempts: int = 0
    held: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def count(self, status: str) -> int:
        """Inputs that ended so."""
        return sum(result.status == status for result in self.results)

    @property
    def ratio(self) -> float | None:
        """Frames that the analysis decoded over the frames of the sources that it analysed; None for no analysis."""
        return self.analysed_frames / self.analysed_of if self.analysed_of else None

    @property
    def has_failures(self) -> bool:
        """Whether an input or a clip failed."""
        return any(result.status == "failed" or result.failed_clips for result in self.results)
