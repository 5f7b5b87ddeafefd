"""Deep3DFaceRecon: the published names, its layers by plain sums, and what its makers' crop shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("PIL")

from perception import deep3d  # noqa: E402
from perception.deep3d import COUNT, EXPRESSION, MODELS, PARTS, SIDE, Deep3d, build, crop, five_points  # noqa: E402
from perception.errors import PerceptionError  # noqa: E402
from perception.opening import parameters  # noqa: E402
from perception.seeded import seeded_state  # noqa: E402
from tests.perception.networks import SPOILED, faces, resnet, resnet_shapes, spoil  # noqa: E402

SHAPES = resnet_shapes(50, "backbone.", {})
SHAPES |= {f"final_layers.{place}.weight": (count, 2048, 1, 1) for place, count in enumerate(PARTS.values())}
SHAPES |= {f"final_layers.{place}.bias": (count,) for place, count in enumerate(PARTS.values())}


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in seeded_state(build()).items()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def landmarks(scale: float, x: float, y: float) -> np.ndarray:
    """[68, 2] of which the five are the standard face's, `scale` px for a length of 1, its origin at a point (px)."""
    found = np.zeros((68, 2), np.float32)
    five = deep3d._STANDARD[:, :2] * [scale, -scale] + [x, y]
    for places, point in zip(((36, 39), (42, 45), (30,), (48,), (54,)), five, strict=True):
        found[list(places)] = point
    return found


def test_names_shapes_and_size_are_the_published_ones() -> None:
    assert {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()} == SHAPES
    assert len(SHAPES) == 332 and parameters(build()) == 24_034_625
    assert COUNT == 257 and EXPRESSION.stop - EXPRESSION.start == PARTS["expression"]
    assert EXPRESSION.start == PARTS["identity"]


def test_coefficients_are_what_the_layers_give_by_plain_sums(state: dict[str, np.ndarray]) -> None:
    network = build()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    picture = faces(1, 64)[0] / 255.0
    seen = torch.from_numpy(picture.transpose(2, 0, 1)[None])
    with torch.inference_mode():
        found = deep3d.forward(network.double().eval(), seen)[0].numpy()
    pooled = resnet(picture.transpose(2, 0, 1), state, 50, "backbone.", {}).mean(axis=(1, 2))
    wanted = [
        state[f"final_layers.{place}.weight"][:, :, 0, 0].astype(np.float64) @ pooled
        + state[f"final_layers.{place}.bias"]
        for place in range(len(PARTS))
    ]
    assert np.abs(found - np.concatenate(wanted)).max() <= 1e-10 * np.abs(found).max()


def test_pictures_are_seen_in_red_green_blue_from_0_to_1(state: dict[str, np.ndarray]) -> None:
    network = Deep3d.load(torch.device("cpu"), seeded=True)
    crops = np.stack(faces(2, SIDE))
    seen = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32) / 255)
    with torch.inference_mode():
        wanted = deep3d.forward(network._network, seen).numpy()
    found = network(crops)
    assert found.shape == (2, COUNT) and found.dtype == np.float32
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
    assert np.abs(network(crops[..., ::-1].copy()) - wanted).max() > 1e-3 * np.abs(wanted).max()


@pytest.mark.parametrize("crops", [np.zeros((1, 200, 200, 3), np.uint8), np.zeros((1, 224, 224, 3), np.float32)])
def test_what_is_no_crop_is_refused(crops: np.ndarray) -> None:
    with pytest.raises(PerceptionError, match=r"takes crops \[n, 224, 224, 3\] uint8"):
        Deep3d.load(torch.device("cpu"), seeded=True)(crops)


def test_five_points_are_middles_of_eyes_tip_of_nose_and_corners_of_the_mouth() -> None:
    points = np.arange(136, dtype=np.float64).reshape(68, 2)
    assert five_points(points)[:, 0].tolist() == [36 + 39, 42 + 45, 60, 96, 108]


def test_the_standard_face_is_found_where_it_lies() -> None:
    """Its origin between pixel centres, y counted up from the lowest row, as the makers count landmarks."""
    shift, scale = deep3d._placed(five_points(landmarks(60.0, 210.0, 170.0)), 400)
    assert shift == pytest.approx([209.5, 400 - 1 - 169.5], abs=1e-4) and scale == pytest.approx(102 / 60, rel=1e-6)


def test_any_face_is_placed_as_the_makers_program_places_it() -> None:
    """Numbers that its `POS` gave for these points (util/preprocess.py at 9167c71)."""
    five = np.array([[101, 120], [160, 117], [133, 150], [108, 181], [155, 178]], np.float32)
    shift, scale = deep3d._placed(five, 256)
    assert shift == pytest.approx([129.834989802, 111.100911955], abs=1e-6) and scale == pytest.approx(
        1.100642478252, rel=1e-9
    )


