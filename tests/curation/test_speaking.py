"""The stages `mouths` and `speaking` on made-up tables and sound: who speaks, how late, off screen, dubbed, voices."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from curation.stage import SourceWork
from curation.stages import speaking_pixels
from curation.stages.clip_rows import SourceTables, clip_row
from curation.stages.speaking import COLUMNS, Speaking, Turn, speakers
from curation.stages.speaking_pixels import Mouths, sounds
from manifests.schema import landmark_units, list_column, table_from_columns, table_from_rows
from tests.perception.conftest import need
from tests.perception.test_mouth import face
from tests.perception.test_speaking import syllables

FPS, SIZE, RATE = 25, 512, 16_000
TRACK = "t_1"
SOURCE = "s_" + 16 * "1"


def voice(seconds: float, seed: int, late_ms: float) -> np.ndarray:
    """Noise as loud as the syllables of `seed`, which come `late_ms` later than in the curve."""
    times = np.arange(round(seconds * RATE)) / RATE
    curve = syllables(seconds + 4, seed)
    loud = np.interp((times - late_ms / 1000) * 100 + 200, np.arange(len(curve)), curve)
    return (0.1 * loud * np.random.default_rng(seed).normal(size=len(times))).astype(np.float32)


def lips(times: np.ndarray, seed: int) -> np.ndarray:
    curve = syllables(float(times[-1]) + 5, seed)
    return 30 + 8 * np.interp(times * 100 + 200, np.arange(len(curve)), curve)


def worked(
    folder: Path,
    opened: np.ndarray,
    sound: np.ndarray | None,
    clips: list[tuple[int, int]],
    turns: list[dict[str, Any]],
    mouths: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Run the stage on a source with one track whose lips are `opened` px apart; its tables."""
    count = len(opened)
    path = folder / "sound.wav"
    if sound is None:
        path = Path(__file__).parent.parent / "media" / "clips.py"  # never opened
    else:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    work = SourceWork("s_1", "a.mp4", path, "a.mp4", "", 1, folder, sound=path)
    base = {"source": "s_1", "time_base_num": 1, "time_base_den": FPS}
    span = base | {"start_pts": 0, "end_pts": count, "start_frame": 0, "end_frame": count, "index": 0}
    work.add("sources", table_from_rows("sources", [
        {"id": "s_1", "name": "a.mp4", "origin": "a.mp4", "width": SIZE, "height": SIZE, "time_base_num": 1,
         "time_base_den": FPS, "start_pts": 0, "end_pts": count, "frames": count, "flags": []}
    ]))  # fmt: skip
    work.add("timeline", table_from_rows("timeline", [{"source": "s_1", "pts": list(range(count))}]))
    work.add("shots", table_from_rows("shots", [{"id": "h_1", **span}]))
    work.add("tracks", table_from_rows("tracks", [
        {"id": TRACK, "shot": "h_1", **span, "frames": count, "detected": 0, "meshed": count, "tracked": 0,
         "confirmed": True, "face": 0, "face_size": 200.0}
    ]))  # fmt: skip
    seen = np.isfinite(opened)
    units = np.stack([landmark_units(face(value if np.isfinite(value) else 0), SIZE, SIZE) for value in opened])
    places = {"x0": 100.0, "y0": 50.0, "x1": 400.0, "y1": 350.0}
    import pyarrow as pa

    work.add("frames", table_from_columns("frames", {
        "source": ["s_1"] * count, "track": [TRACK] * count, "frame": list(range(count)), "pts": list(range(count)),
        "state": ["meshed" if value else "tracked" for value in seen],
        **{name: [value] * count for name, value in places.items()},
        "landmarks": list_column(units, seen, pa.int16()),
    }))  # fmt: skip
    work.add("speech", table_from_rows("speech", [
        {"id": f"p_{place}", "source": "s_1", "index": place, "time_base_num": 1, "time_base_den": RATE,
         "model": "voice-activity", **turn} for place, turn in enumerate(turns)
    ]))  # fmt: skip
    work.add("mouths", table_from_rows("mouths", [{"source": "s_1", "track": TRACK, **row} for row in mouths or []]))
    tables = SourceTables(work)
    rows = [clip_row(tables, tables.tracks[0], start, end, 64.0, None) for start, end in clips]
    work.add("clips", table_from_rows("clips", rows))
    Speaking().run(work)
    return {"clips": work.tables["clips"].to_pylist(), "speaking": work.tables["speaking"].to_pylist()}


