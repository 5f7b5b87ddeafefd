"""Speech turns of a source's sound."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import Field

from curation.stage import SourceWork, Stage


@dataclass(frozen=True)
class Speech(Stage):
    """Voice activity (Silero) over the whole sound, streamed; a source without sound has no turns.

    Args:
        threshold: probability from which a window of 32 ms counts as speech.
    """

    name: ClassVar[str] = "speech"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("probe",)

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5

    def models(self) -> tuple[str, ...]:
        """Silero's weights."""
        from perception.weights import entry

        return (f"silero-vad@{entry('silero-vad').sha256}",)

    def run(self, work: SourceWork) -> None:
        """Write the `speech` table."""
        from manifests.schema import make_id, table_from_rows
        from media.audio import RATE, chunks

        turns = _model(self.threshold).turns(chunks(work.sound or work.path))
        rows = [
            {
                "id": make_id("speech", work.id, turn.start),
                "source": work.id,
                "index": index,
                "start_pts": turn.start,
                "end_pts": turn.end,
                "time_base_num": 1,
                "time_base_den": RATE,
                "probability": turn.probability,
            }
            for index, turn in enumerate(turns)
        ]
        work.add("speech", table_from_rows("speech", rows))


@cache
def _model(threshold: float) -> Any:
    from perception.speech import VoiceActivity, VoiceConfig

    return VoiceActivity.load(config=VoiceConfig(threshold=threshold))
