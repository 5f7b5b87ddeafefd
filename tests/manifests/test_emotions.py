"""Every label set reaches the taxonomy and comes back; what it does not know is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests import action_units
from manifests.emotions import (
    AFFECTNET8,
    BASIC,
    COMPOUNDS,
    CREMA_D,
    DEEPFACE,
    DH_FACEEMOVID,
    EMOTIEFFLIB7,
    EMOTIEFFLIB8,
    EMOTIONS,
    FER2013,
    LABEL_SETS,
    LIBREFACE,
    MEAD,
    MOEE,
    NAMES,
    OTHER_COMPOUND,
    RAVDESS,
    LabelSet,
    columns,
    compound_of,
    label_set,
    parts,
)
from manifests.errors import ManifestError

SETS = pytest.mark.parametrize("labels", LABEL_SETS, ids=lambda labels: labels.name)


def test_the_taxonomy_is_six_basic_emotions_neutral_contempt_and_the_four_compounds_of_the_paper() -> None:
    assert BASIC == ("angry", "disgusted", "fear", "happy", "sad", "surprised")
    assert {*EMOTIONS} - {*BASIC} == {"neutral", "contempt"}
    assert dict(COMPOUNDS) == {
        "angrily-disgusted": ("angry", "disgusted"),
        "sadly-surprised": ("sad", "surprised"),
        "sadly-fear": ("sad", "fear"),
        "happily-surprised": ("happy", "surprised"),
    }


@SETS
def test_each_label_becomes_ours_and_comes_back_as_it_was(labels: LabelSet) -> None:
    for label, ours in labels.labels.items():
        assert labels.ours(label) == ours and ours in NAMES
        assert labels.theirs(ours) == label


@SETS
def test_each_of_our_names_goes_there_and_back_or_is_refused(labels: LabelSet) -> None:
    for name in NAMES:
        if name in labels.classes:
            assert labels.ours(labels.theirs(name)) == name
        else:
            with pytest.raises(ManifestError, match=f"{labels.name} has no label for {name}"):
                labels.theirs(name)


@SETS
def test_no_two_labels_of_a_set_mean_the_same(labels: LabelSet) -> None:
    assert len(set(labels.classes)) == len(labels.labels)


@SETS
def test_an_unknown_label_is_refused_with_the_set_and_the_nearest_label(labels: LabelSet) -> None:
    right = next(iter(labels.labels))
    with pytest.raises(ManifestError, match=f"{labels.name} has no emotion '{right}x': did you mean"):
        labels.ours(right + "x")


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (FER2013, "angry disgusted fear happy sad surprised neutral"),
        (DEEPFACE, "angry disgusted fear happy sad surprised neutral"),
        (AFFECTNET8, "neutral happy sad surprised fear disgusted angry contempt"),
        (LIBREFACE, "neutral happy sad surprised fear disgusted angry contempt"),
        (EMOTIEFFLIB8, "angry contempt disgusted fear happy neutral sad surprised"),
        (EMOTIEFFLIB7, "angry disgusted fear happy neutral sad surprised"),
        (MOEE, "angry disgusted fear happy sad surprised neutral contempt"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_class_numbers_are_those_of_the_networks(labels: LabelSet, order: str) -> None:
    assert " ".join(labels.classes) == order


def test_a_label_set_is_found_by_its_name_and_a_wrong_one_is_refused_with_the_nearest() -> None:
    assert [label_set(labels.name) for labels in LABEL_SETS] == list(LABEL_SETS)
    assert len({labels.name for labels in LABEL_SETS}) == len(LABEL_SETS)
    for name in ("FER2013", "DeepFace", "EmotiEffLib-8", "EmotiEffLib-7", "LibreFace", "MoEE"):
        assert label_set(name).name == name  # the names that members of the panel give
    with pytest.raises(ManifestError, match="no label set 'EmotiEffLib-9': did you mean EmotiEffLib-"):
        label_set("EmotiEffLib-9")
    with pytest.raises(ManifestError, match=r"known: AffectNet-8, CREMA-D") as error:
        label_set("?\n?")
    assert "\n" not in str(error.value)


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_two_emotions_make_one_of_the_four_compounds_in_either_order_or_none(first: str, second: str) -> None:
    found = compound_of(first, second)
    assert found == compound_of(second, first)
    if found is None:
        assert {first, second} not in [set(both) for both in COMPOUNDS.values()]
    else:
        assert set(parts(found)) == {first, second} and first != second


def test_every_compound_is_that_of_its_parts_and_the_other_is_no_name_of_the_taxonomy() -> None:
    assert {compound_of(*both) for both in COMPOUNDS.values()} == set(COMPOUNDS)
    assert OTHER_COMPOUND == "other-compound" and OTHER_COMPOUND not in NAMES
    with pytest.raises(ManifestError, match="did you mean happy"):
        compound_of("hapy", "sad")


def test_the_folders_of_mead_are_the_eight_emotions() -> None:
    assert set(MEAD.classes) == set(EMOTIONS)


def test_calm_is_known_and_has_no_counterpart() -> None:
    assert RAVDESS.without == {"02": "calm"} and RAVDESS.ours("02") is None
    assert RAVDESS.ours("01") == "neutral" and RAVDESS.theirs("neutral") == "01"


def test_case_and_separators_of_a_token_do_not_matter() -> None:
    assert CREMA_D.ours("ang") == "angry"
    for token in ("happily-surprised", "Happily_Surprised", "happily surprised"):
        assert DH_FACEEMOVID.ours(token) == "happily-surprised"
    assert DH_FACEEMOVID.ours("surprise") == "surprised" and DH_FACEEMOVID.theirs("surprised") == "surprise"


def test_a_name_fills_one_of_the_two_columns() -> None:
    assert columns("happy") == {"emotion": "happy", "compound": None}
    assert columns("sadly-fear") == {"emotion": None, "compound": "sadly-fear"}
    assert columns(None) == {"emotion": None, "compound": None}
    with pytest.raises(ManifestError, match="no emotion 'hapy': did you mean happy"):
        columns("hapy")


def test_parts_of_a_name() -> None:
    assert parts("sadly-surprised") == ("sad", "surprised") and parts("contempt") == ("contempt",)
    with pytest.raises(ManifestError, match="did you mean sadly-fear"):
        parts("sadly-feared")


def test_action_units_are_stored_as_they_are_told() -> None:
    told = pytest.importorskip("perception.action_units")
    assert action_units.NUMBERS == told.NUMBERS and action_units.COUNT == told.COUNT == 22
    assert action_units.STEPS == told.STEPS and told.stored(told.PRESENT) == action_units.PRESENT


def test_the_sample_renders_what_the_taxonomy_names() -> None:
    expression = pytest.importorskip("curation.sample.expression")
    assert set(expression.EMOTIONS) == set(NAMES) - {"contempt"}
    assert set(expression.COMPOUNDS) == set(COMPOUNDS)
