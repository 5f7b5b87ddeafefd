"""Says when someone speaks: Silero VAD over a stream of audio, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception import weights
from perception.errors import PerceptionError

RATE = 16_000
MODEL = "silero-vad"
WINDOW, CONTEXT = 512, 64
BLOCK = 512
STATE = (1, 1, 128)


@dataclass(frozen=True)
class Turn:
    """A stretch of speech: samples [start, end) at 16 kHz on the clock of the chunks (start may be negative), and the
    mean speech probability of its windows, 0..1."""

    start: int
    end: int
    probability: float


@dataclass(frozen=True)
class VoiceConfig:
    """The hysteresis of Silero's `get_speech_timestamps_from_probs`.

    threshold: a turn starts at this probability (it ends below threshold - 0.15).
    least_speech_ms: shorter turns are dropped.
    least_silence_ms: shorter pauses do not end a turn.
    pad_ms: added at both ends of a turn.
    """

    threshold: float = 0.5
    least_speech_ms: int = 250
    least_silence_ms: int = 100
    pad_ms: int = 30


class VoiceActivity:
    """Silero VAD, the ONNX export that takes many windows in a call; on one thread, so the same turns every time."""

    def __init__(self, config: VoiceConfig = VoiceConfig()) -> None:
        self._silero = _silero()
        self._model: Any | None = self._silero.SileroVADSequence(str(weights.find(MODEL)), RATE, BLOCK)
        self.config = config
        self.name = MODEL
        self.model_hashes = {MODEL: weights.entry(MODEL).sha256}

    @classmethod
    def load(cls, device: str = "cpu", config: VoiceConfig = VoiceConfig()) -> VoiceActivity:
        """Open the model; `device` is only "cpu"; raises PerceptionError when the package or the model is missing."""
        if device != "cpu":
            raise PerceptionError(f"Voice activity runs on the CPU, not on {device!r}; use device='cpu'.")
        return cls(config)

    def turns(self, chunks: Iterable[tuple[int, np.ndarray]]) -> list[Turn]:
        """Find the turns of speech; where the chunks are split makes no difference.

        Args:
            chunks: (index of the first sample, float32 mono [n] in -1..1) at 16 kHz, each beginning where the last
                ended. Silence stands for what is missing.

        Returns:
            The turns in order, without overlap.

        Raises:
            PerceptionError: the chunks leave a gap or are not mono.
        """
        clock = _Clock()
        probabilities = np.concatenate([np.zeros(0, np.float32), *self._probabilities(clock.samples(chunks))])
        found = self._silero.get_speech_timestamps_from_probs(
            probabilities.tolist(),
            sampling_rate=RATE,
            threshold=self.config.threshold,
            min_speech_duration_ms=self.config.least_speech_ms,
            min_silence_duration_ms=self.config.least_silence_ms,
            speech_pad_ms=self.config.pad_ms,
            audio_length_samples=clock.length,
        )
        turns = []
        for turn in found:
            start, end = int(turn["start"]), int(turn["end"])
            windows = probabilities[start // WINDOW : -(-end // WINDOW)]
            turns.append(Turn(clock.first + start, clock.first + end, float(windows.mean(dtype=np.float64))))
        return turns

    def _probabilities(self, samples: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the speech probability of each window of 512 samples, a block of at most 512 windows at a time.

        The blocks lie on a grid from the first sample, never along the chunks: floats then come out the same however
        the chunks are split.
        """
        assert self._model is not None
        hidden, cell, context = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32), np.zeros(CONTEXT, np.float32)
        for block in samples:
            windows = np.zeros((-(-len(block) // WINDOW), WINDOW), np.float32)
            windows.reshape(-1)[: len(block)] = block
            before = np.concatenate([context[None], windows[:-1, -CONTEXT:]])
            context = windows[-1, -CONTEXT:].copy()
            values, hidden, cell = self._model.session.run(
                ["speech_probs", "hn", "cn"],
                {"input": np.concatenate([before, windows], axis=1), "h": hidden, "c": cell},
            )
            yield values.reshape(-1)


class _Clock:
    """Turns chunks of any length into blocks of one length, and remembers where they began and how long they were."""

    def __init__(self) -> None:
        self.first = 0
        self.length = 0

    def samples(self, chunks: Iterable[tuple[int, np.ndarray]]) -> Iterator[np.ndarray]:
        waiting: list[np.ndarray] = []
        count = 0
        for first, audio in chunks:
            self._check(first, audio)
            waiting.append(np.asarray(audio, np.float32))
            count += len(audio)
            if count >= BLOCK * WINDOW:
                joined = np.concatenate(waiting)
                whole = count - count % (BLOCK * WINDOW)
                yield from joined[:whole].reshape(-1, BLOCK * WINDOW)
                waiting, count = [joined[whole:]], count - whole
        if count:
            yield np.concatenate(waiting)

    def _check(self, first: int, audio: np.ndarray) -> None:
        if audio.ndim != 1:
            raise PerceptionError(f"Voice activity needs mono audio [n], not {list(audio.shape)}; mix it down first.")
        if self.length == 0:
            self.first = first
        elif first != self.first + self.length:
            raise PerceptionError(
                f"The audio chunk at sample {first} does not follow the last one, which ended at "
                f"{self.first + self.length}; give chunks without gaps."
            )
        self.length += len(audio)


def _silero() -> Any:
    """Import silero_vad, which sets torch to one thread for the whole process, and undo that."""
    try:
        import torch

        threads = torch.get_num_threads()
        import silero_vad

        torch.set_num_threads(threads)
        silero_vad.SileroVADSequence  # noqa: B018 (needs onnxruntime)
    except ImportError as error:
        raise PerceptionError(f"Silero VAD cannot be loaded ({error}); run `pip install 'moee[audio]'`.") from error
    return silero_vad
