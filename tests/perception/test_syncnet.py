"""SyncNet: published names, and its fast pass against the plain one, window by window through the layers as built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from perception.errors import PerceptionError  # noqa: E402
from perception.networks import fill, read_state  # noqa: E402
from perception.opening import parameters  # noqa: E402
from perception.seeded import seeded_state  # noqa: E402
from perception.syncnet import SyncNet, _with_counters, build  # noqa: E402
from perception.weights import entry  # noqa: E402
from tests.perception.networks import SPOILED, spoil  # noqa: E402

FILE = "syncnet_v2.model"
CONVOLUTIONS: dict[str, dict[int, tuple[int, ...]]] = {
    "netcnnaud": {0: (64, 1, 3, 3), 4: (192, 64, 3, 3), 8: (384, 192, 3, 3), 11: (256, 384, 3, 3),
                  14: (256, 256, 3, 3), 18: (512, 256, 5, 4)},
    "netcnnlip": {0: (96, 3, 5, 7, 7), 4: (256, 96, 1, 5, 5), 8: (256, 256, 1, 3, 3), 11: (256, 256, 1, 3, 3),
                  14: (256, 256, 1, 3, 3), 18: (512, 256, 1, 6, 6)},
}  # fmt: skip
"""Places and shapes in the class `S` of the authors' program; a norm follows each."""


def shapes() -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}

    def norm(name: str, width: int) -> None:
        found.update({f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")})
        found[f"{name}.num_batches_tracked"] = ()

    for side, layers in CONVOLUTIONS.items():
        for place, shape in layers.items():
            found |= {f"{side}.{place}.weight": shape, f"{side}.{place}.bias": shape[:1]}
            norm(f"{side}.{place + 1}", shape[0])
    for side in ("netfcaud", "netfclip"):
        found |= {f"{side}.0.weight": (512, 512), f"{side}.0.bias": (512,)}
        norm(f"{side}.1", 512)
        found |= {f"{side}.3.weight": (1024, 512), f"{side}.3.bias": (1024,)}
    return found


@pytest.fixture(scope="module")
def plain() -> nn.ModuleDict:
    """The layers as built, on seeded weights, in float64."""
    found = build()
    found.load_state_dict(seeded_state(found))
    return found.eval().double()


def network(dtype: Any = torch.float64, batch: int = 2) -> SyncNet:
    return SyncNet.load(torch.device("cpu"), seeded=True, dtype=dtype, batch=batch)


def pictures(frames: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures that differ from frame to frame."""
    coarse = np.random.default_rng(seed).integers(0, 256, (frames, 28, 28, 3)).astype(np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def cepstra(columns: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 8, (columns, 13))


def test_names_shapes_and_size_are_the_published_ones() -> None:
    state = build().state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes()
    assert parameters(build()) == 13_631_616
    numbers = 4 * sum(tensor.numel() for tensor in state.values() if tensor.dtype == torch.float32)
    around = entry("syncnet").bytes - numbers
    assert 0 < around < 16_384, "names and framing of about a hundred tensors"


def test_lips_are_the_plain_pass_of_each_window_in_blue_green_red(plain: nn.ModuleDict) -> None:
    crops = pictures(8)
    found = network().lips(crops)
    assert found.shape == (4, 1024)
    for window in range(4):
        seen = torch.from_numpy(crops[window : window + 5, :, :, ::-1].copy()).double().permute(3, 0, 1, 2)[None]
        with torch.inference_mode():
            expected = plain["netfclip"](plain["netcnnlip"](seen).flatten(1))[0].numpy()
        assert np.abs(found[window] - expected).max() <= 1e-12 * np.abs(expected).max()
    assert np.ptp(found, axis=0).max() > 1e-2 * np.abs(found).max(), "windows that look alike show nothing"


def test_sound_is_the_plain_pass_of_each_window(plain: nn.ModuleDict) -> None:
    columns = cepstra(4 * 12 - 1)
    found = network(batch=3).sound(columns)
    assert found.shape == (7, 1024)
    for window in range(7):
        heard = columns[4 * window : 4 * window + 20].astype(np.float32).T.copy()[None, None]
        with torch.inference_mode():
            expected = plain["netfcaud"](plain["netcnnaud"](torch.from_numpy(heard).double()).flatten(1))[0].numpy()
        assert np.abs(found[window] - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("dtype", "batches", "least"), [(torch.float32, (1, 7, 32), 5e-6), (torch.float64, (1, 7), 1e-12)]
)
def test_other_batches_give_the_same(dtype: Any, batches: tuple[int, ...], least: float) -> None:
    crops, columns = pictures(7), cepstra(60)
    found = [(made.lips(crops), made.sound(columns)) for made in (network(dtype, batch) for batch in batches)]
    for side in (0, 1):
        largest = np.abs(found[0][side]).max()
        for other in found[1:]:
            assert np.abs(other[side] - found[0][side]).max() <= least * largest


def test_the_other_windows_of_a_clip_change_no_bit() -> None:
    crops, columns = pictures(9), cepstra(40)
    single = network(torch.float32)
    assert (single.lips(crops)[2:4] == single.lips(crops[2:8])).all()
    assert (single.sound(columns)[4:6] == single.sound(columns[16:40])).all()


def test_what_is_no_crop_and_no_sound_is_refused() -> None:
    made = network()
    for crops in (np.zeros((5, 224, 224, 3)), np.zeros((4, 224, 224, 3), np.uint8), np.zeros((5, 96, 96, 3), np.uint8)):
        with pytest.raises(PerceptionError, match=r"SyncNet takes crops \[n >= 5, 224, 224, 3\] uint8"):
            made.lips(crops)
    for columns in (np.zeros((19, 13)), np.zeros((20, 12)), np.zeros(20)):
        with pytest.raises(PerceptionError, match=r"SyncNet takes MFCC \[m >= 20, 13\]"):
            made.sound(columns)


def test_a_file_without_counters_is_opened(tmp_path: Path) -> None:
    state = seeded_state(build())
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / FILE, _use_new_zipfile_serialization=False)
    found = fill(build(), _with_counters(read_state(tmp_path / FILE, "syncnet")), tmp_path / FILE, "syncnet")
    for name, tensor in found.state_dict().items():
        assert torch.equal(tensor, state[name])


@pytest.mark.parametrize("kind", SPOILED)
def test_a_file_that_is_not_the_network_is_refused_in_one_sentence(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FILE
    said = spoil(kind, path, {name: tensor.numpy() for name, tensor in seeded_state(build()).items()}, None)
    with pytest.raises(PerceptionError) as caught:
        fill(build(), _with_counters(read_state(path, "syncnet")), path, "syncnet")
    assert said in str(caught.value)
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    with pytest.raises(PerceptionError) as refused:
        SyncNet.load(torch.device("cpu"))
    assert "syncnet_v2.model" in str(refused.value)
    for text in (str(caught.value), str(refused.value)):
        assert "\n" not in text
    assert not (tmp_path / "touched").exists()


def test_without_weights_the_sentence_names_the_command_and_the_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    with pytest.raises(PerceptionError) as caught:
        SyncNet.load(torch.device("cpu"))
    assert "models fetch syncnet" in str(caught.value)
    assert "robots.ox.ac.uk" in str(caught.value)
