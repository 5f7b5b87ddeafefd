"""A study as it is fixed before its first answer: what is asked, who sees what in which order, who is excluded."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmark.bundle.record import CodeFacts, Sha256
from benchmark.study.questions import QUESTIONS

STUDY_VERSION: Final = 1
"""Of study.json and opinions.json; another one is not read."""
FILE: Final = "study.json"
Kind = Literal["rating", "choice"]
StepKind = Literal["item", "repeat", "instructed"]
SCALE: Final = (1, 5)
A, B, TIE = 1, 2, 0
"""Answers of a choice."""


class Part(BaseModel):
    """What study.json and opinions.json are made of."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Medium(Part):
    """A video that raters see.

    token: name of its file in media/, without a meaning; empty in a bundle.
    source_sha256: of the system's file. sha256: of the shown one, which has the same pictures and sound.
    seconds: how long it plays.
    """

    system: str
    clip: str
    token: str
    source_sha256: Sha256
    sha256: Sha256
    seconds: Annotated[float, Field(gt=0)]


class StudyClip(Part):
    """A clip. label: the emotion that systems were asked for, or None. picture: token of the reference, or None."""

    id: str
    label: str | None = None
    picture: str | None = None


class Step(Part):
    """What a rater is shown at one place.

    kind: `item` counts; `repeat` is an earlier item again; `instructed` says what is to be answered.
    media: places in `Study.media`: the video, or A and B of a choice.
    expected: the answer that an instructed step asks for.
    """

    kind: StepKind
    media: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)]
    expected: int | None = None


class ProtocolName(Part):
    """The protocol whose test set the clips are of."""

    name: str
    version: int
    sha256: Sha256


class Rules(Part):
    """Who is excluded; fixed before the first answer. See `benchmark.study.screening`.

    instructed_failures: more failed instructed steps than this exclude a rater, where there are at least
        `least_instructed`.
    significance: of the test that a rater agrees with the others at all; with fewer than `least_items` items that
        others answered too, nobody is judged.
    """

    instructed_failures: int = 1
    least_instructed: int = 2
    significance: float = 0.05
    least_items: int = 8
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 2000


class Study(Part):
    """The content of study.json.

    protocol, test_list: of the test set that the clips are from; test_list is the sha256 of its list.
    list_clips: how many clips that list has.
    ties: whether a choice may say that there is no difference.
    per_item: least and most raters that are to see an item.
    sequences: for each rater, number 1 first, the steps in order.
    notes: what must be known beside the scores, a clause each.
    """

    study_version: int
    title: str
    kind: Kind
    ties: bool
    questions: Annotated[tuple[str, ...], Field(min_length=1)]
    systems: Annotated[tuple[str, ...], Field(min_length=1)]
    protocol: ProtocolName | None = None
    test_list: Sha256 | None = None
    list_clips: int | None = None
    clips: tuple[StudyClip, ...]
    media: tuple[Medium, ...]
    per_item: tuple[int, int]
    seed: int
    rules: Rules
    sequences: tuple[tuple[Step, ...], ...]
    notes: tuple[str, ...] = ()
    code: CodeFacts
    made_at: str

    @property
    def raters(self) -> int:
        """How many raters the study has places for."""
        return len(self.sequences)

    def clip(self, step: Step) -> StudyClip:
        """The clip that a step shows."""
        return self._by_id[self.media[step.media[0]].clip]

    @property
    def _by_id(self) -> dict[str, StudyClip]:
        return {clip.id: clip for clip in self.clips}

    def blind(self) -> Study:
        """The same without names of files: what may be handed on with a bundle."""
        media = tuple(medium.model_copy(update={"token": ""}) for medium in self.media)
        clips = tuple(clip.model_copy(update={"picture": None}) for clip in self.clips)
        return self.model_copy(update={"media": media, "clips": clips})

    @model_validator(mode="after")
    def _fits(self) -> Study:
        unknown = [key for key in self.questions if key not in QUESTIONS]
        if unknown or len(set(self.questions)) != len(self.questions):
            raise ValueError(f"has a question twice or one that is not known: {unknown}")
        clips = {clip.id for clip in self.clips}
        shown = {(medium.system, medium.clip) for medium in self.media}
        if len(shown) != len(self.media) or any(s not in self.systems or c not in clips for s, c in shown):
            raise ValueError("has a video twice, or one of a system or clip that it does not name")
        for step in (step for sequence in self.sequences for step in sequence):
            if not all(0 <= place < len(self.media) for place in step.media):
                raise ValueError("shows a video that it does not have")
            if len(step.media) != (2 if self.kind == "choice" else 1):
                raise ValueError("shows one video for a rating and two for a choice, and no other number")
            if len({self.media[place].clip for place in step.media}) > 1:
                raise ValueError("compares videos of different clips")
            if (step.kind == "instructed") != (step.expected is not None):
                raise ValueError("says what is to be answered at instructed steps, and only there")
        return self


def allowed(study: Study) -> tuple[int, ...]:
    """The answers that a question takes."""
    if study.kind == "rating":
        return tuple(range(SCALE[0], SCALE[1] + 1))
    return (TIE, A, B) if study.ties else (A, B)
