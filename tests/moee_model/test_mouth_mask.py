"""Where the mouth is on the grid of the latents."""

import numpy as np
import pytest

from moee_model.mouth_mask import LONGEST_GAP, OUTLINE, mouth_mask, mouth_masks
from tests.moee_model.numbered_clips import SIDE, face, mouth

RECT = (0.0, 0.0, float(SIDE), float(SIDE))


def centre(mask: np.ndarray) -> np.ndarray:
    """x, y of the middle of a mask, in latents."""
    y, x = np.nonzero(mask)
    return np.array([x.mean() + 0.5, y.mean() + 0.5])


@pytest.mark.parametrize("side", [8, 16, 64])
def test_the_mask_covers_the_lips_and_their_surroundings_and_little_else(side: int) -> None:
    points = face(3) * side / SIDE
    mask = mouth_mask(points, side)
    assert mask.shape == (side, side)
    assert mask.dtype == np.uint8
    for x, y in points[list(OUTLINE), :2]:
        assert mask[int(y), int(x)] == 1
    assert np.allclose(centre(mask), np.array(mouth(3)) * side / SIDE, atol=0.6)
    # lips of 16 x 8 px and 6 px (a fifth of the eyes' distance) around them; a latent that is touched counts whole
    latent = SIDE / side
    assert (28 + 2 * latent) * (20 + 2 * latent) >= mask.sum() * latent**2 >= np.pi * 14 * 10 * 0.9


def test_a_mouth_at_the_edge_or_outside_is_cut_off() -> None:
    points = face(0)
    assert mouth_mask(points + np.array([200, 0, 0]), SIDE).sum() == 0
    assert 0 < mouth_mask(points - np.array([30, 0, 0]), SIDE).sum() < mouth_mask(points, SIDE).sum()
    assert mouth_mask(points * 1e9, SIDE).sum() == 0


def test_every_frame_has_the_mask_of_the_landmarks_nearest_in_time() -> None:
    seconds = np.array([0.0, 0.04, 0.2])
    points = np.stack([face(0), face(5), face(8)])
    masks = mouth_masks(seconds, points, np.array([0.0, 0.019, 0.021, 0.1, 0.13]), RECT, 16)
    expected = [mouth_mask(face(frame) * 16 / SIDE, 16) for frame in (0, 0, 5, 5, 8)]
    assert np.array_equal(masks, expected)


def test_the_square_may_show_a_part_of_the_picture() -> None:
    points = face(2)[None]
    masks = mouth_masks(np.zeros(1), points, np.zeros(1), (12.0, 40.0, 60.0, 88.0), 48)
    assert np.allclose(centre(masks[0]), np.array(mouth(2)) - (12, 40), atol=0.6)


def test_where_nobody_knows_the_mouth_all_is_mouth() -> None:
    none = np.zeros((0, 468, 3))
    assert mouth_masks(np.zeros(0), none, np.arange(3.0), RECT, 8).all()
    masks = mouth_masks(np.zeros(1), face(0)[None], np.array([0.0, LONGEST_GAP - 0.01, LONGEST_GAP + 0.01]), RECT, 8)
    assert [bool(mask.all()) for mask in masks] == [False, False, True]
