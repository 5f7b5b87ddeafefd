"""wav2vec2 as it is published loads strictly, under its old and its new names."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Model

from moee_model.config import AudioConfig, model_config
from moee_model.errors import ModelError
from moee_model.initial import load_speech
from moee_model.speech import make_speech

TINY = AudioConfig(layers=2, channels=64, heads=4, feed_forward=128, convolution=64, tokens=4, hidden=64)
BASE = {"vocab_size": 32, "mask_time_prob": 0.05, "apply_spec_augment": True}  # of wav2vec2-base-960h
OLD = {
    "conv.parametrizations.weight.original0": "conv.weight_g",
    "conv.parametrizations.weight.original1": "conv.weight_v",
}


def settings(audio: AudioConfig, **other: Any) -> Wav2Vec2Config:
    sizes: dict[str, Any] = {
        "hidden_size": audio.channels,
        "num_hidden_layers": audio.layers,
        "num_attention_heads": audio.heads,
        "intermediate_size": audio.feed_forward,
        "conv_dim": (audio.convolution,) * 7,
    }
    return Wav2Vec2Config(**{**sizes, **BASE, **other})


def publish(folder: Path, kind: type = Wav2Vec2ForCTC, old: bool = False, **other: Any) -> torch.nn.Module:
    """A folder as its makers publish it; `old`: the weight norm's names from before parametrizations."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = kind(settings(TINY, **other))
    network.save_pretrained(folder)
    state = load_file(folder / "model.safetensors")
    names = {name: name for name in state}
    for new, was in (OLD if old else {was: new for new, was in OLD.items()}).items():
        names = {name: re.sub(re.escape(new) + "$", was, shown) for name, shown in names.items()}
    save_file({names[name]: value for name, value in state.items()}, folder / "model.safetensors")
    return getattr(network, "wav2vec2", network).eval()


@pytest.mark.parametrize("kind", [Wav2Vec2ForCTC, Wav2Vec2Model])
@pytest.mark.parametrize("old", [True, False])
def test_the_loaded_network_hears_what_the_published_one_hears(kind: type, old: bool, tmp_path: Path) -> None:
    published = publish(tmp_path, kind, old)
    names = set(load_file(tmp_path / "model.safetensors"))
    assert any(name.endswith("weight_g") for name in names) is old
    ours, sound = load_speech(tmp_path, TINY), torch.randn(1, 4000)
    with torch.no_grad():
        expected = published(sound, output_hidden_states=True).hidden_states
        found = ours(sound, output_hidden_states=True).hidden_states
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))
    assert not torch.equal(found[-1], make_speech(TINY)(sound).last_hidden_state)
    assert not any(value.requires_grad for value in ours.parameters()) and not ours.training


def test_a_lost_tensor_is_told_by_name(tmp_path: Path) -> None:
    publish(tmp_path, old=True)
    state = load_file(tmp_path / "model.safetensors")
    del state["wav2vec2.encoder.pos_conv_embed.conv.weight_v"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"1 tensors that it needs are missing \(encoder.pos_conv_embed.conv.param"):
        load_speech(tmp_path, TINY)


def test_a_network_of_other_sizes_or_kind_is_refused(tmp_path: Path) -> None:
    publish(tmp_path)
    with pytest.raises(ModelError, match=r"does not fit the speech network: \d+ have another shape"):
        load_speech(tmp_path, replace(TINY, feed_forward=96))
    with pytest.raises(ModelError, match="num_attention_heads = 4, this model has 2"):
        load_speech(tmp_path, replace(TINY, heads=2))
    publish(tmp_path, do_stable_layer_norm=True)
    with pytest.raises(ModelError, match="do_stable_layer_norm = True, this model has False"):
        load_speech(tmp_path, TINY)


def test_the_paper_preset_takes_the_names_and_shapes_of_wav2vec2_base_960h(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wav2Vec2ForCTC with its published settings, on meta tensors, under the names in its file."""
    from moee_model.part_files import PartFile
    from tests.moee_model.test_initial import Shapes

    audio = model_config("paper").audio
    with torch.device("meta"):
        state = Wav2Vec2ForCTC(settings(audio)).state_dict()
    for new, was in OLD.items():
        state = {re.sub(re.escape(new) + "$", was, name): value for name, value in state.items()}
    assert {"wav2vec2.encoder.pos_conv_embed.conv.weight_g", "wav2vec2.masked_spec_embed", "lm_head.bias"} <= set(state)
    file = PartFile("base", {"one": Shapes(state)}, settings(audio).to_dict())
    monkeypatch.setattr("moee_model.initial.part_file", lambda place: file)
    with torch.device("meta"):
        network = load_speech("base", audio)
    assert sum(value.numel() for value in network.parameters()) == pytest.approx(94.37e6, rel=1e-3)
