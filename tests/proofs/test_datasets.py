"""`moee curate` over HDTF's annotations, MEAD's tree and DH-FaceEmoVid's names: exact spans, exact boxes, right labels.

The films are made here: a face that does not move on a ground of noise, the number of each frame burnt into the corner
of its box, and a rim of the box that is dark inside and bright outside, so that a cut or a box that is off shows.
"""

import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

import manifests
from curation.sample.counter import burn_counter, read_counter
from manifests.emotions import COMPOUNDS, DH_FACEEMOVID
from media.decode import Decoder
from tests.curation.runs import Ran, moee
from tests.extent import FULL

pytestmark = pytest.mark.proof

RATE = 25
BRIGHT, DARK = 235, 20


def film(path: Path, size: tuple[int, int], box: tuple[int, int, int], seconds: int, rate: int = RATE) -> Path:
    """A film of `size` px whose face lies in the square `box` (left, top, side); sound is noise."""
    from skimage.data import astronaut
    from skimage.transform import resize

    left, top, side = box
    rng = np.random.default_rng(side + left)
    ground = rng.integers(90, 130, (size[1], size[0], 3), dtype=np.uint8)
    ground[max(0, top - 8) : top + side + 8, max(0, left - 8) : left + side + 8] = BRIGHT
    inside = (resize(astronaut()[0:280, 100:380], (side, side)) * 255).astype(np.uint8)
    for rim in (np.s_[:4], np.s_[-4:], np.s_[:, :4], np.s_[:, -4:]):
        inside[rim] = DARK
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "16", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        sound = container.add_stream("aac", rate=16000, layout="mono")
        for number in range(seconds * rate):
            picture = ground.copy()
            face = inside.copy()
            burn_counter(face[8:, 8:], number)
            picture[top : top + side, left : left + side] = face
            container.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
        for at in range(seconds):
            noise = rng.normal(0, 0.05, (1, 16000)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, at * 16000
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def numbers(path: Path, side: int) -> list[int | None]:
    """The burnt-in number of every frame of a clip, which shows a box of `side` px at any size."""
    import cv2

    found = []
    with Decoder(path) as decoder:
        for frame in decoder:
            picture = cv2.resize(frame.rgb(), (side, side), interpolation=cv2.INTER_AREA)
            found.append(read_counter(picture[8:, 8:]))
    return found


def rims(path: Path, side: int) -> list[float]:
    """How bright the outermost two px of the four edges are, in px of the box: bright means that the ground is seen."""
    import cv2

    with Decoder(path) as decoder:
        grey = cv2.resize(next(iter(decoder)).rgb(), (side, side), interpolation=cv2.INTER_AREA).mean(axis=2)
    return [float(part.mean()) for part in (grey[:2], grey[-2:], grey[:, :2], grey[:, -2:])]


def rows(out: Path) -> list[dict[str, Any]]:
    return manifests.open(out).table("clips").to_pylist()


def names(out: Path) -> dict[str, str]:
    """Name of each source by id."""
    sources = manifests.open(out).sources
    return dict(zip(sources.id, sources.name, strict=True))


# -- HDTF ------------------------------------------------------------------------------------------


# subset, name, film's size, stream's height, box in px of that stream (left, side, top), spans
HDTF: Sequence[tuple[str, str, tuple[int, int], int, tuple[int, int, int], tuple[str, ...]]] = (
    ("RD", "Radio11", (1280, 720), 720, (412, 400, 60), ("00:02-00:08", "00:09-00:15")),
    ("WDA", "AnnExample0", (1280, 720), 720, (200, 480, 0), ("00:00-00:06",)),
    ("WRA", "BobExample1", (640, 360), 720, (500, 480, 120), ("00:01-00:07", "00:08-00:14")),
)


def write_hdtf(folder: Path) -> None:
    for subset, name, size, height, (left, side, top), spans in HDTF:
        scale = size[1] / height
        last = max(int(span[-2:]) for span in spans)
        box = (round(left * scale), round(top * scale), round(side * scale))
        film(folder / "videos" / f"{subset}_{name}.mp4", size, box, last + 1)
        lines = {
            "video_url": f"{name} https://www.youtube.com/watch?v={name:->11}\n",
            "annotion_time": f"{name}.mp4 {' '.join(spans)} \n",
            "crop_wh": "".join(f"{name}_{i}.mp4 {left} {side} {top} {side}\n" for i in range(len(spans))),
            "resolution": f"{name}.mp4 {height}\n",
        }
        for kind, text in lines.items():
            (folder / f"{subset}_{kind}.txt").write_text(text, encoding="utf-8")
    url = folder / "RD_video_url.txt"
    url.write_text(url.read_text() + "Radio24 https://www.youtube.com/watch?v=-----Radio24\n", encoding="utf-8")


@pytest.fixture(scope="module")
def hdtf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    folder = tmp_path_factory.mktemp("hdtf")
    write_hdtf(folder / "HDTF_dataset")
    return moee(
        "curate", folder / "HDTF_dataset", "--recipe", "hdtf", "--out", folder / "out", "--json"
    ), folder / "out"


def test_hdtf_every_annotated_span_is_a_clip_and_a_line_that_fits_no_other_is_named(
    hdtf: tuple[Ran, Path], table: Any
) -> None:
    ran, out = hdtf
    table(f"{ran.json['inputs']} inputs, {ran.json['clips']} clips of {sum(len(line[5]) for line in HDTF)} spans")
    assert ran.status == 1 and ran.json["failed"] == 1
    assert "RD_annotion_time.txt has no line for it" in ran.source("RD_Radio24")["error"]
    assert len(rows(out)) == ran.json["clips"] == sum(len(line[5]) for line in HDTF)


def test_hdtf_spans_are_exact_against_the_burnt_in_counter(hdtf: tuple[Ran, Path], table: Any) -> None:
    _, out = hdtf
    of = names(out)
    for subset, name, size, height, (_, side, _), spans in HDTF:
        clips = [row for row in rows(out) if of[row["source"]].startswith(f"{subset}_{name}")]
        for row in clips:
            first, last = (int(text[:2]) * 60 + int(text[3:]) for text in spans[int(row["given_take"])].split("-"))
            base = Fraction(int(row["time_base_num"]), int(row["time_base_den"]))
            assert (row["start_pts"] * base, row["end_pts"] * base) == (first, last)
            seen = numbers(out / row["file"], round(side * size[1] / height))
            table(f"{subset}_{name} {spans[int(row['given_take'])]}: frames {seen[0]}..{seen[-1]}, {len(seen)} of them")
            assert seen == list(range(first * RATE, last * RATE))


def test_hdtf_boxes_are_exact_and_a_picture_of_another_size_is_said(hdtf: tuple[Ran, Path], table: Any) -> None:
    _, out = hdtf
    of = names(out)
    for subset, name, size, height, (left, side, top), _ in HDTF:
        for row in (row for row in rows(out) if of[row["source"]].startswith(f"{subset}_{name}")):
            width = height * 16 // 9
            wanted = (left / width, top / height, (left + side) / width, (top + side) / height)
            assert [row[f"crop_{c}"] for c in ("x0", "y0", "x1", "y1")] == pytest.approx(wanted, abs=1e-6)
            assert row["crop_from"] == ("dataset" if size[1] == height else "dataset_scaled")
            edges = rims(out / row["file"], round(side * size[1] / height))
            table(f"{subset}_{name}: edges {[round(edge) for edge in edges]} (inside {DARK}, outside {BRIGHT})")
            assert max(edges) < (DARK + BRIGHT) / 3, "no ground is seen at any edge"


def test_hdtf_labels_are_those_of_the_annotations(hdtf: tuple[Ran, Path]) -> None:
    _, out = hdtf
    of = names(out)
    people = {"RD_Radio11.mp4": None, "WDA_AnnExample0.mp4": "AnnExample", "WRA_BobExample1.mp4": "BobExample"}
    for row in rows(out):
        assert row["dataset"] == "hdtf" and row["given_identity"] == people[of[row["source"]]]
    labels = manifests.open(out).table("labels").to_pylist()
    assert {(label["crop_width"], label["crop_height"]) for label in labels} == {(1280, 720)}


# -- MEAD ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mead(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path, int]:
    """Every second real clip of M030 and W009 (all in full) in MEAD's tree, each with a made sound of its own, and one
    take without sound."""
    folder = tmp_path_factory.mktemp("mead")
    clips = sorted((test_data / "videos").glob("emotion_mead_*.mp4"))
    assert len(clips) == 16
    clips = clips if FULL else clips[::2]
    for index, clip in enumerate(clips):
        _, _, actor, emotion, level = clip.stem.split("_")
        place = f"{emotion}/level_{level[-1]}/001"
        video = folder / "MEAD" / actor / "video" / "front" / f"{place}.mp4"
        video.parent.mkdir(parents=True)
        shutil.copy(clip, video)
        tone(folder / "MEAD" / actor / "audio" / f"{place}.m4a", 200 + 20 * index)
    other = folder / "MEAD" / "M030" / "video" / "left_30" / "angry" / "level_3" / "001.mp4"
    other.parent.mkdir(parents=True)
    shutil.copy(clips[0], other)
    silent = folder / "MEAD" / "W009" / "video" / "front" / "sad" / "level_1" / "002.mp4"
    silent.parent.mkdir(parents=True)
    shutil.copy(clips[0], silent)
    ran = moee("curate", folder / "MEAD", "--recipe", "mead", "--out", folder / "out", "--json")
    return ran, folder / "out", len(clips)


def tone(path: Path, hertz: float, seconds: int = 6) -> None:
    """A sine in an M4A file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = (0.3 * np.sin(2 * np.pi * hertz * np.arange(seconds * 44100) / 44100)).astype(np.float32)
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for at in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, at : at + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def loudest(path: Path) -> float:
    """Hz of the strongest tone in a clip's sound."""
    from media.audio import waveform

    wave = waveform(path, Fraction(1, 2), Fraction(5, 2))
    return float(np.abs(np.fft.rfft(wave * np.hanning(len(wave)))).argmax() * 16000 / len(wave))


def test_mead_every_take_of_the_front_is_one_clip_with_its_labels(mead: tuple[Ran, Path, int], table: Any) -> None:
    ran, out, count = mead
    found = rows(out)
    of = names(out)
    table(f"{count} takes: {ran.json['clips']} clips kept, {ran.json['failed']} failed")
    assert len(found) == count
    for row in found:
        actor, _, view, emotion, level, take = of[row["source"]].split("/")
        given = (row["given_identity"], row["given_view"], row["given_emotion"], row["given_take"])
        assert given == (actor, view, emotion, take.removesuffix(".mp4")) and row["dataset"] == "mead"
        assert row["given_intensity"] == int(level[-1]) and row["given_compound"] is None
        assert row["frames"] == row["end_frame"] and row["start_frame"] == 0, "the whole take"
    assert len({(row["given_identity"], row["given_emotion"]) for row in found}) == count


def test_mead_the_sound_of_each_clip_is_that_of_its_take(mead: tuple[Ran, Path, int], table: Any) -> None:
    _, out, _ = mead
    order = sorted((row["given_identity"], row["given_emotion"]) for row in rows(out))
    kept = [row for row in rows(out) if row["status"] == "kept"]
    assert len(kept) == len(order)
    for row in kept:
        wanted = 200 + 20 * order.index((row["given_identity"], row["given_emotion"]))
        heard = loudest(out / row["file"])
        table(f"{row['given_identity']} {row['given_emotion']}: {heard:.1f} Hz, made with {wanted}")
        assert heard == pytest.approx(wanted, abs=2)


def test_mead_a_take_without_sound_is_named_and_another_view_is_counted(mead: tuple[Ran, Path, int]) -> None:
    ran, _, _ = mead
    assert ran.status == 1 and ran.json["failed"] == 1
    error = ran.source("W009/video/front/sad/level_1/002.mp4")["error"]
    assert error.startswith("its sound is missing: W009/audio/sad/level_1/002.m4a")
    assert "1 takes of other views than front were left out" in ran.err


# -- DH-FaceEmoVid ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """A film per token in both paddings, one of an unknown emotion and one of another form."""
    folder = tmp_path_factory.mktemp("dh")
    for index, token in enumerate(DH_FACEEMOVID.labels):
        take = f"{index + 1:03}" if index % 2 else f"{index + 1}"
        box = (100 + 4 * index, 40, 300)
        film(folder / "in" / f"{index + 1:03}_{token}_{take}.mp4", (640, 480), box, 2)
    film(folder / "in" / "050_hapy_001.mp4", (640, 480), (90, 40, 300), 1)
    film(folder / "in" / "holiday.mp4", (640, 480), (80, 40, 300), 1)
    return moee("curate", folder / "in", "--recipe", "dh-faceemovid", "--out", folder / "out", "--json"), folder / "out"


def test_dh_faceemovid_each_name_becomes_its_labels(dh: tuple[Ran, Path], table: Any) -> None:
    ran, out = dh
    found = {(row["given_identity"], row["given_take"]): row for row in rows(out)}
    assert len(found) == len(DH_FACEEMOVID.labels) == ran.json["kept"]
    for index, (token, name) in enumerate(DH_FACEEMOVID.labels.items()):
        row = found[f"{index + 1:03}", f"{index + 1:03}" if index % 2 else f"{index + 1}"]
        table(f"{token}: emotion {row['given_emotion']}, compound {row['given_compound']}")
        assert (row["given_emotion"] or row["given_compound"]) == name
        assert bool(row["given_compound"]) is (name in COMPOUNDS) and row["dataset"] == "dh-faceemovid"
        assert numbers_of_whole(out / row["file"], (100 + 4 * index, 40)) == list(range(2 * RATE))


def numbers_of_whole(path: Path, corner: tuple[int, int]) -> list[int | None]:
    """The burnt-in numbers of a clip that shows the whole picture."""
    with Decoder(path) as decoder:
        return [read_counter(frame.rgb()[corner[1] + 8 :, corner[0] + 8 :]) for frame in decoder]


def test_dh_faceemovid_unknown_names_are_refused_with_one_sentence(dh: tuple[Ran, Path]) -> None:
    ran, _ = dh
    assert ran.status == 1 and ran.json["failed"] == 2
    assert ran.source("050_hapy_001.mp4")["error"] == "DH-FaceEmoVid has no emotion 'hapy': did you mean happy?"
    assert "its name is not <actor>_<emotion>_<take>" in ran.source("holiday.mp4")["error"]


@pytest.mark.parametrize("which", ["hdtf", "mead", "dh"])
def test_the_manifest_is_sound_and_its_sources_are_what_was_recorded(which: str, request: Any, table: Any) -> None:
    from manifests.validate import validate

    out = request.getfixturevalue(which)[1]
    notes: list[str] = []
    assert validate(out, note=notes.append) == []
    table(f"{which}: {notes[0]}")
    compared, of = (int(word) for word in notes[0].split() if word.isdigit())
    assert compared == of > 0
