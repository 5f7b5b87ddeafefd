"""Repositories of the Hugging Face hub as local folders; a hub that does not answer costs seconds and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from manifests.text import printable
from moee_model.errors import ModelError

SECONDS: Final = 10.0
"""How long the hub may take for its first answer: its own library asks five times and waits long each time."""
MODEL: Final = ("*.json", "*.safetensors", "*.model", "*.txt")
"""Files of a model in safetensors."""


def is_id(place: str | Path) -> bool:
    """Whether something that is no path here could be `organisation/name` on the hub."""
    return len(Path(place).parts) == 2 and not str(place).startswith((".", "/", "~"))


def folder_of(place: str | Path, patterns: Sequence[str] = MODEL, dataset: bool = False) -> Path:
    """A local folder as it is, or a repository of the hub, fetched into the hub's cache.

    Where the hub does not answer, what is in its cache is taken.

    Args:
        place: folder, or `organisation/name`. patterns: of the files that are wanted. dataset: not a model.

    Raises:
        ModelError: there is no such folder, or the hub does not give it.
    """
    folder, shown = Path(place), printable(str(place))
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ModelError(f"{shown} is a file: a folder is wanted.")
    if not is_id(place):
        raise ModelError(f"There is no folder {shown}.")
    from huggingface_hub import HfApi, snapshot_download

    kind, name = "dataset" if dataset else "model", str(place)
    try:
        try:
            HfApi().repo_info(name, repo_type=kind, timeout=SECONDS)
            here = False
        except Exception:  # whatever the library and what it is built on raise: its cache may still hold the files
            here = True
        return Path(snapshot_download(name, repo_type=kind, allow_patterns=list(patterns), local_files_only=here))
    except Exception as error:
        raise ModelError(
            f"{shown} is no folder here and cannot be fetched from the hub ({type(error).__name__}): check name and "
            "network, or give a local folder."
        ) from error
