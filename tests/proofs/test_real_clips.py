"""`moee curate` over all real clips: all accounted, cuts exact, decoded once, splits that stay, a set that loads."""

import json
import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import manifests
from tests.curation.runs import Ran, moee
from tests.proofs.conftest import CuratedReal

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real") / "out"


@pytest.fixture(scope="module")
def first(curated_real: CuratedReal, out: Path) -> Ran:
    return curated_real(out)


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
    clips, frames = manifest.all_clips, manifest.frames()
    chosen = clips.duplicate_of.notna()  # good enough to stay, but another clip shows the same
    clips = clips[(clips.status == "kept") | chosen]
    for source in first.json["sources"]:
        if not source["name"].startswith("talk_"):
            continue
        shares = []
        for clip in clips[clips.source == source["id"]].itertuples():
            rows = frames[frames.track == clip.track]
            inside = rows[(rows.frame >= clip.start_frame) & (rows.frame < clip.end_frame)]
            shares.append(len(inside) / (clip.end_frame - clip.start_frame))
        covered = [round(share, 3) for share in shares]
        table(f"{source['name']}: {source['status']}, {len(shares)} clips, face in {covered} of the frames")
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


def test_the_certificate_shows_no_person_in_two_splits(first: Ran, out: Path, table) -> None:
    certificate = json.loads((out / "certificate.json").read_text())
    clips = manifests.open(out).clips
    shares = {name: found["clips"] for name, found in certificate["splits"].items()}
    table(f"{shares}, {clips.identity.nunique()} persons; leakage {certificate['leakage']['estimate']}")
    assert certificate["shared"]["identities"] == 0
    assert sum(shares.values()) + sum(certificate["set_aside"].values()) == len(clips)
    assert clips.groupby("identity").split.nunique().max() == 1


def test_persons_and_splits_stay_when_ten_sources_are_added(first: Ran, out: Path, test_data: Path, table) -> None:
    from curation.pipeline import build
    from curation.whole.step import WholeManifest
    from manifests.recipe import load_recipe
    from manifests.store import Store

    folder = out.parent / "grown"
    shutil.copytree(out, folder)
    store, recipe = Store(folder), load_recipe("talking-head")
    added = random.Random(5).sample(sorted(store.heads()), 10)
    for source in added:
        store.remove_head(source)
    shutil.rmtree(folder / "ledger")  # the other 35 are looked at as if these ten had never been here
    store.snapshot(recipe.resolved(), WholeManifest(build(recipe).whole, folder))
    before = manifests.open(folder).all_clips.set_index("id")
    assert not set(before.source) & set(added)
    ran = moee("curate", test_data / "videos", "--out", folder, "--json")
    assert ran.json["frames"]["analysis_decoded"] == 0
    after = manifests.open(folder).all_clips.set_index("id")
    old = after.loc[before.index]
    assert (old.identity.fillna("") == before.identity.fillna("")).all()
    stay = (before.status == "kept") & (old.status == "kept")
    assert (old.split[stay] == before.split[stay]).all()
    new = set(after.identity.dropna()) - set(before.identity.dropna())
    table(f"{len(before)} clips of 35 sources, {len(after) - len(before)} added: 0 moved, {len(new)} new persons")
    assert len(after) > len(before)


def test_the_published_folder_gives_the_frames_and_the_sound_of_every_clip(
    first: Ran, out: Path, tmp_path: Path, table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("torchcodec")
    published = tmp_path / "published"
    assert moee("publish", out, "--to", published).status == 0
    clips = manifests.open(out).clips.set_index("id")
    sounds = manifests.open(out).sources.set_index("id").audio_codec
    plain = datasets.load_dataset(str(published), cache_dir=str(tmp_path / "cache"))
    seen: dict[str, str] = {}
    for split, rows in datasets.load_dataset(str(published), streaming=True).items():
        assert plain[split]["id"] == [row["id"] for row in rows.select_columns(["id"])]
        for row in rows:
            clip = clips.loc[row["id"]]
            assert row["video"].metadata.num_frames == clip.frames and row["video"][0].shape[0] == 3
            assert (row["audio"] is None) == (not isinstance(sounds[clip.source], str))
            if row["audio"] is not None:
                assert abs(row["audio"].get_all_samples().duration_seconds - clip.seconds) < 0.1
            assert row["id"] not in seen and split == clip.split
            seen[row["id"]] = row["identity"]
    assert set(seen) == set(clips.index[clips.split.notna()])
    size = sum(path.stat().st_size for path in published.rglob("*") if path.is_file())
    rows = sum(pq.read_metadata(path).num_rows for path in (published / "data").iterdir())
    table(
        f"{rows} clips of {len(set(seen.values()))} persons in {size / 1e6:.1f} MB, each decoded, plain and streaming"
    )
