"""What raters are asked, word by word, and the names of the scale's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Question:
    """One question.

    title: a word or two. rating, choice: as it is asked; `{label}` is the emotion that the systems were asked for.
    without: the rating as it is asked where there is no reference picture; None where it does not need one.
    """

    title: str
    rating: str
    choice: str
    without: str | None = None


QUESTIONS: Final = {
    "emotion": Question(
        "Emotion",
        "How well does the person show this emotion: {label}?",
        "In which video does the person show this emotion better: {label}?",
    ),
    "lip-sync": Question(
        "Lip sync",
        "How well do the lips move with the speech?",
        "In which video do the lips move better with the speech?",
    ),
    "naturalness": Question(
        "Naturalness",
        "How natural does the video look, as if a camera had taken it?",
        "Which video looks more natural, as if a camera had taken it?",
    ),
    "identity": Question(
        "Identity",
        "How well does the person in the video match the person in the picture?",
        "In which video does the person match the person in the picture better?",
        "How well does the person stay the same person through the whole video?",
    ),
}
"""Key -> question; the four of the user study of MoEE (arXiv 2501.01808)."""

SCALE_WORDS: Final = ("bad", "poor", "fair", "good", "excellent")
"""1 to 5: absolute category rating of ITU-T P.910."""
