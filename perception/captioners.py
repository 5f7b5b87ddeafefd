"""Vision-language models on this machine: where they lie, whether they are whole and only data, and their hash."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception.errors import PerceptionError
from perception.weights import file_sha256

log = logging.getLogger(__name__)

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
BESIDE = ("*.json", "*.jinja", "*.model", "merges.txt", "vocab.txt")  # all else that a result depends on
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
BLOB = re.compile(r"[0-9a-f]{64}")
TIMEOUT = 5.0  # s for an answer of the hub


@dataclass(frozen=True)
class LocalModel:
    """A vision-language model whose files are here and whole.

    Args:
        folder: that holds it.
        name: the folder's, or the repository's on the hub.
        weights: its safetensors files.
        sha256: of the names and hashes of the weights and of all files that describe them, hex.
    """

    folder: Path
    name: str
    weights: tuple[Path, ...]
    sha256: str

    @property
    def model(self) -> str:
        """Its name and the first 12 digits of its hash."""
        return f"{self.name}@{self.sha256[:12]}"


def find_model(model: str, revision: str | None = None, timeout: float = TIMEOUT) -> LocalModel:
    """A model by its folder or its name on the hub, fetched when the hub's cache does not hold all of it.

    A model that is in the cache is taken from there without asking the hub, so that a revision such as `main` stays
    what it was when it was fetched.

    Args:
        model: a folder, else a repository of the hub.
        revision: branch, tag or commit on the hub; None is `main`.
        timeout: s that the hub may take for its first answer.

    Raises:
        PerceptionError: there is none, it is damaged or holds code, or the hub does not give it.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return read_model(folder)
    if not HUB_ID.fullmatch(model):
        raise PerceptionError(f"There is no vision-language model {model!r}: no such folder, and no name of the hub.")
    if importlib.util.find_spec("huggingface_hub") is None:
        raise PerceptionError("huggingface_hub is not installed: pip install 'moee[captions]'.")
    from huggingface_hub import constants, try_to_load_from_cache

    cached, lacks = try_to_load_from_cache(model, CONFIG, revision=revision), "it is not in the hub's cache"
    if isinstance(cached, str):
        try:
            return read_model(Path(cached).parent)
        except PerceptionError as error:  # perhaps a download that was cut off
            lacks = str(error).rstrip(".")
    if constants.HF_HUB_OFFLINE:
        raise PerceptionError(
            f"The hub may not be asked for the vision-language model {model} (HF_HUB_OFFLINE is set): {lacks}."
        )
    return read_model(_fetched(model, revision, timeout, lacks))


def read_model(folder: Path) -> LocalModel:
    """Judge a model's folder: its configuration, that its weights are here, whole and safetensors; hash it.

    The hub's cache keeps large files under the sha256 that the hub states; that name is taken for the hash. All other
    files are read once per process.

    Raises:
        PerceptionError: one sentence that says what is wrong with it.
    """
    config = _json(folder, CONFIG)
    if not isinstance(config.get("model_type"), str):
        raise damaged(folder, f"its {CONFIG} does not say what model it is")
    weights = _weights(folder)
    for file in weights:
        _judge(folder, file)
    try:
        beside = {file for pattern in BESIDE for file in folder.glob(pattern) if file.is_file()}
        hashes = [f"{file.name} {_sha256(file)}" for file in sorted({*beside, *weights})]
    except OSError as error:
        raise damaged(folder, f"it cannot be read ({error.strerror})") from None
    digest = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return LocalModel(folder, _name(folder), weights, digest)


def damaged(folder: Path, why: str) -> PerceptionError:
    """The error for a folder that cannot be used."""
    return PerceptionError(f"The vision-language model {str(folder)!r} cannot be used: {why}.")


def first_line(error: BaseException) -> str:
    """What a library says of an error, short enough for one sentence."""
    text = " ".join(str(error).split("\n\n")[0].split())
    return text[:160].rstrip(". ") or type(error).__name__


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        held = json.loads((folder / name).read_bytes())
    except FileNotFoundError:
        raise damaged(folder, f"it holds no {name}") from None
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise damaged(folder, f"its {name} cannot be read ({why})") from None
    if not isinstance(held, dict):
        raise damaged(folder, f"its {name} cannot be read (it is no JSON object)")
    return held


def _weights(folder: Path) -> tuple[Path, ...]:
    """The safetensors files, all of them here."""
    if (folder / INDEX).is_file():
        named = _json(folder, INDEX).get("weight_map")
        if not isinstance(named, dict) or not named:
            raise damaged(folder, f"its {INDEX} names no files")
        files = sorted({str(name) for name in named.values()})
    else:
        files = [WEIGHTS]
    for name in files:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise damaged(folder, f"its {INDEX} names {name[:80]!r}, which is no safetensors file in it")
        if not (folder / name).is_file():
            others = [file for pattern in PICKLED for file in folder.glob(pattern)]
            only = f", only {others[0].name}: pickled weights may hold code and are not read" if others else ""
            raise damaged(folder, f"it holds no {name}{only}")
    return tuple(folder / name for name in files)


def _judge(folder: Path, file: Path) -> None:
    """A safetensors file says where its tensors lie; one that was cut off or written over does not fit that."""
    if importlib.util.find_spec("safetensors") is None:
        raise PerceptionError("safetensors is not installed: pip install 'moee[captions]'.")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np") as held:
            if not held.keys():
                raise damaged(folder, f"{file.name} holds no weights")
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(folder, f"{file.name} is damaged ({first_line(error)})") from None


def _sha256(file: Path) -> str:
    place = file.resolve()
    if file.is_symlink() and place.parent.name == "blobs" and BLOB.fullmatch(place.name):
        return place.name
    return file_sha256(file)


def _name(folder: Path) -> str:
    """The repository's name for a folder of the hub's cache (models--OWNER--NAME/snapshots/COMMIT), else its own."""
    parts = folder.absolute().parts
    if len(parts) > 3 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        return parts[-3].removeprefix("models--").replace("--", "/")
    name = folder.resolve().name
    return "".join(letter if letter.isprintable() else "?" for letter in name) or "model"


def _fetched(model: str, revision: str | None, timeout: float, lacks: str) -> Path:
    """The folder of the hub's cache, downloaded."""
    from huggingface_hub import get_token, hf_hub_url, snapshot_download
    from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

    try:
        # The library tries five times and waits up to a minute for each: it is asked only when the hub answers.
        url = hf_hub_url(model, CONFIG, revision=revision)
        answer = get_session().head(url, headers=build_hf_headers(token=get_token()), timeout=timeout)
        if answer.status_code >= 400:
            raise OSError(f"it answers {answer.status_code}; is the name right, are its conditions accepted?")
        log.warning("%s is fetched from the hub, which may take a while", model)
        patterns = [*BESIDE, "*.safetensors"]
        return Path(
            snapshot_download(
                model, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"], etag_timeout=timeout
            )
        )
    except Exception as error:  # those of the library and of what it is built on
        raise PerceptionError(
            f"The hub did not give the vision-language model {model} ({first_line(error)}), and {lacks}."
        ) from error
