"""Sound columns move as they must: noise, music, gain and overdrive in five steps on speech, and recorded noise."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.perception.conftest import need
from tests.proofs.conftest import only_in_full
from tests.proofs.test_quality import STEPS, spearman

pytestmark = pytest.mark.proof

RATE = 16_000
SPEECH = (
    "spoken here",  # by espeak-ng; the others are real
    "hdtf_RD_Radio31_000.wav",
    "speech_german1.wav",
    *only_in_full(
        "hdtf_RD_Radio34_002.wav",
        "speech_chinese1_haierlizhi.wav",
        "speech_italian1.wav",
        "acknowledgement_english.m4a",
    ),
)


@pytest.fixture(scope="module", params=SPEECH)
def speech(request: pytest.FixtureRequest) -> np.ndarray:
    """Up to 12 s of speech, mono at 16 kHz, brought to -23 dB."""
    need("dnsmos")
    if request.param == "spoken here":
        sound = spoken()
    else:
        sound = heard(request.getfixturevalue("test_data") / "audio" / request.param)
    return sound * (10 ** (-23 / 20) / level(sound))


def heard(path: Path, seconds: int = 12) -> np.ndarray:
    from media.audio import chunks

    return next(iter(chunks(path, RATE, seconds=float(seconds))))[1].astype(np.float64)


def spoken() -> np.ndarray:
    if shutil.which("espeak-ng") is None:
        pytest.skip("speech made here needs espeak-ng: apt-get install espeak-ng")
    from scipy.signal import resample_poly

    from curation.sample.speech import say

    lines = (
        "The boat left the harbour at nine.",
        "Nobody was on board.",
        "It was found two days later, far out at sea.",
    )
    pause = np.zeros(RATE // 3)
    said = [resample_poly(say(line, "en-us+f3", 60, 150).astype(np.float64), 1, 3) for line in lines]
    return np.concatenate([part for line in said for part in (line, pause)])


def level(sound: np.ndarray) -> float:
    return float(np.sqrt((sound**2).mean()))


def measured(sound: np.ndarray) -> dict[str, float | None]:
    """The columns of a clip with this sound, by the code of the stage `sound` and of `quality_columns`."""
    from curation.stages.quality_columns import sound_columns
    from curation.stages.sound import _dnsmos, sound_rows
    from curation.stages.spans import Span
    from manifests.schema import table_from_rows

    def pieces() -> Iterator[tuple[int, np.ndarray]]:
        for first in range(0, len(sound), 5 * RATE):
            yield first, sound[first : first + 5 * RATE].astype(np.float32)

    rows = sound_rows(pieces(), RATE, pieces(), RATE, _dnsmos())
    table = table_from_rows("sound", [{"source": "s"} | row for row in rows])
    return sound_columns(table, Span(0, len(sound)))


def with_noise(sound: np.ndarray, step: int) -> np.ndarray:
    """White noise at 35, 28, 21, 14, 7 dB below the speech."""
    noise = np.random.default_rng(7).normal(size=len(sound))
    return sound + noise * level(sound) * 10 ** (-(42 - 7 * step) / 20)


def with_music(sound: np.ndarray, step: int) -> np.ndarray:
    """Chords of decaying harmonics, a new one every 0.9 s, at 20, 15, 10, 5, 0 dB below the speech."""
    time = np.arange(len(sound)) / RATE
    music = np.zeros(len(sound))
    for place, root in enumerate((220.0, 174.6, 261.6, 196.0) * 8):
        inside = (time >= 0.9 * place) & (time < 0.9 * (place + 1))
        since = time[inside] - 0.9 * place
        for ratio in (1, 1.26, 1.5):
            for harmonic in (1, 2, 3, 4):
                wave = np.sin(2 * np.pi * root * ratio * harmonic * since)
                music[inside] += wave * np.exp(-1.5 * since) * np.minimum(since / 0.02, 1) / harmonic
    return sound + music * level(sound) / level(music) * 10 ** (-(25 - 5 * step) / 20)


def louder(sound: np.ndarray, step: int) -> np.ndarray:
    return sound * 10 ** (3 * step / 20 - 1)


def overdriven(sound: np.ndarray, step: int) -> np.ndarray:
    return np.clip(sound / np.abs(sound).max() * 10 ** (4 * step / 20) * 0.99, -1, 1)


FAULTS: dict[str, tuple[Callable[[np.ndarray, int], np.ndarray], str, int]] = {
    "noise": (with_noise, "mos_bak", -1),
    "noise, overall": (with_noise, "mos_ovr", -1),
    "music": (with_music, "music_tones", 1),
    "gain": (louder, "loudness", 1),
    "overdrive": (overdriven, "audio_clipping", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_sound_moves_its_own_column(
    speech: np.ndarray, fault: str, table: Callable[[str], None]
) -> None:
    spoil, column, direction = FAULTS[fault]
    values = [measured(spoil(speech, step) if step else speech)[column] for step in range(STEPS + 1)]
    if fault == "gain":
        values = values[1:]  # step 0 is no gain below the others
    assert None not in values
    found = spearman([float(value) for value in values if value is not None])
    table(f"{column} {direction:+d}: {' '.join(f'{value:.4g}' for value in values)}; Spearman {found:+.2f}")
    assert found * direction >= 0.9


def test_recorded_noise_lowers_the_background_score(test_data: Path, table: Callable[[str], None]) -> None:
    need("dnsmos")
    scores = {}
    for name in ("cafeter_snr_0", "meeting_snr_0", "meeting_snr_10", "meeting_snr_20", "office_snr_0"):
        columns = measured(heard(test_data / "audio" / f"noisy_audio_{name}.wav"))
        scores[name] = columns["mos_bak"]
        table(
            " ".join([name, *(f"{key} {columns[key]:.3f}" for key in ("mos_sig", "mos_bak", "mos_ovr", "music_tones"))])
        )
    quiet = [scores[f"meeting_snr_{ratio}"] for ratio in (20, 10, 0)]
    assert spearman(quiet) <= -0.9
    assert max(scores["cafeter_snr_0"], scores["office_snr_0"]) < scores["meeting_snr_20"]
