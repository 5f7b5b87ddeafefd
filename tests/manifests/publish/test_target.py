"""The published folder: ours or untouched, whole or not loadable, and the same input again does no work."""

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import manifests
from manifests.files import exclusive
from manifests.publish import publish
from manifests.store import Store
from tests.manifests.publish.conftest import Nobody
from tests.manifests.publish.material import Clip, Film, commit_film, make
from tests.manifests.test_validate import put, rewrite

ROOT = Path(__file__).resolve().parents[3]
FORMS = ("hub", "dh-faceemovid-150")


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """File -> size and time of change."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


def killed(manifest: Path, target: Path, form: str, method: str, number: int) -> bool:
    """Publish in a process that is killed before the `number`-th call of a method of Path; False when it ended."""
    code = f"""
        import os, pathlib, signal
        real, calls = pathlib.Path.{method}, 0
        def counted(*arguments, **options):
            global calls
            calls += 1
            if calls == {number}:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)
        from manifests.publish import publish
        pathlib.Path.{method} = counted
        publish({str(manifest)!r}, {str(target)!r}, form={form!r})
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, check=False, capture_output=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


def ids(folder: Path, load: Callable[..., Any]) -> set[str] | None:
    """The clips that the folder gives to someone who loads it; None when it cannot be loaded."""
    try:
        splits = load(folder)
    except Exception:
        return None
    return {clip for rows in splits.values() for clip in rows["id"]}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_manifest_again_does_no_work(manifest: Path, tmp_path: Path, form: str) -> None:
    first = publish(manifest, tmp_path / "p", form=form)
    before = state(tmp_path / "p")
    second = publish(manifest, tmp_path / "p", form=form)
    assert (first.already, second.already) == (False, True)
    assert {**first.as_dict(), "already": True} == second.as_dict()
    assert state(tmp_path / "p") == before
    assert sum(size for name, (size, _) in before.items() if name != ".published.json") == first.bytes


def test_a_file_that_was_lost_from_the_folder_is_written_again(manifest: Path, tmp_path: Path) -> None:
    publish(manifest, tmp_path / "p")
    (lost,) = (tmp_path / "p" / "data").glob("test-*")
    content = lost.read_bytes()
    lost.unlink()
    assert publish(manifest, tmp_path / "p").already is False
    assert lost.read_bytes() == content


@pytest.mark.parametrize("form", FORMS)
def test_a_changed_manifest_takes_the_place_of_the_old_one(own_manifest: Path, tmp_path: Path, form: str) -> None:
    before = publish(own_manifest, tmp_path / "p", form=form)
    add_film(own_manifest)
    after = publish(own_manifest, tmp_path / "p", form=form)
    assert after.clips == before.clips + 1 and not after.already
    assert [path.name for path in (tmp_path / "p").iterdir() if path.name.startswith(".")] == [".published.json"]
    record = json.loads((tmp_path / "p" / ".published.json").read_text())
    there = {name for name in state(tmp_path / "p") if name != ".published.json"}
    assert record["whole"] is True and set(record["files"]) == there


@pytest.mark.parametrize("form", FORMS)
def test_who_loaded_the_folder_before_is_given_the_new_clips(
    own_manifest: Path, tmp_path: Path, form: str, load: Callable[..., Any]
) -> None:
    publish(own_manifest, tmp_path / "p", form=form)
    before = ids(tmp_path / "p", load) or set()
    add_film(own_manifest)
    publish(own_manifest, tmp_path / "p", form=form)
    assert len((ids(tmp_path / "p", load) or set()) - before) == 1


def add_film(manifest: Path) -> None:
    """One more kept clip, and a new snapshot."""
    store = Store(manifest)
    more = {"split": "train", "identity": "i_" + "9" * 16, "given_emotion": "happy"}
    commit_film(store, Film("new.mp4", [Clip(0, 7, columns=more)]))
    store.snapshot({"name": "test"})


