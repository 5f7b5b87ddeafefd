"""Synthesised speech: espeak-ng run as a program (GPL-3: never linked), each utterance cut to its sound."""

import functools
import io
import shutil
import subprocess
import wave

import numpy as np

from curation.errors import CurationError

RATE = 48000
"""Samples per second of what is put into the videos."""
_QUIET = 0.01
"""Share of an utterance's peak at 16 kHz, where it is listened to, under which its ends count as silence."""
_LEVEL = 0.1
"""Root mean square that each utterance is brought to (-20 dB of full scale)."""


def program() -> str:
    """Find espeak-ng.

    Raises:
        CurationError: it is not installed.
    """
    found = shutil.which("espeak-ng")
    if found is None:
        raise CurationError(
            "the sample's voices need the program espeak-ng, which is not here: run `apt-get install -y espeak-ng`"
        )
    return found


@functools.lru_cache(maxsize=1)
def version() -> str:
    """What espeak-ng says its version is (without the folder of its data)."""
    answer = subprocess.run([program(), "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.split("Data at")[0].strip()


@functools.lru_cache(maxsize=64)
def say(text: str, voice: str, pitch: int, speed: int) -> np.ndarray:
    """Speak a text.

    Args:
        text: one utterance.
        voice: espeak-ng voice, for example `en-us+f3`.
        pitch: 0..99.
        speed: words per minute.

    Returns:
        [n] float32 mono at 48 kHz, from the first to the last sample that sounds (treat as read-only).

    Raises:
        CurationError: espeak-ng is missing or fails.
    """
    command = [program(), "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", "--", text]
    answer = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if answer.returncode != 0 or len(answer.stdout) <= 44:
        reason = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CurationError(
            f"espeak-ng could not speak with the voice {voice} ({reason[-1] if reason else 'no sound'}): "
            "reinstall it with `apt-get install -y espeak-ng espeak-ng-data`"
        )
    return _cut(*_read(answer.stdout))


def _read(stream: bytes) -> tuple[np.ndarray, int]:
    """Waveform and rate of a WAV that was written to a pipe (its sizes are not filled in)."""
    with wave.open(io.BytesIO(stream)) as header:
        rate = header.getframerate()
    start = stream.index(b"data") + 8
    body = stream[start : len(stream) - (len(stream) - start) % 2]
    return np.frombuffer(body, "<i2").astype(np.float64) / 32768.0, rate


def _cut(sound: np.ndarray, rate: int) -> np.ndarray:
    from math import gcd

    from scipy.signal import resample_poly

    common = gcd(RATE, rate)
    wide = resample_poly(sound, RATE // common, rate // common)
    narrow = np.abs(resample_poly(wide, 1, 3))
    loud = np.flatnonzero(narrow > _QUIET * narrow.max())
    speech = wide[3 * loud[0] : 3 * loud[-1] + 3]
    speech = speech * (_LEVEL / np.sqrt(np.mean(speech**2)))
    return np.clip(speech, -0.95, 0.95).astype(np.float32)
