"""From answers to scores: who is excluded, mean opinion scores, agreement, preferences. A pure function of a study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.statistics.alpha import alpha
from benchmark.study.cells import Cells, cells_of, ends, grid
from benchmark.study.choices import preferences, strengths
from benchmark.study.clustered import mean
from benchmark.study.model import SCALE, Study
from benchmark.study.ratings import Answer
from benchmark.study.record import OpinionLine, RaterLine, Scored
from benchmark.study.screening import agreement


def computed(study: Study, answers: Sequence[Answer]) -> Scored:
    """All scores of a study.

    Args:
        study: as it was fixed.
        answers: of all raters, checked.
    """
    ordered = sorted(answers, key=lambda found: (found.rater, found.position))
    cells = cells_of(study, ordered)
    lines, excluded = _screened(study, ordered, cells)
    kept = cells.only(~np.isin(cells.raters, [int(rater) for rater in excluded]))
    table, ordinal, interval = grid(kept), {}, {}
    for place, question in enumerate(study.questions):
        answered = table[:, :, place]
        ordinal[question], interval[question] = alpha(answered, "ordinal"), alpha(answered, "interval")
    rating = study.kind == "rating"
    return Scored(
        scores=tuple(_scores(study, kept)) if rating else (),
        by_emotion=tuple(_by_emotion(study, kept)) if rating else (),
        preferences=() if rating else tuple(preferences(study, kept)),
        strengths=() if rating else tuple(strengths(study, kept)),
        alpha=ordinal,
        alpha_interval=interval,
        excluded=excluded,
        raters=tuple(lines),
        marks=_marks(study, lines, excluded, kept),
    )


def _screened(study: Study, answers: Sequence[Answer], cells: Cells) -> tuple[list[RaterLine], dict[str, str]]:
    """What the checks say of every rater that answered, and who is excluded for what."""
    rules, excluded, lines = study.rules, {}, []
    of_rater: dict[int, list[Answer]] = {}
    for answer in answers:
        of_rater.setdefault(answer.rater, []).append(answer)
    checks = {rater: _checks(study, found) for rater, found in of_rater.items()}
    for rater, (asked, failed, _) in checks.items():
        if asked >= rules.least_instructed and failed > rules.instructed_failures:
            excluded[str(rater)] = (
                f"failed {failed} of {asked} instructed steps (more than {rules.instructed_failures})"
            )
    attentive = cells.only(~np.isin(cells.raters, [int(rater) for rater in excluded]))
    numbers = np.unique(attentive.raters).tolist()
    answered = grid(attentive)
    sums, counts = np.nansum(answered, axis=0), (~np.isnan(answered)).sum(axis=0)
    for rater, found in of_rater.items():
        held = None
        if rater in numbers:
            seed = (study.seed, rater)
            held = agreement(answered[numbers.index(rater)], sums, counts, rules, study.kind == "choice", seed)
        if held is not None and held.p > rules.significance:
            said = "its answers never differ" if held.correlation is None else f"correlation {held.correlation:.2f}"
            excluded[str(rater)] = (
                f"its answers do not go along with the others' beyond chance ({said}, p = {held.p:.3f}, "
                f"{held.items} items)"
            )
        asked, failed, difference = checks[rater]
        lines.append(
            RaterLine(
                rater=rater, steps=len(study.sequences[rater - 1]), answered=len(found), instructed=asked,
                failed=failed, repeat_difference=difference, correlation=held.correlation if held else None,
                p=held.p if held else None,
            )
        )  # fmt: skip
    return lines, dict(sorted(excluded.items(), key=lambda pair: int(pair[0])))


def _checks(study: Study, answers: Sequence[Answer]) -> tuple[int, int, float | None]:
    """Instructed steps answered, those failed, and the mean distance of repeated answers, of one rater."""
    asked = failed = 0
    first: dict[tuple[int, ...], Answer] = {}
    distances: list[float] = []
    for answer in answers:
        step = study.sequences[answer.rater - 1][answer.position]
        if step.kind == "instructed":
            asked += 1
            failed += any(value != step.expected for value in answer.values.values())
        elif step.kind == "item":
            first[step.media] = answer
        elif step.media in first:
            before = first[step.media].values
            distances += [_distance(study, before[key], value) for key, value in answer.values.items()]
    return asked, failed, float(np.mean(distances)) if distances else None


def _distance(study: Study, first: int, second: int) -> float:
    return float(abs(first - second)) if study.kind == "rating" else float(first != second)


def _scores(study: Study, cells: Cells, emotion: str | None = None) -> list[OpinionLine]:
    lines = []
    for number, system in enumerate(study.systems):
        mine = cells.only(cells.systems[:, 0] == number)
        for place, question in enumerate(study.questions):
            if len(mine.raters):
                found = mean(mine.values[:, place], mine.raters, mine.clips)
                lines.append(
                    OpinionLine(
                        system=system, question=question, emotion=emotion, value=found.value,
                        interval=ends(found, *SCALE), raters=found.raters, items=found.clips, ratings=found.n,
                    )
                )  # fmt: skip
    return lines


def _by_emotion(study: Study, cells: Cells) -> list[OpinionLine]:
    labels = [clip.label for clip in study.clips]
    return [
        line
        for label in sorted({label for label in labels if label is not None})
        for line in _scores(study, cells.only(np.isin(cells.clips, _places(labels, label))), label)
    ]


def _places(labels: Sequence[str | None], label: str) -> list[int]:
    return [place for place, found in enumerate(labels) if found == label]


def _marks(study: Study, lines: Sequence[RaterLine], excluded: dict[str, str], kept: Cells) -> list[str]:
    finished = sum(line.answered == line.steps for line in lines)
    marks = list(study.notes)
    if len(lines) < study.raters or finished < len(lines):
        marks.append(
            f"{len(lines)} of {study.raters} raters answered, {finished} to the end; what the others answered counts"
        )
    unjudged = sum(line.p is None and str(line.rater) not in excluded for line in lines)
    if unjudged:
        marks.append(f"{unjudged} raters answered too few items that others answered too to be held against them")
    if len(excluded) * 4 > len(lines):
        marks.append(f"{len(excluded)} of {len(lines)} raters were excluded: the scores rest on the others")
    few = min(len(np.unique(kept.raters)), len(np.unique(kept.clips))) if len(kept.raters) else 0
    if few < 2:
        marks.append("one rater or one clip tells nothing about others: the intervals are the whole scale")
    return marks
