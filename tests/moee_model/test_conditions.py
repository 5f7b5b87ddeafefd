"""Emotion-to-latents, audio tokens, text and sound embeddings, and the codec that folds."""

from __future__ import annotations

import pytest
import torch

from moee_model.audio_attention import AudioProjection
from moee_model.codec import PixelFold, make_codec, to_latents, to_pixels
from moee_model.config import CodecConfig, EmotionConfig, model_config
from moee_model.emotion_latents import EmotionToLatents
from moee_model.encoders import make_text, sound_embedding, text_embedding
from moee_model.errors import ModelError
from moee_model.speech import make_speech

TOY = model_config("toy")


@pytest.fixture(scope="module")
def latents() -> EmotionToLatents:
    torch.manual_seed(0)
    return EmotionToLatents(
        text=16, audio=16, aus=22, tokens=8, channels=32, embeddings=12, embedding_channels=20, heads=4
    )


def told(seed: int = 0) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    return [torch.rand(3, width, generator=source) for width in (6, 16, 16, 22)]


def test_the_published_shapes() -> None:
    made = EmotionToLatents()
    with torch.inference_mode():
        said = made(
            torch.eye(6)[:2], torch.zeros(2, 768), torch.zeros(2, 768), torch.zeros(2, 22), torch.ones(2, 4).bool()
        )
    assert said.shape == (2, 8, 512) and made.learned.shape == (64, 768)


@pytest.mark.parametrize("modality", range(4))
def test_each_modality_tells_and_an_absent_one_does_not(latents: EmotionToLatents, modality: int) -> None:
    given, present = told(), torch.ones(3, 4, dtype=torch.bool)
    other = [value.clone() for value in given]
    other[modality] += 1
    assert not torch.allclose(latents(*given, present), latents(*other, present))
    present[:, modality] = False
    assert torch.equal(latents(*given, present), latents(*other, present))


def test_a_sample_s_latents_do_not_hang_on_the_others(latents: EmotionToLatents) -> None:
    given, present = told(), torch.tensor([[True] * 4, [False] * 4, [True, False, True, False]])
    whole = latents(*given, present)
    alone = latents(*[value[1:2] for value in given], present[1:2])
    torch.testing.assert_close(whole[1:2], alone)


def test_a_frame_hears_its_window_and_no_more() -> None:
    torch.manual_seed(0)
    made = AudioProjection(window=5, layers=2, channels=6, hidden=16, tokens=3, context=8)
    hidden = torch.randn(1, 9, 2, 6)
    plain = made(hidden)
    assert plain.shape == (1, 5, 3, 8)
    hidden[0, 6] += 1
    changed = (made(hidden) != plain).flatten(2).any(-1)[0]
    assert changed.tolist() == [False, False, True, True, True]  # frame k hears hidden states k .. k + 4


def test_sentences_are_unit_vectors_that_differ_and_do_not_hang_on_their_neighbours() -> None:
    encoder, tokenizer = make_text(TOY.emotion)
    both = text_embedding(encoder, tokenizer, ["She smiles.", "He weeps and hides his face in his hands for long."])
    alone = text_embedding(encoder, tokenizer, ["She smiles."])
    torch.testing.assert_close(both[:1], alone, rtol=0, atol=1e-5)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(2))
    assert (both[0] - both[1]).norm() > 0.05 and both.shape == (2, TOY.emotion.text)


def test_a_sentence_model_of_another_width_is_refused(tmp_path: object) -> None:
    encoder, tokenizer = make_text(TOY.emotion)
    encoder.save_pretrained(str(tmp_path))
    tokenizer.save_pretrained(str(tmp_path))
    same = EmotionConfig(text=64, text_model=str(tmp_path))
    again = text_embedding(*make_text(same), ["She smiles."])
    assert torch.equal(again, text_embedding(encoder, tokenizer, ["She smiles."]))
    with pytest.raises(ModelError, match=r"gives 64 channels, emotion.text is 32"):
        make_text(EmotionConfig(text=32, text_model=str(tmp_path)))


def test_sounds_are_vectors_that_differ() -> None:
    network = make_speech(TOY.audio)
    source = torch.Generator().manual_seed(0)
    noise = torch.randn(16000, generator=source)
    tone = torch.sin(torch.arange(16000) * 0.05)
    one, other = sound_embedding(network, noise), sound_embedding(network, tone)
    assert one.shape == (64,) and (one - other).norm() > 0.1
    assert torch.equal(one, sound_embedding(network, noise))


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_folding_loses_nothing(factor: int) -> None:
    codec = make_codec(CodecConfig("fold", factor, 3 * factor**2))
    pixels = torch.rand(2, 3, 16, 16) * 2 - 1
    latents = to_latents(codec, pixels)
    assert latents.shape == (2, 3 * factor**2, 16 // factor, 16 // factor)
    assert isinstance(codec, PixelFold) and torch.equal(to_pixels(codec, latents), pixels)


def test_folding_into_other_channels_is_refused() -> None:
    with pytest.raises(ModelError, match="gives 48 channels"):
        make_codec(CodecConfig("fold", 4, 4))


def test_the_default_autoencoder_has_stable_diffusion_s_sizes() -> None:
    with torch.device("meta"):
        codec = make_codec(CodecConfig())
        latents = to_latents(codec, torch.zeros(1, 3, 512, 512))
    assert sum(one.numel() for one in codec.parameters()) == 83_653_863
    assert latents.shape == (1, 4, 64, 64)
