"""3DDFA-V2: what is cropped, that its network is the published one, and that a face's parameters are its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perception import tddfa
from perception.errors import PerceptionError
from perception.tddfa import DEVIATION, EXPRESSION, MEAN, MODEL, SIDE, Tddfa, crop, roi_of_box, roi_of_points
from tests.perception.conftest import need
from tests.perception.networks import convolved, normal, seeded


@pytest.fixture(scope="module")
def network() -> Tddfa:
    need(MODEL)
    return Tddfa.load()


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A file of seeded weights as the makers lay theirs out, and these weights."""
    import torch

    shapes = {name: tuple(tensor.shape) for name, tensor in tddfa.build().state_dict().items()}
    state = seeded(shapes, seed=5)
    path = tmp_path_factory.mktemp("tddfa") / "made-up.pth"
    tensors = {f"module.{name}": torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    tensors["module.fc_lm.weight"] = torch.zeros(136, 512)
    torch.save({"epoch": 1, "state_dict": tensors}, path)
    return path, state


def test_a_face_box_is_widened_by_158_percent_and_moved_down_by_14() -> None:
    assert roi_of_box((100.0, 200.0, 200.0, 300.0)) == (71.0, 185.0, 229.0, 343.0)
    x0, y0, x1, y1 = roi_of_box((0.0, 0.0, 90.0, 110.0))  # the mean of both sides counts, whole px
    assert (x1 - x0, y1 - y0) == (158.0, 158.0) and (y0 + y1) / 2 == 55 + 14


def test_landmarks_are_cropped_by_the_diagonal_of_their_square() -> None:
    points = np.array([[10.0, 40.0], [110.0, 60.0], [60.0, 100.0]])
    half = 100 / 2**0.5
    assert roi_of_points(points) == pytest.approx((60 - half, 70 - half, 60 + half, 70 + half))


def test_a_crop_shows_the_square_and_black_beyond_the_picture() -> None:
    rgb = np.full((200, 300, 3), 90, np.uint8)
    rgb[50:170, 80:200] = np.arange(120, dtype=np.uint8)[:, None, None]
    assert np.array_equal(crop(rgb, (80.2, 49.8, 200.2, 169.8)), rgb[50:170, 80:200])
    over = crop(rgb, (-60.0, -30.0, 60.0, 90.0))
    assert (over[:30] == 0).all() and (over[:, :60] == 0).all() and over[30, 60, 0] == 90
    assert (crop(rgb, (400.0, 0.0, 520.0, 120.0)) == 0).all()
    assert crop(rgb, (5.0, 5.0, 5.0, 5.0)).shape == (SIDE, SIDE, 3)


def test_the_network_is_mobilenet_as_plain_sums_compute_it(made_up: tuple[Path, dict[str, np.ndarray]]) -> None:
    path, state = made_up
    picture = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    x = (picture[:, :, ::-1].astype(np.float64) - 127.5).transpose(2, 0, 1) / 128  # blue first
    x = np.maximum(normal(convolved(x, state["conv1.weight"], 2, (1, 1)), state, "bn1"), 0)
    widths = [32, 64, 64, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512]
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    names = [
        f"dw{row}" for row in ["2_1", "2_2", "3_1", "3_2", "4_1", "4_2", "5_1", "5_2", "5_3", "5_4", "5_5", "5_6", "6"]
    ]
    for name, width, stride in zip(names, widths, strides, strict=True):
        each = [
            convolved(x[c : c + 1], state[f"{name}.conv_dw.weight"][c : c + 1], stride, (1, 1)) for c in range(len(x))
        ]
        x = np.maximum(normal(np.concatenate(each), state, f"{name}.bn_dw"), 0)
        x = np.maximum(normal(convolved(x, state[f"{name}.conv_sep.weight"]), state, f"{name}.bn_sep"), 0)
        assert len(x) == width
    wanted = state["fc_param.weight"].astype(np.float64) @ x.mean(axis=(1, 2)) + state["fc_param.bias"]
    found = Tddfa.load(path=path)([picture])[0]
    assert (found - MEAN) / DEVIATION == pytest.approx(wanted, abs=1e-3 * np.abs(wanted).max())


def test_the_units_are_those_that_the_makers_publish(weights_folder: Path) -> None:
    path = weights_folder / "3ddfa_v2_param_mean_std_62d_120x120.npz"
    if not path.is_file():
        pytest.skip("the makers' file is not here")
    published = np.load(path)
    assert np.array_equal(published["mean"], MEAN) and np.array_equal(published["std"], DEVIATION)


def test_a_face_has_the_same_parameters_alone_and_among_others(network: Tddfa) -> None:
    crops = [np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for seed in range(5)]
    together = network(crops)
    assert together.shape == (5, 62) and together.dtype == np.float32
    assert network([]).shape == (0, 62)
    for place in range(5):
        assert np.array_equal(network(crops[place : place + 1])[0], together[place])


def test_an_opening_mouth_shows_in_the_expression(network: Tddfa, landmarker, full_range, frames) -> None:
    from perception.points68 import points68

    pictures = frames("emotion_mead_W009_surprised_level3.mp4", 0, 30, 3)
    found, gaps = [], []
    for rgb in pictures:
        (mesh,) = landmarker([rgb], [full_range([rgb])[0][0].box])
        points = points68(mesh.points)
        gaps.append(np.linalg.norm(points[62] - points[66]) / np.linalg.norm(points[36] - points[45]))
        found.append(network([crop(rgb, roi_of_points(points))])[0])
    expressions = np.stack(found)[:, EXPRESSION] / DEVIATION[EXPRESSION]
    least, most = int(np.argmin(gaps)), int(np.argmax(gaps))
    same = np.abs(np.diff(expressions, axis=0)).mean()
    assert np.abs(expressions[most] - expressions[least]).mean() > 1.5 * same
    scale = np.linalg.norm(np.stack(found)[:, :3], axis=1) / np.linalg.norm(MEAN[:3])
    assert ((scale > 0.5) & (scale < 2)).all(), "a face fills its crop as the faces of the training did"


@pytest.mark.parametrize("bad", [np.zeros((119, 120, 3), np.uint8), np.zeros((SIDE, SIDE, 3), np.float32)])
def test_a_crop_of_another_kind_is_refused(made_up: tuple[Path, dict[str, np.ndarray]], bad: np.ndarray) -> None:
    with pytest.raises(PerceptionError, match="takes crops"):
        Tddfa.load(path=made_up[0])([bad])


def test_a_file_that_is_something_else_is_refused(made_up: tuple[Path, dict[str, np.ndarray]], tmp_path: Path) -> None:
    import torch

    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(made_up[0].read_bytes()[:5000])
    with pytest.raises(PerceptionError, match="damaged"):
        Tddfa.load(path=damaged)
    other = tmp_path / "other.pth"
    torch.save({"state_dict": {"conv1.weight": torch.zeros(16, 3, 3, 3)}}, other)
    with pytest.raises(PerceptionError, match="is missing"):
        Tddfa.load(path=other)
    code = tmp_path / "code.pth"
    torch.save({"state_dict": Path("x")}, code)
    with pytest.raises(PerceptionError, match="could run code"):
        Tddfa.load(path=code)


def test_only_the_processor_is_offered(made_up: tuple[Path, dict[str, np.ndarray]]) -> None:
    with pytest.raises(PerceptionError, match="'cpu'"):
        Tddfa.load("cuda", made_up[0])
