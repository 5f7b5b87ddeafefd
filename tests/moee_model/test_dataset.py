"""Samples from prepared features: the right frames, the right sound, the right labels, and the same every time."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from moee_model.batch import NONE, Batch, Request, Source
from moee_model.config import model_config
from moee_model.dataset import ClipSource
from moee_model.errors import ModelError
from moee_model.feature_store import ClipFeatures, FeatureSet, part_file, write_part
from moee_model.sampler import Plan

TINY = model_config("tiny")
CONFIG = replace(TINY, frames=6, motion_frames=2)
HAPPY = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
torch.set_num_threads(1)


def stored(root: Path, name: str, frames: int, label: tuple[float, ...] | None, split: str = "train") -> ClipFeatures:
    """Features that say what they are: latents and sound of frame k hold k, of every clip something else besides."""
    sha = f"{name:a<64}"
    parts = {part: part_file(part, sha, "0" * 16) for part in ("picture", "sound", "text", "face")}
    mark = float(sum(map(ord, name)) % 50)
    at = torch.arange(frames, dtype=torch.float16)
    latents = at[:, None, None, None].expand(frames, 48, 16, 16).clone()
    latents[:, 1] = mark
    hidden = at[:, None, None].expand(frames, 2, 64).clone()
    mouth = torch.zeros(frames, 16, 16, dtype=torch.uint8)
    mouth[at.long(), at.long() % 16] = 1  # row k of frame k
    write_part(root / parts["picture"], {"latents": latents})
    write_part(root / parts["sound"], {"hidden": hidden, "emotion": torch.full((64,), mark)})
    write_part(root / parts["face"], {"mouth": mouth, "aus": torch.full((22,), mark / 100)})
    if label is None:
        del parts["text"]
    else:
        write_part(root / parts["text"], {"text": torch.full((64,), mark + 1)})
    return ClipFeatures(name, sha, split, "one", (name,), label, frames, parts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> FeatureSet:
    root = tmp_path_factory.mktemp("features")
    clips = (
        stored(root, "happy", 30, HAPPY),
        stored(root, "unknown", 20, None),
        stored(root, "neutral", 8, NONE),
        stored(root, "short", 7, HAPPY),
        stored(root, "other", 12, HAPPY, "validation"),
    )
    return FeatureSet(root, "here", CONFIG, clips)


@pytest.fixture(scope="module")
def source(features: FeatureSet) -> ClipSource:
    return ClipSource(features)


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches are equal to the bit."""
    return all(
        torch.equal(value, getattr(other, name)) if isinstance(value, torch.Tensor) else value == getattr(other, name)
        for name, value in vars(one).items()
    )


def test_it_is_a_source(source: ClipSource) -> None:
    checked: Source = source
    assert list(checked.ids) == ["happy", "unknown", "neutral"]
    assert np.array_equal(checked.labels, [HAPPY, [np.nan] * 6, NONE], equal_nan=True)
    assert checked.labels.dtype == np.float32


def test_clips_shorter_than_the_window_are_left_out_and_listed(features: FeatureSet, source: ClipSource) -> None:
    assert source.too_short == ["short"]
    longer = replace(features, config=replace(CONFIG, frames=29))
    with pytest.raises(ModelError, match="No clip in the split train has 31 frames"):
        ClipSource(longer)


def test_a_split_holds_its_own_clips_only(features: FeatureSet) -> None:
    assert list(ClipSource(features, "validation").ids) == ["other"]


def test_shapes_and_types_are_those_of_a_batch(source: ClipSource) -> None:
    made = source.batch([Request(0, 1), Request(1, 2), Request(0, 3)], 6, 2)
    shapes = {name: (tuple(value.shape), value.dtype) for name, value in vars(made).items() if hasattr(value, "shape")}
    real, whole, flag = torch.float32, torch.int64, torch.bool
    assert shapes == {
        "seeds": ((3,), whole),
        "latents": ((3, 48, 8, 16, 16), real),
        "reference": ((3, 48, 16, 16), real),
        "audio": ((3, 12, 2, 64), real),
        "weights": ((3, 6), real),
        "gates": ((3, 6), real),
        "learned": ((3,), flag),
        "text": ((3, 64), real),
        "emotion_audio": ((3, 64), real),
        "aus": ((3, 22), real),
        "present": ((3, 4), flag),
        "counted": ((3, 1, 8, 16, 16), real),
    }
    assert (made.ids, made.motion_frames) == (["happy", "unknown", "happy"], 2)
    assert made.seeds.tolist() == [1, 2, 3]


def test_a_window_is_consecutive_frames_with_their_own_sound_and_a_reference_from_elsewhere(source: ClipSource) -> None:
    firsts, references = set(), set()
    for seed in range(400):
        made = source.batch([Request(0, seed)], 6, 2)
        at = made.latents[0, 0, :, 0, 0]
        first = int(at[0])
        assert at.tolist() == list(range(first, first + 8))
        heard = made.audio[0, :, 0, 0].tolist()
        assert heard == [min(max(frame, 0), 29) for frame in range(first - 2, first + 10)]
        reference = int(made.reference[0, 0, 0, 0])
        assert not first <= reference < first + 8
        firsts.add(first)
        references.add(reference)
    assert firsts == set(range(23))
    assert references == set(range(30))


def test_the_reference_of_a_single_frame_is_another_frame(source: ClipSource) -> None:
    for seed in range(200):
        made = source.batch([Request(2, seed)], 1, 0)
        assert made.latents.shape[2] == 1
        assert made.reference[0, 0, 0, 0] != made.latents[0, 0, 0, 0, 0]


