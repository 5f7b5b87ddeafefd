"""Who speaks: each track's mouth against the sound of the source, and each candidate clip's columns of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from curation.stage import SourceWork, Stage
from curation.stages.clip_rows import SourceTables

BATCH = 2000  # frames whose landmarks are unpacked at a time
MOVING = 100  # steps of 10 ms with speech and a moving mouth, below which no one can say whether the sound fits
LEAST_TURN = 0.2  # s of a voice in a clip that make it one of the clip's speakers
VOICE_ACTIVITY = "voice-activity"  # `speech.model` where voices were not told apart
COLUMNS = ("sync", "sync_margin", "av_lag", "mouth_motion", "moving_mouth", "offscreen", "dubbed")


@dataclass(frozen=True)
class Speaking(Stage):
    """Matches mouths with the sound in one pass over it; tracks get rows, clips their columns. It drops nothing."""

    name: ClassVar[str] = "speaking"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("probe", "faces", "mouths", "speech", "clips")

    def run(self, work: SourceWork) -> None:
        """Write the `speaking` table and replace `clips` by one with its columns of who speaks."""
        from manifests.schema import table_from_rows
        from media.audio import chunks
        from perception.flux import flux

        tables = SourceTables(work)
        sound = flux(chunks(work.sound or work.path)) if tables.tracks else None
        if sound is not None and not sound.values.any():
            sound = None  # no sound, or digital silence
        turns = speech_turns(work)
        views = track_views(work, tables)
        rows = [view.row(sound, turns) | {"source": work.id} for view in views.values()]
        work.add("speaking", table_from_rows("speaking", rows))
        work.add("clips", self._clips(work, tables, views, sound, turns))

    def _clips(self, work: SourceWork, tables: SourceTables, views: Any, sound: Any, turns: Any) -> Any:
        import pyarrow as pa

        clips = work.tables["clips"]
        names = ("track", "start_pts", "end_pts", "start_frame", "end_frame")
        found = []
        for clip in clips.select(names).to_pylist():
            start, end = (clip[edge] * tables.num / tables.den for edge in ("start_pts", "end_pts"))
            view = views.get(clip["track"])
            row = dict.fromkeys(COLUMNS)
            if view is not None:
                row = view.inside(start, end, clip["start_frame"], clip["end_frame"]).columns(sound, turns)
            found.append(row | {"speakers": speakers(turns, start, end)})
        for name in (*COLUMNS, "speakers"):
            place = clips.schema.get_field_index(name)
            kind = clips.schema.field(place)
            clips = clips.set_column(place, kind, pa.array([row[name] for row in found], kind.type))
        return clips


@dataclass(frozen=True)
class Turn:
    """Someone speaks: start and end in s, who (None where no one was told apart), what found it."""

    start: float
    end: float
    speaker: str | None
    model: str


def speech_turns(work: SourceWork) -> list[Turn]:
    """The source's turns of speech, by start."""
    turns = []
    for row in work.tables["speech"].to_pylist():
        tick = row["time_base_num"] / row["time_base_den"]
        turns.append(Turn(row["start_pts"] * tick, row["end_pts"] * tick, row["speaker"], row["model"]))
    return sorted(turns, key=lambda turn: (turn.start, turn.end))


def speakers(turns: Sequence[Turn], start: float, end: float) -> int | None:
    """How many voices are heard for at least 0.2 s in a span (s); None where no diarization told voices apart."""
    if not any(turn.model != VOICE_ACTIVITY for turn in turns):
        return None
    heard: dict[str, float] = {}
    for turn in turns:
        if turn.speaker is not None:
            shared = min(turn.end, end) - max(turn.start, start)
            heard[turn.speaker] = heard.get(turn.speaker, 0.0) + max(0.0, shared)
    return sum(seconds >= LEAST_TURN for seconds in heard.values())


