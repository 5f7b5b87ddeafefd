"""Keys say which results still hold; recipes reach the stages or are refused by name."""

from pathlib import Path

import pytest

from curation.errors import CurationError
from curation.pipeline import build
from manifests.recipe import load_recipe


def recipe(tmp_path: Path, **sections: str) -> object:
    lines = ["name: test", *(f"{section}: {value}" for section, value in sections.items())]
    path = tmp_path / "recipe.yaml"
    path.write_text("\n".join(lines))
    return load_recipe(str(path))


def changed(tmp_path: Path, **sections: str) -> set[str]:
    """Stages whose key differs from that of an empty recipe."""
    before = build(recipe(tmp_path)).keys("s_1")  # type: ignore[arg-type]
    after = build(recipe(tmp_path, **sections)).keys("s_1")  # type: ignore[arg-type]
    return {stage for stage in before if before[stage] != after[stage]}


def test_new_thresholds_touch_selection_and_export_only(tmp_path: Path) -> None:
    assert changed(tmp_path, select="{seconds: {min: 3}}") == {"select", "export", "captions"}


def test_an_export_setting_touches_the_export_only_apart_from_the_recipe_hash(tmp_path: Path) -> None:
    assert changed(tmp_path, export="{crf: 30}") == {"select", "export", "captions"}


def test_a_pause_setting_needs_no_picture(tmp_path: Path) -> None:
    # `speaking` hears the sound again, beside the landmarks that are stored
    assert changed(tmp_path, stages="{clips: {pause_seconds: 0.5}}") == {
        "clips",
        "speaking",
        "expressions",
        "select",
        "export",
        "captions",
    }


@pytest.mark.parametrize("section", ["identities: {threshold: 0.4}", "duplicates: {keep: all}", "splits: {seed: 7}"])
def test_a_setting_over_the_whole_manifest_touches_no_source(tmp_path: Path, section: str) -> None:
    assert changed(tmp_path, stages=f"{{{section}}}") == {
        "select",
        "export",
        "captions",
    }  # the recipe's hash stands in each row


def test_another_shot_threshold_touches_what_reads_shots_but_not_speech(tmp_path: Path) -> None:
    assert changed(tmp_path, stages="{shots: {threshold: 30}}") == {
        "shots",
        "faces",
        "quality",
        "embeddings",
        "mouths",
        "emotions",
        "clips",
        "speaking",
        "expressions",
        "select",
        "export",
        "captions",
    }


def test_the_stages_over_the_whole_manifest_are_the_ones_that_others_know_by_name(tmp_path: Path) -> None:
    from curation.whole import STAGES

    assert tuple(stage.name for stage in build(recipe(tmp_path)).whole) == STAGES  # type: ignore[arg-type]


def test_keys_of_two_sources_differ_at_every_stage(tmp_path: Path) -> None:
    pipeline = build(recipe(tmp_path))  # type: ignore[arg-type]
    first, second = pipeline.keys("s_1"), pipeline.keys("s_2")
    assert all(first[stage] != second[stage] for stage in first)


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        ("{shot: {threshold: 3}}", "did you mean 'shots'"),
        ("{shots: {treshold: 3}}", "did you mean 'threshold'"),
        ("{shots: {threshold: low}}", "stages.shots.threshold"),
        ("{clips: {pause_seconds: [1]}}", "stages.clips.pause_seconds"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_right_one(tmp_path: Path, stages: str, sentence: str) -> None:
    with pytest.raises(CurationError, match=sentence):
        build(recipe(tmp_path, stages=stages))  # type: ignore[arg-type]
