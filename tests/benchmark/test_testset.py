"""A test set is what its protocol says: exact ground truth, references, sounds, labels; made once, checked always."""

import csv
import json
import wave
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmark.controls import CONTROLS, make_control
from benchmark.controls.kinds import shown_clip
from benchmark.errors import BenchmarkError
from benchmark.protocol import Protocol, load_protocol
from benchmark.testset import TestSet, build, load
from media.audio import waveform
from media.decode import Decoder
from media.probe import probe
from tests.benchmark.curated import curated
from tests.curation.runs import moee

Made = tuple[Path, Path, TestSet]


def sample() -> Protocol:
    return load_protocol("sample")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The curated manifest, the folder of its test set, and the list."""
    folder = tmp_path_factory.mktemp("testset")
    dataset = curated(folder, tmp_path_factory)
    return dataset, folder / "tests", build(dataset, sample(), folder / "tests")


def test_every_clip_is_in_the_protocols_form(made: Made) -> None:
    _, folder, found = made
    assert len(found.clips) == 4
    for clip in found.clips:
        facts = probe(folder / clip.real)
        assert facts.video is not None and facts.audio is not None
        assert (facts.video.width, facts.video.height) == (256, 256)
        assert (facts.video.frames, facts.video.frame_rate) == (50, Fraction(25))
        assert clip.frames == 50 and clip.sound


def test_labels_and_persons_are_those_that_the_data_set_gives(made: Made) -> None:
    labels = {(clip.identity, clip.label, clip.label_from) for clip in made[2].clips}
    assert labels == {
        ("dh-faceemovid/001", "happy", "given"),
        ("dh-faceemovid/001", "angry", "given"),
        ("dh-faceemovid/002", "happy", "given"),
        ("dh-faceemovid/002", "sad", "given"),
    }


def test_the_reference_is_the_first_frame_and_the_sound_is_the_clips_own(made: Made) -> None:
    _, folder, found = made
    for clip in found.clips:
        with Decoder(folder / clip.real) as frames:
            first = next(iter(frames)).rgb()
        assert (cv2.imread(str(folder / clip.reference))[:, :, ::-1] == first).all()
        assert clip.audio is not None
        with wave.open(str(folder / clip.audio)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (16_000, 1, 32_000)
            given = np.frombuffer(file.readframes(32_000), "<i2") / 32767
        assert np.abs(given - waveform(folder / clip.real, Fraction(0), Fraction(2))).max() < 1e-4


def test_conditions_tell_a_system_all_that_it_is_given(made: Made) -> None:
    _, folder, found = made
    with (folder / "conditions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [clip.id for clip in found.clips]
    assert {row["label"] for row in rows} == {"happy", "angry", "sad"}
    assert all((folder / row["reference"]).is_file() and (folder / row["audio"]).is_file() for row in rows)


def test_the_same_call_again_makes_nothing_and_mends_what_is_lost(made: Made) -> None:
    dataset, folder, found = made
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    before = {path: path.stat().st_mtime_ns for path in files}
    assert build(dataset, sample(), folder) == found
    assert {path: path.stat().st_mtime_ns for path in files} == before
    content = (folder / found.clips[0].real).read_bytes()
    (folder / found.clips[0].real).unlink()
    assert build(dataset, sample(), folder) == found
    assert (folder / found.clips[0].real).read_bytes() == content


def test_another_list_in_the_folder_is_not_overwritten(made: Made) -> None:
    dataset, folder, _ = made
    other = sample().model_copy(update={"choose": sample().choose.model_copy(update={"clips": 1})})
    with pytest.raises(BenchmarkError, match="other settings"):
        build(dataset, other, folder)


def test_a_clip_that_is_not_the_manifests_is_refused_by_name(made: Made, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(made[0], tmp_path / "dataset"))
    clip = made[2].clips[0].id
    with (copy / "clips" / f"{clip}.mp4").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BenchmarkError, match=f"{clip} cannot be made: its file is not the one"):
        build(copy, sample(), tmp_path / "tests")


@pytest.mark.parametrize("damage", ["{", "[]", '{"version": 1}'])
def test_a_damaged_list_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "testset.json").write_text(damage)
    with pytest.raises(BenchmarkError, match="is damaged"):
        load(tmp_path, sample())


def test_a_list_of_another_version_or_that_leaves_its_folder_is_refused(made: Made, tmp_path: Path) -> None:
    content = json.loads((made[1] / "testset.json").read_text())
    (tmp_path / "testset.json").write_text(json.dumps(content | {"protocol_version": 2}))
    with pytest.raises(BenchmarkError, match="made for sample version 2"):
        load(tmp_path, sample())
    content["clips"][0]["real"] = "../../etc/passwd"
    (tmp_path / "testset.json").write_text(json.dumps(content))
    with pytest.raises(BenchmarkError, match="is damaged"):
        load(tmp_path, sample())


def test_the_command_makes_a_test_set_and_explains_protocols(made: Made, tmp_path: Path) -> None:
    done = moee("bench", "protocols", "sample", "--real", made[0], "--out", tmp_path / "tests", "--workers", "1")
    assert done.status == 0 and "4 clips of 2 persons" in done.out
    assert load(tmp_path / "tests", sample()).sha256 == made[2].sha256
    assert "dh-faceemovid-150" in moee("bench", "protocols").out
    assert "20 persons x 10 clips" in moee("bench", "protocols", "mead").out
    few = moee("bench", "protocols", "hdtf", "--real", made[0], "--out", tmp_path / "hdtf")
    assert few.status == 2 and "holds no clip for hdtf" in few.err and few.err.count("\n") == 1


def test_controls_show_whom_they_should(made: Made) -> None:
    clips = made[2].clips
    for clip in clips:
        assert shown_clip("blurred", clip, clips) is clip
        assert shown_clip("other-identity", clip, clips).identity != clip.identity
        other = shown_clip("other-emotion", clip, clips)
        assert (other.identity == clip.identity, other.label != clip.label) == (True, True)


@pytest.mark.parametrize("kind", CONTROLS)
def test_a_control_is_in_form_and_differs_in_its_one_way(made: Made, tmp_path: Path, kind: str) -> None:
    _, folder, found = made
    out = make_control(kind, found, folder, sample(), tmp_path)
    clip = found.clips[0]
    facts = probe(out / f"{clip.id}.mp4")
    assert facts.video is not None and facts.audio is not None
    assert (facts.video.width, facts.video.frames, facts.video.frame_rate) == (256, 50, Fraction(25))
    pictures = {
        name: _pictures(path) for name, path in (("real", folder / clip.real), ("made", out / f"{clip.id}.mp4"))
    }
    difference = float(np.abs(pictures["real"] - pictures["made"]).mean())
    moves = float(np.abs(np.diff(pictures["made"], axis=0)).mean())
    sounds = [waveform(path, Fraction(0), Fraction(2)) for path in (folder / clip.real, out / f"{clip.id}.mp4")]
    assert (difference < 2.0) == (kind in ("ground-truth", "audio-shifted"))
    assert (moves < 0.1) == (kind == "frozen")
    assert (np.corrcoef(*sounds)[0, 1] > 0.98) == (kind != "audio-shifted")
    if kind == "audio-shifted":
        assert np.corrcoef(sounds[0][:-6400], sounds[1][6400:])[0, 1] > 0.98


def _pictures(path: Path) -> np.ndarray:
    with Decoder(path) as frames:
        return np.stack([frame.rgb() for frame in frames]).astype(np.float32)
