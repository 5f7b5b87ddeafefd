"""The page that raters see: one document for all of them, filled step by step by its script."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmark.study.model import TIE, A, B, Step, Study, allowed
from benchmark.study.questions import QUESTIONS, SCALE_WORDS

TEMPLATES: Final = Path(__file__).parent / "templates"
_SIDES: Final = {A: "A", B: "B", TIE: "no difference"}


def page(study: Study) -> str:
    """The document; it says nothing of systems, clips, steps or links."""
    from manifests.pages import document

    options = [(value, str(value), SCALE_WORDS[value - 1]) for value in allowed(study)]
    if study.kind == "choice":
        options = [(value, _SIDES[value], "") for value in ((A, TIE, B) if study.ties else (A, B))]
    content: dict[str, Any] = {
        "title": study.title,
        "choice": study.kind == "choice",
        "ties": study.ties,
        "options": options,
        "count": max(len(sequence) for sequence in study.sequences),
        "questions": len(study.questions),
    }
    may = ("media-src 'self'", "connect-src 'self'", "img-src 'self' data:")
    return document(TEMPLATES, "rater.html.j2", content, styles=["rater.css"], scripts=["rater.js"], may=may)


def questions(study: Study, step: Step) -> list[dict[str, str]]:
    """Key, title and words of each question as a step asks it."""
    clip = study.clip(step)
    asked = []
    for key in study.questions:
        question = QUESTIONS[key]
        text = question.choice if study.kind == "choice" else question.rating
        if clip.picture is None and question.without is not None:
            text = question.without if study.kind == "rating" else "In which video does the person change less?"
        asked.append({"key": key, "title": question.title, "text": text.replace("{label}", said(clip.label))})
    if step.expected is not None:
        for question_ in asked:
            question_["text"] = f"Attention check: choose {_named(study, step.expected)} here, whatever you think."
    return asked


def said(label: str | None) -> str:
    """An emotion's name in words."""
    return (label or "").replace("-", " ")


def _named(study: Study, value: int) -> str:
    return f"{value} ({SCALE_WORDS[value - 1]})" if study.kind == "rating" else _SIDES[value]
