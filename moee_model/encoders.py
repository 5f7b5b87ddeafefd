"""Frozen encoders of an emotion's other descriptions: a sentence (Sentence-T5) and the driving sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch.nn import functional
from transformers import ByT5Tokenizer, T5Config, T5EncoderModel

from moee_model.config import EmotionConfig
from moee_model.errors import ModelError
from moee_model.folders import opened
from moee_model.hub import folder_of
from moee_model.seeds import seeded
from moee_model.speech import RATE, Heard, frames_of

_SECONDS: Final = 30  # an emotion is told by the first half minute of a sound
_TOKENS: Final = 128


def make_text(config: EmotionConfig, seed: int = 0) -> tuple[T5EncoderModel, Any]:
    """The text encoder and its tokenizer.

    Args:
        config: `text_model` names a folder or hub id of a T5 encoder (Sentence-T5); empty: a small seeded one that
            reads bytes.
        seed: of seeded weights.

    Raises:
        ModelError: the folder holds no such model, or its embeddings have another width than `config.text`.
    """
    if not config.text_model:
        sizes = T5Config(
            vocab_size=384,
            d_model=config.text,
            d_kv=16,
            d_ff=2 * config.text,
            num_layers=2,
            num_heads=4,
            dropout_rate=0,
        )
        with seeded(seed, "text"):
            encoder = T5EncoderModel(sizes)
        return encoder.eval().requires_grad_(False), ByT5Tokenizer()
    from transformers import AutoTokenizer

    folder = folder_of(config.text_model)
    encoder = opened(T5EncoderModel, folder, unused="decoder.").eval().requires_grad_(False)
    if encoder.config.d_model != config.text:
        raise ModelError(f"{config.text_model} gives {encoder.config.d_model} channels, emotion.text is {config.text}.")
    return encoder, AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


@torch.inference_mode()
def text_embedding(encoder: T5EncoderModel, tokenizer: Any, texts: Sequence[str]) -> torch.Tensor:
    """Sentences as unit vectors: the mean over a sentence's tokens, as Sentence-T5 pools them.

    Its last dense layer is left out: the trained layer behind it is linear too.

    Returns:
        [N, channels] float32, on the processor.
    """
    told = tokenizer(list(texts), return_tensors="pt", padding=True, truncation=True, max_length=_TOKENS)
    told = {name: told[name].to(encoder.device) for name in ("input_ids", "attention_mask")}
    states = encoder(**told).last_hidden_state.float()
    mask = told["attention_mask"][..., None].float()
    return functional.normalize((states * mask).sum(1) / mask.sum(1).clamp(min=1), dim=-1).cpu()


@torch.inference_mode()
def sound_embedding(network: Any, waveform: torch.Tensor) -> torch.Tensor:
    """The driving sound as one vector: the mean of a wav2vec2 network's last hidden state over the first half minute.

    Args:
        network: a Wav2Vec2Model, best one that was trained on emotions. waveform: [samples], 16 kHz.

    Returns:
        [channels] float32, on the processor.
    """
    sound = waveform[: _SECONDS * RATE]
    frames = frames_of(sound, 25)
    return Heard(network, sound, frames, 25, 1).span(0, frames)[:, -1].mean(0).cpu().clone()
