"""Public weights load strictly, and what they fill is exactly the public network."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from moee_model.config import (
    AudioConfig,
    CodecConfig,
    EmotionConfig,
    ModelConfig,
    MoEConfig,
    UNetConfig,
    model_config,
)
from moee_model.denoiser import Denoiser, build
from moee_model.errors import ModelError
from moee_model.groups import groups
from moee_model.initial import load_parts
from moee_model.part_files import PartFile

TINY = ModelConfig(
    size=64,
    codec=CodecConfig(kind="fold", factor=4, channels=48),
    unet=UNetConfig((32, 64), (True, True), layers=1, heads=4, context=32, groups=8, motion_heads=4),
    moe=MoEConfig(heads=4),
    emotion=EmotionConfig(channels=64, embeddings=16, embedding_channels=64, heads=4, text=64, audio=64),
    audio=AudioConfig(layers=2, channels=64, heads=4, feed_forward=128, convolution=64, tokens=4, hidden=64),
)
FILE = "diffusion_pytorch_model.safetensors"


def public_unet(config: ModelConfig) -> UNet2DConditionModel:
    """Stable Diffusion's class, in a model's sizes."""
    sizes = config.unet
    return UNet2DConditionModel(
        sample_size=config.latent_size,
        in_channels=config.codec.channels,
        out_channels=config.codec.channels,
        down_block_types=tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in sizes.attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in sizes.attention[::-1]),
        block_out_channels=sizes.channels,
        layers_per_block=sizes.layers,
        norm_num_groups=sizes.groups,
        cross_attention_dim=sizes.context,
        attention_head_dim=sizes.heads,
    )


def public_motion(config: ModelConfig, **other: Any) -> MotionAdapter:
    """AnimateDiff's class, in a model's sizes."""
    sizes = config.unet
    settings: dict[str, Any] = {
        "block_out_channels": sizes.channels,
        "motion_layers_per_block": sizes.layers,
        "motion_num_attention_heads": sizes.motion_heads,
        "motion_norm_num_groups": sizes.groups,
        "motion_max_seq_length": sizes.motion_length,
        "use_motion_mid_block": sizes.motion_mid,
    }
    return MotionAdapter(**{**settings, **other})


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `sd/unet` and `motion` as their makers publish them, of the tiny size."""
    folder = tmp_path_factory.mktemp("public")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        public_unet(TINY).save_pretrained(folder / "sd" / "unet")
        public_motion(TINY).save_pretrained(folder / "motion")
    return folder


