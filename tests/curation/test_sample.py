"""The embedded sample: its videos show and sound what `truth.parquet` says, byte for byte the same every time.

The material is the sample itself, rendered small; no model and no network are needed, except where a test says so.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.errors import CurationError
from curation.sample import expression, faces, performance, puppet, render, scenes, speech, truth
from curation.sample.counter import CELL, read_counter
from curation.sample.scenes import Line, Scene, Shot
from tests.extent import FULL

pytestmark = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")

TWO_SHOTS = Scene(
    "two_shots.mp4",
    (
        Shot("astronaut", "neutral", (Line("My father has a boat", 0.5), Line("Papa may be happy by now", 0.3))),
        Shot("group_2", "sad", (Line("Nobody came", 0.3),)),
    ),
    (224, 224),
)
SHORT = (Shot("group_3", "neutral", (Line("Come back to me", 0.3),)),)


@dataclasses.dataclass(frozen=True)
class Video:
    """A rendered video, decoded."""

    path: Path
    row: dict[str, Any]
    frames: list[np.ndarray]
    times: np.ndarray
    sound: np.ndarray


@pytest.fixture(scope="module")
def two_shots(tmp_path_factory: pytest.TempPathFactory) -> Video:
    folder = tmp_path_factory.mktemp("two_shots")
    return decode(folder / TWO_SHOTS.name, render.draw_scene(folder, TWO_SHOTS, True)["row"])


def decode(path: Path, row: dict[str, Any]) -> Video:
    """All frames, and the sound at 16 kHz with sample 0 at time 0 of the container's clock."""
    import av

    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
        times = np.array([float(frame.pts * frame.time_base) for frame in pictures])
        frames = [np.ascontiguousarray(frame.to_ndarray(format="rgb24")) for frame in pictures]
    sound = np.zeros(0, np.float32)
    with av.open(str(path)) as container:
        if container.streams.audio:
            resampler = av.AudioResampler("flt", "mono", 16000)
            parts = list(container.decode(audio=0))
            late = np.zeros(round(float(parts[0].pts * parts[0].time_base) * 16000), np.float32)
            pieces = [piece for part in [*parts, None] for piece in resampler.resample(part)]
            sound = np.concatenate([late, *(piece.to_ndarray()[0] for piece in pieces)])
    return Video(path, row, frames, times, sound)


def draw(folder: Path, scene: Scene, counter: bool = False) -> Video:
    return decode(folder / scene.name, render.draw_scene(folder, scene, counter)["row"])


def test_the_picture_jumps_exactly_at_the_cuts_of_the_truth(two_shots: Video) -> None:
    pictures = np.stack(two_shots.frames)[:, 3 * CELL :].astype(np.int16)
    jumps = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2, 3))
    assert (np.flatnonzero(jumps > 12) + 1).tolist() == two_shots.row["cuts"]
    assert len(two_shots.frames) == two_shots.row["frames"]
    shots = two_shots.row["shots"]
    assert [shot["start_frame"] for shot in shots] == [0, *two_shots.row["cuts"]]
    assert shots[-1]["end_frame"] == two_shots.row["frames"]


def test_every_frame_counter_reads_back_exactly(two_shots: Video) -> None:
    assert [read_counter(frame) for frame in two_shots.frames] == list(range(two_shots.row["frames"]))
    assert read_counter(two_shots.frames[0][2 * CELL :]) is None


def test_the_speech_spans_hold_all_the_energy_and_begin_and_end_with_sound(two_shots: Video) -> None:
    energy = two_shots.sound.astype(np.float64) ** 2
    spans = [(span["start_sample"], span["end_sample"]) for span in two_shots.row["speech"]]
    inside = np.zeros(len(energy), bool)
    for start, end in spans:
        inside[start:end] = True
        loud = np.flatnonzero(np.sqrt(energy[start - 800 : end + 800]) > 0.004) + start - 800
        assert abs(int(loud[0]) - start) <= 80
        assert abs(int(loud[-1]) - end) <= 80
    assert energy[inside].sum() / energy.sum() > 0.999
    assert len(spans) == 3


def test_the_mouth_opens_with_the_sound_and_not_before_or_after_it(two_shots: Video) -> None:
    last = two_shots.row["cuts"][0]
    darkness = np.array([_mouth_darkness(frame) for frame in two_shots.frames[:last]])
    power = np.convolve(two_shots.sound.astype(np.float64) ** 2, np.ones(640) / 640, mode="same")
    correlation = {}
    for lag in range(-120, 121, 40):
        at = np.clip(((two_shots.times[:last] + lag / 1000) * 16000).astype(int), 0, len(power) - 1)
        correlation[lag] = np.corrcoef(np.sqrt(power[at]), darkness)[0, 1]
    assert max(correlation, key=lambda lag: correlation[lag]) == 0
    assert correlation[0] > 0.6


