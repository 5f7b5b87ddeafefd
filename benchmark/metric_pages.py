"""Writes docs/metrics from the metrics themselves: `python -m benchmark.metric_pages`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmark.errors import BenchmarkError
from benchmark.metrics import MODULES

if TYPE_CHECKING:
    from benchmark.results import Metric

SECTIONS: Final = ("Definition", "Weights", "What moves it", "Traps")
FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "metrics"
_MADE: Final = "<!-- Written by `python -m benchmark.metric_pages` from {source}: edit there. -->"


def pages() -> dict[str, str]:
    """File name -> text of every page and of the index.

    Raises:
        BenchmarkError: a module's docstring lacks a section or has another one.
    """
    found = {f"{name}.md": page(name) for name in MODULES}
    return {"README.md": index()} | found


def page(module: str) -> str:
    """The page of one module of `benchmark.metrics`.

    Raises:
        BenchmarkError: its docstring lacks a section.
    """
    held = import_module(f"benchmark.metrics.{module}")
    title, parts = sections(str(held.__doc__), module)
    lines = [_MADE.format(source=f"benchmark/metrics/{module}.py"), f"# {title}", "", *_table(held.METRICS)]
    for name, text in parts.items():
        lines += ["", f"## {name}", text]
    return "\n".join(lines) + "\n"


def sections(docstring: str, module: str) -> tuple[str, dict[str, str]]:
    """Title and sections of a docstring; a section's name stands alone on a line after an empty one.

    Raises:
        BenchmarkError: sections are missing, empty, or in another order.
    """
    title, *blocks = docstring.strip().split("\n\n")
    parts: dict[str, str] = {}
    for block in blocks:
        name, _, text = block.partition("\n")
        if name in SECTIONS:
            parts[name] = text.strip()
        elif parts:
            parts[next(reversed(parts))] += f"\n\n{block.strip()}"
    if tuple(parts) != SECTIONS or not all(parts.values()) or not title.strip():
        raise BenchmarkError(f"The docstring of {module} needs a first line and the sections {', '.join(SECTIONS)}.")
    return " ".join(title.split()), parts


def index() -> str:
    """The page that lists all metrics."""
    lines = [
        _MADE.format(source="benchmark/metrics"),
        "# Metrics",
        "",
        "Each is a pure function of features that extractors found in the ground truth and in a system's videos. A "
        "result's name is",
        "`key/extractor@hash/version`; only results of one name are comparable. Which clips count is read from the "
        "ground truth only.",
        "A clip without a valid video counts as the worst value; sets that lack clips are infinitely bad.",
        "",
        "| key | metric | better | unit | a failed clip counts as | features |",
        "|---|---|---|---|---|---|",
    ]
    for module in MODULES:
        for metric in import_module(f"benchmark.metrics.{module}").METRICS:
            cells = (
                f"[{metric.key}]({module}.md)", metric.title, metric.direction, metric.unit, _worst(metric),
                _needs(metric),
            )  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write(folder: Path = FOLDER) -> None:
    """Write every page into a folder, and remove pages there that are none of these."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for old in folder.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def _table(metrics: tuple[Metric, ...]) -> list[str]:
    head = [
        "| key | version | better | unit | a failed clip counts as | features | works on |",
        "|---|---|---|---|---|---|---|",
    ]
    return head + [
        f"| `{metric.key}` | {metric.version} | {metric.direction} | {metric.unit} | {_worst(metric)} "
        f"| {_needs(metric)} | {'clips, each against its own' if metric.paired else 'sets of clips'} |"
        for metric in metrics
    ]


def _worst(metric: Metric) -> str:
    return "infinitely bad" if metric.worst is None else f"{metric.worst:g}"


def _needs(metric: Metric) -> str:
    return ", ".join(f"`{name}`" for name in metric.needs)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
