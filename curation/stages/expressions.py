"""What each face says: action units and the panel's emotions on every frame, and each candidate clip's columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from curation.stage import SourceWork, Stage
from curation.stages.expression_tracks import ExpressionTrack, expression_tracks

LEAST_FRAMES = 10  # with landmarks; fewer say nothing sure of a clip
LEAST_SHARE = 0.5  # of a clip's frames
LEAST_MEMBERS = 2  # one alone agrees with itself: no agreement, no compound, no clear label
STILL = 0.5  # of intensity: a face in which no action comes or goes by this much is a picture
_NEVER = 2.0
TURNED = 35.0  # degrees; beyond, half of the face is guessed


@dataclass(frozen=True)
class Expressions(Stage):
    """Joins the panel's members per face track and clip; it drops nothing.

    Args:
        margin: a label whose probability is less than this above the next one's is ambiguous.
        agreement: so is one that fewer than this share of the members choose first.
        both: a second basic emotion counts when it has at least this share of the first one's probability, ...
        alone: ... and at least this multiple of the third one's.
    """

    name: ClassVar[str] = "expressions"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("probe", "faces", "emotions", "clips", "speaking")

    margin: Annotated[float, Field(ge=0, le=1)] = 0.125
    agreement: Annotated[float, Field(ge=0, le=1)] = 0.5
    both: Annotated[float, Field(ge=0, le=1)] = 0.6
    alone: Annotated[float, Field(ge=1)] = 1.5

    def models(self) -> tuple[str, ...]:
        """The constants of FACS scoring, and the anchors of action units."""
        from perception.facs import fingerprint
        from perception.facs_scale import NORMS
        from perception.weights import file_sha256

        return f"facs@{fingerprint()}", f"facs-norms@{file_sha256(NORMS)}"

    def run(self, work: SourceWork) -> None:
        """Write the `expressions` table and replace `clips` by one with its columns of what the face says."""
        tracks = {track.id: track for track in expression_tracks(work)}
        work.add("expressions", _frames(work, list(tracks.values())))
        work.add("clips", self._clips(work, tracks))

    def _clips(self, work: SourceWork, tracks: dict[str, ExpressionTrack]) -> Any:
        from manifests.schema import table_from_rows

        rows = []
        for row in work.tables["clips"].drop_columns(["schema_version"]).to_pylist():
            track = tracks.get(row["track"])
            rows.append(row | (self._columns(track, row) if track is not None else {}))
        return table_from_rows("clips", rows)

    def _columns(self, track: ExpressionTrack, clip: dict[str, Any]) -> dict[str, Any]:
        from manifests.emotions import EMOTIONS, OTHER_COMPOUND, compound_of
        from perception.verdict import Rules, verdict

        part = track.inside(clip["start_frame"], clip["end_frame"])
        if not len(part.frames):
            return {}
        said = part.pooled()
        alone = len(said) < LEAST_MEMBERS
        rules = Rules(self.margin, self.agreement, _NEVER if alone else self.both, self.alone)
        found = verdict(list(said.values()), rules)
        second = None if found.second is None else EMOTIONS[found.second]
        compound = None if second is None else compound_of(EMOTIONS[found.label], second) or OTHER_COMPOUND
        reasons = [*found.reasons, *_doubts(part, clip["end_frame"] - clip["start_frame"], rules)]
        return {
            "emotion": EMOTIONS[found.label],
            "second_emotion": second,
            "compound": compound,
            "ambiguous": reasons,
            "emotions": found.mean.tolist(),
            "members": list(said),
            "member_emotions": [EMOTIONS[int(member.argmax())] for member in said.values()],
            "member_probabilities": np.concatenate(list(said.values())).tolist(),
            "emotion_probability": found.probability,
            "emotion_margin": found.margin,
            "emotion_entropy": found.entropy,
            "emotion_agreement": None if alone else found.agreement,
            "emotion_doubts": len(reasons),
            "expression_noncommercial": part.noncommercial,
        } | part.summary()


def _doubts(part: ExpressionTrack, frames: int, rules: Any) -> Iterator[str]:
    """What speaks against a clip's label beside the probabilities themselves."""
    if len(part.members) < LEAST_MEMBERS:
        yield "few-members"
    if float(np.ptp(part.beyond, axis=0).max()) < STILL:
        yield "still"
    from perception.verdict import verdict

    halves = [half for half in part.halves() if len(half.frames)]
    said = [verdict(list(half.pooled().values()), rules) for half in halves]
    if len(said) == 2 and said[0].label != said[1].label and min(half.margin for half in said) >= rules.margin:
        yield "changes"
    if len(part.frames) < LEAST_FRAMES or len(part.frames) < LEAST_SHARE * frames:
        yield "few-frames"
    if float(np.median(np.abs(part.yaw))) > TURNED:
        yield "turned-away"


def _frames(work: SourceWork, tracks: list[ExpressionTrack]) -> Any:
    import pyarrow as pa

    from manifests.schema import empty, list_column, table_from_columns
    from perception.action_units import stored
    from perception.verdict import panel_frames

    made = []
    for track in tracks:
        count = len(track.frames)
        every = np.ones(count, bool)
        emotions = np.rint(np.clip(panel_frames(track.frames, track.members), 0, 1) * 65535).astype(np.uint16)
        made.append(
            table_from_columns(
                "expressions",
                {
                    "source": [work.id] * count,
                    "track": [track.id] * count,
                    "frame": track.frames,
                    "pts": track.pts,
                    "action_units": list_column(stored(track.units), every, pa.uint8()),
                    "emotions": list_column(emotions, every, pa.uint16()),
                },
            )
        )
    return pa.concat_tables(made) if made else empty("expressions")
