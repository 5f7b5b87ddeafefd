"""The commands, as a user types them: what is said, and the exit status."""

import json
from pathlib import Path

import pytest

from benchmark.leaderboard.names import slug
from tests.benchmark.bundle.material import digest, flip
from tests.benchmark.leaderboard.material import system, text
from tests.curation.runs import moee


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    """A sound bundle, and one that was tampered with."""
    found = [system(tmp_path / name, name, keys=("psnr", "akd")) for name in ("sound", "tampered")]
    flip(found[1] / "results.json", 400, 1)
    return found


def test_what_is_not_shown_is_said_and_the_status_is_1(bundles: list[Path], tmp_path: Path) -> None:
    ran = moee("bench", "leaderboard", *bundles, "--out", tmp_path / "site", "--workers", "2")
    assert ran.status == 1, ran.err
    assert "not shown: tampered: results.json was changed" in ran.out
    assert ran.out.splitlines()[-1] == str(tmp_path / "site" / "index.html")
    assert "sound" in text(tmp_path / "site" / "hdtf.html")
    ran = moee("bench", "leaderboard", bundles[0], "--out", tmp_path / "site", "--json")
    said = json.loads(ran.out)
    assert ran.status == 0 and said["bundles"] == 1 and said["unshown"] == []


def test_a_submission_that_is_not_sound_is_one_sentence_and_status_2(bundles: list[Path], tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert moee("bench", "leaderboard", bundles[0], "--out", site).status == 0
    before = digest(site / "hdtf")
    ran = moee("bench", "submit", bundles[1], "--to", site)
    assert ran.status == 2 and len(ran.err.strip().splitlines()) == 1
    assert "The bundle tampered is refused: results.json was changed" in ran.err
    assert digest(site / "hdtf") == before and "tampered" not in text(site / "index.html")
    ran = moee("bench", "submit", system(tmp_path / "other", "other", keys=("psnr", "akd")), "--to", site)
    assert ran.status == 0 and "2 bundles" in ran.out


def test_two_names_never_share_a_file() -> None:
    names = ["a", "A", "a ", "ä", "a/../../b", "..", "", "index", "media", "a-b", "a b", "x" * 200, "x" * 201, "\udc80"]
    names.append(slug("A"))
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and 0 < len(found) < 60 for found in slugs)