@pytest.mark.parametrize("form", FORMS)
def test_one_form_does_not_take_the_place_of_the_other(manifest: Path, tmp_path: Path, form: str) -> None:
    other = next(name for name in FORMS if name != form)
    publish(manifest, tmp_path / "p", form=form)
    before = state(tmp_path / "p")
    with pytest.raises(manifests.ManifestError, match=f"holds the form {form}: give another folder for {other}"):
        publish(manifest, tmp_path / "p", form=other)
    assert state(tmp_path / "p") == before


def test_another_manifest_in_the_place_of_one_is_told(manifest: Path, tmp_path: Path) -> None:
    make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5, columns={"split": "train"})])], {"name": "other"})
    told = [publish(source, tmp_path / "p").notes for source in (tmp_path / "m", manifest, manifest)]
    replaced = [[note for note in notes if note.startswith("replaced the publication of")] for notes in told]
    former = manifests.open(tmp_path / "m").content["state"][:40]
    assert [len(notes) for notes in replaced] == [0, 1, 0]
    assert f"(recipe other, state {former})" in replaced[1][0]


@pytest.mark.parametrize("of", [None, 7, {}, {"recipe": ["\x1b"], "state": {"a": 1}}])
def test_a_replaced_publication_of_which_nothing_is_known_is_told(manifest: Path, tmp_path: Path, of: Any) -> None:
    publish(manifest, tmp_path / "p")
    record = json.loads((tmp_path / "p" / ".published.json").read_text())
    (tmp_path / "p" / ".published.json").write_text(json.dumps({**record, "key": "x", "of": of}))
    notes = publish(manifest, tmp_path / "p").notes
    assert notes[-1].startswith("replaced the publication of another manifest") and "\x1b" not in notes[-1]


def test_files_of_the_user_beside_ours_stay(own_manifest: Path, tmp_path: Path) -> None:
    publish(own_manifest, tmp_path / "p")
    (tmp_path / "p" / ".gitattributes").write_text("*.parquet filter=lfs\n")
    add_film(own_manifest)
    publish(own_manifest, tmp_path / "p")
    assert (tmp_path / "p" / ".gitattributes").read_text() == "*.parquet filter=lfs\n"


