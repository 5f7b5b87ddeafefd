"""The clip table and every clip have the same bytes however the run went: killed, resumed, any workers, any heap."""

import random
import shutil
from pathlib import Path

import pytest

from media.cut import UNFINISHED
from tests.curation.runs import kill_after, moee, real_clips, result_bytes, sample_video
from tests.extent import FULL

pytestmark = pytest.mark.proof

CLIPS = (
    "talk_360x288_grid_man_a_3s.mpg",
    *(["talk_512_may_speech_5s.mp4"] if FULL else []),
    "talk_700_man_odd_fps22_speech_6s.mp4",
    "multishot_640x360_stage_people_speech_10s.mp4",
    "lowres_176x144_carphone_clean_4s.mp4",
)
KILLS = 10 if FULL else 3


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real clips of many kinds, or rendered ones where those are not."""
    folder = tmp_path_factory.mktemp("videos")
    real = real_clips()
    if real is None:
        for number, subject in enumerate(("astronaut", "group_1", "group_3", "group_5")):
            sample_video(folder / str(number), f"talk {number}.mp4", seconds=2 + number, subject=subject)
        return folder
    for name in CLIPS:
        shutil.copy(real / name, folder)
    return folder


@pytest.fixture(scope="module")
def whole(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """Bytes of an undisturbed run with one worker, and its seconds."""
    out = tmp_path_factory.mktemp("whole") / "out"
    ran = moee("curate", videos, "--out", out, "--workers", 1, "--json")
    found = result_bytes(out)
    assert len(found) > 3
    return found, ran.json["seconds"]


def test_two_workers_give_the_same_bytes(videos: Path, whole: tuple[dict[str, str], float], tmp_path: Path) -> None:
    moee("curate", videos, "--out", tmp_path / "out", "--workers", 2)
    assert result_bytes(tmp_path / "out") == whole[0]


@pytest.mark.parametrize("perturb", ["77"])
def test_any_content_of_fresh_memory_gives_the_same_bytes(
    perturb: str, videos: Path, whole: tuple[dict[str, str], float], tmp_path: Path
) -> None:
    moee("curate", videos, "--out", tmp_path / "out", "--workers", 1, env={"MALLOC_PERTURB_": perturb})
    assert result_bytes(tmp_path / "out") == whole[0]


def test_killed_at_random_moments_gives_the_same_bytes(
    videos: Path, whole: tuple[dict[str, str], float], tmp_path: Path, table
) -> None:
    chance = random.Random(20261120)
    out = tmp_path / "out"
    moments = []
    for _ in range(KILLS):
        moment = chance.uniform(0.2, max(4.0, 0.9 * whole[1]))
        if kill_after(moment, "curate", videos, "--out", out, "--workers", 2):
            moments.append(round(moment, 1))
        else:  # it was done: begin anew, so that every kill hits a run at work
            shutil.rmtree(out)
    ran = moee("curate", videos, "--out", out, "--workers", 2, "--json")
    table(f"killed after {moments} s; the last run decoded {ran.json['frames']}")
    assert len(moments) >= KILLS // 2
    assert result_bytes(out) == whole[0]
    assert moee("manifest", "validate", out).status == 0
    left = [path for path in out.rglob("*") if path.name.startswith((".tmp", UNFINISHED.split("*")[0]))]
    assert not left, "nothing unfinished is left behind"


def test_killed_alone_and_restarted_at_once_gives_the_same_bytes(
    videos: Path, whole: tuple[dict[str, str], float], tmp_path: Path, table
) -> None:
    """The workers of the killed run may still be writing when the next one begins."""
    chance = random.Random(2)
    out = tmp_path / "out"
    kills = sum(
        kill_after(chance.uniform(2.0, max(4.0, 0.5 * whole[1])), "curate", videos, "--out", out, alone=True)
        for _ in range(3)
    )
    moee("curate", videos, "--out", out, "--workers", 2)
    table(f"killed alone {kills} times")
    assert kills
    assert result_bytes(out) == whole[0]
    assert moee("manifest", "validate", out).status == 0
