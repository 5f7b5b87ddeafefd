"""What happened to each item at each stage: kept, dropped for reasons, or failed with one sentence."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from manifests.errors import ManifestError

EXPORT_STAGES: Final = ("export", "captions")  # their frames are decoded again on purpose, so they are counted apart


@dataclass(frozen=True)
class Kept:
    """The item goes on to the next stage."""


@dataclass(frozen=True)
class Dropped:
    """The item ends here; `reasons` holds every failing reason, as short codes."""

    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if isinstance(self.reasons, str) or not self.reasons:
            raise ManifestError("A dropped item needs a list of at least one reason.")
        object.__setattr__(self, "reasons", tuple(self.reasons))


@dataclass(frozen=True)
class Failed:
    """The item could not be worked on; `error` is one sentence."""

    error: str

    def __post_init__(self) -> None:
        if not self.error:
            raise ManifestError("A failed item needs a sentence that says what failed.")


Result = Kept | Dropped | Failed


@dataclass(frozen=True)
class Outcome:
    """One row of the table `outcomes`; its columns are described in `manifests.schema`."""

    item: str
    kind: str
    source: str
    stage: str
    version: int
    config: str
    key: str
    status: str
    models: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    error: str | None = None
    attempts: int = 1
    seconds: float = 0.0
    frames_decoded: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "reasons", tuple(self.reasons))
        object.__setattr__(self, "models", tuple(self.models))
        if self.kind not in ("source", "clip"):
            raise ManifestError(f"An outcome is of a source or a clip, not of a {self.kind}.")
        if self.status not in ("kept", "dropped", "failed"):
            raise ManifestError(f"An outcome is kept, dropped or failed, not {self.status}.")
        if (self.status == "dropped") != bool(self.reasons) or (self.status == "failed") != bool(self.error):
            raise ManifestError(f"The outcome of {self.item} at {self.stage} contradicts itself.")

    @classmethod
    def of(cls, result: Result, **row: Any) -> "Outcome":
        """Return the outcome of a result; `row` holds the remaining columns (item, kind, source, stage, ...)."""
        if isinstance(result, Dropped):
            return cls(status="dropped", reasons=result.reasons, **row)
        if isinstance(result, Failed):
            return cls(status="failed", error=result.error, **row)
        return cls(status="kept", **row)

    def result(self) -> Result:
        """Return what happened as a value: Kept(), Dropped(reasons) or Failed(error)."""
        if self.status == "dropped":
            return Dropped(self.reasons)
        return Failed(self.error or "") if self.status == "failed" else Kept()

    def row(self) -> dict[str, Any]:
        """Return the outcome as a row for `manifests.schema.table_from_rows`."""
        return {**vars(self), "reasons": list(self.reasons), "models": list(self.models)}


@dataclass
class StageCount:
    """How many items went into a stage and what became of them: entered = kept + dropped + failed."""

    stage: str
    kind: str
    kept: int = 0
    dropped: int = 0
    failed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    frames_decoded: int = 0

    @property
    def entered(self) -> int:
        """Items that went into the stage."""
        return self.kept + self.dropped + self.failed


def account(outcomes: Iterable[Outcome]) -> list[StageCount]:
    """Return the counts per stage and kind of item, in the order in which they first appear.

    Args:
        outcomes: in the order of the stages, as a part or the table `outcomes` holds them.
    """
    counts: dict[tuple[str, str], StageCount] = {}
    for outcome in outcomes:
        place = (outcome.stage, outcome.kind)
        count = counts.setdefault(place, StageCount(*place))
        setattr(count, outcome.status, getattr(count, outcome.status) + 1)
        count.seconds += outcome.seconds
        count.frames_decoded += outcome.frames_decoded
        for reason in outcome.reasons:
            count.reasons[reason] = count.reasons.get(reason, 0) + 1
    return list(counts.values())


def final(outcomes: Iterable[Outcome]) -> Result:
    """Return what became of one item in the end: the result of the first stage that did not keep it.

    Args:
        outcomes: those of one item, in the order of the stages.

    Raises:
        ManifestError: no outcomes, or outcomes of several items.
    """
    listed = list(outcomes)
    if len({outcome.item for outcome in listed}) != 1:
        raise ManifestError("The final status is asked of one item with at least one outcome.")
    ended = (outcome.result() for outcome in listed if outcome.status != "kept")
    return next(ended, Kept())
