"""Answers as the statistics take them, and as the table of a bundle holds them: numbers of raters, no names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmark.bundle.files import DamagedError
from benchmark.study.model import Study, allowed
from manifests.text import printable

if TYPE_CHECKING:
    import pyarrow as pa

FILE: Final = "ratings.parquet"


@dataclass(frozen=True)
class Answer:
    """What one rater answered at one step.

    rater: its number, from 1. position: of the step, from 0. values: question -> answer.
    seconds: from the step's appearance to its answer. plays: to the end of the video.
    """

    rater: int
    position: int
    values: dict[str, int]
    seconds: float
    plays: int


def table(study: Study, answers: Sequence[Answer]) -> pa.Table:
    """A row per answer and question, ordered by rater, position and question."""
    import pyarrow as pa

    rows: dict[str, list[Any]] = {field.name: [] for field in _schema()}
    for answer in sorted(answers, key=lambda found: (found.rater, found.position)):
        step = study.sequences[answer.rater - 1][answer.position]
        shown = [study.media[place] for place in step.media]
        for question in study.questions:
            row = (
                answer.rater, answer.position, step.kind, shown[0].clip, shown[0].system,
                shown[1].system if len(shown) > 1 else None, question, answer.values[question], answer.seconds,
                answer.plays,
            )  # fmt: skip
            for column, value in zip(rows.values(), row, strict=True):
                column.append(value)
    return pa.table(rows, _schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("rater", pa.int32()),
            pa.field("position", pa.int32()),
            pa.field("kind", pa.string()),
            pa.field("clip", pa.string()),
            pa.field("system", pa.string()),
            pa.field(
                "other", pa.string()
            ),  # B of a choice; `system` is A, and the answers are 1: A, 2: B, 0: no difference
            pa.field("question", pa.string()),
            pa.field("answer", pa.int8()),
            pa.field("seconds", pa.float64()),
            pa.field("plays", pa.int32()),
        ]
    )


def answers(study: Study, rows: pa.Table) -> list[Answer]:
    """The answers that a table holds, which must be of this study.

    Raises:
        DamagedError: it has other columns, or rows that the study does not have.
    """
    if not rows.schema.equals(_schema()):
        raise DamagedError(FILE, f"{FILE} is damaged: it has other columns than a study's ratings.")
    found: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    said: dict[tuple[int, int], tuple[float, int]] = {}
    for row in rows.to_pylist():
        wrong = _wrong(study, row)
        place = (row["rater"], row["position"])
        if wrong is None and (row["question"] in found[place] or said.get(place, row_facts(row)) != row_facts(row)):
            wrong = "says two things of one step"
        if wrong is not None:
            raise DamagedError(FILE, f"{FILE} {wrong} (rater {row['rater']}, position {row['position']}).")
        found[place][row["question"]] = row["answer"]
        said[place] = row_facts(row)
    part = next((place for place, values in found.items() if len(values) != len(study.questions)), None)
    if part is not None:
        raise DamagedError(FILE, f"{FILE} lacks a question's answer (rater {part[0]}, position {part[1]}).")
    return [Answer(*place, values, *said[place]) for place, values in found.items()]


def row_facts(row: dict[str, Any]) -> tuple[float, int]:
    """What is the same for all questions of a step."""
    return row["seconds"], row["plays"]


def _wrong(study: Study, row: dict[str, Any]) -> str | None:
    """What a row says that the study does not."""
    if any(value is None for name, value in row.items() if name != "other"):
        return "lacks a value"
    rater, position = row["rater"], row["position"]
    if not (1 <= rater <= study.raters and 0 <= position < len(study.sequences[rater - 1])):
        return "has a step that study.json does not have"
    step = study.sequences[rater - 1][position]
    shown = [study.media[place] for place in step.media]
    systems = [row["system"]] if row["other"] is None else [row["system"], row["other"]]
    if step.kind != row["kind"] or [medium.system for medium in shown] != systems or shown[0].clip != row["clip"]:
        return "says another thing than study.json of what was shown"
    if row["question"] not in study.questions:
        return f"answers {printable(row['question'])[:60]}, which was not asked"
    if row["answer"] not in allowed(study) or not 0 <= row["seconds"] < 1e9 or row["plays"] < 0:
        return "holds an answer that nobody could give"
    return None
