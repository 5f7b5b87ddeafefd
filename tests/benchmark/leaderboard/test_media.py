"""Videos that a site shows are the ones that were scored, the same clips for every system, spread over the labels."""

from pathlib import Path

import pytest

from benchmark.bundle.record import InputFacts
from benchmark.errors import BenchmarkError
from benchmark.leaderboard import media
from benchmark.leaderboard.build import leaderboard
from benchmark.leaderboard.entries import Entry
from manifests.files import file_hash
from perf.rescoring import synthetic
from tests.benchmark.leaderboard.material import entry, system

CLIPS = [clip.id for clip in synthetic(24, 6).clips]


def scored(folder: Path, role: str, what: str) -> list[InputFacts]:
    """Files `<clip>.mp4` and what a bundle says of them."""
    folder.mkdir(exist_ok=True)
    found = []
    for clip in CLIPS:
        path = folder / f"{clip}.mp4"
        path.write_bytes(f"{what} {clip}".encode())
        written = file_hash(path)
        found.append(InputFacts(role=role, clip=clip, name=path.name, sha256=written.sha256, bytes=written.bytes))
    return found


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    inputs = scored(tmp_path / "real", "real", "truth") + scored(tmp_path / "made", "generated", "video")
    return system(tmp_path / "bundle", "mine", keys=("psnr",), inputs=inputs)


def test_what_is_shown_is_what_was_scored(bundle: Path, tmp_path: Path) -> None:
    built = leaderboard([bundle], tmp_path / "site", [tmp_path / "real", tmp_path / "made"], clips=5)
    files = sorted((tmp_path / "site" / "media").iterdir())
    assert built.videos == len(files) == 10
    assert all(file_hash(path).sha256.startswith(path.stem) for path in files)
    assert (tmp_path / "site" / "hdtf" / "system-mine.html").read_text().count("<video") == 10


def test_a_file_of_the_right_name_and_size_but_other_content_is_not_shown(bundle: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "made").iterdir():
        path.write_bytes(path.read_bytes().replace(b"video", b"VIDEO"))
    built = leaderboard([bundle], tmp_path / "site", [tmp_path / "real", tmp_path / "made"], clips=5)
    page = (tmp_path / "site" / "hdtf" / "system-mine.html").read_text()
    assert built.videos == 5 and page.count("<video") == 5 and page.count("not in this site") == 5


def test_a_video_is_found_under_another_name(bundle: Path, tmp_path: Path) -> None:
    for path in list((tmp_path / "made").iterdir()):
        path.rename(path.with_name(f"take {path.stem}.mov"))
    assert leaderboard([bundle], tmp_path / "site", [tmp_path / "made"], clips=5).videos == 5


def test_a_site_keeps_its_videos_when_it_is_made_again_and_drops_those_no_longer_shown(
    bundle: Path, tmp_path: Path
) -> None:
    leaderboard([bundle], tmp_path / "site", [tmp_path / "made"], clips=5)
    assert leaderboard([bundle], tmp_path / "site", clips=5).videos == 5
    assert leaderboard([bundle], tmp_path / "site", clips=2).videos == 2
    assert len(list((tmp_path / "site" / "media").iterdir())) == 2


def test_a_folder_that_is_not_there_is_named(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"There is no folder .*absent: --videos names where"):
        leaderboard([bundle], tmp_path / "site", [tmp_path / "absent"])


def made(noise: float) -> Entry:
    return entry("any", synthetic(48, 6, noise), ("psnr",))


def test_the_same_clips_are_shown_of_every_system_spread_over_emotions_and_persons() -> None:
    clips = media.chosen([made(0.1)], 8)
    assert clips == media.chosen([made(0.3)], 8) and len(clips) == 8
    rows = {clip.id: clip for clip in synthetic(48, 6).clips}
    assert len({rows[clip].emotion for clip in clips}) == 8
    assert len({rows[clip].identity for clip in clips}) == 5
    assert media.chosen([made(0.1)], 0) == [] and len(media.chosen([made(0.1)], 100)) == 48
