"""A submission is refused, clip by clip, in one sentence that names the clip; what is fit is not."""

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.protocol import Choice, ClipForm, Protocol
from benchmark.submission import Submission, check_pictures, gather, refusal
from benchmark.systems import System
from benchmark.testset import TestClip, TestSet
from manifests.files import file_hash
from media.cut import CutOptions, cut
from tests.benchmark.videos import again, uneven, with_sound
from tests.media.material import recipe, render

PROTOCOL = Protocol(
    name="test", version=1, title="", description="", follows="", condition="none", metrics=["psnr"],
    clip=ClipForm(seconds=2.0, least_seconds=2.0, fps=25, size=[160, 128]), choose=Choice(subjects=1, clips=1),
)  # type: ignore[arg-type]  # fmt: skip
CLIPS = ("c_1", "c_2", "c_3")
MINE = System("mine")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, TestSet]:
    """Ground truth, a submission that is fit, and the list."""
    folder = tmp_path_factory.mktemp("submission")
    whole = render(folder, recipe("h264_25"))
    real, mine = folder / "real", folder / "mine"
    real.mkdir()
    mine.mkdir()
    clips = []
    for place, name in enumerate(CLIPS):
        start = place * 25600
        for target, crf in ((real, 10), (mine, 40)):
            cut(whole, target / f"{name}.mp4", start, start + 25600, CutOptions(Fraction(25), crf=crf))
        facts = file_hash(real / f"{name}.mp4")
        clips.append(
            TestClip(
                id=name, identity="p", emotion=None, compound=None, intensity=None, label_from=None, split=None,
                frames=50, sound=True, real=f"real/{name}.mp4", sha256=facts.sha256, bytes=facts.bytes, reference="",
                audio=None, names=[],
            )
        )  # fmt: skip
    testset = TestSet(
        version=1, protocol="test", protocol_version=1, protocol_sha256="", made_from="", shortfalls=[], clips=clips
    )
    return real, mine, testset


@pytest.fixture
def mine(made: tuple[Path, Path, TestSet], tmp_path: Path) -> Path:
    """A fresh copy of the fit submission, to be spoilt."""
    return Path(shutil.copytree(made[1], tmp_path / "mine"))


def test_a_fit_submission_is_taken_whole(made: tuple[Path, Path, TestSet], mine: Path) -> None:
    found = gather(mine, made[2], PROTOCOL, MINE)
    assert found.errors == {}
    assert sorted(found.videos) == list(CLIPS)


Spoil = Callable[[Path, Path], object]
SPOILT: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda mine, real: (mine / "c_2.mp4").unlink(), "no video"),
    "24 fps": (lambda mine, real: again(real / "c_2.mp4", mine / "c_2.mp4", fps=24), "24 frames per second"),
    "no sound": (lambda mine, real: again(real / "c_2.mp4", mine / "c_2.mp4", audio=False), "no sound"),
    "too short": (lambda mine, real: again(real / "c_2.mp4", mine / "c_2.mp4", seconds=Fraction(1)), "25 frames where"),
    "size": (lambda mine, real: again(real / "c_2.mp4", mine / "c_2.mp4", size=(128, 128)), "128x128 px"),
    "empty file": (lambda mine, real: (mine / "c_2.mp4").write_bytes(b""), "empty"),
    "no video": (lambda mine, real: (mine / "c_2.mp4").write_bytes(b"hello" * 100), "no video"),
    "a folder": (
        lambda mine, real: ((mine / "c_2.mp4").unlink(), (mine / "c_2.mp4").mkdir()),
        "folder",
    ),
    "two files": (lambda mine, real: shutil.copy(mine / "c_2.mp4", mine / "c_2.mkv"), "more than one"),
    "copy of the truth": (lambda mine, real: shutil.copy(real / "c_2.mp4", mine / "c_2.mp4"), "ground truth of c_2"),
    "copy of another truth": (
        lambda mine, real: shutil.copy(real / "c_3.mp4", mine / "c_2.mp4"),
        "ground truth of c_3",
    ),
    "duplicate": (lambda mine, real: shutil.copy(mine / "c_1.mp4", mine / "c_2.mp4"), "that of c_1 again"),
    "short sound": (
        lambda mine, real: with_sound(real / "c_2.mp4", mine / "c_1.mp4", mine / "c_2.mp4", Fraction(1, 2)),
        "sound lasts",
    ),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_video_is_refused_by_name_and_costs_only_itself(
    made: tuple[Path, Path, TestSet], mine: Path, kind: str
) -> None:
    spoil, says = SPOILT[kind]
    spoil(mine, made[0])
    found = gather(mine, made[2], PROTOCOL, MINE)
    assert list(found.errors) == ["c_2"], found.errors
    assert found.errors["c_2"].startswith("c_2: ")
    assert says in found.errors["c_2"]
    assert "\n" not in found.errors["c_2"]
    assert sorted(found.videos) == ["c_1", "c_3"]


def test_what_is_not_in_the_list_is_told_and_left_alone(made: tuple[Path, Path, TestSet], mine: Path) -> None:
    shutil.copy(mine / "c_1.mp4", mine / "other\n.mp4")
    found = gather(mine, made[2], PROTOCOL, MINE)
    assert found.errors == {}
    assert found.notes == ["not in the test list and left alone: other\\x0a"]


def test_the_ground_truth_and_controls_may_be_copies(made: tuple[Path, Path, TestSet]) -> None:
    for system in (System("ground-truth"), System("any", control=True)):
        assert gather(made[0], made[2], PROTOCOL, system).errors == {}


def test_an_uneven_clock_passes_the_container_and_is_left_to_the_decode(
    made: tuple[Path, Path, TestSet], mine: Path
) -> None:
    uneven(made[1] / "c_2.mp4", mine / "c_2.mp4")
    assert gather(mine, made[2], PROTOCOL, MINE).errors == {}


def _taken(mine: Path) -> Submission:
    return Submission(videos={name: mine / f"{name}.mp4" for name in CLIPS})


def test_the_truth_encoded_again_is_a_copy(made: tuple[Path, Path, TestSet]) -> None:
    near, far = np.full(50, 1.0), np.full(50, 30.0)
    found = _taken(made[1])
    check_pictures(found, {}, {"c_1": far, "c_2": near, "c_3": far}, made[2], MINE)
    assert list(found.errors) == ["c_2"]
    assert "ground truth's" in found.errors["c_2"]
    allowed = _taken(made[1])
    check_pictures(allowed, {}, {"c_2": near}, made[2], System("ground-truth"))
    assert allowed.errors == {}


def test_the_same_pictures_under_two_names_are_a_duplicate(made: tuple[Path, Path, TestSet]) -> None:
    found = _taken(made[1])
    check_pictures(found, {"c_1": "a", "c_2": "b", "c_3": "a"}, {}, made[2], MINE)
    assert list(found.errors) == ["c_3"]


def test_several_refusals_end_in_one_sentence_with_their_number() -> None:
    assert refusal(["c_1: no."], 9).startswith("c_1: no. Nothing was scored")
    assert refusal(["c_1: no.", "c_2: no."], 9).startswith("2 of 9 clips are not fit")
