"""A published form without media on the Hugging Face hub, as a local folder; no answer costs seconds, one sentence."""

from pathlib import Path
from typing import Final

from curation.errors import CurationError
from manifests.text import printable

PREFIX: Final = "hf:"
SECONDS: Final = 10.0  # for the first answer: the hub's own library asks five times and waits long each time
PATTERNS: Final = ("manifest.json", "data/*", "sources/*", "shots/*", "fingerprints/*")


def fetched(address: str) -> Path:
    """Return the folder of `hf:ORG/NAME` or `hf:ORG/NAME@REVISION`, fetched into the hub's cache.

    Where the hub does not answer, what is in its cache is taken.

    Raises:
        CurationError: no such address, or the hub does not give it.
    """
    name, _, revision = address.removeprefix(PREFIX).partition("@")
    shown = printable(address)
    if name.count("/") != 1 or name.startswith(("/", ".")) or name.endswith("/"):
        raise CurationError(f"{shown} is no data set of the hub: write hf:ORG/NAME or hf:ORG/NAME@REVISION")
    from huggingface_hub import HfApi, snapshot_download

    here = False
    try:
        try:
            HfApi().repo_info(name, repo_type="dataset", revision=revision or None, timeout=SECONDS)
        except Exception:  # whatever the library and what it is built on raise: its cache may still hold the files
            here = True
        folder = snapshot_download(
            name,
            repo_type="dataset",
            revision=revision or None,
            allow_patterns=list(PATTERNS),
            etag_timeout=SECONDS,
            local_files_only=here,
        )
    except Exception as error:
        raise CurationError(
            f"{shown} cannot be fetched from the hub ({type(error).__name__}): check name and network, "
            "or give a local folder"
        ) from error
    return Path(folder)
