"""Fingerprints of a source's pictures and sound, on the shared decode: what duplicates are found by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from curation.stage import FrameConsumer, PixelStage, SourceWork, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from media.fingerprint import Fingerprint

MODEL = "changes@1"  # of `media.fingerprint`: another number says that two fingerprints cannot be compared


@dataclass(frozen=True)
class Fingerprints(PixelStage):
    """Writes how the pictures and the sound of a source change, in few bytes (media/fingerprint.py)."""

    name: ClassVar[str] = "fingerprints"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("probe",)

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A fresh consumer; it asks for the pictures that the shot detector asks for."""
        return _Changes(work)


class _Changes:
    def __init__(self, work: SourceWork) -> None:
        from media.fingerprint import PictureFingerprint

        self.work = work
        self.pictures = PictureFingerprint()

    def see(self, frame: Any) -> None:
        self.pictures.see(frame)

    def finish(self, report: Any) -> Tables:
        from manifests.schema import table_from_rows
        from media.audio import chunks
        from media.fingerprint import sound_fingerprint

        sound = sound_fingerprint(chunks(self.work.sound or self.work.path))
        row = fingerprint_row(self.work.id, self.pictures.finish(), sound)
        return {"fingerprints": table_from_rows("fingerprints", [row])}


def fingerprint_row(source: str, picture: "Fingerprint", sound: "Fingerprint | None") -> dict[str, Any]:
    """A source's row of `fingerprints`."""
    from media.fingerprint import RATE, STEPS

    return {
        "id": source,
        "source": source,
        "model": MODEL,
        "pts": picture.steps,
        "time_base_num": 1,
        "time_base_den": STEPS,
        "picture": picture.values.tobytes(),
        "sound_start": None if sound is None else int(sound.steps[0]) * (RATE // STEPS),
        "sound": None if sound is None else sound.values.tobytes(),
    }


def pictures_of(table: "pa.Table", row: int) -> "Fingerprint":
    """The fingerprint of a source's pictures; empty where another version made it."""
    from media.fingerprint import WAVES, Fingerprint

    if table.column("model")[row].as_py() != MODEL:
        return Fingerprint(np.zeros(0, np.int64), np.zeros((0, len(WAVES)), np.int8))
    steps = table.column("pts")[row].values.to_numpy()
    values = np.frombuffer(table.column("picture")[row].as_buffer(), np.int8).reshape(len(steps), len(WAVES))
    return Fingerprint(steps, values)


def sound_of(table: "pa.Table", row: int) -> "Fingerprint":
    """The fingerprint of a source's sound; empty where it has none or another version made it."""
    from media.fingerprint import BANDS, RATE, STEPS, Fingerprint

    if table.column("model")[row].as_py() != MODEL or not table.column("sound")[row].is_valid:
        return Fingerprint(np.zeros(0, np.int64), np.zeros((0, BANDS), np.uint8))
    values = np.frombuffer(table.column("sound")[row].as_buffer(), np.uint8).reshape(-1, BANDS)
    first = table.column("sound_start")[row].as_py() // (RATE // STEPS)
    return Fingerprint(first + np.arange(len(values), dtype=np.int64), values)