@pytest.mark.parametrize("scale", [51.0, 102.0, 204.0])
def test_the_crop_shows_a_face_as_large_as_in_training_around_its_middle(scale: float) -> None:
    down, across = np.mgrid[0:600, 0:600]
    picture = np.stack([across % 256, down % 256, 100 * (across // 256) + 10 * (down // 256)], axis=2).astype(np.uint8)
    found = crop(picture, landmarks(scale, 360.0, 380.0)).astype(float)
    column, row = 150, 90  # 38 px right of the middle, 22 above it
    wanted = (360 + (column - 112) * scale / 102, 380 + (row - 112) * scale / 102)
    assert found[row, column, :2] == pytest.approx(np.mod(wanted, 256), abs=2 + scale / 102)
    assert found[row, column, 2] == pytest.approx(100 * (wanted[0] // 256) + 10 * (wanted[1] // 256), abs=2)


def test_a_turned_head_is_not_turned_back() -> None:
    straight, turn = landmarks(102.0, 0.0, 0.0), np.deg2rad(20)
    turned = straight @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    down, across = np.mgrid[0:300, 0:300]
    picture = np.stack([across // 2, down // 2, across * 0], axis=2).astype(np.uint8)
    one, other = (crop(picture, points + np.float32(150)).astype(int) for points in (straight, turned))
    assert np.abs(one - other).max() <= 3


def test_beyond_the_picture_s_edge_lies_black() -> None:
    found = crop(np.full((200, 200, 3), 90, np.uint8), landmarks(102.0, 0.0, 100.0))
    assert (found[100, :105] == 0).all() and (found[100, 120:] == 90).all()


def test_a_large_picture_gives_the_same_crop_without_being_scaled_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = faces(1, 300)[0]
    for points in (landmarks(40.0, 150.0, 150.0), landmarks(60.0, 20.0, 290.0)):
        whole = crop(picture, points).astype(int)
        with monkeypatch.context() as patch:
            patch.setattr(deep3d, "_LARGEST", 0)
            part = crop(picture, points).astype(int)
        assert np.abs(part - whole).max() <= 2 and (part != whole).mean() < 0.002 and whole.max() > 100


@pytest.mark.parametrize(("points", "said"), [(np.ones((68, 2)), "on one spot"), (np.full((68, 2), np.nan), "no num")])
def test_landmarks_that_are_no_face_are_refused(points: np.ndarray, said: str) -> None:
    with pytest.raises(PerceptionError, match=said):
        crop(np.zeros((100, 100, 3), np.uint8), points)


def test_the_makers_file_is_opened_with_all_that_training_left_in_it(
    folder: Path, state: dict[str, np.ndarray]
) -> None:
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    left = {"opt_00": {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-4}]}}
    torch.save({"net_recon": tensors, **left, "sched_00": {"last_epoch": 20}}, folder / "deep3d_2023_epoch_20.pth")
    assert deep3d.model() == "deep3d-2023"
    crops = np.stack(faces(1, SIDE))
    seeded = Deep3d.load(torch.device("cpu"), seeded=True)
    assert np.array_equal(Deep3d.load(torch.device("cpu"))(crops), seeded(crops))


@pytest.mark.parametrize("kind", SPOILED)
def test_a_file_that_is_not_the_network_is_refused_in_one_sentence(
    kind: str, folder: Path, state: dict[str, np.ndarray]
) -> None:
    path = folder / "deep3d_2023_epoch_20.pth"
    said = spoil(kind, path, state, "net_recon")
    if kind == "empty":
        said = "is not on this machine"
    with pytest.raises(PerceptionError) as caught:
        Deep3d.load(torch.device("cpu"))
    assert said in str(caught.value) and "\n" not in str(caught.value) and not (folder / "touched").exists()


def test_without_weights_the_sentence_names_the_command_and_the_address(folder: Path) -> None:
    assert deep3d.model() == MODELS[-1]
    with pytest.raises(PerceptionError, match="moee models fetch deep3d-2021") as caught:
        Deep3d.load(torch.device("cpu"))
    assert "releases/download/v0.0.2/epoch_20.pth" in str(caught.value)


def test_a_face_s_coefficients_do_not_depend_on_its_company() -> None:
    network = build()
    network.load_state_dict(seeded_state(network))
    seen = torch.from_numpy(np.stack(faces(7, 64)).transpose(0, 3, 1, 2) / 255.0)
    with torch.inference_mode():
        together = deep3d.forward(network.double().eval(), seen)
        alone = torch.cat([deep3d.forward(network, seen[place : place + 1]) for place in range(7)])
        among = deep3d.forward(network, torch.cat([seen, torch.zeros(25, 3, 64, 64, dtype=torch.float64)]))[:7]
    least = 1e-12 * float(together.abs().max())
    assert float((together - alone).abs().max()) <= least and float((together - among).abs().max()) <= least
