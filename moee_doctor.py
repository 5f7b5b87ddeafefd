"""`moee doctor`: what this machine has, and what each missing part would add."""

import ctypes.util
import importlib.metadata
import importlib.util
import json
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from manifests.processes import usable_cores


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Args:
        part: machine, codecs, system, packages, models, emotion panel or abilities.
        name: of the thing.
        present: whether it is here.
        detail: version or place, when present.
        adds: what it would add and how to get it, when missing.
        needed: whether something of the default way fails without it.
    """

    part: str
    name: str
    present: bool
    detail: str = ""
    adds: str = ""
    needed: bool = False


SYSTEM = (  # name, library, what it is for, Debian's package, whether the default way fails without it
    ("libEGL", "EGL", "face detection and landmarks (MediaPipe)", "libegl1", True),
    ("libGLESv2", "GLESv2", "face detection and landmarks (MediaPipe)", "libgles2", True),
    ("libavcodec", "avcodec", "reading published datasets with load_dataset (torchcodec)", "ffmpeg", False),
)
CODECS = (
    ("h264", "r", "reading H.264"),
    ("hevc", "r", "reading HEVC"),
    ("vp9", "r", "reading VP9"),
    ("av1", "r", "reading AV1"),
    ("mpeg1video", "r", "reading MPEG-1"),
    ("libx264", "w", "writing clips"),
    ("aac", "w", "writing clips"),
)


ABILITIES = "abilities"
NEEDED = ("blazeface-full", "blazeface-short", "face-mesh", "silero-vad")  # what the default recipe cannot do without
PARTS = {  # what each extra of the package adds
    "curation": "making datasets",
    "audio": "speech detection",
    "emotion": "more networks that tell emotions",
    "captions": "captions by a vision-language model",
    "diarization": "telling voices apart",
    "publish": "publishing datasets and reading them with load_dataset",
    "train": "training and generating with MoEE",
    "benchmark": "scoring systems",
    "cluster": "running on Ray and Slurm",
    "dev": "tests and checks",
}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say what this machine has and what each missing part would add.

    Example: moee doctor
    """
    findings = [*_machine(), *_codecs(), *_system(), *_packages(), *_models(), *_panel(), *_abilities()]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    if any(finding.needed and not finding.present for finding in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    part = ""
    for finding in findings:
        if finding.part != part:
            part = finding.part
            print(f"\n{part}")
        mark = "ok     " if finding.present else "MISSING" if finding.needed else "absent "
        said = finding.detail if finding.present else finding.adds
        print(f"  {mark} {finding.name:34} {said}")


def _machine() -> Iterator[Finding]:
    yield Finding("machine", "python", True, f"{platform.python_version()} on {platform.platform()}")
    yield Finding("machine", "cores", True, str(usable_cores()))
    try:
        import psutil

        yield Finding("machine", "memory", True, f"{psutil.virtual_memory().total / 2**30:.0f} GiB")
    except ModuleNotFoundError:
        yield Finding("machine", "memory", True, "unknown")
    free = shutil.disk_usage(".").free / 2**30
    yield Finding("machine", "free disk here", True, f"{free:.0f} GiB")
    yield _accelerator()


def _accelerator() -> Finding:
    adds = "training and generation at paper size, and faster networks; everything else runs without one"
    if importlib.util.find_spec("torch") is None:
        return Finding("machine", "CUDA device", False, adds=adds)
    import torch

    if torch.cuda.is_available():
        return Finding("machine", "CUDA device", True, torch.cuda.get_device_name(0))
    return Finding("machine", "CUDA device", False, adds=adds)


def _codecs() -> Iterator[Finding]:
    if importlib.util.find_spec("av") is None:
        return
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    for name, mode, use in CODECS:
        try:
            found = Codec(name, "r" if mode == "r" else "w").long_name
            yield Finding("codecs", f"{name} ({'decoder' if mode == 'r' else 'encoder'})", True, found)
        except UnknownCodecError:
            yield Finding("codecs", name, False, adds=f"{use}: reinstall the package av", needed=True)


def _system() -> Iterator[Finding]:
    for name, library, use, package, needed in SYSTEM:
        found = ctypes.util.find_library(library)
        how = f"{use}: sudo apt-get install {package}"
        yield Finding("system", name, found is not None, found or "", how, needed=needed)
    program = shutil.which("espeak-ng")
    how = "the embedded sample (`moee sample`, `make demo`): sudo apt-get install espeak-ng"
    yield Finding("system", "espeak-ng", program is not None, program or "", how)


def _packages() -> Iterator[Finding]:
    try:
        required = importlib.metadata.requires("moee") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("packages", "moee", False, adds="the command `moee`: make setup", needed=True)
        return
    for name, extras in _by_package(required).items():
        parts = [part for part in extras if part]
        try:
            version = importlib.metadata.version(name)
            yield Finding("packages", name, True, f"{version}  {', '.join(parts)}".rstrip())
        except importlib.metadata.PackageNotFoundError:
            use = " and ".join(PARTS.get(part, part) for part in parts)
            how = f"{use}: {_install(parts[0])}" if parts else "make setup"
            yield Finding("packages", name, False, adds=how, needed=not parts)


def _install(extra: str) -> str:
    return f"pip install -c requirements/constraints.txt -e '.[{extra}]'"


def _by_package(required: list[str]) -> dict[str, list[str]]:
    """Package name -> the extras that ask for it ("" for the core)."""
    packages: dict[str, list[str]] = {}
    for line in required:
        requirement, _, marker = line.partition(";")
        name = requirement.split("==")[0].split("[")[0].strip()
        extra = marker.split("==")[-1].strip().strip("'\"") if "extra" in marker else ""
        packages.setdefault(name, []).append(extra)
    return packages


def _models() -> Iterator[Finding]:
    try:
        from perception import weights
    except ModuleNotFoundError as error:
        print(f"the models cannot be listed: {error.name} is not installed", file=sys.stderr)
        return
    for entry in weights.entries():
        where = weights.find(entry.name) if weights.available(entry.name) else None
        how = f"{entry.without}: {weights.how_to_get(entry)}"
        needed = entry.name in NEEDED and not (entry.name == "face-mesh" and weights.available("face-landmarker"))
        yield Finding("models", entry.name, where is not None, str(where or ""), how, needed)


def _panel() -> Iterator[Finding]:
    """The networks that tell emotions or action units beside the scoring of landmarks, which is always there.

    Each whose file is here is opened: the file may be another one, or its library may be broken.
    """
    try:
        from perception import members
    except ModuleNotFoundError:
        return  # said already
    here = {name.split("/")[0]: name for name, _ in members.usable()}
    for kind in members.KINDS:
        name = here.get(kind.name)
        fault = "" if name is None else _fault(name)
        how = f"{name} is here and cannot be opened: {fault}" if fault else f"{kind.adds}: {kind.how}"
        yield Finding("emotion panel", kind.name, name is not None and not fault, f"{name}: {kind.adds}", how)


def _fault(member: str) -> str:
    """Why a network of the panel cannot be opened, on one line; "" where it can."""
    from perception import members

    try:
        members.load(member)
    except Exception as error:  # those of the libraries too: whatever it is, the doctor says it and goes on
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def _abilities() -> Iterator[Finding]:
    """What needs several parts at once, or a model that no registry can name."""
    try:
        from perception import weights
    except ModuleNotFoundError:
        return  # said already
    yield _identity()
    speaks = weights.available("light-asd")
    adds = "whether a mouth speaks, as a network sees it (mouth and sound are compared without it)"
    yield Finding(ABILITIES, "speaking mouths", speaks, "Light-ASD", f"{adds}: moee models fetch light-asd")
    yield _diarization()
    lacks = [name for name in ("datasets", "torchcodec") if importlib.util.find_spec(name) is None]
    ready = not lacks and ctypes.util.find_library("avcodec") is not None
    how = _install("publish") if lacks else "sudo apt-get install ffmpeg"
    adds = f"datasets that load_dataset reads, with video and sound: {how}"
    yield Finding(ABILITIES, "publishing", ready, "datasets, torchcodec", adds)


def _identity() -> Finding:
    from perception.embedding import usable

    found = usable()
    how = "moee models fetch dlib-face" if importlib.util.find_spec("dlib") else _install("curation")
    adds = f"who is in a clip: persons, splits that share none, the certificate: {how}"
    return Finding(ABILITIES, "identity", found is not None, found[0] if found else "", adds)


def _diarization() -> Finding:
    from perception.errors import PerceptionError
    from perception.pipelines import HUB, find_pipeline, read_pipeline

    adds = "voices told apart (one speaker is assumed without it)"
    if importlib.util.find_spec("pyannote") is None:
        return Finding(ABILITIES, "diarization", False, adds=f"{adds}: {_install('diarization')}")
    folder = find_pipeline()
    if folder is None:
        how = f"put the folder of https://huggingface.co/{HUB} into pyannote/ of the folder that MOEE_WEIGHTS names"
        return Finding(ABILITIES, "diarization", False, adds=f"{adds}: {how}")
    try:
        return Finding(ABILITIES, "diarization", True, f"{read_pipeline(folder).model}  {folder}")
    except PerceptionError as error:
        return Finding(ABILITIES, "diarization", False, adds=f"{adds}: {error}")
