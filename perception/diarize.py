"""Says who speaks when: a pyannote pipeline from a local folder, or from the hub's copy on this machine.

A pipeline is a folder with a `config.yaml` of pyannote.audio's `SpeakerDiarization`, whose models are files beside it
(`$model/segmentation`, ...): the layout of `pyannote/speaker-diarization-community-1`. The folders looked for are
`pyannote/<name>` of the weights folder, then the hub's cache.

pyannote.audio 4.0.7 unpickles checkpoints without restriction, imports any class that a `config.yaml` names and asks
the hub for what a pipeline does not name. So a folder is judged here first: only that class, only its own networks,
only files that `torch.load(weights_only=True)` takes with pyannote's three data classes; the library then gets these
same bytes. Its telemetry is off.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception.errors import PerceptionError
from perception.pipelines import LocalPipeline, find_pipeline, read_pipeline

log = logging.getLogger(__name__)

RATE = 16_000
LEAST = RATE // 10  # samples; shorter sound says nothing about who speaks
HOW = "pip install -c requirements/constraints.txt -e '.[diarization]'"


@dataclass(frozen=True)
class SpeakerTurn:
    """Samples [start, end) at 16 kHz on the clock of the chunks, and who speaks: a name within this sound."""

    start: int
    end: int
    speaker: str


class Diarizer:
    """Speaker diarization by pyannote.audio (Bredin, 2023; community-1: powerset segmentation, VBx clustering).

    The whole sound lies in memory: 230 MB for an hour at 16 kHz, and once more while the library works on it.
    """

    def __init__(self, found: LocalPipeline, pipeline: Any) -> None:
        self._pipeline = pipeline
        self.name = found.name
        self.model = found.model
        self.model_hashes = {found.name: found.sha256}

    @classmethod
    def load(cls, folder: Path | str | None = None, device: str = "cpu") -> Diarizer:
        """Open a pipeline.

        Args:
            folder: that holds `config.yaml`; None takes the one that this machine has (`find_pipeline`).
            device: "cpu", or "cuda".

        Raises:
            PerceptionError: there is none, it is damaged or not what it should be, or pyannote.audio is missing.
        """
        place = Path(folder) if folder is not None else find_pipeline()
        if place is None:
            raise PerceptionError(
                "No diarization pipeline is on this machine; put the folder of one (config.yaml and its models) into "
                "pyannote/ of the folder that MOEE_WEIGHTS names."
            )
        found = read_pipeline(place)
        torch, audio = _pyannote()
        if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
            raise PerceptionError(f"There is no device {device!r} for diarization; use device='cpu'.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pipeline = audio.Pipeline.from_pretrained(_with_models(found, audio))
                pipeline.to(torch.device(device))
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            raise PerceptionError(
                f"The diarization pipeline {str(found.folder)!r} cannot be opened by pyannote.audio "
                f"({type(error).__name__}: {said}); get its folder anew, or one made for this version."
            ) from error
        return cls(found, pipeline)

    def turns(self, chunks: Iterable[tuple[int, np.ndarray]]) -> list[SpeakerTurn]:
        """Find who speaks when.

        Args:
            chunks: (index of the first sample, float32 mono [n] in -1..1) at 16 kHz, each beginning where the last
                ended.

        Returns:
            The turns by start, end and speaker; turns of two speakers may overlap, those of one never do.

        Raises:
            PerceptionError: the chunks leave a gap or are not mono.
        """
        first, sound = whole(chunks)
        if len(sound) < LEAST or not sound.any():
            return []
        torch, _ = _pyannote()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = self._pipeline({"waveform": torch.from_numpy(sound)[None], "sample_rate": RATE, "uri": "sound"})
        spans: dict[str, list[tuple[int, int]]] = {}
        for segment, _, speaker in said.speaker_diarization.itertracks(yield_label=True):
            start = min(max(round(segment.start * RATE), 0), len(sound))
            end = min(max(round(segment.end * RATE), 0), len(sound))
            if end > start:
                spans.setdefault(str(speaker), []).append((start, end))
        turns = [
            SpeakerTurn(first + start, first + end, speaker)
            for speaker, own in spans.items()
            for start, end in _joined(own)
        ]
        return sorted(turns, key=lambda turn: (turn.start, turn.end, turn.speaker))


def whole(chunks: Iterable[tuple[int, np.ndarray]]) -> tuple[int, np.ndarray]:
    """Join chunks: the index of the first sample and float32 [n]; raises PerceptionError at a gap or another shape."""
    first, length, pieces = 0, 0, [np.zeros(0, np.float32)]
    for start, sound in chunks:
        if sound.ndim != 1:
            raise PerceptionError(f"Diarization needs mono audio [n], not {list(sound.shape)}; mix it down first.")
        if length == 0:
            first = start
        elif start != first + length:
            raise PerceptionError(
                f"The audio chunk at sample {start} does not follow the last one, which ended at {first + length}; "
                "give chunks without gaps."
            )
        pieces.append(np.asarray(sound, np.float32))
        length += len(sound)
    return first, np.concatenate(pieces)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _pyannote() -> tuple[Any, Any]:
    """Import torch and pyannote.audio (5 to 7 s), with its telemetry switched off."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyannote.audio
            import torch
    except Exception as error:  # a torchaudio built for CUDA fails with OSError
        raise PerceptionError(f"pyannote.audio cannot be loaded ({error}); run `{HOW}`.") from error
    return torch, pyannote.audio


def _with_models(found: LocalPipeline, audio: Any) -> dict[str, Any]:
    """The pipeline's configuration with opened models in the place of their names."""
    from pyannote.audio.core.plda import PLDA

    params = dict(found.config["pipeline"].get("params") or {})
    for role in ("segmentation", "embedding"):
        params[role] = audio.Model.from_pretrained(io.BytesIO(found.files[role].read_bytes()), strict=False)
    if "plda" in found.files:
        params["plda"] = PLDA(found.files["xvec_transform"], found.files["plda"])
    else:  # only VBx clustering needs one; where none is named, the library asks the hub for it all the same
        params["plda"] = PLDA.__new__(PLDA)
    config = {key: found.config[key] for key in ("params", "freeze") if key in found.config}
    return config | {"pipeline": {"name": found.config["pipeline"]["name"], "params": params}}
