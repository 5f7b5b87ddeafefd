"""DNSMOS P.835: what listeners would say of speech, its background, and both together (Reddy, Gopal, Cutler, 2022).

The network and the polynomials are those of Microsoft's `dnsmos_local.py` (DNS-Challenge), not personalised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception import weights
from perception.errors import PerceptionError

MODEL = "dnsmos"
RATE = 16_000
SECONDS = 9.01
WINDOW = 144_160  # samples: 9.01 s
HOP = RATE
SIGNAL = (-0.08397278, 1.22083953, 0.0052439)
BACKGROUND = (-0.13166888, 1.60915514, -0.39604546)
OVERALL = (-0.06766283, 1.11546468, 0.04602535)


@dataclass(frozen=True)
class Opinion:
    """The opinion on samples [start, end): mean opinion scores, 1 (bad) to 5, of signal, background and both."""

    start: int
    end: int
    signal: float
    background: float
    overall: float


class Dnsmos:
    """The P.835 network on one thread: the same scores every time."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.name = MODEL
        self.model_hashes = {MODEL: weights.entry(MODEL).sha256}

    @classmethod
    def load(cls, device: str = "cpu") -> Dnsmos:
        """Open the network; raises PerceptionError when it or onnxruntime is missing, or `device` is not "cpu"."""
        if device != "cpu":
            raise PerceptionError(f"DNSMOS runs on the CPU, not on {device!r}; use device='cpu'.")
        path = weights.find(MODEL)
        try:
            import onnxruntime
        except ImportError as error:
            raise PerceptionError(f"onnxruntime cannot be loaded ({error}); `pip install 'moee[audio]'`.") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return cls(onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))

    def opinions(self, chunks: Iterable[tuple[int, np.ndarray]], hop: int = HOP) -> Iterator[Opinion]:
        """Judge windows of 9.01 s.

        As the reference does: sound shorter than a window is repeated; otherwise a window begins every `hop` samples
        and the last one ends within the whole seconds of the sound.

        Args:
            chunks: (index of the first sample, float32 mono [n] in -1..1) at 16 kHz, contiguous.
            hop: samples between windows; the reference has one second.
        """
        held = np.zeros(0, np.float32)
        origin: int | None = None
        done = total = 0
        for first, sound in chunks:
            origin = first if origin is None else origin
            held = np.concatenate([held, sound.astype(np.float32)])
            total += len(sound)
            starts = [at for at in range(done, total // RATE * RATE, hop) if at // RATE + SECONDS <= total // RATE]
            base = total - len(held)
            yield from self._judge(held, [at - base for at in starts], origin + base)
            if starts:
                done = starts[-1] + hop
                held = held[max(0, done - base) :]
        if origin is not None and done == 0 and total:
            yield from self._judge(held, [0], origin) if total >= WINDOW else [self._short(held, origin)]

    def _short(self, sound: np.ndarray, origin: int) -> Opinion:
        whole = sound
        while len(whole) < WINDOW:
            whole = np.concatenate([whole, whole])
        (opinion,) = self._judge(whole, [0], origin)
        return Opinion(origin, origin + len(sound), opinion.signal, opinion.background, opinion.overall)

    def _judge(self, sound: np.ndarray, starts: list[int], origin: int) -> Iterator[Opinion]:
        for start in starts:  # one at a time: scores do not depend on the batch
            (raw,) = self._session.run(None, {"input_1": sound[None, start : start + WINDOW]})
            signal, background, overall = (float(value) for value in raw[0])
            yield Opinion(
                origin + start,
                origin + start + WINDOW,
                _curve(SIGNAL, signal),
                _curve(BACKGROUND, background),
                _curve(OVERALL, overall),
            )


def _curve(terms: tuple[float, float, float], raw: float) -> float:
    return (terms[0] * raw + terms[1]) * raw + terms[2]
