"""Rows and sentences in which a study's scores are shown to people."""

from __future__ import annotations

from benchmark.study.bundle import OpinionBundle


def rows(bundle: OpinionBundle) -> list[tuple[str, ...]]:
    """A line per system and question, or per pair and question."""
    opinions = bundle.opinions
    if opinions.study.kind == "choice":
        table: list[tuple[str, ...]] = [
            ("system", "chosen over", "question", "share", "95 % interval", "raters", "items")
        ]
        table += [
            (line.system, line.other, line.question, f"{line.value:.3f}", _ends(line.interval, 3), str(line.raters),
             str(line.items))
            for line in opinions.preferences
        ]  # fmt: skip
        return table
    table = [("system", "question", "score", "95 % interval", "raters", "items", "ratings")]
    table += [
        (line.system, line.question, f"{line.value:.2f}", _ends(line.interval, 2), str(line.raters), str(line.items),
         str(line.ratings))
        for line in opinions.scores
    ]  # fmt: skip
    return table


def lines(bundle: OpinionBundle) -> list[str]:
    """Strengths, agreement, who is excluded, marks, and where the bundle lies."""
    opinions = bundle.opinions
    said = [
        f"Bradley-Terry strength, {line.question}: {line.system} {line.value:+.2f} ({_ends(line.interval, 2)})"
        for line in opinions.strengths
    ]
    for question, value in opinions.alpha.items():
        interval = opinions.alpha_interval[question]
        known = "undefined" if value is None or interval is None else f"{value:.3f} (interval {interval:.3f})"
        said.append(f"Krippendorff's alpha, {question}: ordinal {known}")
    said += [f"rater {rater} is excluded: {why}" for rater, why in opinions.excluded.items()]
    if not opinions.excluded:
        said.append(f"none of {len(opinions.raters)} raters is excluded")
    return [*said, *(f"mind: {mark}" for mark in opinions.marks), f"bundle: {bundle.folder}"]


def _ends(interval: tuple[float, float], digits: int) -> str:
    return f"{interval[0]:.{digits}f} .. {interval[1]:.{digits}f}"
