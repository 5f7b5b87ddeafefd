"""Files of public weights: where they lie, the names and shapes in them; safetensors only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from manifests.text import printable
from moee_model.errors import ModelError
from moee_model.folders import PICKLES
from moee_model.hub import SECONDS, is_id

FILES: Final = ("diffusion_pytorch_model.safetensors", "model.safetensors")
_CONFIG: Final = "config.json"


class PartFile:
    """The tensors of one model by name, read one at a time.

    place: as the user named it, to be shown. shapes: name -> shape. settings: of the `config.json` beside the weights;
    empty where there is none.
    """

    def __init__(self, place: str, handles: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self.place, self.settings = place, settings
        self._handles = {name: handle for handle in handles.values() for name in handle.keys()}  # noqa: SIM118
        self.shapes = {name: tuple(handle.get_slice(name).get_shape()) for name, handle in self._handles.items()}

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor, on the processor."""
        return self._handles[name].get_tensor(name)


def part_file(place: str | Path, inside: str = "") -> PartFile:
    """Open the weights of a folder, a safetensors file or a hub id.

    Args:
        place: where. inside: folder of a whole pipeline in which this model lies, used where it is there.

    Raises:
        ModelError: nothing is there, it is a pickle, damaged, or the hub does not answer.
    """
    from safetensors import SafetensorError, safe_open

    shown = printable(str(place))
    paths = weight_files(place, inside)
    try:
        handles = {path.name: safe_open(path, framework="pt") for path in paths}
        beside = paths[0].parent / _CONFIG
        settings = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
    except (OSError, SafetensorError, ValueError) as error:
        said = printable(" ".join(str(error).split())[:160]).rstrip(".")
        raise ModelError(f"{shown} is damaged or no safetensors file ({said}): fetch it again.") from error
    if not isinstance(settings, dict):
        raise ModelError(f"{shown} has a config.json that is no mapping of settings: fetch it again.")
    return PartFile(shown, handles, settings)


def weight_files(place: str | Path, inside: str = "") -> Sequence[Path]:
    """The files of these weights, those of the hub in its cache; arguments and errors as `part_file`."""
    path, shown = Path(place).expanduser(), printable(str(place))
    if path.is_file():
        if path.suffix != ".safetensors":
            raise ModelError(_refused(shown) if path.suffix in PICKLES else f"{shown} is no safetensors file.")
        return [path]
    if path.is_dir():
        return _in_folder(path / inside if (path / inside).is_dir() else path, shown)
    if not is_id(path):
        raise ModelError(f"There is no model folder or file {shown}.")
    return _of_hub(shown, inside)


def _in_folder(folder: Path, shown: str) -> Sequence[Path]:
    for name in FILES:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _shards(index, shown)
    found = sorted(folder.glob("*.safetensors"))
    if len(found) == 1:
        return found
    if found:
        raise ModelError(f"{shown} holds {len(found)} safetensors files and none is {FILES[0]}: name the file itself.")
    if any(path.suffix in PICKLES for path in folder.iterdir()):
        raise ModelError(_refused(shown))
    raise ModelError(f"{shown} holds no weights (no safetensors file).")


def _shards(index: Path, shown: str) -> Sequence[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        paths = [index.parent / Path(name).name for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{shown} has an index of weights that cannot be read: fetch it again.") from error
    absent = [path.name for path in paths if not path.is_file()]
    if absent or not paths:
        raise ModelError(f"{shown} lacks {printable(absent[0]) if absent else 'its weights'}: fetch it again.")
    return paths


def _refused(shown: str) -> str:
    return (
        f"{shown} holds a pickle, which could run code, and no safetensors: take the safetensors that its maker offers "
        "(on the hub mostly beside it), or open it in the program that made it and save_pretrained(...) it again."
    )


def _of_hub(name: str, inside: str) -> Sequence[Path]:
    """The files of a hub id, from the hub's cache or downloaded; its answer is waited for a few seconds only."""
    from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

    wanted = [f"{folder}{file}" for folder in dict.fromkeys((f"{inside}/" if inside else "", "")) for file in FILES]
    for one in wanted:
        cached = try_to_load_from_cache(name, one)
        if isinstance(cached, str):
            return [Path(cached)]
    try:
        # The library tries five times and waits up to a minute for each: it is asked only when the hub answers.
        for one in wanted:
            answer = get_session().head(hf_hub_url(name, one), headers=build_hf_headers(), timeout=SECONDS)
            if answer.status_code < 400:
                folder = one.rpartition("/")[0]
                hf_hub_download(name, f"{folder}/{_CONFIG}".lstrip("/"), etag_timeout=SECONDS)
                return [Path(hf_hub_download(name, one, etag_timeout=SECONDS))]
    except Exception as error:  # those of the library and of what it is built on
        raise ModelError(
            f"{name} is no folder here and the hub does not give it ({type(error).__name__}): check name and network, "
            "or give a local folder."
        ) from error
    raise ModelError(f"{name} is no folder here, and the hub has no safetensors under this name: check it.")
