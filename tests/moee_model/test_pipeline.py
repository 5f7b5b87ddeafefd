"""The pipeline: seeded, of any length, with emotions over time; saved and opened as what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from moee_model.config import ModelConfig, model_config
from moee_model.emotion import NEUTRAL, Emotion, parse
from moee_model.errors import ModelError
from moee_model.losses import LossConfig, training_loss
from moee_model.noise import make_scheduler
from moee_model.pipeline import MoEEPipeline
from tests.moee_model.material import batch, config, gradients, woken

TOY = config()
RATE = 16000
PORTRAIT = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
SOUND = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)


def pipeline(settings: ModelConfig = TOY, seed: int = 0) -> MoEEPipeline:
    return MoEEPipeline.from_denoiser(woken(settings, seed), settings)


@pytest.fixture(scope="module")
def made() -> MoEEPipeline:
    return pipeline()


def video(made: MoEEPipeline, **settings: Any) -> np.ndarray:
    return made(PORTRAIT, SOUND, **{"steps": 2, "frames": 10, "emotion": parse("happy"), **settings}).frames


def test_a_video_is_as_long_as_its_sound(made: MoEEPipeline) -> None:
    assert video(made, frames=None).shape == (25, 16, 16, 3)
    assert made(PORTRAIT, SOUND[:100], steps=1).frames.shape == (1, 16, 16, 3)


def test_the_same_seed_gives_the_same_video_and_another_one_another(made: MoEEPipeline) -> None:
    first = video(made)
    torch.manual_seed(99)
    assert np.array_equal(first, video(pipeline()))
    assert not np.array_equal(first, video(made, seed=1))


def test_windows_stream_and_make_the_whole(made: MoEEPipeline) -> None:
    parts = list(made.stream(PORTRAIT, SOUND, parse("happy"), steps=2, frames=10))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert np.array_equal(np.concatenate(parts), video(made))


def test_every_way_to_tell_an_emotion_is_heard(made: MoEEPipeline) -> None:
    told = {
        "neutral": NEUTRAL,
        "label": parse("happy"),
        "other label": parse("sad"),
        "compound": parse("happily-surprised"),
        "mixture": parse("happy=0.6,sad=0.4"),
        "text": Emotion.described("she smiles broadly"),
        "other text": Emotion.described("he weeps"),
        "sound": Emotion.heard(),
        "action units": Emotion.moved((0.5,) * 22),
    }
    videos = [video(made, emotion=emotion) for emotion in told.values()]
    for one in range(len(videos)):
        for other in range(one):
            assert not np.array_equal(videos[one], videos[other]), (list(told)[one], list(told)[other])


def test_an_emotion_may_change_over_time(made: MoEEPipeline) -> None:
    happy, sad = video(made, emotion=parse("happy")), video(made, emotion=parse("sad"))
    both = video(made, emotion=[(0.0, parse("happy")), (0.16, parse("sad"))])
    assert np.array_equal(both[:4], happy[:4])
    assert not np.array_equal(both[4:8], happy[4:8]) and not np.array_equal(both[4:8], sad[4:8])
    with pytest.raises(ModelError, match="from second 0"):
        video(made, emotion=[(1.0, parse("sad"))])


def test_guidance_of_one_is_the_conditional_prediction_and_neutral_silence_knows_no_guidance(
    made: MoEEPipeline,
) -> None:
    assert not np.array_equal(video(made, guidance=1), video(made, guidance=3.5))
    made.audio_projection.norm.weight.data.zero_()
    made.audio_projection.norm.bias.data.zero_()  # nothing is heard: both passes are the same
    plain, guided = (video(made, guidance=one, emotion=NEUTRAL).astype(int) for one in (1, 3.5))
    made.audio_projection.norm.weight.data.fill_(1)
    assert np.abs(plain - guided).max() <= 1


def test_making_a_video_between_steps_leaves_training_as_it_was() -> None:
    """Peers' validation patched the reference attention anew and seeded the global generator."""
    told, scheduler = batch(TOY), make_scheduler(TOY.schedule)
    plain, other = woken(TOY), woken(TOY)
    torch.manual_seed(5)
    between = MoEEPipeline.from_denoiser(other, TOY)
    before = torch.get_rng_state()
    for denoiser in (plain, other):
        for _ in range(2):
            if denoiser is other:
                between(PORTRAIT, SOUND, parse("happy"), steps=1, frames=4)
            training_loss(denoiser, told, scheduler, LossConfig()).total.backward()
    assert torch.equal(before, torch.get_rng_state())
    ours, theirs = gradients(plain), gradients(other)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


OTHERS = {
    "toy": {},
    "output gate": {"moe": {"gate_position": "output", "heads": 2}},
    "no mixture": {"moe": {"enabled": False, "heads": 4}},
    "no gates": {"moe": {"local_gate": False, "global_gate": False, "heads": 4}},
    "other sizes": {
        "frames": 6,
        "motion_frames": 1,
        "unet": {"channels": [16, 32, 32], "attention": [True, True, False], "layers": 2, "heads": 2, "context": 24,
                 "groups": 4, "motion_heads": 2, "motion_length": 16, "motion_mid": False, "identity_tokens": 3},
        "emotion": {"tokens": 4, "channels": 32, "embeddings": 5, "embedding_channels": 20, "heads": 2, "text": 32,
                    "audio": 64, "aus": 22},
        "schedule": {"prediction": "v_prediction", "zero_terminal_snr": True, "beta_schedule": "linear"},
    },
    "autoencoder": {"size": 32, "codec": {"kind": "vae", "factor": 2, "channels": 4}},
}  # fmt: skip


