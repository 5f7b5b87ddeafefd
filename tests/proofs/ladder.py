"""What the proofs of the ladder share: curated clips, the rungs' table, and which control is worst."""

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmark.bundle import Bundle, verify
from benchmark.compare import compare
from benchmark.metrics import metric
from benchmark.show import ladder_rows
from tests.curation.runs import moee

Rungs = dict[str, Bundle]


def curated(raw: Path, out: Path, recipe: str) -> Path:
    done = moee("curate", raw, "--out", out, "--recipe", recipe, "--workers", "1")
    assert done.status == 0, done.err
    return out


def print_rungs(rungs: Rungs, table: Callable[[str], None]) -> None:
    rows = ladder_rows(rungs)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        table("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def better_than_truth(rungs: Rungs) -> list[str]:
    """Columns in which a spoilt copy is better than the ground truth, beyond what chance gives."""
    truth = rungs["ground-truth"]
    return [
        f"{kind}: {line.key}"
        for kind, bundle in rungs.items()
        for line in compare(truth, bundle).lines
        if line.verdict == "b better"
    ]


def value(rungs: Mapping[str, Bundle], kind: str, key: str) -> float:
    line = rungs[kind].results.line(key)
    assert line is not None and line.value is not None
    return line.value


def is_worst(rungs: Rungs, kind: str, key: str, among: tuple[str, ...] | None = None) -> bool:
    """Whether a control has the worst value of a metric among all controls, or among these."""
    sign = 1 if metric(key).direction == "lower" else -1
    return max(among or tuple(rungs), key=lambda other: sign * value(rungs, other, key)) == kind


def all_verify(rungs: Rungs) -> None:
    """Every bundle is what it says, and no video was decoded twice."""
    for kind, bundle in rungs.items():
        assert verify(bundle.folder) == [], kind
        assert bundle.results.frames_decoded <= 2 * bundle.results.test_list.clips * 50
