"""`moee curate` over the embedded sample agrees with the sample's own truth."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import manifests
from tests.curation.runs import Ran

pytestmark = pytest.mark.proof
RATE = 16000


@pytest.fixture(scope="module")
def ran(curated_sample: tuple[Ran, Path]) -> Ran:
    return curated_sample[0]


@pytest.fixture(scope="module")
def out(curated_sample: tuple[Ran, Path]) -> Path:
    return curated_sample[1]


@pytest.fixture(scope="module")
def truth(rendered_sample: Path) -> list[dict]:
    return pq.read_table(rendered_sample / "truth.parquet").to_pylist()


def test_every_video_ends_as_the_truth_says_for_the_right_reason(ran: Ran, truth: list[dict], table) -> None:
    for row in truth:
        source = ran.source(row["file"])
        table(f"{row['file']}: {source['status']} {source['reasons']} {source['error'] or ''}")
        assert source["status"] == row["expected"], (row["file"], source)
        assert set(row["reasons"]) <= set(source["reasons"]), (row["file"], source)
        if row["expected"] == "failed":
            assert source["error"]


def test_cuts_are_exact(ran: Ran, out: Path, truth: list[dict], table) -> None:
    shots = manifests.open(out).shots
    wrong = {}
    for row in truth:
        if row["kind"] != "good":
            continue
        mine = shots[shots.source == ran.source(row["file"])["id"]]
        found = sorted(int(start) for start in mine.start_frame if start)
        table(f"{row['file']}: cuts {found}")
        if found != row["cuts"]:
            wrong[row["file"]] = (found, row["cuts"])
    assert not wrong


def test_the_speech_share_of_every_kept_clip_is_within_a_tenth(ran: Ran, out: Path, truth: list[dict], table) -> None:
    manifest = manifests.open(out)
    spoken = {ran.source(row["file"])["id"]: row["speech"] for row in truth}
    worst = 0.0
    for clip in manifest.clips.itertuples():
        start = clip.start_pts * clip.time_base_num * RATE / clip.time_base_den
        end = clip.end_pts * clip.time_base_num * RATE / clip.time_base_den
        said = sum(
            max(0.0, min(end, turn["end_sample"]) - max(start, turn["start_sample"])) for turn in spoken[clip.source]
        )
        off = abs(said / (end - start) - clip.speech_share)
        worst = max(worst, off)
        assert off <= 0.1, (clip.id, said / (end - start), clip.speech_share)
    table(f"{len(manifest.clips)} clips, speech share off by at most {worst:.3f}")
    assert len(manifest.clips) >= 8


def test_the_persons_of_the_sample_are_told_apart_without_an_error(
    ran: Ran, out: Path, truth: list[dict], table
) -> None:
    manifest = manifests.open(out)
    shots = {ran.source(row["file"])["id"]: row["shots"] for row in truth}
    two = {ran.source(row["file"])["id"] for row in truth if row["kind"] == "two_faces"}
    persons: dict[str, set[str]] = {}
    clips = 0
    for clip in manifest.all_clips.itertuples():
        if clip.source in two:  # the truth names only the one who speaks
            continue
        (who,) = (s["identity"] for s in shots[clip.source] if s["start_frame"] <= clip.start_frame < s["end_frame"])
        assert isinstance(clip.identity, str), (clip.id, who)
        persons.setdefault(who, set()).add(clip.identity)
        clips += 1
    table(f"{clips} clips of {len(persons)} persons; identities per person {[len(ids) for ids in persons.values()]}")
    assert all(len(ids) == 1 for ids in persons.values())
    assert len({next(iter(ids)) for ids in persons.values()}) == len(persons) == 7


def test_a_smaller_mirrored_copy_of_low_rate_is_found(ran: Ran, out: Path, table) -> None:
    manifest = manifests.open(out)
    clips = manifest.all_clips.set_index("source")
    copy, original = (ran.source(name)["id"] for name in ("bad_mirrored_copy.mp4", "astronaut_happy_1.mp4"))
    assert clips.loc[copy, "duplicate_of"] == clips.loc[original, "id"]
    assert clips["duplicate_of"].notna().sum() == 1
    pairs = manifest.table("duplicates").to_pylist()
    (pair,) = [pair for pair in pairs if copy in (pair["source"], pair["other"])]
    assert all(pair["how"] == "picture" for pair in pairs if copy not in (pair["source"], pair["other"]))
    table(f"{len(pairs) - 1} other pairs are stretches of the same still face, and no clip is dropped for them")
    table(f"one pair, {pair['how']}, mirrored {pair['mirrored']}, score {pair['score']:.2f}")
    assert pair["mirrored"] and {pair["source"], pair["other"]} == {copy, original}


def test_no_person_of_the_sample_is_in_two_splits(ran: Ran, out: Path, table) -> None:
    import json

    certificate = json.loads((out / "certificate.json").read_text())
    shares = {name: found["clips"] for name, found in certificate["splits"].items()}
    table(f"clips per split {shares}; persons in two splits {certificate['shared']['identities']}")
    assert certificate["shared"]["identities"] == 0 and sum(shares.values()) == len(manifests.open(out).clips)
