"""Voice activity on real speech, and on what is not speech."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from perception.errors import PerceptionError
from perception.speech import VoiceActivity
from tests.perception.conftest import need

RATE = 16_000


@pytest.fixture(scope="module")
def voice() -> VoiceActivity:
    need("silero-vad")
    pytest.importorskip("silero_vad")
    return VoiceActivity.load()


@pytest.fixture(scope="module")
def sound(test_data: Path):
    """A function (clip's file name) -> its sound at 16 kHz mono."""
    import av

    def read(name: str) -> np.ndarray:
        resampler = av.AudioResampler("fltp", "mono", RATE)
        with av.open(str(test_data / "videos" / name)) as container:
            blocks = [r.to_ndarray()[0] for f in container.decode(audio=0) for r in resampler.resample(f)]
        return np.concatenate(blocks)

    return read


def split(audio: np.ndarray, length: int, first: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    for place in range(0, len(audio), length):
        yield first + place, audio[place : place + length]


def share(turns, audio) -> float:
    return sum(turn.end - turn.start for turn in turns) / len(audio)


def test_one_sentence_is_one_turn(voice, sound) -> None:
    audio = sound("talk_360x288_grid_lbax4n.mpg")
    (turn,) = voice.turns([(0, audio)])
    loud = np.flatnonzero(np.abs(audio) > 0.2 * np.abs(audio).max())
    assert turn.start < loud[0] + RATE // 10
    assert turn.end > loud[-1] - RATE // 5
    assert share([turn], audio) < 0.7
    assert turn.probability > 0.8


@pytest.mark.parametrize("length", [1, 511, 512, 4_000, 262_144, 300_000])
def test_where_the_chunks_are_split_makes_no_difference(voice, sound, length: int) -> None:
    audio = sound("talk_450_obama_speech_20s.mp4")[: 20_000 if length == 1 else None]
    whole = voice.turns([(0, audio)])
    assert whole
    assert voice.turns(split(audio, length)) == whole


def test_turns_are_on_the_clock_of_the_chunks_even_before_its_zero(voice, sound) -> None:
    audio = sound("talk_360x288_grid_lbax4n.mpg")
    (at_zero,), (earlier,) = voice.turns([(0, audio)]), voice.turns(split(audio, 7_000, first=-20_000))
    assert (earlier.start, earlier.end) == (at_zero.start - 20_000, at_zero.end - 20_000)
    assert earlier.start < 0 < earlier.end


def test_turns_and_probabilities_are_those_of_the_library_itself(voice, sound) -> None:
    """On more than one block, so that the state is carried between the calls of the model."""
    import silero_vad

    audio = sound("talk_450_obama_speech_20s.mp4")
    model = silero_vad.SileroVADSequence(str(need("silero-vad")))
    expected = silero_vad.get_speech_timestamps_sequence(audio, model)
    turns = voice.turns(split(audio, 5_000))
    assert [{"start": turn.start, "end": turn.end} for turn in turns] == expected
    windows = model.audio_forward(audio)
    for turn in turns:
        mean = windows[turn.start // 512 : -(-turn.end // 512)].mean()
        assert turn.probability == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize(
    "name",
    ["crowd_1920x1080_street_4s.mp4", "noface_592x336_river_boat_6s.mp4", "still_1280x720_woman_no_speech_9s.mp4"],
)
def test_street_river_and_music_are_not_speech(voice, sound, name: str) -> None:
    audio = sound(name)
    assert share(voice.turns([(0, audio)]), audio) < 0.05


def test_digital_silence_and_nothing_have_no_turns(voice) -> None:
    assert voice.turns([(0, np.zeros(5 * RATE, np.float32))]) == []
    assert voice.turns([]) == []
    assert voice.turns([(7, np.zeros(0, np.float32))]) == []
    assert voice.turns([(0, np.ones(3, np.float32))]) == []


def test_memory_stays_bounded(voice) -> None:
    """Twenty minutes are 77 MB of sound; what is held at a time is a chunk and a block."""
    import tracemalloc

    chunk = np.zeros(30 * RATE, np.float32)
    tracemalloc.start()
    voice.turns((place * len(chunk), chunk) for place in range(40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6


def test_a_gap_or_stereo_is_refused(voice) -> None:
    piece = np.zeros(1_000, np.float32)
    with pytest.raises(PerceptionError, match="does not follow"):
        voice.turns([(0, piece), (1_001, piece)])
    with pytest.raises(PerceptionError, match="mono"):
        voice.turns([(0, np.zeros((2, 100), np.float32))])


def test_opening_it_leaves_torchs_threads_alone(voice) -> None:
    import subprocess
    import sys

    code = (
        "import torch; torch.set_num_threads(2); from perception.speech import VoiceActivity; VoiceActivity.load(); "
        "print(torch.get_num_threads())"
    )
    root = Path(__file__).parent.parent.parent
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "2"
