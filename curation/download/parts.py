"""Fetches only the wanted spans of a remote file: its index, then the bytes around each span."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yt_dlp.networking.exceptions import HTTPError

from curation.download.model import Span
from curation.download.ranges import NoRangesError, RangeFile
from curation.download.remux import CannotCopyError, copy


class NotInPartsError(Exception):
    """The site, or the kind of file, allows only the whole; the message says why."""


def fetch_parts(
    session: Any, formats: Sequence[Mapping[str, Any]], spans: Sequence[Span], target: Path
) -> tuple[Span, ...]:
    """Fetch spans of one or two formats (pictures, sound) into one MP4 that keeps the source's clock.

    Raises:
        NotInPartsError: no ranges, no index, or a codec that MP4 does not hold.
        yt_dlp.networking.exceptions.RequestError: the network failed.
    """
    if any(one.get("protocol") not in ("http", "https") for one in formats):
        raise NotInPartsError("the site serves it in pieces")
    import av

    files: list[RangeFile] = []
    containers: list[Any] = []
    try:
        for one in formats:
            files.append(RangeFile(session, str(one["url"]), dict(one.get("http_headers") or {})))
            containers.append(_opened(av, files[-1]))
        return copy(containers, target, joined(spans))
    except (NoRangesError, CannotCopyError) as error:
        raise NotInPartsError(str(error)) from None
    except (av.FFmpegError, ValueError, OSError) as error:
        failed = next((file.error for file in files if file.error is not None), None)
        if failed is not None:
            raise failed from None
        raise NotInPartsError(f"it cannot be read in parts ({error})") from None
    except HTTPError as error:
        if error.status == 416:
            raise NotInPartsError("the site refuses parts of it") from None
        raise
    finally:
        for opened in [*containers, *files]:
            opened.close()


def _opened(av: Any, file: RangeFile) -> Any:
    return av.open(
        file, "r", options={"format_whitelist": "mov,matroska", "protocol_whitelist": ""}, metadata_errors="replace"
    )


def joined(spans: Sequence[Span]) -> list[Span]:
    """Spans sorted, and joined where fetching the gap costs less than another jump."""
    close = 10  # s
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1] + close:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result
