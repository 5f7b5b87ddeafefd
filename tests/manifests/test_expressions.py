"""What faces say is checked: a row for a frame that is there, lists of the right length, labels that exist."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.checks.context import Context
from manifests.checks.expressions import check_expressions
from manifests.emotions import BASIC, COMPOUNDS, EMOTIONS, OTHER_COMPOUND, compound_of
from manifests.manifest import MANIFEST
from manifests.schema import make_id, table_from_rows
from manifests.validate import validate
from tests.manifests.material import clip_row
from tests.manifests.test_validate import put, rewrite

SOUND: dict[str, Any] = {
    "emotion": "sad",
    "second_emotion": "fear",
    "compound": "sadly-fear",
    "ambiguous": ["members"],
    "emotions": [0.0, 0.0, 0.4, 0.0, 0.6, 0.0, 0.0, 0.0],
    "members": ["facs-mesh", "facs-blendshapes"],
    "member_emotions": ["sad", "contempt"],
    "member_probabilities": [1 / 8] * 16,
    "action_units": [5.0] * 22,
    "action_unit_frames": [1.0] * 22,
    "action_units_model": "facs-mesh",
    "neutral_frames": 0,
    "expression_noncommercial": False,
    "caption": "A person looks sad and afraid.",
    "caption_model": "sentence",
}


def problems(folder: Path) -> set[tuple[str, str]]:
    return {(problem.check, problem.sentence) for problem in validate(folder)}


NO_FILE = "its emotion is told, but its source has no file in expressions/"


def said_of(**columns: Any) -> list[str]:
    """What the check says of a clip with these columns beside the sound ones; its source's file is another matter."""
    table = table_from_rows("clips", [clip_row("s", "h", "t", 0, 9, **{**SOUND, **columns})])
    nothing = Context(Path("nowhere"), {"frames": {}, "expressions": {}})
    nothing.tables = {"sources": table_from_rows("sources", []), "clips": table}
    return [problem.sentence for problem in check_expressions(nothing) if problem.sentence != NO_FILE]


def test_a_clip_with_an_emotion_has_a_file_of_expressions(folder: Path) -> None:
    for column, value in SOUND.items():
        rewrite(folder, "clips", put(column, value))
    assert problems(folder) == set()
    content = json.loads((folder / MANIFEST).read_text())
    gone, _ = content["expressions"].popitem()
    (folder / "expressions" / f"{gone}.parquet").unlink()
    (folder / MANIFEST).write_text(json.dumps(content))
    assert problems(folder) == {("expressions", NO_FILE)}


def _without(*rows: int) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.take(pa.array(np.setdiff1d(np.arange(table.num_rows), rows)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("track", make_id("track", "no")), "the frame is not one of its track in frames"),
        (put("frame", 120), "the frame is not one of its track in frames"),
        (put("pts", 119), "the frame is not one of its track in frames"),
        (put("frame", 1), "the frame stands more than once"),
        (put("source", make_id("source", "no")), "the row is of another source"),
        (put("action_units", [0] * 21), "its action_units are not 22 numbers"),
        (put("action_units", [*[0] * 21, None], 119), "its action_units are not 22 numbers"),
        (put("emotions", [65535]), "its emotions are not 8 numbers"),
        (put("emotions", []), "its emotions are not 8 numbers"),
    ],
    ids=["track", "frame", "pts", "twice", "source", "short", "hole", "emotions", "empty"],
)
def test_damaged_rows_are_found(folder: Path, change: Callable[[pa.Table], pa.Table], sentence: str) -> None:
    rewrite(folder, "expressions", change, next((folder / "expressions").iterdir()).stem)
    assert ("expressions", sentence) in problems(folder)


def test_frames_without_an_expression_and_without_emotions_are_sound(folder: Path) -> None:
    source = next((folder / "expressions").iterdir()).stem
    rewrite(folder, "expressions", _without(0, 5, 119), source)
    rewrite(folder, "expressions", put("emotions", None, 3), source)
    assert problems(folder) == set()


def test_expressions_without_frames_are_found(folder: Path) -> None:
    source = next((folder / "frames").iterdir()).stem
    (folder / "frames" / f"{source}.parquet").unlink()
    content = json.loads((folder / MANIFEST).read_text())
    del content["frames"][source]
    (folder / MANIFEST).write_text(json.dumps(content))
    assert ("expressions", "its source has no frames") in problems(folder)


