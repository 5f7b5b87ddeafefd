"""Hidden states at the frame rate: the library's own for a short sound, chunk by chunk for a long one."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from transformers import Wav2Vec2Model

from moee_model import speech
from moee_model.config import AudioConfig, model_config
from moee_model.speech import Heard, frames_of, hidden_states, make_speech, windows

AUDIO = model_config("toy").audio


@pytest.fixture(scope="module")
def network() -> Wav2Vec2Model:
    return make_speech(AUDIO)


def sound(seconds: float, seed: int = 0) -> torch.Tensor:
    return torch.randn(round(seconds * 16000), generator=torch.Generator().manual_seed(seed))


def test_hidden_states_are_the_network_s_own_between_resampled_convolutions(network: Wav2Vec2Model) -> None:
    heard = sound(2)
    ours = hidden_states(network, heard, 50, 25, 2)
    plain = (heard - heard.mean()) / torch.sqrt(heard.var(correction=0) + 1e-7)
    with torch.inference_mode():
        convolved = functional.interpolate(
            network.feature_extractor(plain[None]), size=50, mode="linear", align_corners=True
        )
        states, _ = network.feature_projection(convolved.transpose(1, 2))
        told = network.encoder(states)[0]
    torch.testing.assert_close(ours[:, -1], told[0], rtol=0, atol=1e-5)
    assert ours.shape == (50, 2, 64)


def test_the_network_is_left_as_it_was(network: Wav2Vec2Model) -> None:
    heard = sound(1)[None]
    with torch.inference_mode():
        before = network(heard).last_hidden_state
        hidden_states(network, heard[0], 25, 25, 2)
        assert torch.equal(network(heard).last_hidden_state, before)
    assert not network.training and not any(one.requires_grad for one in network.parameters())


def test_a_long_sound_is_heard_in_chunks_without_a_seam(
    network: Wav2Vec2Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = sound(6)
    whole = hidden_states(network, heard, 150, 25, 2)
    monkeypatch.setattr(speech, "CHUNK", 50)
    parts = hidden_states(network, heard, 150, 25, 2)
    apart = (parts - whole).norm(dim=(1, 2)) / whole.norm(dim=(1, 2))
    assert apart.max() < 0.35 and apart.mean() < 0.2  # a seeded network attends everywhere alike
    spans = Heard(network, heard, 150, 25, 2)
    assert torch.equal(torch.cat([spans.span(start, start + 30) for start in range(0, 150, 30)]), parts)


def test_what_lies_beyond_the_edges_repeats_them(network: Wav2Vec2Model) -> None:
    spans = Heard(network, sound(1), 25, 25, 2)
    assert torch.equal(spans.span(-3, 2), spans.span(0, 25)[[0, 0, 0, 0, 1]])
    assert torch.equal(spans.span(23, 28), spans.span(0, 25)[[23, 24, 24, 24, 24]])
    hidden = spans.span(0, 25)
    assert torch.equal(windows(hidden, 0, 3, 5), hidden[[0, 0, 0, 1, 2, 3, 4]])
    assert torch.equal(windows(hidden, 22, 3, 5), spans.span(20, 27))


def test_loudness_is_heard(network: Wav2Vec2Model) -> None:
    """A seeded network has to tell loud from soft, else no mouth could be trained on it: a linear reading, held out."""
    source = torch.Generator().manual_seed(0)
    loudness = torch.rand(160, generator=source).repeat_interleave(5)
    heard = torch.randn(640 * 800, generator=source) * (0.02 + loudness.repeat_interleave(640))
    features = torch.cat([hidden_states(network, heard, 800, 25, 2).flatten(1), torch.ones(800, 1)], 1).double()
    seen, held = features[:600], features[600:]
    ridge = seen.T @ seen + 0.3 * torch.eye(seen.shape[1])
    guess = held @ torch.linalg.solve(ridge, seen.T @ loudness[:600].double())
    assert torch.corrcoef(torch.stack([guess, loudness[600:].double()]))[0, 1] > 0.8


@pytest.mark.parametrize("samples", [1, 399, 640, 16000])
def test_a_sound_of_any_length_has_frames(network: Wav2Vec2Model, samples: int) -> None:
    heard = sound(1)[:samples]
    frames = frames_of(heard, 25)
    told = hidden_states(network, heard, frames, 25, 2)
    assert told.shape[0] == max(1, samples // 640) and torch.isfinite(told).all()


def test_seeded_weights_hang_on_the_seed_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second, other = (make_speech(AUDIO, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_default_sizes_are_wav2vec2_base() -> None:
    with torch.device("meta"):
        network = make_speech(AudioConfig())
    assert sum(one.numel() for one in network.parameters()) == 94_371_712