def turn(start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"start_pts": round(start * RATE), "end_pts": round(end * RATE), **more}


def test_a_speaker_has_a_lag_and_a_dubbed_one_has_not(tmp_path: Path) -> None:
    times = np.arange(20 * FPS) / FPS
    sound = np.concatenate([voice(10, 1, 120.0), voice(20, 5, 0.0)[10 * RATE :]])
    found = worked(tmp_path, lips(times, 1), sound, [(0, 250), (250, 500)], [turn(0.2, 19.8)])
    own, dubbed = found["clips"]
    assert own["av_lag"] == pytest.approx(120, abs=40)
    assert own["dubbed"] < 0.01 and own["sync"] > 0.3 and own["sync_margin"] > 3
    assert dubbed["dubbed"] > 0.1 and dubbed["av_lag"] is None and dubbed["sync"] < own["sync"] / 1.5
    assert own["offscreen"] == 0 and dubbed["offscreen"] == 0
    assert own["mouth_motion"] > 20
    (row,) = found["speaking"]
    assert row["id"] == TRACK and row["windows"] == 3 and 1 <= row["valid"] <= 2


def test_a_still_mouth_under_speech_is_off_screen(tmp_path: Path) -> None:
    still = 30 + 0.1 * np.sin(np.arange(8 * FPS))
    (clip,) = worked(tmp_path, still, voice(8, 3, 0.0), [(0, 200)], [turn(0.5, 7.5)])["clips"]
    assert clip["offscreen"] == 1
    assert clip["dubbed"] is None  # a mouth that is still says nothing of whose sound it is


def test_no_speech_is_neither(tmp_path: Path) -> None:
    (clip,) = worked(tmp_path, lips(np.arange(200) / FPS, 1), voice(8, 1, 0.0), [(0, 200)], [])["clips"]
    assert clip["offscreen"] is None and clip["dubbed"] is None and clip["speakers"] is None
    assert clip["sync"] is not None


def test_digital_silence_leaves_nulls(tmp_path: Path) -> None:
    opened = lips(np.arange(200) / FPS, 1)
    (clip,) = worked(tmp_path, opened, np.zeros(8 * RATE, np.float32), [(0, 200)], [turn(1, 7)])["clips"]
    assert [clip[name] for name in ("sync", "sync_margin", "av_lag", "dubbed")] == [None] * 4
    assert clip["mouth_motion"] > 20 and clip["offscreen"] == 0


def test_a_file_without_sound_leaves_nulls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.audio.chunks", lambda path: iter(()))
    found = worked(tmp_path, lips(np.arange(200) / FPS, 1), None, [(0, 200)], [])
    assert all(found["clips"][0][name] is None for name in COLUMNS if name != "mouth_motion")
    assert found["speaking"][0]["windows"] == 0


def test_a_mouth_that_is_never_seen_leaves_nulls(tmp_path: Path) -> None:
    hidden = np.full(200, np.nan)
    (clip,) = worked(tmp_path, hidden, voice(8, 1, 0.0), [(0, 200)], [turn(0, 8)])["clips"]
    assert all(clip[name] is None for name in COLUMNS)


def test_moving_mouth_counts_the_frames_of_the_clip(tmp_path: Path) -> None:
    windows = [
        {"frames": list(range(10, 35)), "scores": [1.0] * 20 + [-1.0] * 5},
        {"frames": list(range(110, 135)), "scores": [-2.0] * 25},
    ]
    found = worked(
        tmp_path, lips(np.arange(200) / FPS, 1), voice(8, 1, 0.0), [(0, 100), (20, 120), (40, 100)], [], windows
    )
    assert [clip["moving_mouth"] for clip in found["clips"]] == [
        pytest.approx(0.8), pytest.approx(10 / 25), None,
    ]  # fmt: skip
    assert found["speaking"][0]["moving_mouth"] == pytest.approx(0.4)
    assert found["speaking"][0]["moving_mouth_model"].startswith("light-asd@efc375833887")