def test_expressions_of_no_source_are_found(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    source = next(iter(content["expressions"]))
    shutil.copy(folder / "expressions" / f"{source}.parquet", folder / "expressions" / "s_no.parquet")
    content["expressions"]["s_no"] = content["expressions"][source]
    (folder / MANIFEST).write_text(json.dumps(content))
    assert problems(folder) == {("expressions", "its source is not in sources")}


def test_a_clip_with_every_column_is_sound_and_one_with_none_too() -> None:
    assert said_of() == []
    assert said_of(**dict.fromkeys(SOUND)) == []
    one = {"second_emotion": None, "compound": None}
    assert said_of(emotion="contempt", **one) == said_of(emotion="neutral", **one) == []


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"emotion": "joyful", "second_emotion": None, "compound": None}, "its emotion is none of the taxonomy"),
        ({"second_emotion": "glum", "compound": OTHER_COMPOUND}, "its two emotions are not both basic ones"),
        ({"emotion": "contempt", "compound": OTHER_COMPOUND}, "its two emotions are not both basic ones"),
        ({"compound": "sadly-angry"}, "its compound is none of the four and not other-compound"),
        ({"compound": None}, "of second_emotion and compound it has one alone"),
        ({"second_emotion": None}, "of second_emotion and compound it has one alone"),
        ({"compound": "sadly-surprised"}, "its compound is not that of its two emotions"),
        ({"compound": OTHER_COMPOUND}, "its compound is not that of its two emotions"),
        ({"second_emotion": "happy"}, "its compound is not that of its two emotions"),
        ({"emotion": None}, "its second emotion stands without another first one"),
        ({"emotion": "fear"}, "its second emotion stands without another first one"),
        ({"members": None}, "it has an emotion, but no probabilities or no members"),
        ({"emotions": None}, "it has an emotion, but no probabilities or no members"),
        ({"emotions": [0.5, 0.5]}, "its emotions have not the right number of values"),
        ({"emotions": [*[0.0] * 7, None]}, "its emotions have not the right number of values"),
        ({"members": ["facs-mesh"]}, "its member_emotions have not the right number of values"),
        ({"member_probabilities": [1 / 8] * 8}, "its member_probabilities have not the right number of values"),
        ({"action_units": [0.0] * 21}, "its action_units have not the right number of values"),
        ({"action_unit_frames": [0.0] * 23}, "its action_unit_frames have not the right number of values"),
        ({"action_units": [*[0.0] * 21, 5.1]}, "a value of its action_units is not within 0..5"),
        ({"emotions": [*[0.0] * 7, float("nan")]}, "a value of its emotions is not within 0..1"),
        ({"action_unit_frames": [*[0.0] * 21, -0.1]}, "a value of its action_unit_frames is not within 0..1"),
        ({"member_emotions": ["sad", "glum"]}, "a member's emotion is none of the taxonomy"),
        ({"caption": " \n "}, "its caption is empty"),
        ({"caption": None}, "of caption and caption_model it has one alone"),
        ({"caption_model": None}, "of caption and caption_model it has one alone"),
    ],
)
def test_each_wrong_column_of_a_clip_is_named(columns: dict[str, Any], sentence: str) -> None:
    assert sentence in said_of(**columns)


@given(st.sampled_from(EMOTIONS), st.sampled_from(EMOTIONS), st.sampled_from([*COMPOUNDS, OTHER_COMPOUND]))
def test_only_the_name_of_both_emotions_is_sound(first: str, second: str, compound: str) -> None:
    right = (
        first != second and {first, second} <= set(BASIC) and compound == (compound_of(first, second) or OTHER_COMPOUND)
    )
    assert (said_of(emotion=first, second_emotion=second, compound=compound) == []) == right


def test_labels_in_a_manifest_are_checked(folder: Path) -> None:
    for column, value in SOUND.items():
        rewrite(folder, "clips", put(column, value))
    assert problems(folder) == set()
    rewrite(folder, "clips", put("emotion", "<b>\n"))
    assert ("expressions", "its emotion is none of the taxonomy") in problems(folder)
