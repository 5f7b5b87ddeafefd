"""A folder that was published is published again in its form, and nothing of what went is left in or beside it."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

import manifests
from curation.takedown.find import Request
from curation.takedown.run import take_down
from manifests.publish import publish
from manifests.publish.target import RECORD, SCRATCH
from tests.curation.takedown.material import (
    WHO,
    holding,
    person_of,
    source_of,
    track_of,
    words_of_p,
)


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "set"))


def of_p(root: Path) -> Request:
    """Person P: alone in one source, beside Q in another."""
    return Request(identities=(person_of(root, track_of("alone.mp4")),), reason="asked")


def of_all() -> Request:
    return Request(sources=tuple(source_of(name) for name in WHO), reason="asked")


def hashes(folder: Path) -> dict[str, str]:
    """Every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def media(folder: Path) -> set[str]:
    """The sha256 of every clip in a folder, in tables or as files."""
    import pyarrow.parquet as pq

    found = {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.mp4")}
    for path in folder.rglob("*.parquet"):
        table = pq.read_table(path)
        if "video" in table.column_names:
            found |= {hashlib.sha256(row["bytes"]).hexdigest() for row in table.column("video").to_pylist()}
    return found


FORMS = ("hub", "bare", "files", "dh-faceemovid-150")


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_is_published_again_in_its_form_and_under_its_name(root: Path, tmp_path: Path, form: str) -> None:
    place, words = tmp_path / "published", words_of_p(root)
    publish(root, place, form=form, max_shard_bytes=20_000, licence="CC BY 4.0", pretty_name="Faces of mine")
    assert {source_of("alone.mp4"), person_of(root, track_of("alone.mp4"))} <= {
        word for word in words if holding(place, [word])
    }
    report = take_down(root, of_p(root), places=[str(place)], yes=True)
    assert report.is_clean and report.left["published"] == 0, report
    assert holding(place, words) == [] and not set(words) & media(place)
    record = json.loads((place / RECORD).read_text())
    assert record["form"] == form and record["clips"] == report.published[0]["clips"] == 3
    stated = {"licence": "CC BY 4.0", "pretty_name": "Faces of mine", "allowed": [], "shard": 20_000}
    assert stated.items() <= record["stated"].items()
    assert "Faces of mine" in (place / "README.md").read_text()


def test_a_publication_that_does_not_say_what_was_stated_is_told_by_its_card(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "published"
    publish(root, place, licence="cc-by-4.0", pretty_name="Faces of mine")
    record = json.loads((place / RECORD).read_text())
    del record["stated"]
    (place / RECORD).write_text(json.dumps(record))
    assert take_down(root, of_p(root), places=[str(place)], yes=True).is_clean
    stated = json.loads((place / RECORD).read_text())["stated"]
    assert stated["licence"] == "cc-by-4.0" and stated["pretty_name"] == "Faces of mine"


def test_shards_in_which_nothing_changed_are_the_same_bytes(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "published"
    publish(root, place, max_shard_bytes=20_000)
    clips = manifests.open(root).table("clips").to_pylist()
    (theirs,) = {clip["split"] for clip in clips if clip["identity"] == person_of(root, track_of("alone.mp4"))}
    before = hashes(place)
    take_down(root, of_p(root), places=[str(place)], yes=True)
    after = hashes(place)
    others = [name for name in before if name.startswith("data/") and theirs not in name]
    assert others and all(after.get(name) == before[name] for name in others)
    assert not [name for name in after if name.startswith(f"data/{theirs}")]


def test_the_search_afterwards_sees_a_folder_that_still_holds_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.takedown import published

    place = tmp_path / "published"
    publish(root, place)
    done = published.Renewed(str(place))
    monkeypatch.setattr(published, "_folder", lambda *arguments: done)
    report = take_down(root, of_p(root), places=[str(place)], yes=True)
    assert report.left["published"] > 0 and not report.is_clean


def test_what_a_killed_publication_left_aside_goes_too(root: Path, tmp_path: Path) -> None:
    place, words = tmp_path / "published", words_of_p(root)
    publish(root, place)
    old = place / SCRATCH / "old"
    old.mkdir(parents=True)
    (old / "list.json").write_text(json.dumps(words))
    take_down(root, of_p(root), places=[str(place)], yes=True)
    assert not old.exists() and holding(place, words) == []


@pytest.mark.parametrize("form", FORMS)
def test_when_nothing_is_left_to_publish_the_folder_is_empty(root: Path, tmp_path: Path, form: str) -> None:
    place = tmp_path / "published"
    publish(root, place, form=form)
    report = take_down(root, of_all(), places=[str(place)], yes=True)
    assert report.is_clean and report.published[0]["clips"] == 0
    assert [path for path in place.rglob("*") if path.is_file()] == []
    assert take_down(root, of_all(), places=[str(place)], yes=True).is_clean, "the same line once more"


def test_the_number_of_a_person_who_is_gone_is_given_to_nobody_else(root: Path, tmp_path: Path) -> None:
    place, person = tmp_path / "published", person_of(root, track_of("alone.mp4"))
    publish(root, place, form="dh-faceemovid-150")
    before = json.loads((place / RECORD).read_text())["actors"]
    take_down(root, of_p(root), places=[str(place)], yes=True)
    after = json.loads((place / RECORD).read_text())["actors"]
    assert person in before and person not in after
    assert sorted(after.values()) == sorted(before.values())
    assert {who: after[who] for who in before if who != person} == {
        who: actor for who, actor in before.items() if who != person
    }


def test_a_folder_that_is_named_later_is_published_again_by_the_same_line_and_only_with_yes(
    root: Path, tmp_path: Path
) -> None:
    place, words, request = tmp_path / "published", words_of_p(root), of_p(root)
    publish(root, place)
    take_down(root, request, yes=True)
    before = hashes(place)
    shown = take_down(root, request, places=[str(place)])
    assert hashes(place) == before and shown.already and not shown.removed
    done = take_down(root, request, places=[str(place)], yes=True)
    assert done.already and done.is_clean and holding(place, words) == []
    receipt = json.loads(Path(done.receipt or "").read_text())
    (told,) = receipt["published_again"]
    assert receipt["later"] and told["clips"] == 3 and not told["failed"]
    assert len(list((root / "takedowns").iterdir())) == 2


def test_what_was_only_planned_for_the_hub_goes_from_the_cache(root: Path, cache_home: Path) -> None:
    mine, other = cache_home / "publish" / "org@set-hub", cache_home / "publish" / "org@other-hub"
    publish(root, mine)
    (other / "data").mkdir(parents=True)
    (other / "data" / "x.json").write_text(json.dumps([source_of("third.mp4")]))
    take_down(root, of_p(root), yes=True)
    assert not mine.exists() and (other / "data" / "x.json").exists()


def test_a_linked_copy_of_the_folder_keeps_its_bytes(root: Path, tmp_path: Path) -> None:
    """Nothing is written into a file in place: a backup by hard links is a backup."""
    copy, words = tmp_path / "copy", words_of_p(root)
    for path in sorted(root.rglob("*")):
        target = copy / path.relative_to(root)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    before = hashes(root)
    assert take_down(copy, of_p(root), yes=True).is_clean
    assert hashes(root) == before and holding(copy, words) == []