@pytest.fixture
def own(public: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(public, tmp_path / "own")
    return tmp_path / "own"


def spoil(file: Path, change: Any) -> None:
    state = load_file(file)
    change(state)
    save_file({name: value.contiguous() for name, value in state.items()}, file)


def same(one: Denoiser, other: Denoiser) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def base(public: Path) -> UNetMotionModel:
    """AnimateDiff as diffusers puts it together from both folders."""
    unet = UNet2DConditionModel.from_pretrained(public / "sd" / "unet")
    return UNetMotionModel.from_unet2d(unet, MotionAdapter.from_pretrained(public / "motion")).eval()


def test_the_loaded_unet_is_animatediff_bit_for_bit(public: Path) -> None:
    denoiser, theirs = build(TINY, seed=3), base(public)
    load_parts(denoiser, public / "sd", public / "motion")
    noisy, tokens, frames = torch.randn(2, 48, 5, 16, 16), torch.randn(2, 4, TINY.unet.context), 5
    with torch.no_grad():
        ours = denoiser.unet(noisy, torch.tensor([7, 7]), identity=tokens).sample
        assert torch.equal(ours, theirs(noisy, torch.tensor(7), tokens.repeat_interleave(frames, 0)).sample)


def test_a_single_frame_is_stable_diffusion_bit_for_bit(public: Path) -> None:
    denoiser = build(TINY, seed=3)
    load_parts(denoiser, public / "sd", public / "motion")
    noisy, tokens = torch.randn(3, 48, 1, 16, 16), torch.randn(3, 4, TINY.unet.context)
    with torch.no_grad():
        ours = denoiser.unet(noisy, torch.tensor([7, 8, 9]), identity=tokens).sample
        theirs = UNet2DConditionModel.from_pretrained(public / "sd" / "unet").eval()
        assert torch.equal(ours[:, :, 0], theirs(noisy[:, :, 0], torch.tensor([7, 8, 9]), tokens).sample)


def test_untrained_additions_say_nothing_whatever_is_heard_or_asked(public: Path) -> None:
    denoiser = build(TINY)
    load_parts(denoiser, public / "sd", public / "motion")
    noisy, step = torch.randn(1, 48, 4, 16, 16), torch.tensor([7])
    told = {
        "audio": torch.randn(1, 4, TINY.audio.tokens, TINY.unet.context),
        "latents": torch.randn(1, TINY.emotion.tokens, TINY.emotion.channels),
        "gates": torch.ones(1, 6),
        "learned": torch.tensor([False]),
    }
    with torch.no_grad():
        assert torch.equal(denoiser.unet(noisy, step).sample, denoiser.unet(noisy, step, **told).sample)


def test_the_reference_net_is_stable_diffusion_too(public: Path) -> None:
    denoiser = build(TINY)
    load_parts(denoiser, public / "sd")
    expected = load_file(public / "sd" / "unet" / FILE)
    state = denoiser.reference_net.state_dict()
    assert set(state) == set(expected) and all(torch.equal(state[name], expected[name]) for name in expected)


def test_the_report_names_every_parameter_that_stays_new(public: Path) -> None:
    denoiser = build(TINY)
    before = {name: value.clone() for name, value in denoiser.unet.state_dict().items()}
    report = load_parts(denoiser, public / "sd", public / "motion")
    parts = groups(denoiser)
    added = {name for part in ("experts", "gates", "audio") for name in parts[part]}
    assert {f"unet.{name}" for name in report.new} == {
        *(name for name in added if name.startswith("unet.")),
        "unet.identity_embedding",
    }
    assert all(torch.equal(before[name], denoiser.unet.state_dict()[name]) for name in report.new)
    assert report.read["U-Net"] == report.read["ReferenceNet"] == len(load_file(public / "sd" / "unet" / FILE))
    assert report.read["motion modules"] == len(load_file(public / "motion" / FILE))


def test_without_an_adapter_the_motion_modules_are_named_as_new(public: Path) -> None:
    """Moore-AnimateAnyone #31: motion weights that were never loaded went unseen."""
    report = load_parts(build(TINY), public / "sd")
    assert sum(".motion_modules." in name for name in report.new) == len(load_file(public / "motion" / FILE))


MISSING = [
    ("motion", lambda state: state.pop("down_blocks.1.motion_modules.0.proj_out.weight"), r"1 tensors .* missing"),
    ("sd/unet", lambda state: state.pop("mid_block.resnets.0.conv1.weight"), r"1 tensors .* missing \(mid_block"),
    ("sd/unet", lambda state: state.update(more=torch.zeros(1)), r"1 have no place in it \(more\)"),
    ("motion", lambda state: state.update({"conv_in.weight": torch.zeros(1)}), r"1 have no place in it \(conv_in"),
    ("sd/unet", lambda state: state.update({"conv_in.bias": torch.zeros(7)}), r"1 have another shape \(conv_in.bias\)"),
]


@pytest.mark.parametrize(("part", "change", "said"), MISSING)
def test_one_tensor_too_few_too_many_or_misshapen_is_a_sentence_and_changes_nothing(
    part: str, change: Any, said: str, own: Path
) -> None:
    spoil(own / part / FILE, change)
    denoiser = build(TINY)
    with pytest.raises(ModelError, match=said):
        load_parts(denoiser, own / "sd", own / "motion")
    assert same(denoiser, build(TINY))


def test_many_missing_tensors_are_counted_and_the_first_are_named(own: Path) -> None:
    spoil(own / "motion" / FILE, lambda state: [state.pop(name) for name in list(state) if ".attn2." in name])
    with pytest.raises(
        ModelError, match=r"^.*motion does not fit the motion modules: \d\d tensors .*\(\S+, \S+, \S+, \.\.\.\)\.$"
    ):
        load_parts(build(TINY), motion=own / "motion")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"use_motion_mid_block": False}, "unet.motion_mid: false"),
        ({"motion_max_seq_length": 24}, "unet.motion_length must be"),
        ({"motion_num_attention_heads": 2}, "motion_num_attention_heads = 2, this model has 4"),
    ],
)
def test_an_adapter_of_other_settings_is_refused_with_what_to_change(other: dict, said: str, tmp_path: Path) -> None:
    public_motion(TINY, **other).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=said):
        load_parts(build(TINY), motion=tmp_path)


