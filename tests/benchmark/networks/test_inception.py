"""Inception for FID: published names and numbers of weights, three preparations, and no dependence on the batch."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmark.networks.inception import Layer, Network  # noqa: E402
from benchmark.networks.inception_features import MODEL, TOLERANCE, FusedLayer, InceptionFeatures, fold, fuse  # noqa: E402
from benchmark.networks.resize import METHODS, Method, prepared  # noqa: E402
from perception import weights  # noqa: E402
from perception.errors import PerceptionError  # noqa: E402
from perception.seeded import seeded_state  # noqa: E402

CPU = torch.device("cpu")
# Szegedy et al. (2016), figures 5 to 7, as the TensorFlow program builds them: (name, taken, given, kernel).
STEM = [
    ("Conv2d_1a_3x3", 3, 32, (3, 3)),
    ("Conv2d_2a_3x3", 32, 32, (3, 3)),
    ("Conv2d_2b_3x3", 32, 64, (3, 3)),
    ("Conv2d_3b_1x1", 64, 80, (1, 1)),
    ("Conv2d_4a_3x3", 80, 192, (3, 3)),
]
A = [("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)]
C = [("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)]


def expected() -> dict[str, tuple[int, ...]]:
    """Convolution -> shape of its weights, written down from the papers' tables."""
    found = {name: (given, taken, *kernel) for name, taken, given, kernel in STEM}
    for block, taken, pooled in A:
        rows = [("1x1", taken, 64, 1), ("5x5_1", taken, 48, 1), ("5x5_2", 48, 64, 5), ("3x3dbl_1", taken, 64, 1)]
        rows += [("3x3dbl_2", 64, 96, 3), ("3x3dbl_3", 96, 96, 3), ("_pool", taken, pooled, 1)]
        found |= {f"Mixed_{block}.branch{name}": (given, t, k, k) for name, t, given, k in rows}
    rows = [("3x3", 288, 384, 3), ("3x3dbl_1", 288, 64, 1), ("3x3dbl_2", 64, 96, 3), ("3x3dbl_3", 96, 96, 3)]
    found |= {f"Mixed_6a.branch{name}": (given, t, k, k) for name, t, given, k in rows}
    for block, inner in C:
        start = f"Mixed_{block}.branch"
        found |= {f"{start}1x1": (192, 768, 1, 1), f"{start}_pool": (192, 768, 1, 1)}
        found |= {f"{start}7x7_1": (inner, 768, 1, 1), f"{start}7x7_2": (inner, inner, 1, 7)}
        found |= {f"{start}7x7_3": (192, inner, 7, 1), f"{start}7x7dbl_1": (inner, 768, 1, 1)}
        found |= {f"{start}7x7dbl_{k}": (inner, inner, *((7, 1) if k % 2 == 0 else (1, 7))) for k in (2, 3, 4)}
        found |= {f"{start}7x7dbl_5": (192, inner, 1, 7)}
    found |= {"Mixed_7a.branch3x3_1": (192, 768, 1, 1), "Mixed_7a.branch3x3_2": (320, 192, 3, 3)}
    found |= {"Mixed_7a.branch7x7x3_1": (192, 768, 1, 1), "Mixed_7a.branch7x7x3_2": (192, 192, 1, 7)}
    found |= {"Mixed_7a.branch7x7x3_3": (192, 192, 7, 1), "Mixed_7a.branch7x7x3_4": (192, 192, 3, 3)}
    for block, taken in (("7b", 1280), ("7c", 2048)):
        start = f"Mixed_{block}.branch"
        found |= {f"{start}1x1": (320, taken, 1, 1), f"{start}_pool": (192, taken, 1, 1)}
        found |= {f"{start}3x3_1": (384, taken, 1, 1), f"{start}3x3dbl_1": (448, taken, 1, 1)}
        found |= {f"{start}3x3dbl_2": (384, 448, 3, 3)}
        for name in ("3x3_2", "3x3dbl_3"):
            found |= {f"{start}{name}a": (384, 384, 1, 3), f"{start}{name}b": (384, 384, 3, 1)}
    return found


