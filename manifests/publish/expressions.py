"""What the card tells of what was seen in the faces: emotions, their panel, action units, captions."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.publish.markdown import count, many, table, text

SENTENCE: Final = "sentence"  # what `caption_model` says of a caption that no model wrote, ...
SENTENCE_INSTEAD: Final = "sentence, because a model failed"  # ... and the card of one for which a model failed
_FAILED: Final = r"(?s)^sentence \(.*"
_ROWS: Final = 40  # of a table

_FIXED: Final = "a fixed sentence, made of emotion, intensity and action units"
_SENTENCES: Final = {SENTENCE: _FIXED, SENTENCE_INSTEAD: f"{_FIXED}, because a model failed"}


@dataclass(frozen=True)
class Seen:
    """What was measured in the faces of the published clips, in clips.

    Attributes:
        emotion: with an emotion.
        doubtful: of these, with a reason why the label is doubtful.
        both: with an emotion that is measured and one that is given.
        same: of these, where the two are the same, compound or not.
        members: member of the panel -> (clips it spoke of, those in which its first choice leads the panel's label).
        action_units: what told the action units -> clips.
        captions: who wrote the caption -> clips.
        noncommercial: whose emotion or action units rest on a model that forbids commercial use.
    """

    emotion: int = 0
    doubtful: int = 0
    both: int = 0
    same: int = 0
    members: dict[str, tuple[int, int]] = field(default_factory=dict)
    action_units: dict[str, int] = field(default_factory=dict)
    captions: dict[str, int] = field(default_factory=dict)
    noncommercial: int = 0

    @property
    def anything(self) -> bool:
        """Whether any clip has an emotion or action units."""
        return bool(self.emotion or self.action_units)


def given_label(clips: pa.Table) -> pa.ChunkedArray:
    """The emotion of each clip that a data set gives, as one name: the compound, else the emotion, else null."""
    return pc.coalesce(clips.column("given_compound"), clips.column("given_emotion"))


def measured_label(clips: pa.Table) -> pa.ChunkedArray:
    """The emotion of each clip that is seen in the face, as one name: the compound, else the emotion, else null."""
    return pc.coalesce(clips.column("compound"), clips.column("emotion"))


def gather_seen(clips: pa.Table) -> Seen:
    """Return what was seen in the faces of these clips."""
    given, measured = given_label(clips), measured_label(clips)
    doubtful = pc.fill_null(pc.greater(pc.list_value_length(clips.column("ambiguous")), 0), False)
    agree = pc.equal(given, measured)
    return Seen(
        emotion=pc.count(measured).as_py(),
        doubtful=_true(pc.and_(doubtful, measured.is_valid())),
        both=pc.count(agree).as_py(),
        same=_true(agree),
        members=_members(clips),
        action_units=_counted(clips.column("action_units_model")),
        captions=_counted(pc.replace_substring_regex(clips.column("caption_model"), _FAILED, SENTENCE_INSTEAD)),
        noncommercial=_true(clips.column("expression_noncommercial")),
    )


def _true(flags: pa.ChunkedArray) -> int:
    return pc.sum(flags).as_py() or 0


def _counted(column: pa.ChunkedArray) -> dict[str, int]:
    rows = pc.value_counts(pc.drop_null(column)).to_pylist()
    return dict(sorted((row["values"], row["counts"]) for row in rows))


def _members(clips: pa.Table) -> dict[str, tuple[int, int]]:
    spoke: Counter[str] = Counter()
    leads: Counter[str] = Counter()
    for batch in clips.select(["members", "member_emotions", "emotion"]).to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            spoke.update(row["members"] or ())
            said = zip(row["members"] or (), row["member_emotions"] or (), strict=False)
            leads.update(member for member, emotion in said if emotion == row["emotion"])
    return {member: (spoke[member], leads[member]) for member in sorted(spoke)}


def section(seen: Seen, clips: int) -> Iterator[str]:
    """Yield the lines of the card on what the faces say; none where nothing was measured and no caption written.

    Args:
        seen: of the published clips.
        clips: how many these are.
    """
    if not (seen.anything or seen.captions):
        return
    yield from ("## What the faces say", "")
    if seen.emotion:
        doubt = f"in {count(seen.doubtful)} of them the label is doubtful (`ambiguous` says why)"
        yield f"- An emotion was seen in {count(seen.emotion)} of {many(clips, 'clip')}; {doubt}."
    if seen.both:
        yield f"- It is the given one in {count(seen.same)} of the {many(seen.both, 'clip')} that have both."
    for model, number in list(seen.action_units.items())[:_ROWS]:
        yield f"- Action units by {text(model)}: {many(number, 'clip')}."
    for model, number in list(seen.captions.items())[:_ROWS]:
        yield f"- Caption by {_SENTENCES.get(model) or text(model)}: {many(number, 'clip')}."
    yield ""
    if seen.members:
        rows = [(text(name), count(spoke), count(leads)) for name, (spoke, leads) in seen.members.items()]
        yield from table(("member of the panel", "clips", "with the panel's emotion as its first"), rows[:_ROWS])
        yield ""


def limits(seen: Seen) -> Iterator[str]:
    """Yield the sentences of the card on what measured emotions are not."""
    if seen.anything:
        yield (
            "- The `given_` columns are what the source data sets say. `emotion`, `compound`, `intensity`, action "
            "units and captions are what programs see in a face: not what a person feels, and with errors."
        )
    else:
        yield "- Emotions are those that the source data sets give; facial action units were not measured."
    if seen.noncommercial:
        yield (
            f"- Not for commercial use as it is: the emotions or action units of {many(seen.noncommercial, 'clip')} "
            "rest on a model whose licence forbids it (`expression_noncommercial`)."
        )
    if set(seen.captions) - set(_SENTENCES):
        yield "- The licence of the model that wrote captions is not known here: look at it before commercial use."
