"""Clips of the toy world: what a step of training sees of them."""

import numpy as np
import pytest
import torch

from moee_model.batch import EXPERTS, NONE, Request, Six
from moee_model.codec import make_codec, to_pixels
from moee_model.config import model_config
from moee_model.sampler import Plan
from moee_model.speech import hidden_states, make_speech, windows
from moee_model.toy_face import (
    CURVE,
    EMOTION,
    HEIGHT,
    OPENING,
    PROTOTYPES,
    RADIUS,
    SHADE,
    decode,
    openings,
    parameters,
    person,
    render,
    sound,
)
from moee_model.toy_source import LENGTH, ToySource, emotions, portrait, six

torch.set_num_threads(1)
CONFIG = model_config("toy")
KINDS = len(emotions())
FRAMES, MOTION = 4, 2


@pytest.fixture(scope="module")
def source() -> ToySource:
    return ToySource(CONFIG, make_speech(CONFIG.audio), persons=2)


def request(index: int, seed: int = 0, label: Six = NONE, masked: bool = False) -> Request:
    return Request(index, seed, label, label, masked)


def read(latents: torch.Tensor) -> torch.Tensor:
    """[n, 6] parameters of latents [n, C, h, w]."""
    return decode((to_pixels(make_codec(CONFIG.codec), latents) + 1) / 2)


def test_every_person_shows_six_emotions_four_compounds_and_neutral(source: ToySource) -> None:
    assert source.labels.shape == (2 * KINDS, 6) and source.labels.dtype == np.float32
    alone = (source.labels == 1).sum(1) == 1
    halves = (source.labels == 0.5).sum(1) == 2
    nothing = (source.labels == 0).all(1)
    assert (alone.sum(), halves.sum(), nothing.sum()) == (12, 8, 2)
    assert len(set(source.ids)) == len(source.labels)


@pytest.mark.parametrize("stage", ["image", "motion-audio", "experts", "gates"])
def test_every_stage_can_train_on_it(stage: str, source: ToySource) -> None:
    requests = Plan(source.labels, stage, 8, 0).requests(0)
    frames, motion = (1, 0) if stage == "image" else (FRAMES, MOTION)
    batch = source.batch(requests, frames, motion)
    side, channels, half = CONFIG.latent_size, CONFIG.codec.channels, CONFIG.audio.window // 2
    assert batch.latents.shape == (8, channels, frames + motion, side, side)
    assert batch.reference.shape == (8, channels, side, side)
    assert batch.audio.shape == (8, frames + motion + 2 * half, CONFIG.audio.layers, CONFIG.audio.channels)
    assert batch.counted.shape == (8, 1, frames + motion, side, side)
    assert batch.latents.dtype == batch.reference.dtype == batch.audio.dtype == torch.float32
    assert batch.latents.abs().max() <= 1
    assert batch.learned.tolist() == [one.gates is None for one in requests]


def test_latents_show_the_clip_s_emotion_and_person(source: ToySource) -> None:
    indices = list(range(KINDS))
    batch = source.batch([request(index) for index in indices], 1, 0)
    found = read(batch.latents[:, :, 0])
    wanted = torch.from_numpy(source.labels[indices]).double() @ PROTOTYPES
    assert (found[:, EMOTION] - wanted).abs().max() < 1e-4
    assert (found[:, [RADIUS, SHADE]] - torch.tensor(person(0))).abs().max() < 1e-4


def test_the_reference_is_the_person_at_rest_whatever_is_shown(source: ToySource) -> None:
    batch = source.batch([request(0), request(1), request(KINDS)], 1, 0)
    assert torch.equal(batch.reference[0], batch.reference[1]) and not torch.equal(*batch.reference[1:])
    assert read(batch.reference)[:, HEIGHT:].abs().max() < 1e-4
    folded = make_codec(CONFIG.codec).encode(portrait(0)[None])[0]
    assert torch.equal(batch.reference[0], folded)


def test_sound_and_mouth_are_of_the_same_frames(source: ToySource) -> None:
    """The mouth's movement tells where the window lies in the clip; there the sound must lie too."""
    opening = openings(LENGTH, 0)  # the words of the first clip of seed 0
    hidden = hidden_states(make_speech(CONFIG.audio), sound(opening, 0), LENGTH, CONFIG.fps, CONFIG.audio.layers)
    batch = source.batch([request(0, seed) for seed in range(6)], FRAMES, MOTION)
    places = set()
    for latents, audio in zip(batch.latents, batch.audio, strict=True):
        seen = read(latents.transpose(0, 1))[:, OPENING]
        place = int((opening.unfold(0, FRAMES + MOTION, 1) - seen).abs().sum(1).argmin())
        places.add(place)
        expected = windows(hidden, place, FRAMES + MOTION, CONFIG.audio.window)
        torch.testing.assert_close(audio, expected, atol=1e-5, rtol=1e-5)
    assert len(places) > 3, "windows differ"


def test_the_same_requests_give_the_same_numbers_whatever_was_asked_before(source: ToySource) -> None:
    asked = [request(3, 7), request(12, 8)]
    first = source.batch(asked, FRAMES, MOTION)
    source.batch([request(5, 9)], 1, 0)
    again, alone = source.batch(asked, FRAMES, MOTION), source.batch(asked[1:], FRAMES, MOTION)
    assert torch.equal(first.latents, again.latents) and torch.equal(first.audio, again.audio)
    assert torch.equal(first.latents[1], alone.latents[0])
    other = source.batch([request(3, 70)], FRAMES, MOTION)
    assert not torch.equal(first.latents[0], other.latents[0]), "the window is drawn from the sample's seed"


def test_a_masked_sample_does_not_count_its_mouth_and_counts_its_brows(source: ToySource) -> None:
    told = six(["angry"])
    batch = source.batch([request(0, 0, told, masked=True), request(0, 0, told)], FRAMES, MOTION)
    hidden, whole = batch.counted
    assert whole.all() and 0.3 < hidden.mean() < 0.9
    shown = parameters(0.9, 0.5, NONE, torch.ones(1))
    for number, counts in ((OPENING, False), (CURVE, False), (HEIGHT, True)):
        moved = shown.clone()
        moved[:, number] -= 0.5
        codec = make_codec(CONFIG.codec)
        changed = (codec.encode(_picture(moved)) - codec.encode(_picture(shown))).abs().amax(1)[0]
        inside = changed[hidden[0, 0] == 0].max()
        outside = changed[hidden[0, 0] == 1].max()
        assert (outside > 3 * inside) if counts else (inside > 3 * outside)
    assert batch.weights[0].tolist() == list(told), "the label that is told is not the one that is shown"


def test_only_the_label_is_told(source: ToySource) -> None:
    batch = source.batch([request(0, 0, six(["sad"]))], 1, 0)
    assert batch.present.tolist() == [[True, False, False, False]]
    assert batch.weights[0, EXPERTS.index("sad")] == 1


def test_shuffled_labels_are_the_same_ones_on_other_clips(source: ToySource) -> None:
    other = ToySource(CONFIG, make_speech(CONFIG.audio), persons=2, shuffled=True)
    assert sorted(map(tuple, other.labels.tolist())) == sorted(map(tuple, source.labels.tolist()))
    assert (other.labels != source.labels).any(1).mean() > 0.5
    same = [one.batch([request(4)], 1, 0).latents for one in (source, other)]
    assert torch.equal(*same)


def _picture(values: torch.Tensor) -> torch.Tensor:
    return render(values).float() * 2 - 1
