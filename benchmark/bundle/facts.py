"""What a bundle says of the program and the machine that made it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Final

from benchmark.bundle.record import CodeFacts, DeviceFacts
from manifests.processes import usable_cores

_SOURCES: Final = ("benchmark", "media", "perception")
_PACKAGES: Final = (
    "av",
    "deepface",
    "dlib-bin",
    "mediapipe",
    "numpy",
    "onnxruntime",
    "opencv-contrib-python-headless",
    "pyarrow",
    "scikit-image",
    "scipy",
    "torch",
    "torchmetrics",
)


@cache
def code() -> CodeFacts:
    """See `benchmark.bundle.code`."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in _SOURCES:
        for path in sorted((root / package).rglob("*.py")):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return CodeFacts(version=_version("moee") or "not installed", source=digest.hexdigest())


def packages() -> dict[str, str]:
    """See `benchmark.bundle.packages`."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        version = _version(name)
        if version:
            found[name] = version
    return found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def device() -> DeviceFacts:
    """See `benchmark.bundle.device`."""
    return DeviceFacts(cpu=_cpu(), cores=usable_cores(), accelerator=_accelerator())


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def _accelerator() -> str | None:
    torch = sys.modules.get("torch")  # a run that did not load it used none
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name(0))
