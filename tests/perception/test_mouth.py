"""A mouth's opening from landmarks: any frame rate, gaps, turned and far faces, still and moving."""

from __future__ import annotations

import numpy as np
import pytest

from perception.mouth import (
    EYES,
    INNER,
    LONGEST_GAP,
    OUTER_PAIRS,
    RATE,
    STILL,
    MouthFrames,
    joined,
    measure,
    motion,
    on_grid,
    overall_motion,
)


def face(opened: float, size: float = 100.0, points: int = 478) -> np.ndarray:
    """Landmarks of a face whose eyes are `size` px apart and whose lips are `opened` px apart, inside and outside."""
    mesh = np.zeros((points, 3), np.float32)
    mesh[EYES[0]], mesh[EYES[1]] = (200, 100, 0), (200 + size, 100, 0)
    for upper, lower in OUTER_PAIRS:
        mesh[upper], mesh[lower] = (250, 200, 0), (250, 200 + opened, 0)
    angle = np.linspace(0, 2 * np.pi, len(INNER), endpoint=False)
    mesh[INNER, 0], mesh[INNER, 1] = 250 + 20 * np.cos(angle), 210 + opened / 2 * np.sin(angle)
    return mesh


@pytest.mark.parametrize("points", [468, 478])
def test_height_and_area_are_those_of_the_lips(points: int) -> None:
    found = measure([0.0, 0.04], np.stack([face(30, points=points), face(60, points=points)]))
    assert found.height.tolist() == pytest.approx([30, 60])
    ring = len(INNER) / 2 * np.sin(2 * np.pi / len(INNER))  # a polygon with this many corners in a unit circle
    assert found.area.tolist() == pytest.approx([20 * 15 * ring, 20 * 30 * ring], rel=1e-4)


def test_the_grid_has_no_units_of_the_picture() -> None:
    near, far = (
        on_grid(measure(np.arange(25) / 25, np.stack([face(scale * 30, scale * 100)] * 25))) for scale in (1.0, 0.2)
    )
    assert near.height == pytest.approx(far.height, rel=1e-3)
    assert near.height[0] == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize("rate", [10, 22.13, 25, 60])
def test_any_frame_rate_gives_the_same_curve(rate: float) -> None:
    times = np.arange(0, 4, 1 / rate) + 8.33  # the video starts after its sound
    opened = 40 + 20 * np.sin(2 * np.pi * 1.5 * times)
    mouth = on_grid(measure(times, np.stack([face(value) for value in opened])))
    steps = np.arange(mouth.first, mouth.last) / RATE
    assert mouth.first == int(np.ceil(times[0] * RATE))
    error = np.abs(mouth.height - (0.4 + 0.2 * np.sin(2 * np.pi * 1.5 * steps))).max()
    assert error < 0.2 * (1.5 * np.pi / rate) ** 2 / 2 + 0.002  # what straight lines between frames may be off


def test_uneven_frames_are_placed_by_their_time() -> None:
    times = np.cumsum(np.resize([0.033, 0.047, 0.02, 0.06], 100))
    mouth = on_grid(measure(times, np.stack([face(30 + 10 * t) for t in times])))
    steps = np.arange(mouth.first, mouth.last) / RATE
    assert mouth.height == pytest.approx(0.3 + 0.1 * steps, abs=1e-4)


def test_a_short_gap_is_bridged_and_a_long_one_is_not_guessed() -> None:
    times = np.array([0, 0.04, 0.08, 0.08 + LONGEST_GAP - 0.01, 0.355, 0.355 + LONGEST_GAP + 0.05, 0.7])
    mouth = on_grid(measure(times, np.stack([face(30)] * len(times))))
    missing = np.flatnonzero(np.isnan(mouth.height)) + mouth.first
    assert (missing.min(), missing.max()) == (36, 65)
    assert np.isnan(mouth.area).sum() == len(missing)


def test_frames_without_numbers_count_as_not_seen() -> None:
    meshes = np.stack([face(30)] * 20)
    meshes[5:15, OUTER_PAIRS[0][0]] = np.nan
    meshes[17] = 0  # eyes at one place
    mouth = on_grid(measure(np.arange(20) / 25, meshes))
    assert np.isnan(mouth.height[20:55]).all()
    assert np.nanmax(mouth.height) == pytest.approx(0.3, rel=1e-3)


def test_nothing_seen_is_an_empty_mouth() -> None:
    empty = on_grid(joined([]))
    assert len(empty.height) == 0 and len(motion(empty)) == 0 and overall_motion(empty) is None
    assert len(on_grid(measure([1.0], face(30)[None])).height) == 0


def test_parts_of_a_long_track_join_to_the_whole() -> None:
    times = np.arange(100) / 25
    meshes = np.stack([face(30 + 5 * np.sin(9 * t)) for t in times])
    parts = joined([measure(times[at : at + 7], meshes[at : at + 7]) for at in range(0, 100, 7)])
    whole = measure(times, meshes)
    assert isinstance(parts, MouthFrames)
    assert on_grid(parts).height == pytest.approx(on_grid(whole).height)


def test_motion_is_local_and_tells_a_still_mouth_from_a_moving_one() -> None:
    times = np.arange(250) / 25
    opened = np.where(times < 5, 30 + 0.2 * np.sin(50 * times), 30 + 8 * np.sin(20 * times))
    moves = motion(on_grid(measure(times, np.stack([face(value) for value in opened]))))
    assert moves[100:400].max() < STILL < moves[600:900].min()
    assert moves[700] == pytest.approx(80 / np.sqrt(2), rel=0.15)
