"""What became of one input of a run."""

from dataclasses import dataclass


@dataclass
class Result:
    """What became of one input.

    Args:
        name: relative to the SOURCE argument, printable.
        id: of its source.
        status: kept, dropped or failed.
        reasons: codes, when dropped.
        error: one sentence, when failed.
        clips: kept clips.
        failed_clips: clips that passed selection but could not be exported.
        flags: what is odd about the file, such as truncated.
    """

    name: str
    id: str
    status: str
    reasons: tuple[str, ...] = ()
    error: str | None = None
    clips: int = 0
    failed_clips: int = 0
    flags: tuple[str, ...] = ()