@dataclass(frozen=True)
class TrackView:
    """A track, or the part of it that a clip shows: its mouth, and what Light-ASD saw of it.

    Args:
        id: of the track.
        mouth: on the grid of 10 ms.
        frames: [n] frames that Light-ASD judged.
        scores: [n] its log odds.
        model: name and hash of the network, or None where it saw nothing.
    """

    id: str
    mouth: Any
    frames: np.ndarray
    scores: np.ndarray
    model: str | None

    def inside(self, start: float, end: float, first: int, last: int) -> "TrackView":
        """The part of it from `start` to `end` s, which are the frames [first, last)."""
        from perception.mouth import RATE

        chosen = (self.frames >= first) & (self.frames < last)
        mouth = self.mouth.between(int(np.ceil(start * RATE)), int(np.ceil(end * RATE)))
        return replace(self, mouth=mouth, frames=self.frames[chosen], scores=self.scores[chosen])

    def columns(self, sound: Any, turns: Sequence[Turn]) -> dict[str, Any]:
        """The measured columns of clips; None where they cannot be said.

        Args:
            sound: `Flux` of the source, or None.
            turns: of its speech.
        """
        from perception.mouth import overall_motion
        from perception.speaking import offscreen, synchrony

        spans = [(turn.start, turn.end) for turn in turns]
        match = synchrony(self.mouth, sound) if sound is not None else None
        return {
            "sync": match and match.height.peak,
            "sync_margin": match and match.height.margin,
            "av_lag": match and match.lag_ms,
            "mouth_motion": overall_motion(self.mouth),
            "moving_mouth": float(np.mean(self.scores > 0)) if len(self.scores) else None,
            "offscreen": offscreen(self.mouth, spans),
            "dubbed": match.height.chance if match and self._speaks(spans) else None,
        }

    def _speaks(self, spans: Sequence[tuple[float, float]]) -> bool:
        """Whether the mouth moves during speech for long enough to say whether the sound fits it."""
        from perception.mouth import STILL, motion
        from perception.speaking import spoken

        moves = np.nan_to_num(motion(self.mouth)) >= STILL
        return int((moves & spoken(spans, self.mouth.first, len(moves))).sum()) >= MOVING

    def row(self, sound: Any, turns: Sequence[Turn]) -> dict[str, Any]:
        """The track's row of `speaking`, without the source."""
        from perception.speaking import windows

        spans = [(turn.start, turn.end) for turn in turns]
        found, valid = windows(self.mouth, sound, spans) if sound is not None else (0, 0)
        return {
            "id": self.id,
            "windows": found,
            "valid": valid,
            "moving_mouth_model": self.model,
            **self.columns(sound, turns),
        }


def track_views(work: SourceWork, tables: SourceTables) -> dict[str, TrackView]:
    """The confirmed tracks of a source, by id; landmarks are unpacked from `frames` in small pieces."""
    import pyarrow.compute as pc

    from perception.light_asd import MODEL
    from perception.mouth import joined, on_grid
    from perception.weights import entry

    parts: dict[str, list[Any]] = {track.row["id"]: [] for track in tables.tracks}
    for name, measured in _mouths(work.tables["frames"], tables):
        if name in parts:
            parts[name].append(measured)
    views = {}
    for name, pieces in parts.items():
        seen = work.tables["mouths"].filter(pc.equal(work.tables["mouths"].column("track"), name))
        judged, scores = (seen.column(column).combine_chunks().flatten() for column in ("frames", "scores"))
        model = f"{MODEL}@{entry(MODEL).sha256[:12]}" if len(judged) else None
        views[name] = TrackView(name, on_grid(joined(pieces)), judged.to_numpy(), scores.to_numpy(), model)
    return views


def _mouths(frames: Any, tables: SourceTables) -> Iterator[tuple[str, Any]]:
    """(track, `MouthFrames`) for pieces of `frames`, in its order: each track's by time."""
    import pyarrow.compute as pc

    from manifests.schema import landmark_pixels
    from perception.mouth import measure

    for piece in frames.select(["track", "pts", "landmarks"]).to_batches(max_chunksize=BATCH):
        rows = piece.filter(pc.is_valid(piece.column("landmarks")))
        for name in pc.unique(rows.column("track")).to_pylist():
            own = rows.filter(pc.equal(rows.column("track"), name))
            points = landmark_pixels(own.column("landmarks").flatten().to_numpy(), tables.width, tables.height)
            seconds = own.column("pts").to_numpy() * tables.num / tables.den
            yield name, measure(seconds, points.reshape(len(own), -1, 3))
