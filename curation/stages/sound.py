"""Sound quality: loudness, samples at the rails, held tones and opinion scores, streamed in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from curation.stage import SourceWork, Stage
from curation.stages.quality import present

Chunks = Iterator[tuple[int, np.ndarray]]
TICKS = 1600  # of 1/16000 s in a step of 0.1 s


@dataclass(frozen=True)
class Sound(Stage):
    """Measures the whole sound of a source; one without sound has no rows.

    Args:
        opinion_every: seconds between windows of DNSMOS (9.01 s long); its reference has 1, at six times the cost.
    """

    name: ClassVar[str] = "sound"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("probe",)

    opinion_every: int = 6

    def models(self) -> tuple[str, ...]:
        """DNSMOS, where this machine has it."""
        return present("dnsmos")

    def run(self, work: SourceWork) -> None:
        """Write the `sound` table."""
        from manifests.schema import table_from_rows
        from media.audio import RATE, chunks, source_sound

        path = work.sound or work.path
        found = source_sound(path)
        rows: list[dict[str, Any]] = []
        if found is not None:
            rows = sound_rows(
                chunks(path, found[0]), found[0], chunks(path, RATE), self.opinion_every * RATE, _dnsmos()
            )
        work.add("sound", table_from_rows("sound", [{"source": work.id} | row for row in rows]))


@cache
def _dnsmos() -> Any:
    """DNSMOS, or None where it is missing; the stage's key says which."""
    from perception.dnsmos import MODEL, Dnsmos
    from perception.weights import available

    return Dnsmos.load() if available(MODEL) else None


def sound_rows(native: Chunks, rate: int, speech: Chunks, hop: int, model: Any) -> list[dict[str, Any]]:
    """Rows of `sound`, without the source.

    Args:
        native: (first sample, float32 mono [n]) of the sound at its own rate, contiguous.
        rate: that rate, Hz.
        speech: the same sound at 16 kHz; gone through once.
        hop: samples between two opinions.
        model: `Dnsmos`, or None.
    """
    from perception.loudness import HeldTones, levels

    tones = HeldTones()

    def heard() -> Chunks:
        for first, sound in speech:
            tones.hear(first, sound)
            yield first, sound

    opinions = _opinion_rows(heard(), model, hop)
    return _step_rows(levels(native, rate), tones.steps()) + opinions


def _step_rows(loud: Any, held: Any) -> list[dict[str, Any]]:
    rows = []
    for place, (energy, clipped, samples) in enumerate(
        zip(*(loud.values[name].tolist() for name in ("energy", "clipped", "samples")), strict=True)
    ):
        step = loud.first + place
        tone = step - held.first
        inside = 0 <= tone < len(held.values["tones"])
        rows.append(
            {
                "what": "step",
                "start": step * TICKS,
                "end": (step + 1) * TICKS,
                "energy": energy,
                "clipped": int(clipped),
                "samples": int(samples),
                "tones": float(held.values["tones"][tone]) if inside else 0.0,
                "whole": float(held.values["sound"][tone]) if inside else 0.0,
            }
        )
    return rows


def _opinion_rows(speech: Chunks, model: Any, hop: int) -> list[dict[str, Any]]:
    if model is None:
        for _ in speech:
            pass
        return []
    return [
        {
            "what": "window",
            "start": opinion.start,
            "end": opinion.end,
            "mos_sig": opinion.signal,
            "mos_bak": opinion.background,
            "mos_ovr": opinion.overall,
        }
        for opinion in model.opinions(speech, hop)
    ]
