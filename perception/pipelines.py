"""Diarization pipelines on this machine: where they lie, whether they are whole and harmless, and their hash."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception import weights
from perception.errors import PerceptionError

HUB = "pyannote/speaker-diarization-community-1"  # CC-BY-4.0; its conditions are accepted on its page
CONFIG = "config.yaml"
CLASSES = (
    "pyannote.audio.pipelines.SpeakerDiarization",
    "pyannote.audio.pipelines.speaker_diarization.SpeakerDiarization",
)
CLUSTERINGS = ("VBxClustering", "AgglomerativeClustering")  # the others must be told the number of speakers
NETWORKS = "pyannote.audio.models."  # a checkpoint names its class; the library imports any
CHECKPOINT = "pytorch_model.bin"
PLDA = {"xvec_transform": "xvec_transform.npz", "plda": "plda.npz"}
SETTINGS = ("version", "dependencies", "pipeline", "params", "freeze")
PARAMS = (
    "clustering",
    "segmentation",
    "segmentation_step",
    "segmentation_batch_size",
    "embedding",
    "embedding_batch_size",
    "embedding_exclude_overlap",
    "plda",
    "der_variant",
)
TIMEOUT = 5.0  # s for an answer of the hub


@dataclass(frozen=True)
class LocalPipeline:
    """A pipeline whose files are here and right.

    Args:
        folder: that holds it.
        name: the folder's, or the repository's on the hub.
        config: what `config.yaml` says.
        files: role (segmentation, embedding, xvec_transform, plda) -> file.
        sha256: of the configuration and all files, hex.
    """

    folder: Path
    name: str
    config: dict[str, Any] = field(repr=False)
    files: dict[str, Path]
    sha256: str

    @property
    def model(self) -> str:
        """Its name and the first 12 digits of its hash."""
        return f"{self.name}@{self.sha256[:12]}"


def find_pipeline() -> Path | None:
    """The folder of the pipeline that this machine has, without asking the hub; None without one.

    The first by name in `pyannote/` of the weights folder, else the hub's cached copy of community-1.
    """
    folder = weights.weights_folder()
    if folder is not None:
        for config in sorted((folder / "pyannote").glob(f"*/{CONFIG}")):
            return config.parent
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(HUB, CONFIG)
    return Path(cached).parent if isinstance(cached, str) else None


def fetch_pipeline(timeout: float = TIMEOUT) -> Path:
    """The folder of community-1 in the hub's cache, downloaded when it is not whole and a token is known.

    Raises:
        PerceptionError: no token, no answer in time, or a refusal.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise PerceptionError("huggingface_hub is not installed: pip install 'moee[diarization]'.")
    from huggingface_hub import get_token, hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

    cached = try_to_load_from_cache(HUB, CONFIG)
    if isinstance(cached, str):
        try:
            return read_pipeline(Path(cached).parent).folder
        except PerceptionError:
            pass  # a download that was cut off
    token = get_token()
    if token is None:
        raise PerceptionError(
            f"The hub gives {HUB} only to who accepted its conditions: do so on https://huggingface.co/{HUB}, then set "
            "HF_TOKEN; or put its folder into pyannote/ of the folder that MOEE_WEIGHTS names."
        )
    names = [f"{role}/{CHECKPOINT}" for role in ("segmentation", "embedding")]
    names += [f"plda/{file}" for file in PLDA.values()]
    try:
        # The library tries five times and waits up to a minute for each: it is asked only when the hub answers.
        headers = build_hf_headers(token=token)
        answer = get_session().head(hf_hub_url(HUB, CONFIG), headers=headers, timeout=timeout)
        if answer.status_code >= 400:
            raise OSError(f"it answers {answer.status_code}; are its conditions accepted, is the token right?")
        for name in names:
            hf_hub_download(HUB, name, token=token, etag_timeout=timeout)
        return Path(hf_hub_download(HUB, CONFIG, token=token, etag_timeout=timeout)).parent
    except Exception as error:
        said = " ".join(str(error).split())[:160]
        raise PerceptionError(f"The hub did not give {HUB} ({said or type(error).__name__}).") from error


def read_pipeline(folder: Path) -> LocalPipeline:
    """Judge a pipeline's folder: its configuration, that all its files are here, whole and only data; hash them.

    Raises:
        PerceptionError: one sentence that says what is wrong with it.
    """
    import yaml

    try:
        raw = (folder / CONFIG).read_bytes()
        config = yaml.safe_load(raw)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no YAML"
        raise _damaged(folder, f"its {CONFIG} cannot be read ({why})") from None
    _judge(folder, config)
    files = _files(folder, config["pipeline"]["params"])
    digest = hashlib.sha256(raw)
    for role in sorted(files):
        digest.update(f"{role} {_checked(folder, files[role])}\n".encode())
    name = _hub_name(folder) or folder.resolve().name
    return LocalPipeline(folder, name, config, files, digest.hexdigest())


