"""What raters reach over HTTP: their page, their steps, their videos, one answer at a time; everything else is 404."""

from __future__ import annotations

import html
import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.security import safe_join
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response

from benchmark.study.model import Step, Study
from benchmark.study.new import MEDIA
from benchmark.study.pages import page, questions
from benchmark.study.ratings import Answer
from benchmark.study.store import Store
from benchmark.study.submission import RefusedError, parsed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOST_BODY: Final = 8192  # bytes of an answer
_ROUTES: Final = (
    Rule("/r/<secret>", endpoint="page", methods=["GET"]),
    Rule("/r/<secret>/step", endpoint="step", methods=["GET"]),
    Rule("/r/<secret>/answer", endpoint="answer", methods=["POST"]),
    Rule("/r/<secret>/video/<int:position>/<int:side>", endpoint="video", methods=["GET"]),
    Rule("/r/<secret>/picture/<int:position>", endpoint="picture", methods=["GET"]),
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SOONEST: Final = 0.5  # of a video's length: browsers can play twice as fast, nobody has seen it sooner


class Server:
    """The study as a WSGI application.

    Args:
        folder: of the study.
        study: that lies there.
        store: its answers, opened for writing.
    """

    def __init__(self, folder: Path, study: Study, store: Store) -> None:
        self._media = str((folder / MEDIA).resolve())
        self._study, self._store = study, store
        self._routes = Map(_ROUTES, strict_slashes=False, merge_slashes=False)
        self._acts: dict[str, Callable[..., Response]] = {
            "page": self._page, "step": self._step, "answer": self._answer, "video": self._video,
            "picture": self._picture,
        }  # fmt: skip
        self._document = page(study)
        policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', self._document)[0]
        self._policy = f"{html.unescape(policy)}; frame-ancestors 'none'"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; nothing of it is written to a log, as links are secrets."""
        request = Request(environ)
        request.max_content_length = MOST_BODY
        try:
            endpoint, found = self._routes.bind_to_environ(environ).match()
            values = dict(found)
            secret = values.pop("secret")
            rater = self._store.rater(secret) if _SECRET.fullmatch(secret) else None
            if rater is None:
                raise NotFound
            response = self._acts[endpoint](request, rater, **values)
        except RefusedError as error:
            response = _sentence(error.status, str(error))
        except HTTPException as error:
            response = _sentence(error.code or 500, f"{error.name}.")
        except Exception:
            logging.getLogger(__name__).exception("a request failed")
            response = _sentence(500, "The server has met an error of its own: try again.")
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start_response)

    def _page(self, request: Request, rater: int) -> Response:
        return Response(self._document, mimetype="text/html", headers={"Content-Security-Policy": self._policy})

    def _step(self, request: Request, rater: int) -> Response:
        """Where the rater is, and all that is to be shown there; addresses are relative to the rater's link."""
        sequence, place = self._study.sequences[rater - 1], self._store.place(rater)
        position = place.answered
        state: dict[str, Any] = {"answered": position, "total": len(sequence), "done": position >= len(sequence)}
        if not state["done"]:
            step = sequence[position]
            if place.seen is None:
                self._store.show(rater, position)
            state |= {
                "position": position,
                "token": self._store.token(rater, position),
                "videos": [f"video/{position}/{side}" for side in range(len(step.media))],
                "picture": f"picture/{position}" if self._study.clip(step).picture else None,
                "questions": questions(self._study, step),
            }
        return Response(json.dumps(state), mimetype="application/json")

    def _answer(self, request: Request, rater: int) -> Response:
        """Store one answer, once, before it is acknowledged; then say what comes next."""
        given, place = parsed(request, self._study), self._store.place(rater)
        sequence = self._study.sequences[rater - 1]
        if given.position >= len(sequence) or not self._store.right_token(rater, given.position, given.token):
            raise RefusedError(403, "This answer belongs to another page: load the page again.")
        if given.position > place.answered:
            raise RefusedError(403, "This step has not been reached: load the page again.")
        if given.position == place.answered:
            self._in_time(sequence[given.position], place.seen)
        answer = Answer(rater, given.position, given.values, given.seconds, given.plays)
        if self._store.keep(answer) == "other":
            raise RefusedError(409, "This step was answered before, and differently: the first answer stays.")
        return self._step(request, rater)

    def _in_time(self, step: Step, seen: float | None) -> None:
        """Check that the videos of a step can have been played since it was shown."""
        if seen is None:
            raise RefusedError(403, "This step has not been shown: load the page again.")
        length = sum(self._study.media[place].seconds for place in step.media)
        if 0 <= time.time() - seen < _SOONEST * length:
            raise RefusedError(403, "The video has to be played to its end before it is answered.")

    def _video(self, request: Request, rater: int, position: int, side: int) -> Response:
        step = self._reached(rater, position)
        if side >= len(step.media):
            raise NotFound
        return self._file(request, f"{self._study.media[step.media[side]].token}.mp4", "video/mp4")

    def _picture(self, request: Request, rater: int, position: int) -> Response:
        token = self._study.clip(self._reached(rater, position)).picture
        if token is None:
            raise NotFound
        return self._file(request, f"{token}.png", "image/png")

    def _reached(self, rater: int, position: int) -> Step:
        """A step that the rater is at or has answered; any other is not found."""
        sequence = self._study.sequences[rater - 1]
        if position >= len(sequence) or position > self._store.place(rater).answered:
            raise NotFound
        return sequence[position]

    def _file(self, request: Request, name: str, kind: str) -> Response:
        """A file of media/, whole or the range that was asked for; no header tells one video from another."""
        path = safe_join(self._media, name)
        if path is None or not Path(path).is_file():
            raise NotFound
        response = send_file(path, request.environ, mimetype=kind, conditional=True, etag=False)
        for told in ("Last-Modified", "Content-Disposition"):
            response.headers.pop(told, None)
        response.headers["Cache-Control"] = "private, max-age=3600"
        return response


def _sentence(status: int, text: str) -> Response:
    return Response(text + "\n", status=status, mimetype="text/plain")
