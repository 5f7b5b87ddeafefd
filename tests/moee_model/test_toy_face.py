"""The toy world's face: what is drawn can be read back by analysis, and its sound tells the mouth."""

import numpy as np
import pytest
import torch

from moee_model.batch import EXPERTS, NONE
from moee_model.config import model_config
from moee_model.speech import hidden_states, make_speech, windows
from moee_model.toy_face import (
    CURVE,
    EMOTION,
    HEIGHT,
    HIGH,
    LOW,
    OPENING,
    PROTOTYPES,
    RADIUS,
    SHADE,
    SLANT,
    decode,
    emotion_of,
    mouth_mask,
    openings,
    parameters,
    person,
    render,
    sound,
)

torch.set_num_threads(1)


def faces(count: int) -> torch.Tensor:
    """[count, 6] any faces, emotions up to the size of the prototypes."""
    values = LOW + (HIGH - LOW) * torch.rand(count, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values[:, EMOTION] *= 0.66
    return values


def one_hot(number: int) -> list[float]:
    return [float(place == number) for place in range(6)]


def as_bytes(images: torch.Tensor) -> torch.Tensor:
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def test_a_drawing_gives_its_parameters_back_to_the_last_digits() -> None:
    values = faces(40)
    assert (decode(render(values)) - values).abs().max() < 1e-9


def test_a_drawing_of_8_bits_gives_its_parameters_back_within_a_hundredth() -> None:
    values = faces(40)
    assert (decode(as_bytes(render(values))) - values).abs().max() < 0.02


def test_noise_of_a_twentieth_of_the_range_hides_no_emotion() -> None:
    values = torch.cat(
        [parameters(*person(who), one_hot(k), torch.tensor([0.1, 0.9])) for k in range(6) for who in (1, 2)]
    )
    noise = 0.05 * torch.randn(len(values), 3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = decode(as_bytes(render(values) + noise))
    assert emotion_of(found).tolist() == [k for k in range(6) for _ in range(4)]
    apart = (found - values).abs().mean(0)
    assert apart[OPENING] < 0.06 and apart[RADIUS] < 0.01 and apart[SHADE] < 0.02 and apart[EMOTION].max() < 0.15


def test_what_is_no_face_is_still_read_within_the_ranges() -> None:
    found = decode(torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    assert ((found >= LOW) & (found <= HIGH)).all()


def test_the_six_prototypes_and_neutral_lie_apart() -> None:
    places = torch.cat([PROTOTYPES, torch.zeros(1, 3, dtype=torch.float64)])
    assert torch.pdist(places).min() > 0.95
    assert emotion_of(torch.nn.functional.pad(PROTOTYPES, (2, 1))).tolist() == list(range(len(EXPERTS)))


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_mixture_lies_between_its_two_emotions(share: float) -> None:
    values = parameters(0.85, 0.5, [1 - share, share, 0, 0, 0, 0], torch.zeros(1))
    torch.testing.assert_close(values[0, EMOTION], PROTOTYPES[0] + share * (PROTOTYPES[1] - PROTOTYPES[0]))


@pytest.mark.parametrize("number", range(6))
def test_the_drawing_is_smooth_in_every_parameter(number: int) -> None:
    """Halving a small change halves the difference of the drawings: no parameter snaps to pixels."""
    values = faces(20)
    values[:, OPENING] = values[:, OPENING].clamp(0.1, 0.9)
    changes = []
    for size in (1e-3, 5e-4):
        moved = values.clone()
        moved[:, number] += size
        changes.append((render(moved) - render(values)).flatten(1))
    assert changes[0].norm(dim=1).min() > 1e-4, "the parameter is seen"
    assert ((changes[0] - 2 * changes[1]).norm(dim=1) / changes[0].norm(dim=1)).max() < 0.1


@pytest.mark.parametrize("number", [HEIGHT, SLANT, CURVE, OPENING])
def test_the_mask_holds_the_mouth_and_neither_brows_nor_eyes(number: int) -> None:
    still = parameters(0.94, 0.5, NONE, torch.zeros(1))
    for change in (-1.0, 1.0) if number != OPENING else (1.0,):
        moved = still.clone()
        moved[:, number] += change
        changed = (render(moved) - render(still)).abs().amax(1)[0]
        inside, outside = (changed * mouth_mask()).max(), (changed * ~mouth_mask()).max()
        assert inside > 5 * outside if number in (CURVE, OPENING) else outside > 5 * inside


def test_words_and_persons_hang_on_their_seeds_alone() -> None:
    assert torch.equal(openings(40, 3), openings(40, 3)) and not torch.equal(openings(40, 3), openings(40, 4))
    assert torch.equal(openings(40, 3)[:10], openings(10, 3)), "a longer speech begins as the shorter one"
    assert torch.equal(sound(openings(10, 3), 3), sound(openings(10, 3), 3))
    assert person(3) == person(3) != person(4)


def test_a_mouth_opens_and_closes_and_the_sound_is_as_loud_as_it_is_open() -> None:
    opening = openings(200, 0)
    assert opening.min() < 0.05 and opening.max() > 0.8 and opening.max() <= 1
    waveform = sound(opening, 0)
    assert waveform.dtype == torch.float32 and len(waveform) == 200 * 640 and waveform.abs().max() <= 1
    loud = waveform.view(200, 640).square().mean(1).sqrt()
    assert np.corrcoef(loud, opening)[0, 1] > 0.95


def test_the_hidden_states_of_the_seeded_speech_network_carry_the_mouth() -> None:
    """A linear reading of five frames' hidden states, for sounds that it was not fitted on: chance is 0."""
    config = model_config("toy")
    network = make_speech(config.audio)
    heard, opened = [], []
    for words in range(32):
        opening = openings(50, words)
        hidden = hidden_states(network, sound(opening, words), 50, config.fps, config.audio.layers)
        heard.append(windows(hidden, 0, 50, 5).flatten(1).unfold(0, 5, 1).flatten(1).double())
        opened.append(opening.double())
    fitted, asked = torch.cat(heard[:24]), torch.cat(heard[24:])
    known, truth = torch.cat(opened[:24]), torch.cat(opened[24:])
    mean, spread = fitted.mean(0), fitted.std(0) + 1e-6
    a, b = (fitted - mean) / spread, (asked - mean) / spread
    weights = torch.linalg.solve(a.T @ a + 100 * torch.eye(a.shape[1]), a.T @ (known - known.mean()))
    assert np.corrcoef(b @ weights, truth)[0, 1] > 0.9
