"""MEAD's tree: a path becomes a label, and its sound is found by take."""

from pathlib import Path

import pytest

from curation.sources.inputs import Input
from curation.sources.mead import list_inputs
from manifests.errors import ManifestError


def make(root: Path, *takes: str, sound: bool = True) -> None:
    """Takes as `M003/front/angry/level_3/001`."""
    for take in takes:
        actor, view, rest = take.split("/", 2)
        files = [root / actor / "video" / view / f"{rest}.mp4"]
        files += [root / actor / "audio" / f"{rest}.m4a"] if sound else []
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x")


def read(root: Path, **options: object) -> dict[str, Input]:
    return {item.name: item for item in list_inputs([root], root / "out", **options)}  # type: ignore[arg-type]


def test_a_path_says_actor_view_emotion_level_and_take(tmp_path: Path) -> None:
    make(tmp_path, "M003/front/angry/level_3/001", "W009/front/neutral/level_1/030")
    inputs = read(tmp_path)
    (label,) = inputs["M003/video/front/angry/level_3/001.mp4"].labels
    assert (label.dataset, label.identity, label.view, label.emotion) == ("mead", "M003", "front", "angry")
    assert (label.intensity, label.take, label.compound, label.start, label.crop) == (3, "001", None, None, None)
    assert inputs["W009/video/front/neutral/level_1/030.mp4"].labels[0].intensity == 1


def test_the_sound_is_joined_by_take(tmp_path: Path) -> None:
    make(tmp_path, "M003/front/angry/level_3/001", "M003/front/angry/level_2/001")
    inputs = read(tmp_path)
    assert len(inputs) == 2
    for item in inputs.values():
        assert item.sound == tmp_path / "M003/audio" / item.path.relative_to(tmp_path / "M003/video/front").with_suffix(
            ".m4a"
        )


def test_a_take_without_sound_is_a_failed_input_that_names_the_file(tmp_path: Path) -> None:
    make(tmp_path, "M003/front/angry/level_3/001")
    make(tmp_path, "M003/front/sad/level_3/002", sound=False)
    inputs = read(tmp_path)
    error = inputs["M003/video/front/sad/level_3/002.mp4"].error
    assert error == ("its sound is missing: M003/audio/sad/level_3/002.m4a; unpack the actor's audio beside its video")
    assert inputs["M003/video/front/angry/level_3/001.mp4"].error is None


def test_the_front_is_taken_and_the_other_views_are_counted(tmp_path: Path) -> None:
    make(tmp_path, "M003/front/fear/level_1/001", "M003/left_30/fear/level_1/001", "M003/top/fear/level_1/001")
    notes: list[str] = []
    assert len(read(tmp_path, note=notes.append)) == 1
    assert "2 takes of other views than front were left out" in notes
    both = read(tmp_path, views=("front", "left_30"))
    assert sorted(item.labels[0].view or "" for item in both.values()) == ["front", "left_30"]
    assert len({item.sound for item in both.values()}) == 1, "the views of a take share its sound"
    with pytest.raises(ManifestError, match="no view 'fornt': did you mean front"):
        read(tmp_path, views=("fornt",))


def test_one_actor_alone_is_a_source_too(tmp_path: Path) -> None:
    make(tmp_path, "M003/front/contempt/level_2/007")
    (item,) = list_inputs([tmp_path / "M003"], tmp_path / "out")
    assert item.labels[0].identity == "M003" and item.labels[0].emotion == "contempt"


@pytest.mark.parametrize(
    ("take", "words"),
    [
        ("M003/front/hapy/level_1/001", "MEAD has no emotion 'hapy': did you mean happy?"),
        ("M003/back/happy/level_1/001", "MEAD has no view 'back'"),
        ("M003/front/happy/level_4/001", "its folder 'level_4' is no level of MEAD"),
        ("M003/front/happy/001", "does not lie at <actor>/video/<view>/<emotion>/level_<n>/<take>.mp4"),
    ],
)
def test_what_does_not_fit_the_tree_fails_by_name_and_the_rest_goes_on(tmp_path: Path, take: str, words: str) -> None:
    make(tmp_path, take, "M003/front/angry/level_3/001")
    inputs = read(tmp_path)
    assert sum(item.error is None for item in inputs.values()) == 1
    assert any(words in (item.error or "") for item in inputs.values())