def _mouth_darkness(frame: np.ndarray) -> float:
    """How many pixels around the resting mouth are as dark as an open mouth."""
    still = faces.load_still("astronaut", 224, 224)
    (left, top), (right, _) = still.points[61], still.points[291]
    part = frame[int(top) - 4 : int(top) + 24, int(left) : int(right)]
    return float((part.mean(axis=-1) < 75).sum())


def test_rendering_gives_the_same_bytes_in_another_process_with_other_heap_content(tmp_path: Path) -> None:
    """Of two fresh processes, as the renderer's own are, one has encoded another video first and finds a used heap."""
    program = (
        "import sys, dataclasses; from pathlib import Path; from tests.curation.test_sample import TWO_SHOTS, SHORT\n"
        "from curation.sample import render\n"
        "folder = Path(sys.argv[1])\n"
        "first = dataclasses.replace(TWO_SHOTS, name='first.mp4', shots=SHORT)\n"
        "for scene in (TWO_SHOTS,) if sys.argv[2] == 'clean' else (first, TWO_SHOTS):\n"
        "    render.draw_scene(folder, scene, scene is TWO_SHOTS)\n"
    )
    made = []
    for kind, perturbed in (("clean", {}), ("used", {"MALLOC_PERTURB_": "77"})):
        environment = {**os.environ, **perturbed, "PYTHONPATH": str(Path(__file__).parents[2])}
        (tmp_path / kind).mkdir()
        subprocess.run([sys.executable, "-c", program, str(tmp_path / kind), kind], check=True, env=environment)
        made.append((tmp_path / kind / TWO_SHOTS.name).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mpg"])
def test_the_sound_comes_as_late_as_the_truth_says_in_every_container(suffix: str, tmp_path: Path) -> None:
    scene = Scene(f"late{suffix}", SHORT, (224, 224), audio_offset_ms=200)
    video = draw(tmp_path, scene)
    played = performance.perform(scene)
    first = video.row["start_pts"] * video.row["time_base_num"] / video.row["time_base_den"]
    lips = np.zeros(len(video.sound))
    slow = played.voice.reshape(-1, 3).mean(axis=1) if len(played.voice) % 3 == 0 else played.voice[::3]
    start = round(first * 16000)
    lips[start : start + len(slow)] = slow[: len(lips) - start]
    spectrum = np.fft.rfft(video.sound, 2 * len(lips)) * np.conj(np.fft.rfft(lips, 2 * len(lips)))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    assert abs(lag - 0.2 * 16000) <= 16
    assert video.row["speech"][0]["start_sample"] == start + played.spans[0][0] + 3200
    assert abs(video.times[0] - first) < 1e-6


def test_uneven_frames_stand_as_long_as_the_truth_of_their_pattern(tmp_path: Path) -> None:
    scene = Scene("uneven.mp4", SHORT, (224, 224), variable=True)
    video = draw(tmp_path, scene)
    ticks = performance.perform(scene).ticks
    assert np.allclose(video.times * 1000, ticks[:-1], atol=0.1)
    assert len(set(np.diff(ticks))) > 3


def test_a_cut_off_file_keeps_frames_only_when_its_index_stands_first(tmp_path: Path) -> None:
    import av

    scene = Scene("cut_off.mp4", SHORT, (224, 224), keep_bytes=0.55, kind="truncated")
    row = render.draw_scene(tmp_path, scene, False)["row"]
    seen = 0
    with av.open(str(tmp_path / scene.name)) as container, contextlib.suppress(av.error.FFmpegError):
        for _ in container.decode(video=0):  # it may end with an error: the cut may lie in a picture, or in sound
            seen += 1
    assert 0.2 * row["frames"] < seen < row["frames"]
    lost = dataclasses.replace(scene, name="lost.mp4", index_first=False)
    render.draw_scene(tmp_path, lost, False)
    with pytest.raises(av.error.FFmpegError):
        av.open(str(tmp_path / lost.name))


def test_silent_videos_have_zeros_or_no_stream_and_no_speech_in_the_truth(tmp_path: Path) -> None:
    silent = draw(tmp_path, Scene("silent.mp4", SHORT, (224, 224), audio="silent"))
    mute = draw(tmp_path, Scene("mute.mp4", SHORT, (224, 224), audio="none"))
    assert len(silent.sound) > 8000
    assert not silent.sound.any()
    assert len(mute.sound) == 0
    assert silent.row["speech"] == mute.row["speech"] == []


def _moved(emotion: str, landmark: int) -> float:
    """How far an emotion moves a landmark of the astronaut downwards, in face units."""
    face = expression.Face.of(faces.load_still("astronaut", 384, 384))
    every = {name: action for layer in expression.ACTIONS.values() for name, action in layer.items()}
    return float(sum(amount * every[name](face)[landmark, 1] for name, amount in expression.EMOTIONS[emotion].items()))


def test_emotions_move_the_landmarks_that_their_action_units_name() -> None:
    corner, inner_brow, outer_brow, lid, lip, chin = 61, 107, 70, 159, 13, 152
    assert _moved("happy", corner) < -0.05
    assert _moved("sad", corner) > 0.03 and _moved("sad", inner_brow) < -0.05
    assert _moved("angry", inner_brow) > 0.05
    assert _moved("surprised", outer_brow) < -0.05 and _moved("surprised", lid) < -0.02
    assert _moved("surprised", chin) > 0.05
    assert _moved("fear", inner_brow) < -0.05 and _moved("fear", lid) < -0.02
    assert _moved("disgusted", lip) < -0.03
    assert all(_moved("neutral", point) == 0 for point in (corner, inner_brow, lid, chin))


def test_strength_scales_what_the_emotion_moves_and_nothing_else(tmp_path: Path) -> None:
    (line,) = SHORT[0].lines
    moves = {}
    for strength in (0.0, 0.5, 1.0):
        scene = Scene("one.mp4", (Shot("group_3", "sad", (line,), strength=strength),), (224, 224))
        moves[strength] = performance.poses(performance.perform(scene))
    calm = performance.poses(performance.perform(Scene("one.mp4", SHORT, (224, 224))))
    for still, none, half, full in zip(calm, moves[0.0], moves[0.5], moves[1.0], strict=True):
        assert {name: none.get(name, 0.0) for name in still} == still
        for name in ("brow_inner_up", "corner_down"):
            assert none[name] == 0.0
            assert half[name] == pytest.approx(full[name] / 2)
        for name in (*puppet.HEAD, "jaw_open", "pucker"):
            assert none[name] == half[name] == full[name]
    most = expression.amounts("sad", 1.0)["corner_down"]
    assert 0.8 * most <= max(pose["corner_down"] for pose in moves[1.0]) <= most
    row = render.draw_scene(tmp_path, scene, False)["row"]
    assert [shot["strength"] for shot in row["shots"]] == [1.0]
    truth.write_truth(tmp_path, [row])
    assert truth.read_truth(tmp_path).to_pylist() == [row]


def test_a_face_is_at_rest_before_and_after_its_emotion() -> None:
    posed = performance.poses(performance.perform(Scene("one.mp4", (Shot("group_3", "happy", SHORT[0].lines),))))
    shown = np.array([pose["corner_up"] for pose in posed])
    assert shown[0] == shown[-1] == 0.0
    assert (shown > 0.8).mean() > 0.3


def test_full_strength_is_the_default_and_no_one_has_none() -> None:
    assert {shot.strength for scene in scenes.SCENES for shot in scene.shots} == {1.0}
    empty = performance.perform(next(scene for scene in scenes.BAD if scene.kind == "no_face"))
    shots = truth.row(empty, False, (0, empty.scene.time_base))["shots"]
    assert [shot["strength"] for shot in shots] == [None, None]


def test_the_list_of_scenes_shows_all_emotions_identities_and_bad_material() -> None:
    shots = [shot for scene in scenes.GOOD for shot in scene.shots]
    assert {shot.emotion for shot in shots} == set(expression.EMOTIONS)
    assert len(expression.COMPOUNDS) == 4
    assert {shot.subject for shot in shots} == set(faces.PORTRAITS)
    kinds = {scene.kind for scene in scenes.BAD}
    assert kinds == {"no_face", "two_faces", "silence", "digital_silence", "blur", "short", "duplicate", "truncated"}
    assert len({scene.name for scene in scenes.SCENES}) == len(scenes.SCENES)


def test_a_finished_sample_is_kept_and_a_damaged_one_mended_to_the_same_bytes(tmp_path: Path) -> None:
    few = tuple(Scene(f"{name}.mp4", SHORT, (224, 224)) for name in ("one", "two", "three"))
    first = render.render(tmp_path, scenes=few, workers=1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = render.render(tmp_path, scenes=few, workers=1)
    assert (first.rendered, again.rendered) == (3, 0)
    (tmp_path / "one.mp4").write_bytes(before["one.mp4"][:1000])
    (tmp_path / "two.mp4").unlink()
    (tmp_path / "truth.parquet").unlink()
    (tmp_path / ".three.mp4.part").write_bytes(b"left by a run that was cut off")
    assert render.render(tmp_path, scenes=few, workers=1).rendered == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert truth.read_truth(tmp_path).column("file").to_pylist() == ["one.mp4", "two.mp4", "three.mp4"]
    render.render(tmp_path, scenes=few[:1], workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".sample.json", "one.mp4", "truth.parquet"]


def test_other_settings_render_anew(tmp_path: Path) -> None:
    few = (Scene("one.mp4", SHORT, (224, 224)),)
    render.render(tmp_path, scenes=few, workers=1)
    assert render.render(tmp_path, scenes=few, workers=1, counter=True).rendered == 1
    assert truth.read_truth(tmp_path).column("counter").to_pylist() == [True]


def test_a_missing_espeak_is_one_sentence_with_the_command_that_adds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CurationError, match="apt-get install -y espeak-ng") as caught:
        render.render(tmp_path / "sample")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sample").exists()


def test_a_folder_that_is_a_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CurationError, match="name another folder"):
        render.render(tmp_path / "file", limit=1)


