"""Members pooled over frames, joined, labelled, and doubted; and the square that a network sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception.panel import FaceCrop, face_crop
from perception.verdict import Rules, held, panel_frames, pooled, verdict

ANGRY, DISGUSTED, FEAR, HAPPY, SAD, SURPRISED, NEUTRAL, CONTEMPT = range(8)


def said(**shares: float) -> np.ndarray:
    """Probabilities of these classes; what is left is spread over the others."""
    names = ("angry", "disgusted", "fear", "happy", "sad", "surprised", "neutral", "contempt")
    others = [name for name in names if name not in shares]
    left = (1 - sum(shares.values())) / len(others)
    return np.array([shares.get(name, left) for name in names])


def test_an_expression_in_a_quarter_of_the_clip_outweighs_the_rest() -> None:
    frames = np.tile(said(neutral=0.9), (100, 1))
    frames[:25] = said(happy=0.9)
    assert pooled(frames).argmax() in (HAPPY, NEUTRAL) and pooled(frames)[HAPPY] > 0.4
    frames[:25] = said(neutral=0.9)
    frames[7] = said(happy=0.9)  # one frame is nothing
    assert pooled(frames)[HAPPY] < 0.05


def test_a_clear_label_has_no_doubt() -> None:
    found = verdict([said(happy=0.7), said(happy=0.6), said(happy=0.5)], Rules())
    assert (found.label, found.second, found.reasons) == (HAPPY, None, ())
    assert found.agreement == 1.0 and found.probability == pytest.approx(0.6)


def test_members_that_disagree_are_named_as_the_reason() -> None:
    found = verdict([said(happy=0.9), said(sad=0.45), said(angry=0.45)], Rules())
    assert found.label == HAPPY and found.reasons == ("members-disagree",)


def test_two_emotions_that_stand_out_are_a_compound_and_no_doubt() -> None:
    found = verdict([said(happy=0.5, surprised=0.4), said(happy=0.4, surprised=0.5)], Rules())
    assert {found.label, found.second} == {HAPPY, SURPRISED} and found.reasons == ()
    assert found.probability == pytest.approx(0.9) and found.agreement == 1.0


def test_neutral_and_contempt_are_no_parts_of_a_compound() -> None:
    assert verdict([said(happy=0.5, neutral=0.4)], Rules()).second is None
    assert verdict([said(contempt=0.5, sad=0.4)], Rules()).second is None


def test_a_third_emotion_nearby_makes_two_doubtful() -> None:
    found = verdict([said(happy=0.34, surprised=0.3, fear=0.28)], Rules())
    assert found.second is None and "two-emotions" in found.reasons


def test_a_small_lead_over_neutral_is_weak() -> None:
    assert verdict([said(happy=0.4, neutral=0.35)], Rules()).reasons == ("weak",)


def test_entropy_is_three_bits_when_nothing_is_known() -> None:
    assert verdict([np.full(8, 0.125)], Rules()).entropy == pytest.approx(3.0)
    sure = np.zeros(8)
    sure[SAD] = 1.0
    assert verdict([sure], Rules()).entropy == 0.0


@given(st.lists(st.lists(st.floats(0.001, 1), min_size=8, max_size=8), min_size=1, max_size=6))
def test_any_panel_gives_numbers_in_their_ranges(rows: list[list[float]]) -> None:
    members = [np.array(row) / sum(row) for row in rows]
    found = verdict(members, Rules())
    assert np.isclose(found.mean.sum(), 1) and 0 <= found.agreement <= 1 and -1e-12 <= found.entropy <= 3 + 1e-12
    assert 0 <= found.margin <= 1 and found.margin <= found.probability + 1e-12
    assert found.label == int(np.argmax(found.mean))


def test_between_two_looks_a_member_goes_in_a_straight_line_and_stays_beyond() -> None:
    frames, looked = np.arange(10), np.array([2, 6])
    line = held(frames, looked, np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert line[:, 0].tolist() == [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1]
    both = panel_frames(frames, {"a": (looked, np.eye(8)[[0, 0]]), "b": (frames, np.tile(np.eye(8)[1], (10, 1)))})
    assert both.shape == (10, 8) and np.allclose(both[:, :2], 0.5)


def marked(turn: float, size: int, corner: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a white cross between the eyes of a made-up face, and its landmarks."""
    points = np.zeros((468, 2))
    angle = np.radians(turn)
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = np.array(corner) + size / 2
    square = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]) * size
    points[:] = centre
    points[:4] = square @ axes + centre
    points[33], points[263] = (np.array([(-0.25, -0.2), (0.25, -0.2)]) * size) @ axes + centre
    rgb = np.zeros((400, 400, 3), np.uint8)
    ys, xs = np.mgrid[:400, :400]
    across = (np.stack([xs + 0.5, ys + 0.5], -1) - centre) @ axes.T
    rgb[(np.abs(across[..., 1] + 0.2 * size) < size / 40) & (np.abs(across[..., 0]) < size / 4)] = 255  # the eye line
    return rgb, points


@pytest.mark.parametrize("turn", [0.0, 17.0, -38.0])
def test_a_crop_brings_the_eyes_level_and_shows_the_whole_box(turn: float) -> None:
    rgb, points = marked(turn, 120, (140, 130))
    crop = face_crop(rgb, points, FaceCrop(64, 1.0))[..., 0].astype(float)
    rows, columns = np.nonzero(crop > 128)
    assert crop.shape == (64, 64)
    assert rows.mean() == pytest.approx(0.3 * 64 - 0.5, abs=1.0) and np.ptp(rows) <= 5
    assert (columns.min(), columns.max()) == (pytest.approx(16, abs=1.5), pytest.approx(47, abs=1.5))


def test_a_crop_moves_down_by_its_own_side_and_grows_with_its_scale() -> None:
    rgb, points = marked(0.0, 120, (140, 130))
    middle = [np.nonzero(face_crop(rgb, points, crop)[..., 0] > 128)[0].mean() for crop in (
        FaceCrop(64, 1.0), FaceCrop(64, 1.0, True, 0.1), FaceCrop(64, 2.0))]  # fmt: skip
    assert middle[1] == pytest.approx(middle[0] - 6.4, abs=0.7)
    assert middle[2] == pytest.approx(0.4 * 64 - 0.5, abs=1.0)


def test_beyond_the_edge_the_border_goes_on() -> None:
    rgb = np.full((100, 100, 3), 200, np.uint8)
    _, points = marked(0.0, 80, (60, 60))
    assert (face_crop(rgb, points, FaceCrop(48, 1.5)) == 200).all()
