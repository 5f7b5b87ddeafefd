"""What was taken down is neither fetched nor curated again: by address, content, publisher, person or shared source."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from curation.contents import Content
from curation.download import Settings
from curation.errors import CurationError
from curation.fetched import fetch_inputs, probe_inputs
from curation.sources.inputs import Facts, Input, Label
from curation.takedown.find import Request
from curation.takedown.gate import TAKEN_DOWN, Gate
from curation.takedown.run import take_down
from manifests.store import Store
from tests.curation.takedown.material import (
    UPLOADER,
    URL,
    holding,
    make,
    original,
    person_of,
    sha256_of,
    source_of,
    track_of,
)
from tests.manifests.material import KEY

PIPELINE = cast(Any, SimpleNamespace(keys=lambda source, labels: {"faces": KEY, "select": KEY}))
OTHER = cast(Any, SimpleNamespace(keys=lambda source, labels: {"faces": "1" * 32, "select": KEY}))
NEW_SELECT = cast(Any, SimpleNamespace(keys=lambda source, labels: {"faces": KEY, "select": "1" * 32}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A manifest from which person P was taken down: one source whole, one shared source without them."""
    root = tmp_path / "set"
    make(root)
    take_down(root, Request(identities=(person_of(root, track_of("alone.mp4")),), reason="asked"), yes=True)
    return root


def judged(root: Path, item: Content, pipeline: Any = PIPELINE) -> tuple[int, int, int]:
    """How many were allowed, settled and refused."""
    store = Store(root)
    found = Gate(root).judge([item], store.heads(), pipeline, store)
    return len(found.allowed), len(found.settled), len(found.refused)


def test_an_address_is_refused_before_anything_is_asked_of_its_site(root: Path) -> None:
    gone, stays = Input(None, "a", url=URL + "alone.mp4"), Input(None, "b", url=URL + "second.mp4")
    closed = Gate(root).closed([gone, stays])
    assert [item.refused for item in closed] == [TAKEN_DOWN, None]
    asked: list[int] = []
    ended = fetch_inputs(closed[:1], root, Settings(), lambda done, urls: asked.append(done))
    assert asked == [] and ended[0].path is None and ended[0].refused == TAKEN_DOWN
    assert probe_inputs([gone], root, Settings(), lambda done, urls: asked.append(done)) == []
    assert judged(root, Content(ended[0], error="it was not fetched")) == (0, 0, 1)


def test_the_same_content_under_another_name_is_refused(root: Path) -> None:
    item = Content(Input(Path("/x/renamed.mp4"), "renamed.mp4"), sha256_of("alone.mp4"), 10)
    assert item.id == source_of("alone.mp4")
    assert judged(root, item) == (0, 0, 1)


def test_the_same_content_from_another_address_is_deleted_and_that_address_refused_too(root: Path) -> None:
    from curation.download.ledger import Ledger
    from curation.download.model import Downloaded, Remote

    url = "https://mirror.example/x"
    file = root / "fetched" / f"{Remote(url).key}.mp4"
    file.write_bytes(original("alone.mp4"))
    ledger = Ledger(root / "fetched")
    ledger.write(Downloaded(url, "ok", path=file, bytes=10, sha256=sha256_of("alone.mp4")))
    ledger.close()
    assert judged(root, Content(Input(file, url, url=url), sha256_of("alone.mp4"), 10)) == (0, 0, 1)
    assert holding(root, [url, sha256_of("alone.mp4"), Remote(url).key]) == []
    assert Gate(root).closed([Input(None, "x", url=url)])[0].refused == TAKEN_DOWN


def test_the_next_upload_of_an_uploader_who_was_taken_down_is_refused(root: Path) -> None:
    new = Content(Input(Path("/x/new.mp4"), "new.mp4", facts=Facts(uploader=UPLOADER)), "a" * 64, 10)
    assert judged(root, new) == (1, 0, 0)
    take_down(root, Request(uploaders=(UPLOADER,), reason="asked"), yes=True)
    assert judged(root, new) == (0, 0, 1)


def test_the_name_that_a_data_set_gives_the_person_is_refused(root: Path) -> None:
    from manifests.tombstones import Tombstones, given_name

    stones = Tombstones.read(root)
    stones.add("given", given_name("mead", "M003"), "asked", "2026-01-01")
    stones.write(root)
    for name, verdict in (("M003", (0, 0, 1)), ("M030", (1, 0, 0))):
        item = Content(Input(Path("/x/a.mp4"), "a.mp4", labels=(Label("mead", identity=name),)), "b" * 64, 1)
        assert judged(root, item) == verdict


def test_others_are_let_in(root: Path) -> None:
    assert judged(root, Content(Input(Path("/x/n.mp4"), "n.mp4"), "c" * 64, 10)) == (1, 0, 0)


def test_a_shared_source_is_let_in_only_while_nothing_looks_at_its_faces_anew(root: Path) -> None:
    given = Content(Input(Path("/x/both.mp4"), "both.mp4"), sha256_of("both.mp4"), 10)
    assert judged(root, given) == (1, 0, 0)
    assert judged(root, given, NEW_SELECT) == (1, 0, 0)
    with pytest.raises(CurationError, match="never looked at anew"):
        judged(root, given, OTHER)


def test_a_shared_source_of_an_address_stays_as_it_is_and_is_not_fetched(root: Path) -> None:
    (item,) = Gate(root).closed([Input(None, "b", url=URL + "both.mp4")])
    assert item.refused == TAKEN_DOWN
    assert judged(root, Content(item, error="it was not fetched")) == (0, 1, 0)
    with pytest.raises(CurationError, match="never looked at anew"):
        judged(root, Content(item, error="it was not fetched"), NEW_SELECT)