def test_voices_are_counted_only_where_they_were_told_apart() -> None:
    def said(start: float, end: float, who: str | None, model: str = "pyannote") -> Turn:
        return Turn(start, end, who, model)

    assert speakers([said(0, 9, None, "voice-activity")], 0, 9) is None
    assert speakers([], 0, 9) is None
    turns = [said(0, 3, "a"), said(2, 5, "b"), said(5, 5.1, "c"), said(7, 9, "a")]
    assert speakers(turns, 0, 9) == 2
    assert speakers(turns, 6, 9) == 1
    assert speakers(turns, 5.5, 6.5) == 0


# --- the windows of Light-ASD ---------------------------------------------------------------------------------------


class Network:
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def look(self, crops: np.ndarray) -> np.ndarray:
        self.shown.append(crops)
        return crops[:, :1, 0].astype(np.float32)

    def judge(self, kept: np.ndarray, sound: np.ndarray) -> np.ndarray:
        return kept[:, 0] - 100


def watched(
    monkeypatch: pytest.MonkeyPatch,
    times: list[float],
    cut: int | None = None,
    hidden: range = range(0),
    late: bool = False,
) -> tuple[Network, list[dict[str, Any]]]:
    """Feed frames at these times, whose grey value is their number, with one face; the rows that come out.

    At `cut` another face is followed, or the same one when the cut is found only `late`, after the last frame.
    """
    network = Network()
    monkeypatch.setattr(speaking_pixels, "_network", lambda: network)
    work = SourceWork("s_1", "a", Path("a"), "a", "", 1, Path())
    consumer: Any = Mouths().consumer(work)
    base = Fraction(1, 90_000)
    for index, seconds in enumerate(times):
        face_number = int(cut is not None and index >= cut and not late)
        seen = SimpleNamespace(face=face_number, began=-10, mesh=True, box=(10.0, 10.0, 90.0, 90.0))
        rgb = np.full((100, 100, 3), index % 251, np.uint8)
        consumer.see(SimpleNamespace(
            index=index, pts=round(seconds / base), time_base=base, shot=None, scaled=lambda _, rgb=rgb: rgb,
            faces=() if index in hidden else (seen,),
        ))  # fmt: skip
    ends = [0, cut, len(times)] if cut is not None else [0, len(times)]
    monkeypatch.setattr(consumer, "_sound", lambda: iter(()))
    work.add("tracks", table_from_rows("tracks", [
        {"id": f"t_{place}", "source": "s_1", "shot": "h_1", "index": place, "start_pts": 0, "end_pts": 1,
         "time_base_num": 1, "time_base_den": 1, "start_frame": ends[place], "end_frame": ends[place + 1], "frames": 1,
         "detected": 0, "meshed": 1, "tracked": 0, "confirmed": True, "face": 0 if late else place}
        for place in range(len(ends) - 1)
    ]))  # fmt: skip
    return network, consumer.finish(None)["mouths"].to_pylist()


@pytest.mark.parametrize("fps", [10, 22.13, 25, 30, 60])
def test_a_second_of_every_four_is_seen_at_25_frames_a_second(monkeypatch: pytest.MonkeyPatch, fps: float) -> None:
    times = (np.arange(round(13 * fps)) / fps + 8.33).tolist()
    network, rows = watched(monkeypatch, times)
    assert len(rows) == len(network.shown) == 3
    for place, row in enumerate(rows):
        wanted = times[0] + 0.5 + 4 * place + np.arange(25) / 25
        assert len(row["frames"]) == len(row["scores"]) == 25
        assert np.abs(np.array(times)[row["frames"]] - wanted).max() <= 0.5 / fps + 0.06
        assert row["scores"] == pytest.approx([frame % 251 - 100 for frame in row["frames"]])


