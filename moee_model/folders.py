"""Models in diffusers' and transformers' folders: safetensors only, one sentence for whatever is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from manifests.text import printable
from moee_model.errors import ModelError
from moee_model.hub import folder_of

PICKLES: Final = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle")
"""How files are called that could run code when they are opened."""


def opened(kind: Any, place: str | Path, unused: str = "", **settings: Any) -> Any:
    """A model by `kind.from_pretrained`, from a local folder or a hub id: every weight and no other.

    Args:
        kind: a class of diffusers or transformers.
        place: folder, or `organisation/name` on the hub.
        unused: what the names of weights may begin with that the class does not have (`decoder.` of a whole T5).
        settings: passed on.

    Raises:
        ModelError: there is no such folder or hub id, no network, no safetensors in it, or its weights have other
            names or shapes than its configuration says.
    """
    shown, folder = printable(str(place)), folder_of(place)
    _check_folder(folder, shown)
    _quiet()
    try:
        found, report = kind.from_pretrained(str(folder), use_safetensors=True, output_loading_info=True, **settings)
    except Exception as error:
        said = " ".join(str(error).split())[:240].rstrip(".")
        raise ModelError(f"The model in {shown} cannot be opened: {said}.") from error
    _check_names(report, shown, unused)
    return found


def _check_names(report: dict[str, Any], shown: str, unused: str) -> None:
    """The libraries only warn about weights that are missing, unknown or of another shape."""
    for what, key in (
        ("lacks", "missing_keys"),
        ("has unknown", "unexpected_keys"),
        ("has misshapen", "mismatched_keys"),
    ):
        names = sorted(str(name) for name in report.get(key) or ())
        if unused and key == "unexpected_keys":
            names = [name for name in names if not name.startswith(unused)]
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ModelError(f"The model in {shown} {what} weights: {names[0]}{more}.")


def _quiet() -> None:
    """transformers draws a bar for every model; diffusers warns of what is refused here anyway."""
    from diffusers.utils import logging as diffusers
    from transformers.utils import logging as transformers

    transformers.disable_progress_bar()
    diffusers.set_verbosity_error()


def _check_folder(folder: Path, shown: str) -> None:
    if any(folder.rglob("*.safetensors")):
        return
    pickles = sorted(path.name for path in folder.rglob("*") if path.suffix in PICKLES)
    if pickles:
        raise ModelError(
            f"{shown} holds {printable(pickles[0])}, a pickle that could run code, and no safetensors: convert it with "
            "its maker's tools (save_pretrained(..., safe_serialization=True)) first."
        )
    raise ModelError(f"{shown} holds no weights (no safetensors file).")