@pytest.mark.parametrize("name", ["notes.txt", "data/x.parquet", ".hidden"])
def test_a_folder_that_is_not_ours_is_refused_and_untouched(manifest: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "p" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(manifests.ManifestError, match=r"holds files that moee publish did not write: give a new"):
        publish(manifest, tmp_path / "p")
    assert list(state(tmp_path / "p")) == [name] and path.read_text() == "mine"


def test_a_name_that_is_in_the_way_is_refused_and_untouched(own_manifest: Path, tmp_path: Path) -> None:
    publish(own_manifest, tmp_path / "p")
    record = json.loads((tmp_path / "p" / ".published.json").read_text())
    record["names"].remove("sources")
    (tmp_path / "p" / ".published.json").write_text(json.dumps(record))
    add_film(own_manifest)
    before = state(tmp_path / "p")
    with pytest.raises(manifests.ManifestError, match=r"sources is in the way: move it"):
        publish(own_manifest, tmp_path / "p")
    assert state(tmp_path / "p") == before


@pytest.mark.parametrize("content", ["{", '{"moee_publish": 99}', "[]", '{"moee_publish": 1}'])
def test_a_record_that_is_damaged_or_of_another_version_is_refused(
    manifest: Path, tmp_path: Path, content: str
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / ".published.json").write_text(content)
    with pytest.raises(manifests.ManifestError, match="give a new or empty folder"):
        publish(manifest, tmp_path / "p")


def test_a_file_or_the_manifests_own_folder_is_no_target(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(manifests.ManifestError, match="is a file"):
        publish(manifest, tmp_path / "file")
    for place in (manifest, manifest / "published"):
        with pytest.raises(manifests.ManifestError, match="lies in the manifest's own folder"):
            publish(manifest, place)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(manifests.ManifestError, match="loop is no folder: give a new or empty folder"):
        publish(manifest, tmp_path / "loop")
    (tmp_path / "link").symlink_to(manifest)
    with pytest.raises(manifests.ManifestError, match="lies in the manifest's own folder"):
        publish(manifest, tmp_path / "link" / "x")


def test_two_at_once_do_not_mix(manifest: Path, tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "p" / ".tmp-publish"),
        pytest.raises(manifests.ManifestError, match=r"Another run \(pid .*\) is writing this folder"),
    ):
        publish(manifest, tmp_path / "p")


def test_nothing_is_written_outside_the_target_nor_into_the_manifest(own_manifest: Path, tmp_path: Path) -> None:
    before = state(own_manifest)
    publish(own_manifest, tmp_path / "deep" / "er" / "p")
    assert state(own_manifest) == before
    assert {path.name for path in tmp_path.iterdir()} == {"dataset", "deep"}
    assert {path.name for path in (tmp_path / "deep" / "er").iterdir()} == {"p"}


def test_a_manifest_that_is_replaced_meanwhile_is_noticed(own_manifest: Path, tmp_path: Path) -> None:
    def replaced(what: str, done: int, total: int) -> None:
        if (what, done) == ("written", total):
            add_film(own_manifest)

    with pytest.raises(manifests.ManifestError, match="was changed while it was published"):
        publish(own_manifest, tmp_path / "p", watch=replaced)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(("method", "number"), [("replace", 2), ("rename", 1), ("rename", 5)])
def test_killed_while_it_is_written_or_put_in_place_the_folder_does_not_load(
    manifest: Path, tmp_path: Path, load: Callable[..., Any], method: str, number: int
) -> None:
    assert killed(manifest, tmp_path / "p", "hub", method, number)
    assert ids(tmp_path / "p", load) is None
    assert publish(manifest, tmp_path / "p").already is False
    assert len(ids(tmp_path / "p", load) or ()) == 5
    assert not (tmp_path / "p" / ".tmp-publish").exists()


def test_killed_while_another_takes_its_place_the_folder_is_old_or_new_or_does_not_load(
    own_manifest: Path, tmp_path: Path, load: Callable[..., Any]
) -> None:
    publish(own_manifest, tmp_path / "p")
    old = ids(tmp_path / "p", load)
    add_film(own_manifest)
    assert killed(own_manifest, tmp_path / "p", "hub", "rename", 3)
    assert ids(tmp_path / "p", load) in (None, old)
    assert publish(own_manifest, tmp_path / "p").clips == 6
    assert len(ids(tmp_path / "p", load) or ()) == 6


@pytest.mark.parametrize("case", ["parent", "folder", "lock", "ours", "secret"])
def test_a_target_that_may_not_be_written_is_named_as_it_was_given(nobody: Nobody, case: str) -> None:
    target = nobody.folder / "p"
    if case == "ours":
        publish(nobody.manifest, target)
        (target / "certificate.json").unlink()  # so that there is something to do
    elif case in ("folder", "lock"):
        target.mkdir()
        target.chmod(0o755 if case == "folder" else 0o777)
        if case == "lock":
            (target / ".tmp-publish").mkdir(mode=0o755)
    elif case == "secret":
        (nobody.folder / "deeper").mkdir(mode=0o700)
        target = nobody.folder / "deeper" / "p"
    assert nobody.publishes(target) == f"{target} cannot be written: Permission denied.\n"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", ["file", "folder"])
def test_a_clip_that_may_not_be_read_is_named(nobody: Nobody, form: str, case: str) -> None:
    clips = sorted((nobody.manifest / "clips").iterdir())
    for path in clips if case == "file" else [nobody.manifest / "clips"]:
        path.chmod(0o600)
    nobody.folder.chmod(0o777)
    said = nobody.publishes(nobody.folder / "p", form)
    assert said in {f"{path} cannot be read: Permission denied.\n" for path in clips}
    assert not (nobody.folder / "p").exists()


def test_faces_that_say_something_else_are_published_again(tmp_path: Path) -> None:
    folder = make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5)], says=True)])
    publish(folder, tmp_path / "p")
    assert publish(folder, tmp_path / "p").already is True
    source = next((folder / "expressions").iterdir()).stem
    rewrite(folder, "expressions", put("emotions", [65535, *[0] * 7]), source)
    assert publish(folder, tmp_path / "p").already is False
