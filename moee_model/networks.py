"""The frozen networks that features are made with, and what tells one set of weights from another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from moee_model.codec import make_codec
from moee_model.config import ModelConfig
from moee_model.encoders import make_text
from moee_model.speech import make_speech

_NOT_WEIGHTS: Final = ("transformers_version", "dtype")


@dataclass(frozen=True)
class Networks:
    """codec, speech, text_encoder and tokenizer as `MoEEPipeline` has them."""

    codec: Any
    speech: Any
    text_encoder: Any
    tokenizer: Any

    @classmethod
    def make(cls, config: ModelConfig, device: torch.device | str = "cpu") -> Networks:
        """The frozen networks of a configuration; raises ModelError where one cannot be opened."""
        encoder, tokenizer = make_text(config.emotion)
        codec, speech = make_codec(config.codec), make_speech(config.audio)
        return cls(codec.to(device), speech.to(device), encoder.to(device), tokenizer)

    @classmethod
    def of(cls, pipeline: Any) -> Networks:
        """Those of a pipeline."""
        return cls(pipeline.codec, pipeline.speech, pipeline.text_encoder, pipeline.tokenizer)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return next(self.speech.parameters()).device

    def hashes(self) -> dict[str, str]:
        """Network -> a hash that changes with its weights and its configuration."""
        vocabulary = json.dumps(sorted(self.tokenizer.get_vocab().items()))
        return {
            "codec": weights_hash(self.codec),
            "speech": weights_hash(self.speech),
            "text": hashlib.sha256((weights_hash(self.text_encoder) + vocabulary).encode()).hexdigest(),
        }


def weights_hash(network: nn.Module) -> str:
    """SHA-256 of a network's class, configuration, and the names, shapes, types and bytes of all its tensors."""
    config = getattr(network, "config", {})
    plain = dict(config.to_dict() if hasattr(config, "to_dict") else config)
    # diffusers notes in `_use_default_values`, in no order, what was not given: names with _ say nothing of the weights
    told = {name: value for name, value in plain.items() if name not in _NOT_WEIGHTS and not name.startswith("_")}
    digest = hashlib.sha256(f"{type(network).__name__}:{json.dumps(told, sort_keys=True, default=str)}".encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}:".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
