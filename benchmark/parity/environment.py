"""The environment of the public programs: made once, beside this one, and used again."""

from __future__ import annotations

import hashlib
import logging
import shutil
import site
import subprocess
import sys
import sysconfig
import uuid
import venv
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmark.errors import BenchmarkError

log = logging.getLogger(__name__)

REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
OURS: Final = ("torch", "numpy", "scipy")
"""Libraries that both sides share: those of the environment that runs the command."""
PATIENCE_S: Final = 900


def environment(folder: Path | None = None) -> Path:
    """The interpreter in which the public programs can be imported.

    It is a venv in the user's cache, named by its pinned list and by the libraries it borrows. It sees this
    environment's packages behind its own, so that torch is the same on both sides and is not installed twice.

    Args:
        folder: the venv itself instead; taken as it is where it is one, else made there.

    Returns:
        Its Python.

    Raises:
        BenchmarkError: the packages cannot be installed, as without a package index.
    """
    place = folder or _cached()
    python = place / "bin" / "python"
    if not python.exists():
        if place.exists():
            raise BenchmarkError(f"{place} is no environment (it has no bin/python): name another folder with --env.")
        log.info("making the environment of the public programs in %s", place)
        _make(place)
    return python


def _cached() -> Path:
    from benchmark.places import cache_folder

    shared = " ".join(f"{name}=={_installed(name)}" for name in OURS)
    what = "\n".join([REQUIREMENTS.read_text("utf-8"), sys.version, shared, *_site_packages()])
    return cache_folder() / "parity" / hashlib.sha256(what.encode()).hexdigest()[:16]


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError as error:
        raise BenchmarkError(f"{name} is missing; run `make setup`.") from error


def _site_packages() -> list[str]:
    """Where this environment's packages are, in the order in which they are looked for."""
    found = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    return list(dict.fromkeys(found))


def _make(place: Path) -> None:
    """Made aside and renamed when whole, so that a run that was cut off leaves nothing that looks like one."""
    aside = place.with_name(f"{place.name}-{uuid.uuid4().hex[:8]}")
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        venv.EnvBuilder(with_pip=True, symlinks=True).create(aside)
        python = aside / "bin" / "python"
        _install(python)
        packages = subprocess.run(
            [python, "-Ic", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        # Behind the venv's own packages: what the list pins comes from the list.
        Path(packages, "of-the-parent.pth").write_text("\n".join(_site_packages()) + "\n", "utf-8")
        _rename(aside, place)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchmarkError(f"The environment of the public programs cannot be made in {place}: {error}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _install(python: Path) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    try:
        done = subprocess.run(
            [*command, "-r", str(REQUIREMENTS)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"pip did not install the public programs within {PATIENCE_S // 60} minutes.") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        why = said[-1].removeprefix("ERROR: ") if said else f"pip ended with {done.returncode}"
        raise BenchmarkError(f"The public programs cannot be installed; is there a package index? pip says: {why}")


def _rename(aside: Path, place: Path) -> None:
    try:
        aside.rename(place)
    except OSError:
        if not (place / "bin" / "python").exists():  # unless another run was faster
            raise
