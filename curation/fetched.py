"""URL inputs become files: what was fetched, what is gone for good, and what is tried again next time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from curation.download import Downloaded, Remote, Settings, download_all, probe_all
from curation.sources.inputs import Input

FOLDER = "fetched"  # below the manifest's folder


def fetch_inputs(
    inputs: Sequence[Input], out: Path, settings: Settings, say: Callable[[int, int], None]
) -> list[Input]:
    """Fetch every URL that is not a file yet.

    Args:
        inputs: any; files pass through.
        out: the manifest's folder.
        settings: how to ask.
        say: called with (URLs settled, URLs in all).

    Returns:
        The same inputs in the same order: with their file, or refused for good, or with an error.
    """
    remotes = {item.url: Remote(item.url, _spans(item)) for item in inputs if _is_wanted(item) and item.url}
    if not remotes:
        return list(inputs)
    settled = 0

    def count(_: Downloaded) -> None:
        nonlocal settled
        settled += 1
        say(settled, len(remotes))

    ends = download_all(list(remotes.values()), out / FOLDER, settings, count)
    return [_ended(item, ends[item.url]) if _is_wanted(item) and item.url else item for item in inputs]


def probe_inputs(
    inputs: Sequence[Input], out: Path, settings: Settings, say: Callable[[int, int], None]
) -> list[dict[str, str | None]]:
    """Ask for every URL whether it could be fetched, and fetch nothing; the answers are added to the link-rot table."""
    from curation.takedown.gate import Gate

    remotes = {item.url: Remote(item.url) for item in Gate(out).closed(inputs) if item.url and item.refused is None}
    settled = 0

    def count(_: Downloaded) -> None:
        nonlocal settled
        settled += 1
        say(settled, len(remotes))

    ends = probe_all(list(remotes.values()), out / FOLDER, settings, count)
    return [{"url": end.url, "outcome": end.outcome, "error": end.error} for end in ends.values()]


def _is_wanted(item: Input) -> bool:
    return item.url is not None and item.path is None and item.error is None and item.refused is None


def _spans(item: Input) -> tuple[tuple[Fraction, Fraction], ...]:
    """The spans that its labels name; the whole when one of them names none."""
    spans = [(label.start, label.end) for label in item.labels if label.start is not None and label.end is not None]
    return tuple(spans) if spans and len(spans) == len(item.labels) else ()


def _ended(item: Input, end: Downloaded) -> Input:
    if end.ok:
        return replace(item, path=end.path, facts=end.facts)
    sentence = end.error or end.outcome
    return replace(item, facts=end.facts, error=sentence, refused=end.outcome if end.permanent else None)