def test_heads_that_no_shape_shows_are_compared(own: Path) -> None:
    settings = own / "sd" / "unet" / "config.json"
    settings.write_text(settings.read_text().replace('"attention_head_dim": 4', '"attention_head_dim": 8'))
    with pytest.raises(ModelError, match="attention_head_dim = 8, this model has 4"):
        load_parts(build(TINY), own / "sd")


def test_half_precision_files_leave_the_model_in_full_precision(own: Path) -> None:
    """hallo #212: trained weights in half precision become NaN."""
    file = own / "sd" / "unet" / FILE
    spoil(file, lambda state: state.update({name: value.half() for name, value in state.items()}))
    denoiser = build(TINY)
    load_parts(denoiser, file)
    assert {value.dtype for value in denoiser.parameters()} == {torch.float32}
    assert_close(denoiser.unet.conv_in.bias.detach(), load_file(file)["conv_in.bias"].float())


def test_several_files_of_one_model_are_read_as_one(public: Path, tmp_path: Path) -> None:
    UNet2DConditionModel.from_pretrained(public / "sd" / "unet").save_pretrained(tmp_path, max_shard_size="1MB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    whole, parts = build(TINY, seed=1), build(TINY, seed=1)
    load_parts(whole, public / "sd")
    load_parts(parts, tmp_path)
    assert same(whole, parts)
    next(tmp_path.glob("*.safetensors")).unlink()
    with pytest.raises(ModelError, match="lacks diffusion_pytorch_model-0000"):
        load_parts(parts, tmp_path)


@pytest.mark.parametrize("name", ["v1-5-pruned.ckpt", "mm_sd_v15_v2.pt", "diffusion_pytorch_model.bin"])
def test_a_pickle_is_refused_unread(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04.")
    for place in (tmp_path, tmp_path / name):
        with pytest.raises(ModelError, match="holds a pickle, which could run code, and no safetensors: take"):
            load_parts(build(TINY), place)


def test_damaged_absent_and_empty_places_are_one_sentence(public: Path, tmp_path: Path) -> None:
    whole = (public / "motion" / FILE).read_bytes()
    for number, content in enumerate((whole[: len(whole) // 2], b"", b"PK\x03\x04 a renamed pickle", whole[:5])):
        file = tmp_path / f"{number}.safetensors"
        file.write_bytes(content)
        with pytest.raises(ModelError, match=r"is damaged or no safetensors file \(.*\): fetch it again\.$"):
            load_parts(build(TINY), motion=file)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="holds no weights"):
        load_parts(build(TINY), motion=tmp_path / "empty")
    with pytest.raises(ModelError, match="There is no model folder or file"):
        load_parts(build(TINY), motion=tmp_path / "absent")


def test_the_makers_own_names_are_recognised(own: Path) -> None:
    file = own / "sd" / "unet" / FILE
    spoil(
        file, lambda state: [state.update({f"model.diffusion_model.{name}": state.pop(name)}) for name in list(state)]
    )
    with pytest.raises(ModelError, match="own names: save it by diffusers"):
        load_parts(build(TINY), own / "sd")


def test_without_network_a_hub_name_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.utils

    def unreachable() -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.utils, "get_session", unreachable)
    with pytest.raises(ModelError, match=r"^nobody/nothing is no folder here and the hub does not give it .*network"):
        load_parts(build(TINY), "nobody/nothing")


class Shapes:
    """Stands for an open file: names and shapes of a class's own state, without values."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self._state = state

    def keys(self) -> list[str]:
        return list(self._state)

    def get_slice(self, name: str) -> Any:
        shape = list(self._state[name].shape)
        return type("Slice", (), {"get_shape": lambda self: shape})()

    def get_tensor(self, name: str) -> torch.Tensor:
        return self._state[name]


def test_the_paper_preset_takes_the_names_and_shapes_of_the_published_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """UNet2DConditionModel and MotionAdapter with what the published config.json files say, on meta tensors."""
    with torch.device("meta"):
        denoiser = build(model_config("paper"))
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8, sample_size=64)
        motion = MotionAdapter(motion_max_seq_length=32)  # animatediff-motion-adapter-v1-5-2
    files = {
        "sd": PartFile("sd", {"one": Shapes(unet.state_dict())}, dict(unet.config)),
        "motion": PartFile("motion", {"one": Shapes(motion.state_dict())}, dict(motion.config)),
    }
    monkeypatch.setattr("moee_model.initial.part_file", lambda place, inside="": files[place])
    report = load_parts(denoiser, "sd", "motion")
    assert report.read == {"U-Net": 686, "ReferenceNet": 686, "motion modules": 567}
