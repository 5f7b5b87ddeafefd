"""What several processes need of the folders that they share: all see them, and nobody else writes them."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from manifests.errors import ManifestError
from manifests.files import exclusive, make_folder, plain_errors
from manifests.text import printable
from moee_model.errors import ModelError

if TYPE_CHECKING:
    from moee_model.distributed import World

SEEN_SECONDS: Final = 10.0
"""How long a file may take to show on another node."""
FREE_SECONDS: Final = 30.0
"""How long a process that was killed may take to let go of a folder."""


def check_shared(written: Mapping[str, Path], data: Path, world: World) -> None:
    """Check that what one node writes all others see; all processes call it together.

    Args:
        written: option -> folder that is written, made if missing.
        data: the dataset, which may be a hub id; whichever process is the first after a restart must find it.
        world: the processes.

    Raises:
        ModelError: on all processes, where one of them does not see a folder: it names node and option.
    """
    if world.size == 1:  # which processes share a node is not asked: addresses and containers may say it wrongly
        return
    token, has_data = world.told(f"{secrets.token_hex(8)} {data.is_dir()}")[0].split()
    markers = {option: folder / f".seen-by-all-{token}" for option, folder in written.items()}
    if world.main:
        for marker in markers.values():
            with plain_errors(marker.parent):
                make_folder(marker.parent)
                marker.touch()
    world.wait()
    wanted = markers | ({"--data": data} if has_data == "True" else {})
    unseen = next((option for option, path in wanted.items() if not _appears(path)), "")
    said = [line for line in world.told(f"{unseen} on {socket.gethostname()}" if unseen else "") if line]
    if world.main:
        for marker in markers.values():
            marker.unlink(missing_ok=True)
    if said:
        raise ModelError(
            f"The folder of {printable(said[0])} is not the one that the first process sees: a training on several "
            "nodes needs --out, --features and --data on storage that all nodes share (NFS, Lustre), under one path."
        )


def _appears(path: Path) -> bool:
    until = time.monotonic() + SEEN_SECONDS
    while not path.exists():
        if time.monotonic() > until:
            return False
        if path.parent.is_dir():
            os.listdir(path.parent)  # noqa: PTH208  # NFS looks anew
        time.sleep(0.2)
    return True


def wait_until_free(folders: Sequence[Path], note: Callable[[str], None]) -> None:
    """Wait for a process that is ending to let go of folders: the one before a restart, for example.

    Raises:
        ManifestError: another run is writing one of them.
    """
    until, told = time.monotonic() + FREE_SECONDS, False
    for folder in folders:
        while True:
            try:
                with exclusive(folder):
                    break
            except ManifestError as error:
                if time.monotonic() > until:
                    raise
                if not told:
                    note(f"waiting: {error}")
                told = True
                time.sleep(0.5)
