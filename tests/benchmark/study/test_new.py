"""A study is made whole or not at all, blind, and fixed before its first answer."""

import csv
import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.study.new import Wishes, load, new
from tests.benchmark.study.material import folders, labelled, video


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test set of four clips and two systems' videos of them."""
    root = tmp_path_factory.mktemp("new")
    folders(root / "systems", ["one", "two"], labelled(root / "tests", 4))
    return root


def wishes(world: Path, **changes: Any) -> Wishes:
    systems = [f"{name}={world / 'systems' / name}" for name in ("one", "two")]
    return Wishes(**{"systems": systems, "real": world / "tests", "raters": 4, "checks": 0} | changes)


def decoded(path: Path) -> tuple[list[Any], list[Any]]:
    """Pictures and sound with their times."""
    with av.open(str(path)) as file:
        pictures = [(frame.time, hashlib.sha256(frame.to_ndarray()).digest()) for frame in file.decode(video=0)]
    with av.open(str(path)) as file:
        sound = [(frame.time, hashlib.sha256(frame.to_ndarray()).digest()) for frame in file.decode(audio=0)]
    return pictures, sound


def test_what_is_shown_are_the_systems_own_pictures_and_sound_without_its_words(world: Path, tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    for path in (world / "systems" / "one").glob("*.mp4"):
        with av.open(str(path)) as given, av.open(str(named / path.name), "w") as made:
            made.metadata["title"] = made.metadata["comment"] = "made by SYSTEM-ONE"
            copies = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
            for packet in given.demux():
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    made.mux(packet)
        assert b"SYSTEM-ONE" in (named / path.name).read_bytes()
    made = new(tmp_path / "study", wishes(world, systems=[f"SYSTEM-ONE={named}", f"two={world / 'systems' / 'two'}"]))
    for medium in made.media:
        shown = tmp_path / "study" / "media" / f"{medium.token}.mp4"
        raw = shown.read_bytes()
        assert hashlib.sha256(raw).hexdigest() == medium.sha256 and medium.seconds == pytest.approx(0.4)
        assert not [word for word in (b"SYSTEM", b"x264", b"Lavf", medium.clip.encode()) if word in raw]
        source = named if medium.system == "SYSTEM-ONE" else world / "systems" / "two"
        assert decoded(shown) == decoded(source / f"{medium.clip}.mp4")
    names = {path.stem for path in (tmp_path / "study" / "media").iterdir()}
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in names)


def test_a_study_of_a_test_set_says_which_and_shows_its_ground_truth(world: Path, tmp_path: Path) -> None:
    said: list[str] = []
    systems = [*wishes(world).systems, "ground-truth"]
    made = new(tmp_path / "study", wishes(world, systems=systems, clips=3, items=9), said.append)
    assert made.systems == ("one", "two", "ground-truth") and made.questions[0] == "emotion"
    assert made.protocol is not None and made.protocol.name == "sample" and made.test_list is not None
    assert all(clip.label and clip.picture for clip in made.clips)
    assert made.notes == ("3 of the 4 clips of the list were rated",) and said[0] == made.notes[0]
    assert load(tmp_path / "study")[0] == made
    truth = next(medium for medium in made.media if medium.system == "ground-truth")
    real = world / "tests" / "real" / f"{truth.clip}.mp4"
    assert truth.source_sha256 == hashlib.sha256(real.read_bytes()).hexdigest()


