"""Is a manifest true: every check of its folder and of the sources that can be reached, and what each of them found."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from manifests.checks.context import SHOWN, Context, Problem
from manifests.checks.counts import check_counts
from manifests.checks.crew import Crew
from manifests.checks.expressions import check_expressions
from manifests.checks.media import begin, check_files, check_frames
from manifests.checks.provenance import check_provenance
from manifests.checks.rows import check_ids, check_references, check_spans, check_tables
from manifests.checks.whole import check_whole
from manifests.manifest import read_content

__all__ = ["CHECKS", "Problem", "validate"]

_CHECKS: Final[dict[str, Callable[[Context], Iterator[Problem]]]] = {
    "tables": check_tables,
    "ids": check_ids,
    "references": check_references,
    "spans": check_spans,
    "frames": check_frames,
    "expressions": check_expressions,
    "files": check_files,
    "counts": check_counts,
    "whole": check_whole,
    "provenance": check_provenance,
}
_LOOKS: Final = ("frames", "expressions", "files")  # checks that ask for what the looks at files found
CHECKS: Final = {name: (check.__doc__ or "").split("\n")[0] for name, check in _CHECKS.items()}


def validate(
    folder: str | Path,
    quick: bool = False,
    note: Callable[[str], None] = lambda text: None,
    processes: int = 1,
) -> list[Problem]:
    """Return everything that is wrong with the manifest in a folder; an empty list means that it is sound.

    Args:
        folder: an output folder of `moee curate`.
        quick: compare sizes but not hashes.
        processes: how many may look at the files of a large manifest; more than one wants a program whose `__main__` is
            guarded, as `multiprocessing` says.
        note: told what is no fault but should be known, such as how many sources could not be compared.

    Raises:
        ManifestError: there is no manifest to check, or it is of another version.
    """
    root = Path(folder)
    with Crew(processes) as crew:
        context = Context(root, read_content(root), quick, crew=crew)
        found = {"tables": [*_bounded(check_tables(context))]}
        begin(context)
        for name, check in sorted(_CHECKS.items(), key=lambda item: item[0] in _LOOKS):  # what waits for looks is last
            if name not in found:
                found[name] = [*_bounded(check(context))]
    problems = [problem for name in _CHECKS for problem in found[name]]
    for text in context.notes:
        note(text)
    return problems


def _bounded(problems: Iterator[Problem]) -> Iterator[Problem]:
    """The first ten of each kind by name, the rest as one: a thousand missing files are one misfortune."""
    seen: dict[tuple[str, str, str], int] = {}
    for problem in problems:
        kind = (problem.check, re.split("[ /]", problem.where)[0], problem.sentence)
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= SHOWN or problem.rows > 1:
            yield problem
    for (check, where, sentence), count in seen.items():
        if count > SHOWN:
            more = count - SHOWN
            yield Problem(check, where, f"{more} more: {sentence}", more)
