"""`moee curate` over all real clips: every input accounted, cuts exact, reasons right, nothing decoded twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import manifests
from tests.curation.runs import Ran, moee

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real") / "out"


@pytest.fixture(scope="module")
def first(test_data: Path, out: Path) -> Iterator[Ran]:
    yield moee("curate", test_data / "videos", "--out", out, "--json")


def reasons_of(first: Ran, start: str) -> set[str]:
    found = [source for source in first.json["sources"] if source["name"].startswith(start)]
    assert found
    return {reason for source in found for reason in source["reasons"]}


def test_all_inputs_are_accounted_for(first: Ran, test_data: Path, table) -> None:
    report = first.json
    table(f"{report['inputs']} = {report['kept']} kept + {report['dropped']} dropped + {report['failed']} failed")
    assert first.status in (0, 1)
    assert report["inputs"] == len(list((test_data / "videos").iterdir()))
    assert report["inputs"] == report["kept"] + report["dropped"] + report["failed"]


def test_the_cuts_of_the_stage_clip_are_exact(first: Ran, out: Path, table) -> None:
    name = "multishot_640x360_stage_people_speech_10s.mp4"
    shots = manifests.open(out).shots
    starts = sorted(shots[shots.source == first.source(name)["id"]].start_frame)
    table(f"shots start at {starts}")
    assert starts == [0, 20, 82, 211]


def test_dropped_inputs_say_why(first: Ran) -> None:
    assert all(not s["clips"] for s in first.json["sources"] if s["name"].startswith("noface_"))
    assert "speech" in reasons_of(first, "still_")
    assert "speech" in reasons_of(first, "silent_")
    assert "speech" in reasons_of(first, "expressive_512_woman_many_faces_digital_silence")
    assert "faces" in reasons_of(first, "crowd_")


def test_every_talking_source_keeps_a_clip_with_its_face_in_95_percent_of_the_frames(
    first: Ran, out: Path, table
) -> None:
    manifest = manifests.open(out)
    clips, frames = manifest.clips, manifest.frames()
    for source in first.json["sources"]:
        if not source["name"].startswith("talk_"):
            continue
        shares = []
        for clip in clips[clips.source == source["id"]].itertuples():
            rows = frames[frames.track == clip.track]
            covered = rows[(rows.frame >= clip.start_frame) & (rows.frame < clip.end_frame)]
            shares.append(len(covered) / (clip.end_frame - clip.start_frame))
        table(f"{source['name']}: {len(shares)} clips, face in {[round(share, 3) for share in shares]} of the frames")
        assert any(share >= 0.95 for share in shares), source["name"]


def test_the_analysis_decodes_each_frame_once(first: Ran, table) -> None:
    frames = first.json["frames"]
    table(f"analysis decoded {frames['analysis_decoded']} of {frames['source']} frames, ratio {frames['ratio']}")
    assert 0 < frames["ratio"] <= 1.05


def test_the_manifest_validates(first: Ran, out: Path) -> None:
    ran = moee("manifest", "validate", out)
    assert ran.status == 0, ran.out


def test_the_same_command_again_does_no_work(first: Ran, test_data: Path, out: Path, table) -> None:
    again = moee("curate", test_data / "videos", "--out", out, "--json").json
    table(f"again: {again['sources_worked']} sources, {again['frames']} frames, {again['seconds']} s")
    assert again["sources_worked"] == 0
    assert again["frames"]["analysis_decoded"] == again["frames"]["export_decoded"] == 0
    assert again["sources"] == first.json["sources"]
