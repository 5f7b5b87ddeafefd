"""One sentence on every clip: by a vision-language model that sees frames and action units, else from the measures.

As MoEE does it (arXiv 2501.01808): five random frames of a clip and the text of their action units go to the model.
"""

import errno
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from curation.stage import Resources, SourceWork, Stage

if TYPE_CHECKING:
    import numpy as np

SENTENCE = "sentence"  # what `caption_model` says of a sentence that no model wrote
UNKNOWN_BYTES = 8 << 30  # taken for a model that is not here yet: one of 4 billion weights
_PASSING = (  # errors of the disk or the process, no fault of a clip
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
    errno.ESTALE,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)
LONG_SIDE = 512  # px of the pictures that the model is shown
TIME_BASE = ("time_base_num", "time_base_den")
_SAID = ("emotion", "second_emotion", "compound", "intensity", "ambiguous", "action_units")
_SHOWN = ("id", "status", "file", "track", "seconds", "start_frame", "end_frame", "start_pts", *TIME_BASE)
_PROMPT = (
    "These are {count} frames of one video clip of a person, in order of time. The facial actions that were measured "
    "in them, with their strength from 1 (a trace) to 5 (the most that is seen):\n{frames}\n"
    "Describe the person's facial expression and emotion over the whole clip in one English sentence. Do not mention "
    "frames, numbers, measurements or names."
)


