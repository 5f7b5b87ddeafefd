"""What a download is asked for, under which settings, and what became of it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from curation.errors import CurationError
from curation.sources.inputs import Facts

OUTCOMES = (
    "ok",
    "private",
    "removed",
    "geo-blocked",
    "age-gated",
    "login",
    "bot-check",
    "rate-limited",
    "unsupported",
    "no-format",
    "network",
    "corrupt",
    "too-large",
    "refused-address",
)
Span = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Remote:
    """One URL to fetch.

    Args:
        url: http or https.
        spans: wanted [start, end) in s on the source's clock; none means the whole.
    """

    url: str
    spans: tuple[Span, ...] = ()

    @property
    def key(self) -> str:
        """Names the URL's files: no title or address ever becomes a path."""
        return hashlib.sha256(self.url.encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True)
class Settings:
    """How to ask, and where to stop.

    Args:
        max_height: px; the highest format up to it is taken.
        rate: requests per second to one site; every real request counts, redirects too.
        burst: requests that a site may get at once after a rest.
        parallel: URLs worked on at once.
        cookies_file: Netscape cookie file; it is read, never written.
        cookies_from_browser: chrome, firefox, ... whose cookies are read.
        proxy: URL; None takes the environment's.
        allow_private: lets the list itself name private and loopback addresses; a redirect to one that the list
            does not name stays refused.
        allowed_hosts: more `host:port` that `allow_private` covers.
        retry_permanent: ask permanent failures again.
        attempts: for one URL in one run.
        max_wait: s; longest wait that a Retry-After or a back-off may cost in this run.
        back_off: s; first wait after a failure, doubled each time.
        timeout_seconds: without a byte, or below `min_speed`, for a connection.
        min_speed: bytes per second over `timeout_seconds`.
        max_bytes: largest file; larger ones are not fetched.
        min_free_bytes: of the disk, at any moment.
        generic_only: leave out yt-dlp's site extractors: plain links and pages only; starts a second faster.
    """

    max_height: int = 1080
    rate: float = 2.0
    burst: int = 4
    parallel: int = 4
    cookies_file: Path | None = None
    cookies_from_browser: str | None = None
    proxy: str | None = None
    allow_private: bool = False
    allowed_hosts: frozenset[str] = frozenset()
    retry_permanent: bool = False
    attempts: int = 5
    max_wait: float = 120.0
    back_off: float = 1.0
    timeout_seconds: float = 20.0
    min_speed: float = 2048.0
    max_bytes: int = 8 << 30
    min_free_bytes: int = 2 << 30
    generic_only: bool = False

    def __post_init__(self) -> None:
        if not self.rate > 0 or self.burst < 1 or self.parallel < 1 or self.attempts < 1:
            raise CurationError(
                "the download settings need a rate above 0 and burst, parallel and attempts of at least 1"
            )


@dataclass(frozen=True)
class Downloaded:
    """What became of one URL.

    Args:
        url: as asked.
        outcome: one of OUTCOMES.
        permanent: asking again would give the same; such URLs are not asked again by themselves.
        error: one sentence, or None when ok.
        path: the verified file, or None.
        facts: what the site says of it, printable.
        width, height: px as displayed.
        duration: s, as the file declares.
        bytes, sha256: of the file.
        format_id: yt-dlp's name of the format.
        http_status: of the answer that decided, or None.
        attempts: tries in the run that decided.
        requests: real HTTP requests of that run, redirects included.
        retrieved_at: UTC.
        fetched_spans: what the file holds when only parts were fetched (wider than asked: from key picture to key
            picture); the file keeps the source's clock; () is the whole.
        note: what else to know, such as why the whole was fetched though spans were wanted.
    """

    url: str
    outcome: str
    permanent: bool = False
    error: str | None = None
    path: Path | None = None
    facts: Facts = field(default_factory=Facts)
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    bytes: int | None = None
    sha256: str | None = None
    format_id: str | None = None
    http_status: int | None = None
    attempts: int = 0
    requests: int = 0
    retrieved_at: datetime | None = None
    fetched_spans: tuple[Span, ...] = ()
    note: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the file is there and verified."""
        return self.outcome == "ok"
