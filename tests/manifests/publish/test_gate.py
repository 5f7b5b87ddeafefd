"""What stops a public push: a row without a known licence, a model that forbids commercial use; both are named."""

from pathlib import Path
from typing import Any

import pytest

import manifests
from manifests.errors import ManifestError
from manifests.outcomes import Kept
from manifests.publish import gate, licences
from manifests.publish.plan import plan_by_split
from manifests.schema import make_id, table_from_rows
from manifests.store import Head, Store
from tests.manifests.material import KEY, RECIPE, outcome
from tests.manifests.publish.material import Clip, Film, commit_film, make, seen

LICENSED = {"licence": "CC-BY-4.0"}


def found_in(folder: Path) -> gate.Found:
    manifest = manifests.open(folder)
    return gate.look(manifest, plan_by_split(manifest).clips)


def refusal(found: gate.Found, *allowed: str) -> str:
    with pytest.raises(ManifestError) as refused:
        gate.check(found, allowed)
    return str(refused.value)


def test_everything_that_stands_in_the_way_is_said_at_once_with_what_lets_it_pass() -> None:
    found = gate.Found({"s_1": ("a.mp4", 2)}, {"one": "the column identity", "two": "columns of the clips"})
    assert refusal(found) == (
        "The source a.mp4 (s_1, 2 clips) has no known licence; also, the model one forbids commercial use and made the "
        "column identity; the model two forbids commercial use and made columns of the clips: publish with --private, "
        "or say --allow unlicensed --allow one --allow two if you may share it."
    )
    assert "--allow unlicensed --allow two if" in refusal(found, "one") and "model one" not in refusal(found, "one")
    gate.check(found, ["unlicensed", "two", "one"])


def test_members_that_are_known_to_be_free_are_not_blamed_where_every_row_is_flagged(tmp_path: Path) -> None:
    columns = seen("happy", members=["facs-mesh", "libreface", "mine"], expression_noncommercial=True)
    found = found_in(make(tmp_path / "m", [Film("a.mp4", [Clip(0, columns=columns)], LICENSED)]))
    assert list(found.models) == ["libreface", "mine"]


@pytest.mark.parametrize("licence", [None, "", " Unknown ", "NOASSERTION"])
def test_a_row_without_a_known_licence_is_named_and_may_be_allowed(tmp_path: Path, licence: str | None) -> None:
    films = [Film("a.mp4", facts=LICENSED), Film("b.mp4", [Clip(), Clip(10)], {"licence": licence})]
    found = found_in(make(tmp_path / "m", films))
    source = make_id("source", "b.mp4")
    assert found.unlicensed == {source: ("b.mp4", 2)} and not found.models
    assert refusal(found) == (
        f"The source b.mp4 ({source}, 2 clips) has no known licence: publish with --private, or say --allow unlicensed "
        "if you may share it."
    )
    gate.check(found, ["unlicensed"])


def test_a_source_of_which_nothing_is_published_stops_nothing(tmp_path: Path) -> None:
    films = [Film("a.mp4", facts=LICENSED), Film("b.mp4", [Clip(kept=False)], {"licence": None})]
    assert found_in(make(tmp_path / "m", films)) == gate.Found()


def test_the_model_of_the_faces_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "m")
    commit_film(store, Film("a.mp4", facts=LICENSED))
    source = make_id("source", "a.mp4")
    row: dict[str, Any] = {"id": make_id("track", source, 0), "source": source, "model": "insightface/x@" + "1" * 64}
    row |= {"noncommercial": True, "frames": [0], "vector": [1.0], "spread": 0.1}
    table = table_from_rows("embeddings", [row])
    store.commit(source, "embeddings", KEY, {"embeddings": table}, [outcome(Kept(), "embeddings", source)])
    store.write_head(Head(source, "a.mp4", "/x", None, None, None, {"export": KEY, "embeddings": KEY}))
    store.snapshot(RECIPE)
    found = found_in(tmp_path / "m")
    assert refusal(found) == (
        "The model insightface/x forbids commercial use and made the column identity: publish with --private, or say "
        "--allow insightface/x if you may share it."
    )
    assert "--allow insightface/y names nothing" in refusal(found, "insightface/y")
    gate.check(found, ["insightface/x"])


def test_of_a_panel_only_members_that_no_free_row_has_are_named(tmp_path: Path) -> None:
    free = Clip(0, columns=seen("happy", members=["facs-mesh"], member_emotions=["happy"]))
    bound = Clip(10, columns=seen("happy", members=["facs-mesh", "libreface"], expression_noncommercial=True))
    found = found_in(make(tmp_path / "m", [Film("a.mp4", [free, bound], LICENSED)]))
    assert list(found.models) == ["libreface"]
    assert "The model libreface forbids commercial use and made the columns of emotions" in refusal(found)


def test_a_model_of_the_registry_that_worked_on_the_clips_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "m", [Film("a.mp4", facts=LICENSED)])
    assert licences.registered()["syncnet"].noncommercial
    research = licences.Terms("research", True)
    monkeypatch.setattr(gate, "registered", lambda: {"toy-model": research, "other-model": research})
    assert found_in(folder).models == {"toy-model": "columns of the clips"}, "other-model was absent"
