"""Opinion scores: what raters said in studies, beside what papers print."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmark.leaderboard.board import place
from benchmark.leaderboard.model import Cell, OpinionRow, Opinions, Study
from benchmark.published import Published
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.study.bundle import OpinionBundle

QUESTIONS: Final = ("emotion", "lip-sync", "naturalness", "identity")


def load_studies(folders: Iterable[Path]) -> list[OpinionBundle]:
    """The studies' bundles, in the order of their names."""
    from benchmark.study.bundle import load

    return sorted((load(folder) for folder in folders), key=lambda found: (found.study.name, found.folder.name))


def opinions(dataset: str | None, studies: Iterable[OpinionBundle], published: Published) -> Opinions | None:
    """The table of a data set, or of studies that belong to none (None); None where there is nothing to show."""
    own = [study for study in studies if study.study.protocol == dataset]
    printed = published.of(dataset, "opinion") if dataset else ()
    rows = [row for study in own for row in _rows(study)]
    rows += [
        OpinionRow(system=row.method, kind="reported", source=row.source, cells=_printed(row.printed, published))
        for row in printed
    ]
    if not rows and not own:
        return None
    return Opinions(questions=QUESTIONS, rows=tuple(rows), studies=tuple(_study(study, dataset) for study in own))


def _rows(study: OpinionBundle) -> list[OpinionRow]:
    systems = dict.fromkeys(line.system for line in study.scores)
    return [
        OpinionRow(
            system=printable(system), kind="study", study=printable(study.study.name),
            cells=tuple(_cell(study, system, question) for question in QUESTIONS),
        )
        for system in systems
    ]  # fmt: skip


def _cell(study: OpinionBundle, system: str, question: str) -> Cell:
    line = next((line for line in study.scores if line.system == system and line.question == question), None)
    if line is None:
        return Cell(reason="The study does not ask this.")
    method = f"{line.ratings} answers of {line.raters} raters on {line.items} videos; raters and clips drawn"
    return Cell(value=line.value, interval=line.interval, n=line.ratings, method=method, name=f"opinion/{question}")


def _printed(printed: dict[str, str], published: Published) -> tuple[Cell, ...]:
    named = {published.opinions[name]: (name, text) for name, text in printed.items()}
    cells = []
    for question in QUESTIONS:
        if question in named:
            name, text = named[question]
            cells.append(Cell(value=float(text), printed=text, name=f"{name} as printed", comparable=False))
        else:
            cells.append(Cell(reason="The paper does not report it."))
    return tuple(cells)


def _study(study: OpinionBundle, dataset: str | None) -> Study:
    preferences = tuple(
        f"{printable(line.question)}: {printable(line.system)} preferred to {printable(line.other)} in "
        f"{line.value:.1%} ({line.interval[0]:.1%} to {line.interval[1]:.1%}) of {line.ratings} answers"
        for line in study.opinions.preferences
    )
    return Study(
        name=printable(study.study.name), bundle=place(study.folder), dataset=dataset,
        test_list_sha256=study.study.test_list, alpha=study.alpha,
        excluded={printable(rater): printable(why) for rater, why in study.excluded.items()},
        marks=tuple(map(printable, study.marks)), preferences=preferences,
    )  # fmt: skip
