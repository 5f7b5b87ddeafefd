"""Fetches lists of URLs with yt-dlp: paced, resumed, verified, with a typed outcome for each."""

from collections.abc import Callable, Sequence
from pathlib import Path

from curation.download.model import OUTCOMES, Downloaded, Remote, Settings


def _nothing(_: Downloaded) -> None:
    """Nobody watches."""


def download_all(
    remotes: Sequence[Remote], folder: Path, settings: Settings, on_done: Callable[[Downloaded], None] = _nothing
) -> dict[str, Downloaded]:
    """Fetch URLs into a folder; running it again goes on where it stopped.

    Args:
        remotes: what to fetch; rows of one URL are joined.
        folder: made if missing: `<hash of the URL>.<ext>`, `downloads.jsonl` (the ledger), `downloads.parquet`.
        settings: how to ask.
        on_done: called from several threads, one at a time, as each URL is settled or found settled.

    Returns:
        What became of each URL, in the order of the list. URLs fetched before, and permanent failures, are not asked.

    Raises:
        CurationError: the folder or the cookies cannot be used, the disk runs full, or yt-dlp is missing.
    """
    _need_yt_dlp()
    from curation.download.run import run

    return run(remotes, folder, settings, on_done)


def probe_all(
    remotes: Sequence[Remote], folder: Path, settings: Settings, on_done: Callable[[Downloaded], None] = _nothing
) -> dict[str, Downloaded]:
    """Ask for each URL whether it could be fetched, fetch nothing, and add the answers to `link_rot.parquet`.

    Args:
        remotes: what to ask for; permanent failures of the ledger are not asked unless the settings say so.
        folder: of `download_all`; its files and its ledger stay as they are.
        settings: how to ask.
        on_done: called as each URL is answered.

    Returns:
        What was found now, without files; for URLs that were not asked, what the ledger says.

    Raises:
        CurationError: as `download_all`.
    """
    _need_yt_dlp()
    from curation.download.refresh import refresh

    return refresh(remotes, folder, settings, on_done)


def _need_yt_dlp() -> None:
    from importlib.util import find_spec

    from curation.errors import CurationError

    if find_spec("yt_dlp") is None:
        raise CurationError("downloads need yt-dlp: pip install 'moee[curation]'")


__all__ = ["OUTCOMES", "Downloaded", "Remote", "Settings", "download_all", "probe_all"]
