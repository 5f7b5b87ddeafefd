"""What a study's scores are, typed: the content of opinions.json."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from benchmark.bundle.record import CodeFacts, Sha256
from benchmark.study.model import Kind, Part

Count = Annotated[int, Field(ge=0)]


class OpinionLine(Part):
    """The mean opinion score of a system on one question, 1 (bad) to 5 (excellent).

    emotion: of the clips; None for all of them.
    interval: 95 %, other raters and other clips; the whole scale where one rater or one clip tells nothing of others.
    raters, items, ratings: how many raters rated how many of its videos how often.
    """

    system: str
    question: str
    emotion: str | None = None
    value: float
    interval: tuple[float, float]
    raters: Count
    items: Count
    ratings: Count


class PreferenceLine(Part):
    """How often raters chose `system` over `other` on a question: a share, 0..1; "no difference" counts half.

    interval: 95 %, other raters and other clips. ties: how often there was no difference.
    """

    system: str
    other: str
    question: str
    value: float
    interval: tuple[float, float]
    raters: Count
    items: Count
    ratings: Count
    ties: Count


class StrengthLine(Part):
    """The strength of a system in the Bradley-Terry model, natural logarithm of odds against an average system."""

    system: str
    question: str
    value: float
    interval: tuple[float, float]


class RaterLine(Part):
    """What the checks say of one rater.

    answered: steps of `steps`. instructed: instructed steps answered; failed: otherwise than asked for.
    repeat_difference: mean distance of the answers to an item and to its repeat; None without any.
    correlation, p: with the mean of the others (see `benchmark.study.screening`); p is None where it was not judged.
    """

    rater: int
    steps: Count
    answered: Count
    instructed: Count
    failed: Count
    repeat_difference: float | None
    correlation: float | None
    p: float | None


class StudyFacts(Part):
    """What a study is. name: its title. protocol: name, or None. test_list: sha256 of the list, or None."""

    name: str
    kind: Kind
    protocol: str | None
    protocol_version: int | None
    protocol_sha256: Sha256 | None
    test_list: Sha256 | None
    systems: tuple[str, ...]
    questions: tuple[str, ...]
    clips: Count


class Scored(Part):
    """All that follows from study.json and ratings.parquet.

    by_emotion: scores over the clips of one emotion.
    alpha: Krippendorff's, ordinal, per question; alpha_interval: with squared differences; None where undefined.
    excluded: number of a rater -> why.
    marks: what must be known beside the scores, a clause each.
    """

    scores: tuple[OpinionLine, ...]
    by_emotion: tuple[OpinionLine, ...]
    preferences: tuple[PreferenceLine, ...]
    strengths: tuple[StrengthLine, ...]
    alpha: dict[str, float | None]
    alpha_interval: dict[str, float | None]
    excluded: dict[str, str]
    raters: tuple[RaterLine, ...]
    marks: list[str]


class Opinions(Scored):
    """The content of opinions.json. made_at: UTC, ISO 8601."""

    study_version: int
    study: StudyFacts
    code: CodeFacts
    made_at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")]
