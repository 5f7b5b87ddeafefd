"""The card's section on balance: emotions, languages, persons, lengths and faces by split, in tables and plots."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from manifests.publish.facts import NOT_MEASURED, UNKNOWN
from manifests.publish.markdown import count, table, text

if TYPE_CHECKING:
    from manifests.publish.facts import Facts, SplitFacts

_ROWS: Final = 40


def section(facts: "Facts", charts: Iterable[str]) -> Iterator[str]:
    """Yield the lines.

    Args:
        facts: of the clips.
        charts: paths of the plots, relative to the card.
    """
    yield from ("## Balance", "")
    splits = facts.splits
    yield from _labels(
        "emotion, as given",
        [(split.name, split.emotions) for split in splits],
        UNKNOWN,
        "No data set gives an emotion.",
    )
    yield from _labels(
        "emotion, as measured",
        [(split.name, split.measured) for split in splits],
        NOT_MEASURED,
        "No emotion was measured.",
    )
    yield from _labels(
        "language",
        [(split.name, split.languages) for split in splits],
        UNKNOWN,
        "No source states its language, and which one is spoken was not measured.",
    )
    if facts.stated.languages:
        yield f"Languages of the whole, as who published it states them: {', '.join(facts.stated.languages)}."
        yield ""
    yield from _spreads(splits)
    yield "The plots show shares of each split, so that splits of different size can be compared."
    yield ""
    for path in charts:
        words = path.rsplit("/", 1)[-1].removesuffix(".svg").replace("_", " ")
        yield from (f"![{text(words)} by split]({path})", "")


def _labels(title: str, splits: Sequence[tuple[str, Mapping[str, int]]], nothing: str, without: str) -> Iterator[str]:
    """A table of clips by label and split, most frequent first, or one sentence where no label is known."""
    total: dict[str, int] = {}
    for _, found in splits:
        for name, number in found.items():
            total[name] = total.get(name, 0) + number
    if not set(total) - {nothing}:
        yield from (without, "")
        return
    names = sorted(total, key=lambda name: (name == nothing, -total[name], name))
    shown = names if len(names) <= _ROWS else names[: _ROWS - 1]
    rows = [(text(name), *(count(found.get(name, 0)) for _, found in splits)) for name in shown]
    rest = names[len(shown) :]
    if rest:
        sums = (count(sum(found.get(name, 0) for name in rest)) for _, found in splits)
        rows.append((f"{count(len(rest))} others", *sums))
    yield from table((title, *(name for name, _ in splits)), rows)
    yield ""


def _spreads(splits: "Sequence[SplitFacts]") -> Iterator[str]:
    """Least, median and most of what the plots show as bars."""
    measures = (
        ("clips of one person", [(split.name, split.persons) for split in splits]),
        ("length of a clip, s", [(split.name, split.lengths) for split in splits]),
        ("size of the face, px", [(split.name, split.faces) for split in splits]),
    )
    rows = [(name, *(_spread(values) for _, values in groups)) for name, groups in measures]
    yield from table(("least / median / most", *(split.name for split in splits)), rows)
    yield ""


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "none"
    found = np.quantile(values, (0, 0.5, 1))
    return " / ".join(f"{value:,.4g}" if value < 1000 else f"{value:,.0f}" for value in found)
