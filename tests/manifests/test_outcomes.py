"""Nothing vanishes: outcomes cannot contradict themselves, and they add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import ManifestError
from manifests.outcomes import Dropped, Failed, Kept, Outcome, account, final
from manifests.schema import table_from_rows
from manifests.show import stage_counts
from tests.manifests.material import outcome

_RESULTS = st.one_of(
    st.just(Kept()),
    st.lists(st.sampled_from(["faces", "length", "speech"]), min_size=1, unique=True).map(lambda r: Dropped(tuple(r))),
    st.just(Failed("it broke")),
)
_OUTCOMES = st.lists(
    st.builds(
        lambda result, stage, item: outcome(result, stage, "s", item, seconds=0.25, frames_decoded=3),
        _RESULTS,
        st.sampled_from(["shots", "faces", "export"]),
        st.sampled_from([None, "c_1"]),
    ),
    max_size=30,
)


@given(_OUTCOMES)
def test_what_enters_a_stage_leaves_it_kept_dropped_or_failed(outcomes: list[Outcome]) -> None:
    counts = account(outcomes)
    assert sum(count.entered for count in counts) == len(outcomes)
    assert all(count.entered == count.kept + count.dropped + count.failed for count in counts)
    assert sum(sum(count.reasons.values()) for count in counts) == sum(len(o.reasons) for o in outcomes)


@given(_OUTCOMES)
def test_the_counts_of_a_table_are_those_of_its_rows(outcomes: list[Outcome]) -> None:
    order = ["shots", "faces", "export"]
    table = table_from_rows("outcomes", [o.row() for o in outcomes])
    expected = sorted(account(outcomes), key=lambda c: (order.index(c.stage), c.kind != "source"))
    counts = stage_counts(table, order)
    assert [vars(count) for count in counts] == [vars(count) for count in expected]


@given(_RESULTS)
def test_a_result_survives_as_an_outcome(result: Kept | Dropped | Failed) -> None:
    assert outcome(result, "shots", "s").result() == result
    assert Outcome(**outcome(result, "shots", "s").row()).result() == result


def test_the_end_of_an_item_is_the_first_stage_that_did_not_keep_it() -> None:
    kept = outcome(Kept(), "shots", "s")
    dropped = outcome(Dropped(("length", "speech")), "select", "s")
    failed = outcome(Failed("no"), "export", "s")
    assert final([kept]) == Kept()
    assert final([kept, dropped]) == Dropped(("length", "speech"))
    assert final([kept, failed, dropped]) == Failed("no")
    with pytest.raises(ManifestError):
        final([])
    with pytest.raises(ManifestError):
        final([kept, outcome(Kept(), "shots", "other")])


@pytest.mark.parametrize(
    "row",
    [
        {"status": "dropped"},
        {"status": "failed"},
        {"status": "kept", "reasons": ("length",)},
        {"status": "lost"},
        {"status": "kept", "kind": "shot"},
    ],
)
def test_an_outcome_cannot_contradict_itself(row: dict) -> None:
    base = {"item": "s", "kind": "source", "source": "s", "stage": "x", "version": 1, "config": "c", "key": "k"}
    with pytest.raises(ManifestError):
        Outcome(**(base | row))


def test_a_drop_has_reasons_and_a_failure_a_sentence() -> None:
    for make in (lambda: Dropped(()), lambda: Dropped("length"), lambda: Failed("")):
        with pytest.raises(ManifestError):
            make()
