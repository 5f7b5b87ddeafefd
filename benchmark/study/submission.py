"""An answer as it comes over the wire: read without trust, refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmark.study.model import Study, allowed

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

_FIELDS: Final = {"position", "token", "values", "seconds", "plays"}
_LONGEST: Final = 30 * 86_400  # seconds that an answer may take: a page can lie open for days


class RefusedError(Exception):
    """A request that is refused. status: of HTTP; the text is one sentence for the rater."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Submission:
    """What was sent. values: question -> answer, all questions and each a possible one."""

    position: int
    token: str
    values: dict[str, int]
    seconds: float
    plays: int


def parsed(request: Request, study: Study) -> Submission:
    """Read an answer.

    Raises:
        RefusedError: it is of another type, too large, or says something that no rater can.
        werkzeug.exceptions.RequestEntityTooLarge: it is too large.
    """
    if request.mimetype != "application/json":
        raise RefusedError(415, "An answer is sent as application/json.")
    try:
        content = json.loads(request.get_data().decode("utf-8"), parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "The answer is no JSON.") from error
    if not isinstance(content, dict) or set(content) != _FIELDS:
        raise RefusedError(400, "An answer has exactly a position, a token, values, seconds and plays.")
    position, token, plays = content["position"], content["token"], content["plays"]
    if not (_whole(position) and 0 <= position < 1_000_000 and isinstance(token, str) and len(token) <= 128):
        raise RefusedError(400, "The answer names no step.")
    seconds = content["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST:
        raise RefusedError(400, "The answer's time is no number of seconds.")
    if not (_whole(plays) and 1 <= plays <= 100_000):
        raise RefusedError(400, "The video has to be played to its end before it is answered.")
    return Submission(position, token, _values(content["values"], study), float(seconds), plays)


def _values(content: Any, study: Study) -> dict[str, int]:
    if not isinstance(content, dict) or set(content) != set(study.questions):
        raise RefusedError(400, "Every question that was asked is answered, and no other.")
    known = allowed(study)
    if not all(_whole(value) and value in known for value in content.values()):
        said = ", ".join(map(str, sorted(known)))
        raise RefusedError(400, f"A question takes one of the answers {said}.")
    return {key: content[key] for key in study.questions}


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refused(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")