def test_where_the_window_is_the_whole_clip_the_reference_is_one_of_its_frames(source: ClipSource) -> None:
    found = {int(source.batch([Request(2, seed)], 6, 2).reference[0, 0, 0, 0]) for seed in range(200)}
    assert found == set(range(8))


def test_a_window_longer_than_a_clip_is_refused(source: ClipSource) -> None:
    with pytest.raises(ModelError, match="neutral has 8 frames, the window needs 9"):
        source.batch([Request(2, 0)], 7, 2)


def test_a_sample_does_not_depend_on_its_neighbours_or_on_what_was_asked_before(source: ClipSource) -> None:
    asked = [Request(index % 3, 100 + index) for index in range(9)]
    together = source.batch(asked, 6, 2)
    torch.manual_seed(1)
    for place in reversed(range(9)):
        alone = source.batch([asked[place]], 6, 2)
        for name, value in vars(together).items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value[place], getattr(alone, name)[0]), name


def test_the_global_generators_are_left_alone(source: ClipSource) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    source.batch([Request(0, 1)], 6, 2)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


def test_threads_may_read_at_once(source: ClipSource) -> None:
    asked = [[Request(index % 3, seed * 10 + index) for index in range(4)] for seed in range(20)]
    expected = [source.batch(one, 6, 2) for one in asked]
    found: dict[int, Batch] = {}

    def read(place: int) -> None:
        found[place] = source.batch(asked[place], 6, 2)

    threads = [threading.Thread(target=read, args=(place,)) for place in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(found[place], expected[place]) for place in range(20))


def test_a_sample_is_told_its_label_text_sound_and_action_units(source: ClipSource) -> None:
    made = source.batch([Request(0, 1, HAPPY, HAPPY), Request(1, 2), Request(2, 3)], 6, 2)
    assert made.weights.tolist() == [list(HAPPY), list(NONE), list(NONE)]
    assert made.present.tolist() == [[True, True, True, True], [False, False, True, True], [True, True, True, True]]
    mark = float(sum(map(ord, "happy")) % 50)
    assert made.text[0].tolist() == [mark + 1] * 64
    assert made.emotion_audio[0].tolist() == [mark] * 64
    assert torch.allclose(made.aus[0], torch.full((22,), mark / 100))
    assert made.text[1].tolist() == [0] * 64
    assert made.counted.min() == 1


def test_gates_are_forced_or_left_to_the_model(source: ClipSource) -> None:
    made = source.batch([Request(0, 1, HAPPY, HAPPY), Request(0, 1, HAPPY, None), Request(0, 1)], 6, 2)
    assert made.gates.tolist() == [list(HAPPY), list(NONE), list(NONE)]
    assert made.learned.tolist() == [False, True, False]


def test_a_masked_sample_is_told_its_label_alone_and_its_mouth_does_not_count(source: ClipSource) -> None:
    for index in (0, 1):  # with a label of its own and without one
        made = source.batch([Request(index, 5, HAPPY, HAPPY, masked=True)], 6, 2)
        assert made.present.tolist() == [[True, False, False, False]]
        assert made.weights.tolist() == [list(HAPPY)]
        for name in ("text", "emotion_audio", "aus"):
            assert not getattr(made, name).any()
        for place, frame in enumerate(made.latents[0, 0, :, 0, 0].int().tolist()):
            expected = torch.ones(16, 16)
            expected[frame % 16] = 0
            assert torch.equal(made.counted[0, 0, place], expected)


def test_a_whole_stage_can_be_drawn_through_the_sampler(source: ClipSource) -> None:
    plan = Plan(source.labels, "experts", 4, 0, noisy=0.5, allow_missing=True)
    masked = 0
    for step in range(20):
        asked = plan.requests(step)
        made = source.batch(asked, 6, 2)
        masked += sum(request.masked for request in asked)
        assert [bool((row == 0).any()) for row in made.counted] == [request.masked for request in asked]
    assert masked


def test_missing_features_are_one_sentence(features: FeatureSet, tmp_path: Path) -> None:
    moved = ClipSource(replace(features, root=tmp_path))
    with pytest.raises(ModelError, match="missing or damaged: prepare the features again"):
        moved.batch([Request(0, 1)], 6, 2)


@pytest.fixture
def many(tmp_path: Path) -> Callable[[int], FeatureSet]:
    """Any number of clips of one second that share a file of 100 MB, so that reading all of it would show."""
    sha, frames = "b" * 64, 2000
    parts = {part: part_file(part, sha, "0" * 16) for part in ("picture", "sound")}
    write_part(tmp_path / parts["picture"], {"latents": torch.zeros(frames, 48, 16, 16, dtype=torch.float16)})
    hidden = torch.zeros(frames, 2, 64, dtype=torch.float16)
    write_part(tmp_path / parts["sound"], {"hidden": hidden, "emotion": torch.zeros(64)})

    def made(count: int) -> FeatureSet:
        clips = tuple(ClipFeatures(f"c{n}", sha, "train", "one", (), HAPPY, frames, parts) for n in range(count))
        return FeatureSet(tmp_path, "here", CONFIG, clips)

    return made


def test_reading_holds_no_more_than_the_samples(many: Callable[[int], FeatureSet]) -> None:
    source = ClipSource(many(18_000))
    source.batch([Request(0, 0)], 6, 2)
    process = psutil.Process()
    before = process.memory_full_info().uss
    for seed in range(300):
        source.batch([Request(seed * 50, seed)], 6, 2)
    assert process.memory_full_info().uss - before < 10e6
