"""One schedule for training and sampling; a sample's random numbers hang on its own seed alone."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from moee_model.config import ScheduleConfig
from moee_model.errors import ModelError
from moee_model.noise import Dropout, check_scheduler, draw, make_scheduler
from tests.moee_model.material import batch, config, rows

TOY = config()


def test_a_sample_draws_the_same_alone_and_among_others() -> None:
    whole = batch(TOY, 6)
    together = draw(whole, 1000, Dropout(), 0.05)
    for row in range(6):
        alone = draw(rows(whole, [row]), 1000, Dropout(), 0.05)
        assert torch.equal(alone.noise[0], together.noise[row])
        assert alone.timesteps[0] == together.timesteps[row] and alone.frame[0] == together.frame[row]
        assert torch.equal(alone.dropped.told[0], together.dropped.told[row])


def test_no_global_generator_is_touched() -> None:
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    draw(batch(TOY), 1000, Dropout(), 0.05)
    after = (torch.get_rng_state(), np.random.get_state()[1], random.getstate())
    assert torch.equal(before[0], after[0]) and (before[1] == after[1]).all() and before[2] == after[2]


def test_conditions_are_dropped_per_sample_as_often_as_asked() -> None:
    many = batch(TOY, 2000)
    small = replace(many, latents=many.latents[:, :, :3, :1, :1])
    dropped = draw(small, 1000, Dropout(image=0.1, audio=0.2, motion=0.3, emotion=0.4, all=0.0), 0).dropped
    for name, share in (("image", 0.1), ("audio", 0.2), ("motion", 0.3), ("emotion", 0.4)):
        assert abs(float(getattr(dropped, name).float().mean()) - share) < 0.04, name
    everything = draw(small, 1000, Dropout(0, 0, 0, 0, all=0.1), 0).dropped
    assert torch.equal(everything.image, everything.emotion) and 0.06 < everything.audio.float().mean() < 0.14


def test_a_sample_is_always_told_one_of_the_modalities_that_it_has() -> None:
    many = batch(TOY, 500)
    present = torch.tensor([[True, True, False, True]] * 500)
    small = replace(many, latents=many.latents[:, :, :3, :1, :1], present=present)
    told = draw(small, 1000, Dropout(modality=0.5, single=0.5), 0).dropped.told
    assert told.any(1).all() and not told[:, 2].any()
    assert 0.5 < (told.sum(1) == 1).float().mean() < 0.9
    nothing = draw(replace(small, present=torch.zeros(500, 4, dtype=torch.bool)), 1000, Dropout(), 0).dropped.told
    assert not nothing.any()


def test_another_schedule_than_the_configured_is_refused() -> None:
    """hallo and Moore-AnimateAnyone train with scaled_linear betas and sample with linear ones."""
    config = ScheduleConfig()
    check_scheduler(make_scheduler(config), config)
    for change in ({"beta_schedule": "linear"}, {"prediction": "v_prediction"}, {"beta_end": 0.02}, {"steps": 100}):
        with pytest.raises(ModelError, match="must share one schedule"):
            check_scheduler(make_scheduler(replace(config, **change)), config)  # type: ignore[arg-type]


def test_epsilon_with_zero_terminal_snr_is_refused() -> None:
    with pytest.raises(ModelError, match="needs prediction: v_prediction"):
        make_scheduler(ScheduleConfig(zero_terminal_snr=True))


def test_the_noise_is_standard_and_its_offset_is_one_number_per_channel() -> None:
    given = batch(TOY)
    plain, shifted = (draw(given, 1000, Dropout(), offset).noise for offset in (0.0, 0.5))
    assert abs(float(plain.std()) - 1) < 0.03
    shift = (shifted - plain).flatten(2)
    assert shift.std(-1).max() < 1e-5 and shift.mean(-1).std() > 0.2
