"""What a user gives is read as training saw it, and every mistake is one sentence."""

import io
import json
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest

from manifests.action_units import NUMBERS
from moee_model.emotion import Emotion, parse
from moee_model.errors import ModelError
from moee_model.inputs import (
    CROP_SCALE,
    RATE,
    crop_of,
    read_aus,
    read_emotions,
    read_picture,
    read_portrait,
    read_sound,
)


def astronaut() -> np.ndarray:
    """A real portrait that scikit-image brings, 512 x 512 px, its face 110 px wide."""
    from skimage.data import astronaut as picture

    return np.asarray(picture())


def alike(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of two pictures."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def saved(path: Path, rgb: np.ndarray) -> Path:
    cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def sound_file(path: Path, samples: np.ndarray, rate: int = RATE, channels: int = 1) -> Path:
    """16-bit PCM of samples in -1..1, the same on every channel."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat((samples * 32767).astype("<i2"), channels).tobytes())
    return path


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


# --- the picture -----------------------------------------------------------------------------------------------------


def test_a_portrait_is_cut_to_the_square_around_its_face(tmp_path: Path) -> None:
    face = read_portrait(saved(tmp_path / "a.png", astronaut()), 64)
    assert face.shape == (64, 64, 3) and face.dtype == np.uint8
    wide = np.concatenate([np.full((512, 700, 3), 90, np.uint8), astronaut()], 1)
    moved = read_portrait(saved(tmp_path / "b.png", wide), 64)
    assert alike(face, moved) > 0.8, "the same face, wherever it stands in the picture"
    whole = cv2.resize(astronaut(), (64, 64), interpolation=cv2.INTER_AREA)
    assert alike(face, whole) < 0.4, "the picture itself shows much more than the face"


def test_a_picture_that_is_cut_already_stays_whole(tmp_path: Path) -> None:
    once = read_portrait(saved(tmp_path / "a.png", astronaut()), 256)
    assert np.array_equal(read_portrait(saved(tmp_path / "b.png", once), 256), once)


def test_the_square_is_that_of_curations_export() -> None:
    from curation.stages.clip_rows import CROP_SCALE as CURATED
    from curation.stages.clip_rows import crop_around

    assert CROP_SCALE == CURATED
    for box in ((100.0, 80.0, 220.0, 200.0), (0.0, 0.0, 90.0, 90.0), (560.0, 300.0, 660.0, 400.0)):
        ours = crop_of(box, 640, 480)
        theirs = np.array(crop_around(np.array([box]), 640, 480)) * [640, 480, 640, 480]
        assert np.abs(theirs - ours).max() <= 1, box


def test_the_turn_that_a_camera_noted_is_applied(tmp_path: Path) -> None:
    from PIL import Image

    held = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a turn by 90 degrees clockwise
    Image.fromarray(np.rot90(astronaut())[:, :400]).save(held, "PNG", exif=exif)
    path = tmp_path / "a.png"
    path.write_bytes(held.getvalue())
    assert np.array_equal(read_picture(path), astronaut()[:400])


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.full((200, 200, 3), 128, np.uint8), "No face"),
        (np.tile(astronaut(), (1, 2, 1)), "2 faces"),
    ],
    ids=["no face", "two faces"],
)
def test_a_picture_without_one_face_is_refused(picture: np.ndarray, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said):
        read_portrait(saved(tmp_path / "a.png", picture), 64)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_picture(tmp_path / "none.png")
    for content in (b"", b"no picture" * 99):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(ModelError, match="no picture"):
            read_picture(tmp_path / "a.png")


def test_real_pictures_of_one_person_pass_and_of_several_do_not(test_data: Path) -> None:
    folder = test_data / "images"
    for name in ("fr_obama.jpg", "fr_biden.jpg", "emotion_faceapi_happy.jpg"):
        assert read_portrait(folder / name, 64).shape == (64, 64, 3)
    for name in ("fr_two_people.jpg", "multiface.jpg"):
        with pytest.raises(ModelError, match="faces are found"):
            read_portrait(folder / name, 64)


# --- the sound -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1)])
def test_sound_of_any_rate_becomes_16_khz_mono(rate: int, channels: int, tmp_path: Path) -> None:
    sound = read_sound(sound_file(tmp_path / "a.wav", tone(1.5, rate), rate, channels))
    assert sound.waveform.dtype == np.float32 and abs(len(sound.waveform) - 24_000) <= 1
    middle = slice(4_000, 20_000)
    assert np.abs(sound.waveform[middle] - tone(1.5)[middle]).max() < 0.01
    assert sound.seconds == pytest.approx(1.5, abs=1e-3)


def _cut_off(path: Path) -> None:
    path.write_bytes(sound_file(path, tone(1)).read_bytes()[:30])


BAD_SOUND = {
    "is not there": (lambda path: None, "There is no sound file"),
    "is another kind of file": (lambda path: path.write_bytes(b"no sound" * 999), "cannot be read as sound"),
    "is empty": (lambda path: path.write_bytes(b""), "cannot be read as sound"),
    "is cut off in its header": (_cut_off, "."),
    "is a picture": (lambda path: path.write_bytes(cv2.imencode(".png", astronaut())[1].tobytes()), "holds no sound"),
    "is silent": (lambda path: sound_file(path, np.zeros(RATE)), "digital silence"),
    "is shorter than a frame": (lambda path: sound_file(path, tone(0.02)), "less than one frame"),
}


@pytest.mark.parametrize("kind", BAD_SOUND)
def test_a_sound_that_cannot_drive_a_video_is_refused(kind: str, tmp_path: Path) -> None:
    make, said = BAD_SOUND[kind]
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(ModelError, match=said) as caught:
        read_sound(path)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_silence_may_pass_where_it_is_the_test(tmp_path: Path) -> None:
    assert not read_sound(sound_file(tmp_path / "a.wav", np.zeros(RATE)), silence=True).waveform.any()


# --- the emotion -----------------------------------------------------------------------------------------------------


def test_one_emotion_holds_for_the_whole_video() -> None:
    assert read_emotions(["happy"]) == parse("happy")


def test_emotions_over_time_are_sorted_by_their_second() -> None:
    said = read_emotions(["sad@2.5", "happy=0.6,surprised=0.4@4", "neutral"])
    assert said == [(0.0, Emotion()), (2.5, parse("sad")), (4.0, parse("happy=0.6,surprised=0.4"))]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (["hapy"], "happy"),
        (["happy", "sad"], "Two emotions begin at 0 s"),
        (["happy@1"], "No emotion begins at 0 s"),
        (["happy", "sad@soon"], "no time after @"),
        (["happy", "sad@-1"], "no time after @"),
        (["happy", "sad@nan"], "no time after @"),
        (["happy@"], "no time after @"),
    ],
)
def test_a_wrong_emotion_is_refused(said: list[str], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        read_emotions(said)


def test_action_units_are_read_by_number(tmp_path: Path) -> None:
    path = tmp_path / "aus.json"
    path.write_text(json.dumps({"AU06": 0.5, "12": 1}))
    told = read_aus(path)
    assert dict(zip(NUMBERS, told, strict=True)) == {number: {6: 0.5, 12: 1.0}.get(number, 0.0) for number in NUMBERS}
    path.write_text(json.dumps(list(told)))
    assert read_aus(path) == told


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "no JSON"),
        ("3", "holds no action units"),
        ("[0.5]", "lists 1 intensities"),
        ('{"99": 0.5}', "no action unit"),
        ('{"12": 3}', "intensity from 0 to 1"),
        ('{"12": true}', "intensity from 0 to 1"),
        ('{"12": NaN}', "intensity from 0 to 1"),
    ],
)
def test_wrong_action_units_are_refused(content: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "aus.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=sentence):
        read_aus(path)
