"""From what yt-dlp or the network raised to a typed outcome; the table is in docs/decisions/006."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from curation.download.text import clean


@dataclass(frozen=True)
class Verdict:
    """How an attempt ended.

    Args:
        outcome: one of model.OUTCOMES.
        permanent: asking again would give the same.
        again: worth another attempt in this run.
        error: one sentence.
        status: HTTP status that decided, or None.
        wait: s, as the site asked for with Retry-After, or None.
    """

    outcome: str
    permanent: bool
    again: bool
    error: str
    status: int | None = None
    wait: float | None = None


# The first pattern that is found in the extractor's sentence decides. (outcome, permanent)
SENTENCES: tuple[tuple[str, str, bool], ...] = (
    (r"not a bot|captcha|anti-?bot|unusual traffic|cloudflare|are you (a )?human", "bot-check", False),
    (r"rate.?limit|too many requests|try again later", "rate-limited", False),
    (r"confirm your age|age.?restrict|age.?verif|inappropriate for some users|adults? only", "age-gated", True),
    (r"private video|video is private|is private|made (it|this video) private", "private", True),
    (
        r"geo.?restrict|(your|this) (country|location|region)|not (been )?made .* available in|blocked it in",
        "geo-blocked",
        True,
    ),
    (
        r"log ?in|sign in|members.?only|join this channel|registered users|authenticat|premium|subscri(be|ption)"
        r"|purchase|requires payment|account credentials",
        "login",
        True,
    ),
    (
        r"has been (removed|deleted|terminated)|was (removed|deleted)|removed by|account .* terminated|taken down"
        r"|no longer (available|exists)|does not exist|not found|video (is )?unavailable|isn't available anymore",
        "removed",
        True,
    ),
    (r"did not get any data", "corrupt", True),
    (r"\bdrm\b", "no-format", True),
    (r"requested format is not available|no video formats", "no-format", True),
    (r"is live|live event|premieres? in|will begin|not yet started", "unsupported", False),
    (r"unsupported url|is not a valid url|no media found", "unsupported", True),
)

# HTTP status -> (outcome, permanent, again, sentence)
STATUSES: dict[int, tuple[str, bool, bool, str]] = {
    401: ("login", True, False, "the site asks for a login"),
    402: ("login", True, False, "the site asks for a payment"),
    403: ("private", True, False, "the site does not allow this address to be read"),
    404: ("removed", True, False, "the site has nothing at this address any more"),
    407: ("network", False, False, "the proxy asks for a login"),
    408: ("network", False, True, "the site waited too long for the request"),
    410: ("removed", True, False, "the site says that this was removed for good"),
    423: ("private", True, False, "the site has locked this address"),
    425: ("network", False, True, "the site asks to come back later"),
    429: ("rate-limited", False, True, "the site asks for fewer requests"),
    451: ("geo-blocked", True, False, "the site may not show this here for legal reasons"),
}


def classify(error: BaseException, *, media_refused: bool = False) -> Verdict:
    """The verdict on what an attempt raised.

    Args:
        error: as yt-dlp or the gate raised it, with its chain of causes.
        media_refused: the page was read and only the address of its media file answered with an error, as happens
            when such an address has expired.
    """
    from yt_dlp.networking.exceptions import HTTPError, TransportError
    from yt_dlp.utils import GeoRestrictedError, UnsupportedError

    from curation.download.gate import (
        EndedError,
        NoRoomError,
        RefusedError,
        SitePausedError,
        TooLargeError,
        UnreachableError,
    )
    from curation.download.site import StoppedError

    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, EndedError):
            raise StoppedError
        if isinstance(each, SitePausedError):
            return Verdict("rate-limited", False, False, _sentence(each))
        if isinstance(each, RefusedError):
            return Verdict("refused-address", True, False, _sentence(each))
        if isinstance(each, TooLargeError):
            return Verdict("too-large", not isinstance(each, NoRoomError), False, _sentence(each))
        if isinstance(each, GeoRestrictedError):
            return Verdict("geo-blocked", True, False, "the site shows this only in other countries")
        if isinstance(each, UnsupportedError):
            return Verdict("unsupported", True, False, "there is no video at this address that could be fetched")
    text = " ".join(str(each) for each in chain)
    for each in chain:  # the outermost decides: what it happened after (416, then silence) was not the end
        if isinstance(each, HTTPError):
            return _of_status(each, text, media_refused)
        if isinstance(each, TransportError):
            again = not isinstance(each, UnreachableError)
            return Verdict("network", False, again, _sentence(each))
    return _of_sentence(text, error)


def _of_status(error: object, text: str, media_refused: bool) -> Verdict:
    status = int(error.status)  # type: ignore[attr-defined]
    response = error.response  # type: ignore[attr-defined]
    wait = retry_after(response.headers.get("Retry-After"))
    if getattr(error, "redirect_loop", False) or 300 <= status < 400:
        return Verdict("network", False, False, "the address redirects in a circle", status)
    if status in (401, 403) and (found := _match(text + " " + _body(response))):
        return Verdict(found[0], found[1], False, f"{STATUSES[status][3]} ({found[0]})", status)
    if status == 403 and media_refused:
        return Verdict("network", False, True, "the site named a media file and then refused it", status)
    if status in STATUSES:
        outcome, permanent, again, sentence = STATUSES[status]
        return Verdict(outcome, permanent, again, f"{sentence} (HTTP {status})", status, wait)
    if status >= 500:
        return Verdict("network", False, True, f"the site failed (HTTP {status})", status, wait)
    return Verdict("unsupported", True, False, f"the site refused the request (HTTP {status})", status)


def _of_sentence(text: str, error: BaseException) -> Verdict:
    from yt_dlp.utils import YoutubeDLError

    if found := _match(text):
        return Verdict(found[0], found[1], False, said(error))
    if isinstance(error, YoutubeDLError):
        return Verdict("unsupported", False, False, said(error))  # another release of yt-dlp may do it
    raise error


def said(error: BaseException) -> str:
    """What an extractor says, as one clean sentence."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).removeprefix("ERROR: ")
    text = re.split(r"[;.] please report this issue|\. Use --|\. See  ?http", text, maxsplit=1)[0]
    return clean(" ".join(text.split()), 300) or type(error).__name__


def retry_after(header: str | None) -> float | None:
    """s to wait as a Retry-After header says: a number, or an HTTP date; None when it says neither."""
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    if not header:
        return None
    header = header.strip()
    if header.isascii() and header.isdigit():
        return float(min(int(header[:12]), 10**9))
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _match(text: str) -> tuple[str, bool] | None:
    for pattern, outcome, permanent in SENTENCES:
        if re.search(pattern, text, re.IGNORECASE):
            return outcome, permanent
    return None


def _body(response: object) -> str:
    """The beginning of an error page."""
    from yt_dlp.networking.exceptions import RequestError

    try:
        while len(response.head) < 8192 and response.read(8192):  # type: ignore[attr-defined]
            continue
    except (RequestError, OSError, ValueError):
        pass
    return response.head.decode("utf-8", "replace")  # type: ignore[attr-defined]


def _sentence(error: BaseException) -> str:
    return clean(" ".join(str(error).split()), 300)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it wraps and what caused it, outermost first."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        info = getattr(each, "exc_info", None)
        inner = [info[1] if info else None, getattr(each, "cause", None), each.__cause__, each.__context__]
        waiting += [one for one in inner if isinstance(one, BaseException)]