def test_windows_stop_at_a_cut_and_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    _, rows = watched(monkeypatch, (np.arange(100) / 25).tolist(), cut=25)
    assert [row["track"] for row in rows] == ["t_1"]
    assert min(rows[0]["frames"]) >= 25 + 12


def test_a_window_over_a_cut_that_is_found_later_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    network, rows = watched(monkeypatch, (np.arange(200) / 25).tolist(), cut=25, late=True)
    assert len(network.shown) == 2
    assert [(row["track"], row["frames"][0] >= 25) for row in rows] == [("t_1", True)]


def test_a_face_that_is_gone_for_a_moment_is_seen_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _, rows = watched(monkeypatch, (np.arange(100) / 25).tolist(), hidden=range(20, 30))
    assert rows[0]["frames"] == list(range(30, 55))


def test_without_the_network_there_are_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking_pixels, "_network", lambda: None)
    work = SourceWork("s_1", "a", Path("a"), "a", "", 1, Path())
    work.add("tracks", table_from_rows("tracks", []))
    consumer = Mouths().consumer(work)
    consumer.see(SimpleNamespace(faces=(object(),)))
    assert consumer.finish(None)["mouths"].num_rows == 0


def test_an_absent_network_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perception.weights.available", lambda name: False)
    assert Mouths().models() == ("light-asd@absent",)


@pytest.mark.parametrize("size", [1000, 16_240, 100_000])
def test_the_sound_of_windows_is_cut_in_one_pass(size: int) -> None:
    from perception.light_asd import cepstra

    sound = np.random.default_rng(0).normal(0, 0.1, 10 * RATE).astype(np.float32)
    pieces = ((at + 500, sound[at : at + size]) for at in range(0, len(sound), size))
    starts = [-2.0, -0.5, 0.02, 0.3, 0.9, 5.0, 9.5, 40.0]
    padded = np.concatenate([np.zeros(3 * RATE + 500, np.float32), sound, np.zeros(40 * RATE, np.float32)])
    for start, found in zip(starts, sounds(pieces, starts), strict=True):
        at = round(start * RATE) + 3 * RATE
        assert np.array_equal(found, cepstra(padded[at : at + 16_240]))


def test_replayed_faces_give_the_same_rows(tmp_path: Path) -> None:
    """Both stages made by the first decode, or later by one that only they asked for."""
    import dataclasses

    from curation.one_source import curate_source
    from curation.pipeline import build
    from curation.task import Task
    from manifests.recipe import load_recipe
    from manifests.store import Store
    from tests.curation.runs import sample_video

    need("light-asd")
    video = sample_video(tmp_path, "talk.mp4", seconds=2)
    whole = build(load_recipe("talking-head"))
    mine = ("mouths", "speaking")
    before = dataclasses.replace(
        whole,
        pixel=tuple(stage for stage in whole.pixel if stage.name not in mine),
        table=tuple(stage for stage in whole.table if stage.name in ("labels", "speech", "sound", "clips")),
    )
    found = []
    for number, pipelines in enumerate(((whole,), (before, whole))):
        out = tmp_path / str(number)
        (out / "clips").mkdir(parents=True)
        for pipeline in pipelines:
            facts = video.stat()
            task = Task(out, pipeline, SOURCE, "talk.mp4", video, "talk.mp4", "", facts.st_size, facts.st_mtime_ns)
            assert curate_source(task).status != "failed"
        keys = whole.keys(SOURCE)
        found.append([Store(out).read(SOURCE, name, keys[name], name) for name in mine])
        clips = Store(out).read(SOURCE, "speaking", keys["speaking"], "clips").to_pylist()
    assert found[0][0].num_rows == 1
    assert all(one.equals(other) for one, other in zip(*found, strict=True))
    assert clips[0]["moving_mouth"] > 0.5 and clips[0]["dubbed"] < 0.01 and clips[0]["offscreen"] == 0
    assert clips[0]["av_lag"] == pytest.approx(0, abs=40)