def test_the_command_prints_its_result_for_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer
    from typer.testing import CliRunner

    from curation.sample.cli import sample

    monkeypatch.setattr(render.render, "__kwdefaults__", {**render.render.__kwdefaults__, "scenes": (
        Scene("one.mp4", SHORT, (224, 224)),
    )})  # fmt: skip
    app = typer.Typer()
    app.command()(sample)
    result = CliRunner().invoke(app, [str(tmp_path / "out"), "--json", "--workers", "1"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["videos"] == ["one.mp4"]
    (tmp_path / "file").write_text("x")
    refused = CliRunner().invoke(app, [str(tmp_path / "file")])
    assert isinstance(refused.exception, CurationError)
    assert "name another folder" in str(refused.exception)


def test_speech_begins_and_ends_with_sound_and_is_level() -> None:
    sound = speech.say("Good morning to you", "en-us", 50, 160)
    assert 0.09 < float(np.sqrt(np.mean(sound**2))) < 0.11
    assert np.abs(sound[:480]).max() > 0.002
    assert np.abs(sound[-480:]).max() > 0.002


def _landmarker(weights: Path) -> Any:
    from mediapipe.tasks.python import BaseOptions, vision

    bundle = weights / "mediapipe_face_landmarker_v2_with_blendshapes.task"
    if not bundle.is_file():
        pytest.skip("the FaceLandmarker bundle is not among the weights")
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(bundle)), output_face_blendshapes=True
    )
    return vision.FaceLandmarker.create_from_options(options)