def test_names_and_shapes_are_the_published_ones() -> None:
    state = Network().state_dict()
    convolutions = {name.removesuffix(".conv.weight"): tuple(tensor.shape) for name, tensor in state.items()
                    if name.endswith(".conv.weight")}  # fmt: skip
    assert convolutions == expected()
    norms = {f"{name}.bn.{part}" for name in convolutions
             for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")}  # fmt: skip
    assert set(state) == norms | {f"{name}.conv.weight" for name in convolutions} | {"fc.weight", "fc.bias"}
    assert tuple(state["fc.weight"].shape) == (1008, 2048)
    assert sum(p.numel() for p in Network().parameters()) == 23_850_960


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    rng = np.random.default_rng(3)
    smooth = np.kron(rng.integers(0, 256, (6, 12, 12, 3)), np.ones((1, 8, 8, 1)))
    return (0.8 * smooth + rng.integers(0, 51, smooth.shape)).astype(np.uint8)


@pytest.mark.parametrize("size", [(96, 96), (320, 200), (7, 5), (299, 299)])
def test_tensorflows_bilinear_looks_from_the_first_pixel(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (1, *size, 3)).astype(np.uint8)
    found = prepared(picture, "torchfidelity", torch.float64, CPU)[0].numpy()
    for y, x in [(0, 0), (298, 298), (150, 17), (33, 290), (298, 1)]:
        down, along = y * size[0] / 299, x * size[1] / 299
        top, left = int(down), int(along)
        bottom, right = min(top + 1, size[0] - 1), min(left + 1, size[1] - 1)
        part, side = down - top, along - left
        wanted = (
            picture[0, top, left] * (1 - part) * (1 - side) + picture[0, top, right] * (1 - part) * side
            + picture[0, bottom, left] * part * (1 - side) + picture[0, bottom, right] * part * side
        )  # fmt: skip
        assert found[:, y, x] * 128 + 128 == pytest.approx(wanted, abs=0.02)  # its places are float32


@pytest.mark.parametrize("size", [(96, 96), (512, 300), (20, 30)])
def test_clean_fids_bicubic_is_pillows(size: tuple[int, int]) -> None:
    image = pytest.importorskip("PIL.Image")
    picture = np.random.default_rng(7).integers(0, 256, (*size, 3)).astype(np.uint8)
    planes = [image.fromarray(picture[..., k].astype(np.float32)).resize((299, 299), image.BICUBIC) for k in range(3)]
    wanted = np.stack([np.asarray(plane).clip(0, 255) for plane in planes])
    found = prepared(picture[None], "cleanfid", torch.float64, CPU)[0].numpy() * 128 + 128
    assert np.abs(found - wanted).max() < 1e-4
    assert wanted.min() == 0 and wanted.max() == 255  # bicubic overshoots, so clipping is seen


def test_pytorch_fid_looks_from_pixel_centres(pictures: np.ndarray) -> None:
    found = prepared(pictures[:1], "pytorchfid", torch.float64, CPU)[0].numpy()
    at = np.clip((np.arange(299) + 0.5) * 96 / 299 - 0.5, 0, None)
    low = at.astype(int)
    high, part = np.minimum(low + 1, 95), at - low
    rows = pictures[0][low] * (1 - part)[:, None, None] + pictures[0][high] * part[:, None, None]
    wanted = rows[:, low] * (1 - part)[None, :, None] + rows[:, high] * part[None, :, None]
    assert np.abs(found - (wanted.transpose(2, 0, 1) / 127.5 - 1)).max() < 1e-12


def test_other_forms_are_refused() -> None:
    for wrong in (np.zeros((2, 8, 8), np.uint8), np.zeros((1, 8, 8, 3), np.float32), np.zeros((1, 0, 8, 3), np.uint8)):
        with pytest.raises(ValueError, match="takes pictures"):
            prepared(wrong, "torchfidelity", torch.float32, CPU)


def test_a_layer_is_convolution_norm_and_relu_and_folding_keeps_it() -> None:
    layer = Layer(5, 4, 3, 2)
    layer.load_state_dict(seeded_state(layer))
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 5, 9, 9)))
    layer = layer.double().eval()
    norm = layer.bn
    plain = torch.nn.functional.conv2d(x, layer.conv.weight, stride=2)
    scale = norm.weight / (norm.running_var + 0.001).sqrt()
    wanted = ((plain - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]).clamp(min=0)
    with torch.inference_mode():
        assert torch.allclose(layer(x), wanted, atol=1e-12)
        fold(layer)
        assert isinstance(layer.bn, torch.nn.Identity)
        assert torch.allclose(layer(x), wanted, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 0), (1, 1, 0), ((1, 7), 1, (0, 3))])
