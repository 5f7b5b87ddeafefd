"""A step's videos: the same bytes twice, the sound untouched where pictures change and the other way round."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmark.controls import AXES, CONTROLS, make_control, make_step
from benchmark.controls.kinds import shown_at
from benchmark.errors import BenchmarkError
from benchmark.protocol import Protocol, load_protocol
from benchmark.testset import TestSet
from media.audio import samples
from media.decode import Decoder
from tests.benchmark.ladder.material import FRAMES, protocol_file, testset
from tests.benchmark.ladder.test_changes import face_at


@dataclass(frozen=True)
class World:
    """A test set of four clips."""

    protocol: Protocol
    folder: Path
    testset: TestSet

    def step(self, axis: str, strength: float, out: Path) -> Path:
        points = {clip.id: np.stack([face_at(opening=k % 5) for k in range(FRAMES)]) * 4 for clip in self.testset.clips}
        return make_step(axis, strength, self.testset, self.folder, self.protocol, out, points)

    def control(self, kind: str, out: Path) -> Path:
        return make_control(kind, self.testset, self.folder, self.protocol, out)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("made")
    protocol = load_protocol(str(protocol_file(folder)))
    return World(protocol, folder / "set", testset(folder / "set", protocol, clips=4))


@pytest.fixture(scope="module")
def truth(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.control("ground-truth", tmp_path_factory.mktemp("truth"))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.mp4"))}


def pixels(path: Path) -> np.ndarray:
    with Decoder(path) as frames:
        return np.stack([frame.rgb() for frame in frames])


def heard(path: Path) -> np.ndarray:
    return np.concatenate([block for _, block in samples(path, 16_000, 1, 0, 16_000 * FRAMES // 25)], axis=1)[0]


@pytest.mark.parametrize("axis", ["noise", "shuffle", "sound-noise", "mouth-freeze", "expression-damping"])
def test_a_step_gives_the_same_bytes_twice_and_other_ones_than_the_truth(
    axis: str, world: World, truth: Path, tmp_path: Path
) -> None:
    top = AXES[axis].steps[-1]
    once, again = digests(world.step(axis, top, tmp_path / "a")), digests(world.step(axis, top, tmp_path / "b"))
    assert once == again
    loud = {f"{clip.id}.mp4" for clip in world.testset.clips if clip.sound}
    changed = {name for name, digest in digests(truth).items() if once[name] != digest}
    assert changed == (loud if AXES[axis].changes == "sound" else set(once))


@pytest.mark.parametrize("axis", ["blur", "identity-swap"])
def test_what_changes_pictures_leaves_the_sound(axis: str, world: World, truth: Path, tmp_path: Path) -> None:
    made = world.step(axis, AXES[axis].steps[-1], tmp_path)
    assert np.array_equal(heard(made / "clip0.mp4"), heard(truth / "clip0.mp4"))


def test_what_changes_the_sound_leaves_the_pictures(world: World, truth: Path, tmp_path: Path) -> None:
    made = world.step("sound-noise", 0, tmp_path)
    assert np.array_equal(pixels(made / "clip0.mp4"), pixels(truth / "clip0.mp4"))
    assert not np.array_equal(heard(made / "clip0.mp4"), heard(truth / "clip0.mp4"))


@pytest.mark.parametrize("kind", [kind for kind in CONTROLS if kind != "ground-truth"])
def test_a_floor_is_the_step_of_an_axis_byte_for_byte(kind: str, world: World, tmp_path: Path) -> None:
    control = CONTROLS[kind]
    assert control.axis is not None and control.strength in AXES[control.axis].steps
    step = world.step(control.axis, control.strength, tmp_path / "step")
    assert digests(world.control(kind, tmp_path / "floor")) == digests(step)


def test_a_larger_share_of_the_clips_swaps_the_same_and_more(world: World) -> None:
    clips = world.testset.clips
    swapped = [
        {clip.id for clip in clips if shown_at("identity-swap", share, clip, clips) is not clip}
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert [len(some) for some in swapped] == [0, 1, 2, 3, 4]
    assert all(few < many for few, many in pairwise(swapped))


def test_an_axis_that_is_not_there_is_refused_with_the_nearest(world: World, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="blur"):
        world.step("blurr", 1, tmp_path)


def test_a_face_cannot_be_changed_without_its_landmarks(world: World, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="landmarks of clip0"):
        make_step("mouth-freeze", 1.0, world.testset, world.folder, world.protocol, tmp_path)