def _blendshapes(landmarker: Any, picture: np.ndarray) -> dict[str, float] | None:
    import mediapipe

    found = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture))
    return {shape.category_name: shape.score for shape in found.face_blendshapes[0]} if found.face_landmarks else None


def test_a_landmarker_sees_the_emotions(weights_folder: Path) -> None:
    from curation.sample.puppet import Puppet

    with _landmarker(weights_folder) as landmarker:
        astronaut, man = Puppet("astronaut", 384, 384), Puppet("group_3", 384, 384)
        seen = {
            emotion: _blendshapes(landmarker, astronaut.frame(expression.amounts(emotion, 0.95)))
            for emotion in ("neutral", "happy", "sad", "surprised", "fear")
        }
        angry = _blendshapes(landmarker, man.frame(expression.amounts("angry", 0.95)))
        calm = _blendshapes(landmarker, man.frame({}))
    smile = {emotion: shapes["mouthSmileLeft"] for emotion, shapes in seen.items() if shapes}
    brow = {emotion: shapes["browInnerUp"] for emotion, shapes in seen.items() if shapes}
    assert len(smile) == 5
    assert smile["happy"] > max(smile["neutral"], smile["sad"]) + 0.4
    assert min(brow["sad"], brow["surprised"], brow["fear"]) > brow["neutral"] + 0.4
    assert angry and calm and angry["browDownLeft"] > calm["browDownLeft"] + 0.2


@pytest.mark.proof
def test_the_whole_sample_is_tracked_and_heard_as_the_truth_says(rendered_sample: Path, weights_folder: Path) -> None:
    """Every fifth frame (every one in full)."""
    import torch
    from silero_vad import get_speech_timestamps, load_silero_vad

    rows = truth.read_truth(rendered_sample).to_pylist()
    assert len(rows) == len(scenes.SCENES)
    voice, every = load_silero_vad(onnx=True), 1 if FULL else 5
    for row in rows:
        if row["kind"] != "good":
            continue
        video = decode(rendered_sample / row["file"], row)
        with _landmarker(weights_folder) as landmarker:
            found = [_blendshapes(landmarker, frame) for frame in video.frames[::every]]
        assert sum(shapes is not None for shapes in found) / len(found) >= 0.99, row["file"]
        turns = get_speech_timestamps(torch.from_numpy(video.sound), voice, sampling_rate=16000)
        length = row["frames"] * row["fps_den"] / row["fps_num"] * 16000
        heard = sum(turn["end"] - turn["start"] for turn in turns) / length
        true = sum(span["end_sample"] - span["start_sample"] for span in row["speech"]) / length
        print(f"{row['file']}: speech share {heard:.3f}, truth {true:.3f}")
        assert abs(heard - true) <= 0.1, row["file"]