def test_a_fused_layer_is_the_folded_one(kernel: int, stride: int, padding: int) -> None:
    parent = torch.nn.Sequential(Layer(16, 24, kernel, stride, padding))
    parent.load_state_dict(seeded_state(parent))
    parent.eval().requires_grad_(False)
    fold(parent)
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 16, 19, 19)).astype(np.float32))
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = parent(x)
        fuse(parent)
        assert isinstance(parent[0], FusedLayer) and (wanted == 0).any() and (wanted > 0).any()
        assert torch.allclose(parent(x), wanted, atol=1e-5)


@pytest.fixture(scope="module")
def network() -> InceptionFeatures:
    torch.set_num_threads(1)
    return InceptionFeatures.load(CPU, seeded=True)


def test_the_three_preparations_give_three_features(network: InceptionFeatures, pictures: np.ndarray) -> None:
    methods: list[Method] = list(METHODS)  # type: ignore[arg-type]
    found = [network(pictures[:2], method) for method in methods]
    assert all(rows.shape == (2, 2048) and rows.dtype == np.float32 and (rows >= 0).all() for rows in found)
    assert min(np.abs(found[0] - found[1]).max(), np.abs(found[0] - found[2]).max()) > 100 * TOLERANCE


def test_folded_float32_agrees_with_float64_as_published(network: InceptionFeatures, pictures: np.ndarray) -> None:
    exact = InceptionFeatures.load(CPU, seeded=True, dtype=torch.float64)(pictures[:2])
    assert exact.dtype == np.float64
    assert np.abs(network(pictures[:2]) - exact).max() < TOLERANCE * exact.max()


def test_without_the_published_file_one_sentence_says_how_to_get_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    with pytest.raises(PerceptionError, match=f"moee models fetch {MODEL}.*https://github.com/mseitzer"):
        InceptionFeatures.load(CPU)
    (tmp_path / "pt_inception-2015-12-05-6726825d.pth").write_bytes(b"not it")
    with pytest.raises(PerceptionError, match="size or sha256 differ"):
        InceptionFeatures.load(CPU)


def _as_code(path: Path) -> None:
    path.write_bytes(pickle.dumps(print, protocol=2))


def _cut_off(path: Path) -> None:
    torch.save({"fc.bias": torch.zeros(1008)}, path)
    path.write_bytes(path.read_bytes()[:-900])


def _another(path: Path) -> None:
    torch.save({"fc.bias": torch.zeros(1000)}, path)


@pytest.mark.parametrize("write", [_as_code, _cut_off, _another])
def test_files_with_code_cut_off_or_of_another_network_are_refused(write, monkeypatch, tmp_path: Path) -> None:
    """Also behind the sha256, which a file of one's own may be given in the registry."""
    path = tmp_path / "inception.pth"
    write(path)
    monkeypatch.setattr(weights, "find", lambda model: path)
    with pytest.raises(PerceptionError) as refused:
        InceptionFeatures.load(CPU)
    assert path.name in str(refused.value) and "\n" not in str(refused.value)
