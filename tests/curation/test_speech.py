"""The stage `speech` says what found its turns, and goes on with voice activity where there is no diarization."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from curation.stage import SourceWork
from curation.stages import speech
from curation.stages.speech import Speech
from perception import weights
from tests.perception.conftest import need
from tests.perception.speakers import conversation


@pytest.fixture
def work(tmp_path: Path) -> SourceWork:
    """A source that is a sound of two voices."""
    need("silero-vad")
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((conversation(4) * 32767).astype(np.int16).tobytes())
    return SourceWork("s_1", path.name, path, path.name, "", 0, tmp_path)


@pytest.fixture(autouse=True)
def _no_pipeline_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr("perception.pipelines.HUB", "nobody/nothing")
    speech.pipeline.cache_clear()


def silero() -> str:
    return f"silero-vad@{weights.entry('silero-vad').sha256}"


@pytest.mark.parametrize("wanted", ["auto", "none", "no-such-folder", "damaged"])
def test_voice_activity_takes_the_place_and_the_result_says_so(work: SourceWork, tmp_path: Path, wanted: str) -> None:
    if wanted == "damaged":
        folder = tmp_path / "weights" / "pyannote" / "mine"
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("pipeline: [")
    stage = Speech(diarization="auto" if wanted == "damaged" else wanted)
    assert stage.models() == ((silero(),) if wanted == "none" else ("pyannote@absent", silero()))
    notes = stage.notes()
    if wanted in ("auto", "none"):
        assert notes == ()
    else:
        (said,) = notes
        assert {"damaged": "mine", "no-such-folder": "no-such-folder"}[wanted] in said
        assert "is not used" in said
        assert "one speaker is assumed" in said
    stage.run(work)
    rows = work.tables["speech"].to_pylist()
    assert rows
    assert {(row["speaker"], row["model"]) for row in rows} == {(None, "voice-activity")}
    assert all(0.5 < row["probability"] <= 1 for row in rows)


def test_settings_that_mean_nothing_are_refused() -> None:
    from curation.errors import CurationError
    from curation.pipeline import build
    from manifests.recipe import Recipe

    with pytest.raises(CurationError, match=r"stages\.speech\.diarization"):
        build(Recipe(name="x", stages={"speech": {"diarization": ""}}))