def other(name: str) -> ModelConfig:
    from moee_model.config import from_dict, read

    settings = {**read("toy")["model"], **OTHERS[name]}
    return from_dict(ModelConfig, settings)


@pytest.mark.parametrize("name", OTHERS)
def test_a_saved_pipeline_opens_as_the_same(name: str, tmp_path: Path) -> None:
    settings = other(name)
    before = pipeline(settings)
    before.save_pretrained(tmp_path / "model")
    after = MoEEPipeline.from_pretrained(tmp_path / "model")
    assert after.settings == settings
    assert after.unet.config.gate_position == settings.moe.gate_position
    for part in ("unet", "reference_net", "audio_projection", "emotion_latents", "codec", "speech", "text_encoder"):
        ours, theirs = getattr(before, part).state_dict(), getattr(after, part).state_dict()
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours), part
    assert np.array_equal(video(before, frames=7), video(after, frames=7))
    assert not [path for path in (tmp_path / "model").rglob("*") if path.suffix in (".bin", ".pt", ".ckpt", ".pkl")]


@pytest.fixture
def saved(made: MoEEPipeline, tmp_path: Path) -> Path:
    made.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_missing_an_unknown_and_a_misshapen_weight_are_refused(saved: Path) -> None:
    """strict=False hid missing motion weights (Moore-AnimateAnyone #31)."""
    from safetensors.torch import load_file, save_file

    path = saved / "unet" / "diffusion_pytorch_model.safetensors"
    whole = load_file(path)
    motion = next(name for name in whole if "motion_modules" in name)
    for change, said in (
        ({name: value for name, value in whole.items() if name != motion}, f"lacks weights: {motion}"),
        ({**whole, "unet.extra": torch.zeros(1)}, "has unknown weights: unet.extra"),
        ({**whole, motion: torch.zeros(3)}, motion),
    ):
        save_file(change, path, {"format": "pt"})
        with pytest.raises(ModelError, match=said.replace(".", r"\.")):
            MoEEPipeline.from_pretrained(saved)


def test_a_pickle_in_the_place_of_safetensors_is_refused(saved: Path) -> None:
    weights = saved / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    torch.save({}, saved / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(ModelError, match=r"a pickle that could run code"):
        MoEEPipeline.from_pretrained(saved)


def test_weights_of_another_configuration_and_another_schedule_are_refused(saved: Path) -> None:
    text = (saved / "moee.json").read_text()
    told = json.loads(text)
    told["unet"]["layers"] = 2
    (saved / "moee.json").write_text(json.dumps(told))
    with pytest.raises(ModelError, match="made for another configuration"):
        MoEEPipeline.from_pretrained(saved)
    (saved / "moee.json").write_text(text)
    schedule = saved / "scheduler" / "scheduler_config.json"
    schedule.write_text(schedule.read_text().replace("scaled_linear", "linear"))
    with pytest.raises(ModelError, match="must share one schedule"):
        MoEEPipeline.from_pretrained(saved)


@pytest.mark.parametrize(("place", "said"), [
    ("nowhere", "There is no folder"), (".", "is no MoEE model"), ("./a/b", "There is no folder"),
])  # fmt: skip
def test_a_folder_that_is_no_model_is_refused(place: str, said: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=said):
        MoEEPipeline.from_pretrained(place)


def test_a_hub_id_without_network_is_one_sentence(monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be fetched from the hub"):
        MoEEPipeline.from_pretrained("nobody/no-such-model")


def test_wrong_arguments_are_one_sentence(made: MoEEPipeline) -> None:
    for change, said in (
        ({"steps": 0}, "between 1 and 1000"),
        ({"emotion": Emotion.moved((0.1,) * 5)}, "5 action units"),
    ):
        with pytest.raises(ModelError, match=said):
            video(made, **change)
    with pytest.raises(ModelError, match="sound is empty"):
        made(PORTRAIT, SOUND[:0])
    with pytest.raises(ModelError, match="three channels"):
        made(PORTRAIT[..., :1], SOUND)


def test_presets_describe_models_that_fit_together() -> None:
    from moee_model.denoiser import build

    for name in ("paper", "small", "tiny", "toy"):
        with torch.device("meta"):
            build(model_config(name))


def test_a_config_that_does_not_fit_is_one_sentence() -> None:
    from moee_model.denoiser import build

    for change, said in (
        (replace(TOY, frames=40), "motion_length"),
        (replace(TOY, unet=replace(TOY.unet, attention=(False, True))), "the first must be true"),
        (replace(TOY, emotion=replace(TOY.emotion, tokens=6)), "do not fit together"),
    ):
        with pytest.raises(ModelError, match=said):
            build(change)
