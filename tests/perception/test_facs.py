"""FACS scoring: which actions make which emotion, what is at rest, and that nothing depends on size, place or tilt."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception import facs
from perception.action_units import ACTION_UNITS, COUNT, NUMBERS, intensities, place, stored
from perception.facs_blendshapes import DEAD, NAMES, raw_blendshapes
from perception.facs_geometry import raw_geometry, upright
from perception.facs_scale import Scale, anchors, scale
from perception.facs_track import ABOUT, read_track

USUAL = np.full(COUNT + 1, 0.1)


def shown(*numbers: int, at: float = 4.0) -> np.ndarray:
    """One frame that shows these actions, and nothing else."""
    frame = np.zeros((1, COUNT + 1))
    for number in numbers:
        frame[0, place(number)] = at
    return frame


@pytest.mark.parametrize(
    ("numbers", "emotion"),
    [
        ((6, 12), "happy"),
        ((1, 4, 15, 17), "sad"),
        ((4, 7, 17, 24), "angry"),
        ((1, 2, 5), "surprised"),
        ((1, 2, 4, 5, 20), "fear"),
        ((9, 10, 17), "disgusted"),
        ((), "neutral"),
    ],
)
def test_the_actions_of_an_emotion_make_that_emotion(numbers: tuple[int, ...], emotion: str) -> None:
    said = facs.score(shown(*numbers), USUAL)
    assert facs.CLASSES[int(said.argmax())] == emotion


def test_a_lip_corner_on_one_side_alone_is_contempt() -> None:
    frame = shown()
    frame[0, facs.UNEQUAL] = 4.0
    assert facs.CLASSES[int(facs.score(frame, USUAL).argmax())] == "contempt"


def test_speech_and_blinks_say_nothing_of_emotion() -> None:
    spoken = [unit.number for unit in ACTION_UNITS if unit.speech] + [43]
    assert np.allclose(facs.score(shown(*spoken), USUAL), facs.score(shown(), USUAL), atol=1e-12)
    assert facs.strength(shown(*spoken), 80) == facs.strength(shown(), 80) == 0


def test_what_talkers_do_all_the_time_says_less() -> None:
    often = USUAL.copy()
    often[place(12)] = 0.6
    happy = facs.CLASSES.index("happy")
    assert facs.score(shown(12), often)[0, happy] < facs.score(shown(12), USUAL)[0, happy]


@given(st.lists(st.floats(0, 30), min_size=COUNT + 1, max_size=COUNT + 1), st.integers(0, COUNT - 1))
def test_probabilities_sum_to_one_and_strength_rises_with_every_action(values: list[float], which: int) -> None:
    frame = np.array([values])
    said = facs.score(frame, USUAL)
    assert said.shape == (1, 8) and np.isclose(said.sum(), 1) and (said >= 0).all()
    more = frame.copy()
    more[0, which] += 1.0
    assert 0.0 <= facs.strength(frame, 80) <= facs.strength(more, 80) <= 1.0


def test_the_fingerprint_changes_with_any_constant(tmp_path: Path) -> None:
    here = Path(facs.__file__).parent
    for file in (*here.glob("facs*.py"), here / "verdict.py", here / "action_units.py"):
        shutil.copy(file, tmp_path)
    assert facs.fingerprint(tmp_path) == facs.fingerprint()
    for name, constant in (("facs_scale.py", "VARIES = 1.5"), ("verdict.py", "POOL: Final = 80.0")):
        text = (tmp_path / name).read_text()
        assert constant in text
        (tmp_path / name).write_text(text.replace(constant, constant + "1"))
        assert facs.fingerprint(tmp_path) != facs.fingerprint()
        (tmp_path / name).write_text(text)


@given(st.lists(st.floats(0, 5), min_size=COUNT, max_size=COUNT))
def test_stored_intensities_come_back_to_half_a_step(values: list[float]) -> None:
    given_ = np.array(values, np.float32)
    assert np.abs(intensities(stored(given_)) - given_).max() <= 0.5 / 51 + 1e-6


def test_blendshapes_name_their_action_and_no_other() -> None:
    for name, number in (("browInnerUp", 1), ("mouthSmileLeft", 12), ("jawOpen", 26), ("eyeBlinkRight", 43)):
        shapes = np.zeros((1, 52))
        shapes[0, NAMES.index(name)] = 0.8
        moved = {NUMBERS[k] for k in np.flatnonzero(np.nan_to_num(raw_blendshapes(shapes)[0, :COUNT]))}
        assert moved == ({number} | ({25} if name == "jawOpen" else set()))
    assert np.isnan(raw_blendshapes(np.zeros((1, 52)))[0, [place(number) for number in DEAD]]).all()


def test_one_sided_smile_is_unequal_and_a_full_one_is_not() -> None:
    shapes = np.zeros((2, 52))
    shapes[:, NAMES.index("mouthSmileLeft")] = 0.5
    shapes[1, NAMES.index("mouthSmileRight")] = 0.5
    assert raw_blendshapes(shapes)[:, -1].tolist() == [0.5, 0.0]


@pytest.fixture
def face() -> np.ndarray:
    """[468, 3] a made-up face: eye corners, nose and the rest scattered about them, the same on every run."""
    points = np.random.default_rng(7).normal(0, 30, (468, 3))
    corners = {33: (-45, 0, 5), 133: (-15, 0, 0), 362: (15, 0, 0), 263: (45, 0, 5), 168: (0, -5, -10), 2: (0, 45, -20)}
    for mark, place_ in corners.items():
        points[mark] = place_
    return points


def turned(face: np.ndarray, yaw: float, pitch: float, roll: float) -> np.ndarray:
    a, b, c = np.radians((yaw, pitch, roll))
    around_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    around_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    around_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(face @ (around_z @ around_x @ around_y).T)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 25), (20, -15, -40)])
def test_the_mesh_is_measured_alike_at_any_size_place_and_turn(
    face: np.ndarray, yaw: float, pitch: float, roll: float
) -> None:
    moved = 2.7 * turned(face, yaw, pitch, roll) + (300, 200, 10)
    assert np.allclose(raw_geometry(moved[None]), raw_geometry(face[None]), atol=1e-9)
    assert np.allclose(upright(moved[None]), upright(face[None]), atol=1e-9)


def test_a_face_on_one_spot_gives_numbers_all_the_same() -> None:
    assert np.isfinite(raw_geometry(np.zeros((1, 478, 3)))).all()


@pytest.mark.parametrize(
    ("number", "marks", "move"),
    [
        (1, (55, 107, 65, 285, 336, 295), (0, -6, 0)),
        (12, (61,), (-4, -8, 0)),
        (25, (14,), (0, 9, 0)),
        (26, (152,), (0, 9, 0)),
        (9, (98, 327, 64, 294), (0, -5, 0)),
    ],
)
def test_a_moved_mark_raises_its_action(
    face: np.ndarray, number: int, marks: tuple[int, ...], move: tuple[int, int, int]
) -> None:
    moved = face.copy()
    moved[list(marks)] += move
    if number == 12:
        moved[291] += (4, -8, 0)
    before, after = (raw_geometry(points[None])[0, place(number)] for points in (face, moved))
    assert after > before


def test_a_track_that_varies_is_measured_against_its_own_rest() -> None:
    found = scale("blendshapes")
    raw = np.tile(found.rest, (100, 1))
    raw[:, place(1)] += 2 / 5 * found.whole[place(1)]  # brows that always stand high ...
    raw[50:, place(1)] += 3 / 5 * found.whole[place(1)]  # ... and rise in the second half
    raw[:, place(12)] += 4 / 5 * found.whole[place(12)]  # a smile that never ends
    rest, own = found.own_rest(raw)
    intensity = found.intensity(raw, rest)
    assert own[place(1)] and not own[place(12)]
    assert np.allclose(intensity[:50, place(1)], 0) and np.allclose(intensity[50:, place(1)], 3)
    assert np.allclose(intensity[:, place(12)], 4)


def test_a_little_of_a_rare_action_is_prominent_and_not_intense() -> None:
    found = scale("blendshapes")
    little = found.rest + found.swing * (np.arange(COUNT + 1) == place(5))
    assert found.prominence(little[None], found.rest)[0, place(5)] == pytest.approx(5)
    assert found.intensity(little[None], found.rest)[0, place(5)] < 2  # eyes opened wide are a fifth of ARKit's weight
    assert (found.whole >= found.swing).all()


def test_a_short_track_has_no_rest_of_its_own() -> None:
    found = scale("blendshapes")
    raw = np.linspace(0, 1, 24)[:, None] * np.ones(COUNT + 1)
    assert not found.own_rest(raw)[1].any()


def test_lids_and_lips_of_the_mesh_are_never_their_own_rest() -> None:
    found = scale("mesh")
    raw = found.rest + np.linspace(0, 1, 200)[:, None] * 2 * found.swing
    own = found.own_rest(raw)[1]
    assert {NUMBERS[k] for k in np.flatnonzero(own[:COUNT])} == {1, 2, 4} and not own[COUNT]


def test_anchors_are_the_talkers_rest_and_their_hundredth_frame() -> None:
    rng = np.random.default_rng(3)
    tracks = [rng.uniform(0, 1, (1000, COUNT + 1)) for _ in range(5)]
    made = anchors("mesh", tracks)
    assert np.allclose(made.rest, 0.5, atol=0.05) and np.allclose(made.rest + made.swing, 0.99, atol=0.01)
    assert isinstance(made, Scale) and ((made.usual > 0) & (made.usual < 1)).all()


def test_without_blendshapes_the_mesh_speaks_alone(face: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    mesh = raw_geometry(face + rng.normal(0, 0.5, (60, 468, 3)))
    alone, both = read_track(mesh, None), read_track(mesh, raw_blendshapes(rng.uniform(0, 0.3, (60, 52))))
    assert list(alone.members) == ["facs-mesh"] and alone.model == "mesh"
    assert list(both.members) == ["facs-blendshapes", "facs-mesh"] and both.model == "blendshapes"
    assert np.array_equal(alone.members["facs-mesh"], both.members["facs-mesh"])
    dead = [place(number) for number in DEAD]
    assert np.array_equal(alone.units[:, dead], both.units[:, dead])  # these two are the mesh's
    for track in (alone, both):
        assert track.units.shape == (60, COUNT) and (track.units >= 0).all() and (track.units <= 5).all()
        assert track.beyond.shape == (60, COUNT + 1) and np.isfinite(track.beyond).all()
    assert set(ABOUT) == set(both.members)


def test_frames_at_rest_are_those_between_two_expressions() -> None:
    found = scale("blendshapes")
    raw = np.tile(found.rest, (90, 1))
    raw[30:60, place(12)] += found.swing[place(12)]
    quiet = read_track(np.tile(scale("mesh").rest, (90, 1)), raw).neutral
    assert quiet[:30].all() and not quiet[30:60].any() and quiet[60:].all()
    held = np.tile(raw[40], (90, 1))
    assert not read_track(np.tile(scale("mesh").rest, (90, 1)), held).neutral.any()
