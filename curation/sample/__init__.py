"""The embedded sample: talking portraits with known truth, rendered on this machine from installed pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curation.sample.render import SampleReport

Progress = Callable[[int, int, str], None]


def render_sample(
    folder: Path,
    *,
    counter: bool = False,
    progress: Progress | None = None,
    limit: int | None = None,
    workers: int | None = None,
) -> "SampleReport":
    """Render the sample videos and `truth.parquet` into a folder; what is already there and whole is kept.

    Args:
        folder: where the videos go; made if absent.
        counter: burn a machine-readable frame counter into the top left corner of every frame.
        progress: called with (videos done, videos in all, file name) after each video.
        limit: render the first so many videos only.
        workers: processes; one per core if None.

    Returns:
        What was rendered and what was kept.

    Raises:
        CurationError: espeak-ng or a picture is missing, or the folder cannot be written.
    """
    from curation.sample.render import render

    return render(folder, counter=counter, progress=progress, limit=limit, workers=workers)