@dataclass(frozen=True)
class Captions(Stage):
    """Writes `caption` and `caption_model` of the clips.

    A model captions the kept clips; all other clips that have an emotion, and all of them without a model, get a plain
    sentence from emotion, intensity and action units. A clip that the model fails on gets that sentence too, and its
    `caption_model` says so. Each process opens the model for itself.

    Args:
        model: folder or hub name of a vision-language model (see `perception.captions`), or None for none.
        revision: branch, tag or commit on the hub.
        frames: frames that the model is shown.
        seed: another one chooses other frames.
        device: where the model runs; `auto` takes an accelerator where there is one.
        max_new_tokens: length at which a caption is cut off.
    """

    name: ClassVar[str] = "captions"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("export",)

    model: Annotated[str, Field(min_length=1)] | None = None
    revision: Annotated[str, Field(min_length=1)] | None = None
    frames: Annotated[int, Field(ge=1, le=32)] = 5
    seed: Annotated[int, Field(ge=0)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_new_tokens: Annotated[int, Field(ge=8, le=1024)] = 96

    @property
    def resources(self) -> Resources:  # type: ignore[override]
        """With a model twice its files (of 16 bits, opened at 32 on a processor) and 1 GiB for the rest."""
        if self.model is None:
            return Resources()
        from perception.captions import on_accelerator, weight_bytes

        held = weight_bytes(self.model, self.revision)
        gpus = 1.0 if on_accelerator(self.device) else 0.0
        return Resources(gpus=gpus, memory=2 * (UNKNOWN_BYTES if held is None else held) + (1 << 30))

    def models(self) -> tuple[str, ...]:
        """The model, opened but for its weights.

        Raises:
            PerceptionError: it cannot be opened; it was asked for by name, so nothing takes its place.
        """
        if self.model is None:
            return ()
        name, sha256 = _usable(self.model, self.revision, self.device)
        return (f"{name}@{sha256}",)

    def run(self, work: SourceWork) -> None:
        """Replace the `clips` table by one with captions; a caption that fails costs itself only.

        Raises:
            PerceptionError: the model's weights cannot be opened.
            SourceUnavailableError: memory ran out or the accelerator failed; the source is tried again next time.
            OSError: the disk refuses.
        """
        import pyarrow as pa

        clips = work.tables["clips"]
        shown = () if self.model is None else _SHOWN
        told = [self._caption(work, row) for row in clips.select([*_SAID, *shown]).to_pylist()]
        for place, name in enumerate(("caption", "caption_model")):
            at = clips.schema.get_field_index(name)
            clips = clips.set_column(at, clips.schema.field(at), pa.array([pair[place] for pair in told], pa.string()))
        work.add("clips", clips)

    def _caption(self, work: SourceWork, row: dict[str, Any]) -> tuple[str | None, str | None]:
        """A clip's caption and who wrote it."""
        plain = _plain(row)
        if self.model is None or row["status"] != "kept" or row["file"] is None:
            return plain, None if plain is None else SENTENCE
        from curation.task import SourceUnavailableError
        from media.errors import MediaError
        from perception.captions import MachineError
        from perception.errors import PerceptionError

        try:
            captioner = _captioner(self.model, self.revision, self.device, self.max_new_tokens)
        except MachineError as error:
            raise SourceUnavailableError(str(error)) from error
        try:
            pictures, prompt = self._asked(work, row)
            return captioner(pictures, prompt), captioner.model
        except MachineError as error:
            raise SourceUnavailableError(str(error)) from error
        except (MediaError, PerceptionError, OSError) as error:
            _raise_if_it_passes(error)
            said = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
            return plain, f"{SENTENCE} ({captioner.model} failed: {said})"

    def _asked(self, work: SourceWork, row: dict[str, Any]) -> "tuple[list[np.ndarray], str]":
        """The frames of a clip that the model is shown, and what it is asked."""
        moments = _moments(work, row)
        chosen = [moments[place] for place in chosen_frames(row["id"], len(moments), self.frames, self.seed)]
        pictures, decoded = pictures_at(work.folder / row["file"], [moment.seconds for moment in chosen])
        work.frames_decoded += decoded
        return pictures, prompt_of([moment.actions for moment in chosen])


@dataclass(frozen=True)
class Moment:
    """A frame of a clip: when it is shown, s from the clip's start, and its action units in words (None: unknown)."""

    seconds: Fraction
    actions: str | None


def chosen_frames(clip_id: str, frames: int, count: int, seed: int) -> tuple[int, ...]:
    """Frames of a clip drawn at random without repetition; the same on every machine.

    Args:
        clip_id: the clip's id.
        frames: it has, > 0.
        count: how many are wanted; all are given where it has no more.
        seed: another one draws others.

    Returns:
        Numbers in 0..frames - 1, ascending.
    """
    drawn = sorted(range(frames), key=lambda frame: hashlib.sha256(f"{seed}/{clip_id}/{frame}".encode()).digest())
    return tuple(sorted(drawn[:count]))


def prompt_of(actions: Sequence[str | None]) -> str:
    """What the model is asked, with the action units of each frame it is shown; None where they are unknown."""
    told = ["not measured" if text is None else text or "none" for text in actions]
    lines = [f"Frame {number}: {text}." for number, text in enumerate(told, 1)]
    return _PROMPT.format(count=len(lines), frames="\n".join(lines))


def pictures_at(path: Path, seconds: Sequence[Fraction]) -> "tuple[list[np.ndarray], int]":
    """The frames of a clip that are nearest to some times, in one decode that ends with the last of them.

    Args:
        path: the clip's file.
        seconds: from its start, ascending.

    Returns:
        One picture [h, w, 3] uint8 RGB per time, longer side at most `LONG_SIDE`, and how many were decoded.

    Raises:
        MediaError: the file cannot be decoded.
    """
    from media.decode import Decoder

    found: list[np.ndarray] = []
    here = None
    with Decoder(path) as frames:
        for frame in frames:
            while here is not None and len(found) < len(seconds):
                wanted = seconds[len(found)]
                if abs(frame.pts * frame.time_base - wanted) < abs(here.pts * here.time_base - wanted):
                    break
                found.append(here.scaled(LONG_SIDE))
            if len(found) == len(seconds):
                return found, frames.decoded
            here = frame
        assert here is not None  # a decoder without pictures raises
        return found + [here.scaled(LONG_SIDE)] * (len(seconds) - len(found)), frames.decoded


def _moments(work: SourceWork, row: dict[str, Any]) -> list[Moment]:
    """The clip's frames that show its face, else all of them."""
    import pyarrow.compute as pc

    table = work.tables.get("expressions")
    if table is not None and row["track"] is not None and table.num_rows:
        frame = table.column("frame")
        inside = pc.and_(pc.greater_equal(frame, row["start_frame"]), pc.less(frame, row["end_frame"]))
        seen = table.filter(pc.and_(inside, pc.equal(table.column("track"), row["track"]))).sort_by("frame")
        if seen.num_rows:
            tick = Fraction(row["time_base_num"], row["time_base_den"])
            rows = seen.select(["pts", "action_units"]).to_pylist()
            return [Moment((one["pts"] - row["start_pts"]) * tick, _words(one["action_units"])) for one in rows]
    frames = max(1, row["end_frame"] - row["start_frame"])
    return [Moment(Fraction(row["seconds"]) * frame / frames, None) for frame in range(frames)]


def _words(stored: Sequence[int]) -> str:
    import numpy as np

    from curation.stages.sentences import seen_actions
    from perception.action_units import intensities

    return seen_actions(intensities(np.asarray(stored, np.uint8)).tolist())


def _plain(row: dict[str, Any]) -> str | None:
    """The sentence from a clip's measures; None where it has no emotion."""
    if row["emotion"] is None:
        return None
    from curation.stages.sentences import sentence
    from manifests.emotions import COMPOUNDS

    first, second = COMPOUNDS.get(row["compound"] or "", (row["emotion"], row["second_emotion"]))
    return sentence(first, second, row["intensity"], bool(row["ambiguous"]), row["action_units"])


def _raise_if_it_passes(error: Exception) -> None:
    """A full or broken disk is no fault of the clip: it must not be recorded as one."""
    for each in (error, error.__cause__):
        code = getattr(each, "errno", None)
        if code in _PASSING:
            raise OSError(code, os.strerror(code)) from error


@cache
def _usable(model: str, revision: str | None, device: str) -> tuple[str, str]:
    from perception.captions import usable

    return usable(model, revision, device)


@cache
def _captioner(model: str, revision: str | None, device: str, max_new_tokens: int) -> Any:
    from perception.captions import Captioner

    return Captioner.load(model, device, revision, max_new_tokens)
