"""A saved pipeline's folder: its configuration, and its components opened strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from diffusers import AutoencoderKL, DDIMScheduler
from transformers import AutoTokenizer, T5EncoderModel, Wav2Vec2Model

from manifests.text import printable
from moee_model.audio_attention import AudioProjection
from moee_model.codec import PixelFold
from moee_model.config import ModelConfig, from_dict
from moee_model.emotion_latents import EmotionToLatents
from moee_model.errors import ModelError
from moee_model.folders import opened
from moee_model.hub import folder_of
from moee_model.reference import ReferenceNet
from moee_model.unet import MoEEUNet

CONFIG: Final = "moee.json"
TRAINED: Final = {
    "unet": MoEEUNet,
    "reference_net": ReferenceNet,
    "audio_projection": AudioProjection,
    "emotion_latents": EmotionToLatents,
}
"""The trained components and their classes."""


def read_config(place: str | Path) -> tuple[Path, ModelConfig]:
    """The folder of a saved pipeline (fetched from the hub where it is an id) and its configuration.

    Raises:
        ModelError: there is no such folder or hub id, or it is no MoEE model.
    """
    shown, folder = printable(str(place)), folder_of(place)
    path = folder / CONFIG
    if not path.is_file():
        raise ModelError(f"{shown} is no MoEE model: it has no {CONFIG} (`moee train` writes one into OUT/model).")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{CONFIG} in {shown} is damaged: {' '.join(str(error).split())[:200]}.") from error
    return folder, from_dict(ModelConfig, found, CONFIG)


def components(folder: Path, config: ModelConfig, torch_dtype: Any = None) -> dict[str, Any]:
    """All components of a saved pipeline, in eval mode.

    Raises:
        ModelError: one is missing, is a pickle, or has other weights than its configuration or `moee.json` says.
    """
    codec = PixelFold if config.codec.kind == "fold" else AutoencoderKL
    settings = {} if torch_dtype is None else {"torch_dtype": torch_dtype}
    found: dict[str, Any] = {}
    for name, kind in {**TRAINED, "codec": codec, "speech": Wav2Vec2Model, "text_encoder": T5EncoderModel}.items():
        found[name] = opened(kind, folder / name, **settings).eval()
    _same_sizes(found, config)
    tokenizer = folder / "tokenizer"
    try:
        found["tokenizer"] = AutoTokenizer.from_pretrained(str(tokenizer), local_files_only=True)
        found["scheduler"] = DDIMScheduler.from_pretrained(str(folder / "scheduler"), local_files_only=True)
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise ModelError(f"Tokenizer or scheduler in {printable(str(folder))} cannot be opened: {said}.") from error
    return found


def _same_sizes(found: dict[str, Any], config: ModelConfig) -> None:
    """Raise if a trained component was made for other sizes than `moee.json` says."""
    import torch

    from moee_model.denoiser import build

    with torch.device("meta"):
        wanted = build(config)
    for name in TRAINED:
        ours = {key: tuple(value.shape) for key, value in getattr(wanted, name).state_dict().items()}
        theirs = {key: tuple(value.shape) for key, value in found[name].state_dict().items()}
        if ours != theirs:
            odd = sorted(set(ours.items()) ^ set(theirs.items()))[0][0]
            raise ModelError(f"{name} was made for another configuration than {CONFIG} says: {odd} differs.")
