"""Videos made together are those that the pipeline makes one by one."""

from itertools import islice

import numpy as np
import pytest
import torch

from moee_model.config import model_config
from moee_model.denoiser import build
from moee_model.emotion import parse
from moee_model.pipeline import MoEEPipeline
from moee_model.toy_face import openings, sound
from moee_model.toy_source import LENGTH, portrait
from perf.toy.batched import Wanted, videos

torch.set_num_threads(1)
CONFIG = model_config("toy")
ASKED = (("happy", 1), ("happily-surprised", 2), ("neutral", 3))


@pytest.fixture(scope="module")
def made() -> MoEEPipeline:
    """Random weights everywhere, also where training begins at zero, so that every condition counts."""
    denoiser = build(CONFIG)
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in denoiser.parameters():
            if not value.any():
                value.copy_(0.1 * torch.randn(value.shape, generator=source))
    return MoEEPipeline.from_denoiser(denoiser, CONFIG)


def wanted() -> list[Wanted]:
    images = [((portrait(seed) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy() for _, seed in ASKED]
    sounds = [sound(openings(LENGTH, seed), seed).numpy() for _, seed in ASKED]
    return [
        Wanted(image, waveform, parse(name), seed)
        for image, waveform, (name, seed) in zip(images, sounds, ASKED, strict=True)
    ]


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_videos_made_together_are_those_of_the_pipeline(made: MoEEPipeline, guidance: float) -> None:
    together = videos(made, wanted(), 7, 3, guidance)
    assert [video.shape for video in together] == [(7, 16, 16, 3)] * 3
    for one, ours in zip(wanted(), together, strict=True):
        stream = made.stream(one.image, one.waveform, one.emotion, 3, guidance, one.seed)
        theirs = np.concatenate(list(islice(stream, 2)))[:7]
        assert np.abs(ours.astype(int) - theirs).max() <= 1
        assert theirs.std() > 5, "the pictures show something"