def test_links_have_the_base_url_and_no_two_are_alike(world: Path, tmp_path: Path) -> None:
    new(tmp_path / "study", wishes(world, base_url="https://example.org/faces/"))
    with (tmp_path / "study" / "links.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["rater"] for row in rows] == ["1", "2", "3", "4"] and len({row["link"] for row in rows}) == 4
    assert all(row["link"].startswith("https://example.org/faces/r/") for row in rows)


def test_the_same_seed_gives_the_same_design_and_other_secrets(world: Path, tmp_path: Path) -> None:
    first, again, other = (
        new(tmp_path / name, wishes(world, clips=3, checks=1, seed=seed))
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert first.sequences == again.sequences and first.clips != again.clips  # tokens differ
    assert first.sequences != other.sequences
    assert not {medium.token for medium in first.media} & {medium.token for medium in again.media}


def test_without_a_test_set_the_clips_are_those_of_all_systems_and_no_emotion_is_asked(tmp_path: Path) -> None:
    said: list[str] = []
    folders(tmp_path / "s", ["one"], ["a", "b", "c"])
    folders(tmp_path / "s", ["two"], ["b", "c", "d"])
    systems = [f"{name}={tmp_path / 's' / name}" for name in ("one", "two")]
    made = new(tmp_path / "study", Wishes(systems, checks=0), said.append)
    assert [clip.id for clip in made.clips] == ["b", "c"]
    assert made.questions == ("lip-sync", "naturalness", "identity") and "emotion is left out" in said[0]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"systems": []}, "Name the systems"),
    ({"systems": ["one"]}, "names no folder"),
    ({"systems": ["one=/nowhere"]}, "no folder"),
    ({"systems": ["=x"]}, "no name for a system"),
    ({"systems": ["ground-truth"], "real": None}, "ground-truth with --real"),
    ({"clips": 9}, "4 clips"),
    ({"questions": ["lipsync"]}, "did you mean lip-sync"),
    ({"kind": "ranking"}, "takes rating or choice"),
    ({"ties": True}, "belongs to --kind choice"),
    ({"base_url": "example.org"}, "is no address"),
    ({"base_url": "https://example.org/?a=1"}, "is no address"),
    ({"seed": -1}, "take 0 or more"),
    ({"checks": 1, "items": 2, "raters": 8}, "at least 4 items"),
    ({"items": 7}, "take 6 or 8"),
    ({"real": Path("/nowhere")}, "no test set"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(
    world: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(BenchmarkError, match=said) as refused:
        new(tmp_path / "study", wishes(world, **changes))
    assert "\n" not in str(refused.value) and list(tmp_path.iterdir()) == []


def test_a_missing_unplayable_or_silent_video_is_named_and_nothing_is_written(world: Path, tmp_path: Path) -> None:
    clips = sorted(path.stem for path in (world / "tests" / "real").glob("*.mp4"))
    folder = tmp_path / "mine"
    for number, clip in enumerate(clips[:3]):
        video(folder / f"{clip}.mp4", number)
    given = wishes(world, systems=[f"mine={folder}"])
    out = tmp_path / "out"
    with pytest.raises(BenchmarkError, match=f"mine has no video of 1 of 4 clips, such as {clips[3]}.mp4"):
        new(out / "study", given)
    video(folder / f"{clips[3]}.mp4", 3, sound=False)
    with pytest.raises(BenchmarkError, match="has no sound, which the question lip-sync needs"):
        new(out / "study", given)
    with av.open(str(folder / f"{clips[3]}.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for _ in range(5):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        file.mux(stream.encode(None))
    with pytest.raises(BenchmarkError, match=r"mpeg4.*is not played by every browser"):
        new(out / "study", given)
    (folder / f"{clips[3]}.mp4").write_bytes(b"no video at all")
    with pytest.raises(BenchmarkError, match="cannot be read as a video"):
        new(out / "study", given)
    assert not out.exists() or list(out.iterdir()) == []


def test_a_folder_that_holds_something_is_left_as_it_is(world: Path, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.txt").write_text("years of work")
    with pytest.raises(BenchmarkError, match=r"holds thesis.txt, which would be lost"):
        new(tmp_path / "study", wishes(world))
    assert (tmp_path / "study" / "thesis.txt").read_text() == "years of work"
    new(tmp_path / "made", wishes(world))
    with pytest.raises(BenchmarkError, match="would be lost"):
        new(tmp_path / "made", wishes(world))


def test_clips_are_drawn_over_all_labels(world: Path, tmp_path: Path) -> None:
    ids = labelled(tmp_path / "tests", 12)
    folders(tmp_path / "s", ["one"], ids, seconds=Fraction(1, 5))
    made = new(tmp_path / "study", Wishes([f"one={tmp_path / 's' / 'one'}"], tmp_path / "tests", clips=4, checks=0))
    assert len({clip.label for clip in made.clips}) == 4


def test_a_damaged_study_is_one_sentence(world: Path, tmp_path: Path) -> None:
    new(tmp_path / "study", wishes(world))
    path = tmp_path / "study" / "study.json"
    content = json.loads(path.read_text())
    for text, said in (("{", "damaged"), (json.dumps(content | {"study_version": 9}), "version 9"), ("[]", "damaged")):
        path.write_text(text)
        with pytest.raises(BenchmarkError, match=said):
            load(tmp_path / "study")
    with pytest.raises(BenchmarkError, match="moee study new"):
        load(tmp_path)
