"""A run whose results lie in a bucket: what a folder would hold, file for file, whoever ran it from wherever."""

import re
import shutil
from pathlib import Path

import pytest

from curation.storage.bucket import Bucket
from tests.curation.runs import Ran, moee, result_bytes, sample_video

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking portrait, a file that is none, and the portrait once more."""
    folder = tmp_path_factory.mktemp("videos")
    made = sample_video(folder, "talk.mp4", seconds=2.0)
    shutil.copy(made, folder / "again.mp4")
    (folder / "bad.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def local(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("local") / "out"
    moee("curate", videos, "--out", out, "--workers", 1)
    assert len(result_bytes(out)) > 1
    return out


@pytest.fixture(scope="module")
def first(s3: dict[str, str], videos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    scratch = tmp_path_factory.mktemp("scratch")
    return moee("curate", videos, "--out", "s3://data/set", "--workers", 1, "--scratch", scratch, "--json"), scratch


def fetched(address: str, target: Path) -> Path:
    bucket = Bucket(address)
    for name in bucket.list():
        bucket.get(name, target / name)
    return target


def names(folder: Path) -> set[str]:
    """All files but the lock, without the hash of their content: rows of sources say when they were fetched."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {re.sub(r"-[0-9a-f]{16}\.parquet$", ".parquet", name) for name in found}


def test_a_bucket_holds_what_a_folder_would(first: tuple[Ran, Path], local: Path, tmp_path: Path) -> None:
    copy = fetched("s3://data/set", tmp_path / "copy")
    assert result_bytes(copy) == result_bytes(local)
    assert names(copy) == names(local)
    assert moee("manifest", "validate", copy).status == 0
    assert not list((first[1] / "work").iterdir()), "workers leave nothing behind"


def test_another_machine_finds_nothing_to_do(first: tuple[Ran, Path], videos: Path, tmp_path: Path) -> None:
    ran = moee("curate", videos, "--out", "s3://data/set", "--scratch", tmp_path, "--workers", 1, "--json")
    assert (ran.json["attempts"], ran.json["clips"]) == (0, first[0].json["clips"])
    assert moee("manifest", "validate", fetched("s3://data/set", tmp_path / "copy")).status == 0


def test_sources_may_lie_in_a_bucket_too(first: tuple[Ran, Path], videos: Path, local: Path, tmp_path: Path) -> None:
    for path in videos.iterdir():
        Bucket("s3://data/raw").put(path, path.name)
    ran = moee("curate", "s3://data/raw", "--out", tmp_path / "out", "--workers", 2, "--json")
    assert result_bytes(tmp_path / "out") == result_bytes(local)
    assert ran.json["inputs"] == 3
    rerun = moee("curate", "s3://data/raw", "--out", tmp_path / "out", "--json")
    assert rerun.json["attempts"] == 0
    missing = moee("curate", "s3://data/nothing", "--out", tmp_path / "out")
    assert (missing.status, missing.err) == (
        2,
        "moee: there is nothing at s3://data/nothing: check the SOURCE argument\n",
    )


def test_a_lost_clip_is_made_again_and_foreign_objects_stay(
    first: tuple[Ran, Path], videos: Path, local: Path, tmp_path: Path
) -> None:
    bucket = Bucket("s3://data/set")
    clip = next(iter(bucket.list("clips/")))
    bucket.remove([clip])
    bucket.write("notes.txt", b"mine")
    ran = moee("curate", videos, "--out", "s3://data/set", "--scratch", first[1], "--workers", 1, "--json")
    assert ran.json["sources_worked"] == 1 and ran.json["frames"]["analysis_decoded"] == 0
    assert bucket.read("notes.txt") == b"mine"
    bucket.remove(["notes.txt"])
    assert result_bytes(fetched("s3://data/set", tmp_path / "copy")) == result_bytes(local)


def test_a_source_that_is_gone_from_its_place_takes_its_results_along(
    s3: dict[str, str], videos: Path, tmp_path: Path
) -> None:
    place = tmp_path / "in"
    shutil.copytree(videos, place)
    (place / "again.mp4").unlink()
    moee("curate", place, "--out", "s3://data/replaced", "--scratch", tmp_path / "s", "--workers", 1)
    before = set(Bucket("s3://data/replaced").list("clips/"))
    with (place / "talk.mp4").open("ab") as file:
        file.write(b"\0\0\0\x10free12345678")
    ran = moee("curate", place, "--out", "s3://data/replaced", "--scratch", tmp_path / "s", "--workers", 1, "--json")
    assert ran.json["clips"] == len(before)
    copy = fetched("s3://data/replaced", tmp_path / "copy")
    assert set(Bucket("s3://data/replaced").list("clips/")).isdisjoint(before)
    assert len(list(copy.glob("heads/*/*.json"))) == 2
    assert moee("manifest", "validate", copy).status == 0