def _damaged(folder: Path, why: str) -> PerceptionError:
    return PerceptionError(f"The diarization pipeline {str(folder)!r} is not used: {why}.")


def _hub_name(folder: Path) -> str:
    """The repository's name for a folder of the hub's cache: models--<owner>--<name>/snapshots/<revision>."""
    parts = folder.absolute().parts
    return parts[-3].split("--")[-1] if len(parts) > 3 and parts[-2] == "snapshots" else ""


def _judge(folder: Path, config: Any) -> None:
    """A configuration may name the one pipeline and its settings, and nothing else that the library would import."""
    section = config.get("pipeline") if isinstance(config, dict) else None
    if not isinstance(section, dict) or not isinstance(section.get("params"), dict):
        raise _damaged(folder, f"its {CONFIG} describes no pipeline")
    if section.get("name") not in CLASSES:
        raise _damaged(folder, f"it is a {str(section.get('name'))[:80]!r}, not {CLASSES[0]}")
    odd = [str(key) for key in config if key not in SETTINGS] + [str(k) for k in section["params"] if k not in PARAMS]
    if odd:
        raise _damaged(folder, f"its {CONFIG} holds {odd[0]!r}, which is not known here")
    clustering = section["params"].get("clustering", CLUSTERINGS[0])
    if clustering not in CLUSTERINGS:
        raise _damaged(folder, f"its clustering is {str(clustering)[:80]!r}, not {' or '.join(CLUSTERINGS)}")


def _files(folder: Path, params: dict[str, Any]) -> dict[str, Path]:
    files = {role: _place(folder, role, params.get(role), CHECKPOINT) for role in ("segmentation", "embedding")}
    if params.get("clustering", CLUSTERINGS[0]) == "VBxClustering":
        files |= {role: _place(folder, "plda", params.get("plda"), name) for role, name in PLDA.items()}
    return files


def _place(folder: Path, role: str, named: Any, file: str) -> Path:
    """The file of a model that the configuration names: `$model/<folder>`, or a path."""
    if not isinstance(named, str):
        raise _damaged(folder, f"its {CONFIG} names no file for {role}")
    place = folder / named.removeprefix("$model/")
    place = place / file if place.is_dir() else place
    if not place.is_file():
        raise _damaged(folder, f"{named!r}, its {role}, is no file here (models are taken from files, not by name)")
    return place


def _checked(folder: Path, file: Path) -> str:
    """The sha256 of a file that is whole and holds nothing but data."""
    try:
        facts = file.stat()
        key = (str(file), facts.st_size, facts.st_mtime_ns, facts.st_ino)
        if key not in _CHECKED:
            with zipfile.ZipFile(file) as archive:
                broken = archive.testzip()
            if broken is not None:
                raise zipfile.BadZipFile(f"{broken} is not what was written")
            if file.suffix != ".npz":
                _judge_checkpoint(folder, file)
            with file.open("rb") as opened:
                _CHECKED[key] = hashlib.file_digest(opened, "sha256").hexdigest()
    except (OSError, zipfile.BadZipFile) as error:
        raise _damaged(folder, f"{file.name} of {file.parent.name} is damaged ({error})") from None
    return _CHECKED[key]


_CHECKED: dict[tuple[str, int, int, int], str] = {}


class _Specifications:
    """Stands for pyannote's data classes while a checkpoint is judged: they need not be imported for that."""

    def __init__(self, *values: Any) -> None:
        self.values = values


def _judge_checkpoint(folder: Path, file: Path) -> None:
    """Refuse a checkpoint that holds code or names a class of another package."""
    import pickle

    import torch

    task = "pyannote.audio.core.task"
    stand_ins = [(_Specifications, f"{task}.{name}") for name in ("Specifications", "Problem", "Resolution")]
    try:
        with torch.serialization.safe_globals([*stand_ins, torch.torch_version.TorchVersion]):
            held = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        named = str(held["pyannote.audio"]["architecture"]["module"])
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, AttributeError, EOFError) as error:
        first = str(error).strip().split(". ")[0].split("\n")[0][:160]
        raise _damaged(folder, f"{file.name} of {file.parent.name} is no plain checkpoint ({first})") from None
    if not named.startswith(NETWORKS):
        raise _damaged(folder, f"{file.name} of {file.parent.name} names the class of another package, {named[:80]!r}")
