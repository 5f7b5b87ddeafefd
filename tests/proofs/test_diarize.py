"""Diarization end to end: by the stage on a source, with either clustering, and without a word to anyone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from curation.stage import SourceWork
from curation.stages.clip_rows import SPEECH_RATE
from curation.stages.spans import Span, merged, speech_share
from curation.stages.speech import Speech
from perception.diarize import Diarizer
from tests.perception.speakers import configure, conversation, local_pipeline

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_pipeline(tmp_path_factory.mktemp("pipelines") / "made-up")


@pytest.mark.parametrize(("clustering", "plda"), [("VBxClustering", "$model/plda"), ("AgglomerativeClustering", None)])
def test_sound_of_several_windows_is_diarized_with_either_clustering(
    original: Path, clustering: str, plda: str | None, table: Callable[[str], None]
) -> None:
    configure(original, clustering=clustering, plda=plda)
    sound = conversation(11.5)
    diarizer = Diarizer.load(original)
    started = time.perf_counter()
    turns = diarizer.turns([(0, sound)])
    seconds = time.perf_counter() - started
    table(f"{clustering}: 11.5 s of sound in {seconds:.1f} s with OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}")
    assert turns
    if clustering == "VBxClustering":
        assert turns == Diarizer.load(original).turns([(0, sound)]), "the same sound gives the same turns"


def test_the_stage_stores_voices_and_counts_speech_once(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(original)
    sound = conversation(6)
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((sound * 32767).astype(np.int16).tobytes())
    work = SourceWork("s_1", path.name, path, path.name, "", 0, tmp_path)
    stage = Speech(diarization=str(original))
    (used,) = stage.models()
    assert used.startswith("made-up@")
    assert stage.notes() == ()
    stage.run(work)
    rows = work.tables["speech"].to_pylist()
    assert rows
    assert {row["model"] for row in rows} == {used[: len("made-up@") + 12]}
    assert all(row["speaker"].startswith("SPEAKER_") and row["probability"] is None for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)
    turns = [Span(row["start_pts"], row["end_pts"]) for row in rows]
    assert 0 < speech_share(merged(turns), Span(0, 6 * SPEECH_RATE)) <= 1


def test_nothing_is_said_to_anyone_while_a_pipeline_is_loaded_and_run(original: Path) -> None:
    code = """
import socket, sys
asked = []
def refuse(*place, **more):
    asked.append(place)
    raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
import numpy as np, time
from perception.diarize import Diarizer
Diarizer.load(sys.argv[1]).turns([(0, np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32))])
time.sleep(0.7)  # telemetry goes out every 0.5 s
print(asked)
"""
    env = {**os.environ, "PYANNOTE_METRICS_ENABLED": "1"}  # what pyannote's own default is
    command = [sys.executable, "-c", code, str(original)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout
