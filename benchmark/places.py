"""Where features and test sets are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(given: Path | None = None) -> Path:
    """The folder that was given; else `$MOEE_CACHE/benchmark`, or `moee/benchmark` in the user's cache."""
    if given is not None:
        return given
    own = os.environ.get("MOEE_CACHE")
    if own:
        return Path(own).expanduser() / "benchmark"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("moee")) / "benchmark"
