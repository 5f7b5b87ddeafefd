"""One yt-dlp per thread, quiet, without any program beside it, and with no way out but the gate."""

import functools
from typing import Any

import yt_dlp
from yt_dlp.networking.common import RequestDirector
from yt_dlp.utils import YoutubeDLError

from curation.download.formats import select
from curation.download.gate import Gate
from curation.download.model import Settings
from curation.download.network import GuardedRH
from curation.download.outcomes import said
from curation.errors import CurationError

NO_PROGRAM = "/nonexistent"  # ffmpeg would make its own requests, past the gate; merging is done in this process


class _Silent:
    """yt-dlp's messages: what matters comes as an error."""

    def debug(self, message: str) -> None:
        """Nothing."""

    def warning(self, message: str) -> None:
        """Nothing."""

    def error(self, message: str) -> None:
        """Nothing."""


class Session(yt_dlp.YoutubeDL):
    """yt-dlp with the guarded handler as its only client."""

    def __init__(self, settings: Settings, gate: Gate) -> None:
        self.gate = gate
        super().__init__(parameters(settings), auto_init="no_verbose_header" if not settings.generic_only else False)
        if settings.generic_only:
            from yt_dlp.extractor.generic import GenericIE
            from yt_dlp.extractor.genericembeds import HTML5MediaEmbedIE

            for extractor in (HTML5MediaEmbedIE, GenericIE):
                self.add_info_extractor(extractor(self))

    def build_request_director(self, handlers: Any, preferences: Any = None) -> RequestDirector:
        """A director with one handler."""
        return super().build_request_director([functools.partial(GuardedRH, gate=self.gate)])

    def end(self) -> None:
        """Close connections; unlike `close`, the user's cookie file is not written."""
        self._request_director.close()


def open_session(settings: Settings, gate: Gate) -> Session:
    """A session whose cookies are loaded.

    Raises:
        CurationError: the cookies cannot be read.
    """
    session = Session(settings, gate)
    try:
        session.cookiejar  # noqa: B018 (a property that loads)
    except (YoutubeDLError, OSError, ValueError) as error:
        where = settings.cookies_file or settings.cookies_from_browser
        raise CurationError(f"the cookies of {str(where)!r} cannot be read: {said(error)}") from None
    return session


def parameters(settings: Settings) -> dict[str, Any]:
    """yt-dlp's options: every retry, wait and file is ours."""
    options: dict[str, Any] = {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silent(),
        "cachedir": False,
        "format": lambda context: select(context, settings.max_height),
        "extract_flat": "in_playlist",
        "noplaylist": True,
        "socket_timeout": settings.timeout_seconds,
        "retries": 0,
        "fragment_retries": 0,
        "extractor_retries": 0,
        "file_access_retries": 0,
        "skip_unavailable_fragments": False,
        "continuedl": True,
        "overwrites": None,
        "updatetime": False,
        "hls_prefer_native": True,
        "ffmpeg_location": NO_PROGRAM,
        "enable_file_urls": False,
        "youtube_include_dash_manifest": True,
        "allow_unplayable_formats": False,
    }
    if settings.cookies_file is not None:
        options["cookiefile"] = str(settings.cookies_file)
    if settings.cookies_from_browser is not None:
        options["cookiesfrombrowser"] = (settings.cookies_from_browser,)
    if settings.proxy is not None:
        options["proxy"] = settings.proxy
    return options
