"""Speech turns of a source's sound: by a diarization pipeline, which tells voices apart, else by voice activity."""

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from curation.stage import SourceWork, Stage

if TYPE_CHECKING:
    from perception.pipelines import LocalPipeline

log = logging.getLogger(__name__)

VOICE_ACTIVITY = "voice-activity"  # what `speech.model` says of turns whose speakers no one told apart
PYANNOTE = "pyannote"


@dataclass(frozen=True)
class Speech(Stage):
    """Who speaks when over the whole sound; a source without sound has no turns.

    Voice activity (Silero) is streamed and takes all speech for one speaker's. Diarization (pyannote) tells voices
    apart, holds the whole sound in memory (230 MB for an hour) and on a processor takes about as long as the sound.

    Args:
        threshold: probability from which a window of 32 ms counts as speech, for voice activity.
        diarization: `auto` uses a pipeline where this machine has one (`perception.pipelines.find_pipeline`), `none`
            never does, `hub` asks the hub for community-1 first; anything else is a pipeline's folder. Where there is
            none, or a damaged one, voice activity takes its place, and each row says so.
    """

    name: ClassVar[str] = "speech"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("probe",)

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    diarization: Annotated[str, Field(min_length=1)] = "auto"

    def models(self) -> tuple[str, ...]:
        """The pipeline, or Silero's weights in its place."""
        from perception.weights import entry

        silero = f"silero-vad@{entry('silero-vad').sha256}"
        if self.diarization == "none":
            return (silero,)
        found, _ = pipeline(self.diarization)
        return (f"{PYANNOTE}@absent", silero) if found is None else (f"{found.name}@{found.sha256}",)

    def notes(self) -> tuple[str, ...]:
        """Why the diarization that was asked for is not used, in one sentence; nothing when it is, or with `none`."""
        _, why = (None, "") if self.diarization == "none" else pipeline(self.diarization)
        return (f"{why.rstrip('.')}: speech comes from voice activity, and one speaker is assumed",) if why else ()

    def run(self, work: SourceWork) -> None:
        """Write the `speech` table."""
        from manifests.schema import make_id, table_from_rows
        from media.audio import RATE, chunks

        sound = chunks(work.sound or work.path)
        diarizer = None if self.diarization == "none" else _diarizer(self.diarization)
        if diarizer is not None:
            turns = [(turn.start, turn.end, None, turn.speaker) for turn in diarizer.turns(sound)]
        else:
            turns = [(turn.start, turn.end, turn.probability, None) for turn in _voice(self.threshold).turns(sound)]
        rows = [
            {
                "id": make_id("speech", work.id, start, *([] if speaker is None else [speaker])),
                "source": work.id,
                "index": index,
                "start_pts": start,
                "end_pts": end,
                "time_base_num": 1,
                "time_base_den": RATE,
                "probability": probability,
                "speaker": speaker,
                "model": VOICE_ACTIVITY if diarizer is None else diarizer.model,
            }
            for index, (start, end, probability, speaker) in enumerate(turns)
        ]
        work.add("speech", table_from_rows("speech", rows))


@cache
def pipeline(wanted: str) -> "tuple[LocalPipeline | None, str]":
    """The pipeline for a setting, judged and hashed, and otherwise why there is none, in one sentence.

    With `auto`, a machine that has none is as it should be: no sentence.
    """
    import importlib.util

    from perception.errors import PerceptionError
    from perception.pipelines import fetch_pipeline, find_pipeline, read_pipeline

    try:
        folder = find_pipeline() if wanted == "auto" else fetch_pipeline() if wanted == "hub" else Path(wanted)
        if folder is None:
            return None, ""
        found = read_pipeline(folder.expanduser())
    except PerceptionError as error:
        return None, str(error)
    if importlib.util.find_spec("pyannote") is None:
        return None, "pyannote.audio is not installed, so the diarization pipeline is not used (see moee doctor)."
    return found, ""


@cache
def _diarizer(wanted: str) -> Any:
    """The opened pipeline, or None."""
    from perception.diarize import Diarizer
    from perception.errors import PerceptionError

    found, _ = pipeline(wanted)
    if found is None:
        return None
    try:
        return Diarizer.load(found.folder)
    except PerceptionError as error:  # whole and harmless, and yet nothing that this version can open
        log.warning("%s Voice activity takes its place.", error)
        return None


@cache
def _voice(threshold: float) -> Any:
    from perception.speech import VoiceActivity, VoiceConfig

    return VoiceActivity.load(config=VoiceConfig(threshold=threshold))
