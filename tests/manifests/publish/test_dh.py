"""The form of DH-FaceEmoVid-150: names as in the set, the same when clips are added, and everything imports back."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manifests
from manifests.emotions import DH_FACEEMOVID, NAMES
from manifests.files import file_hash
from manifests.publish import publish, read_dh
from manifests.publish.dh_names import Names, name_clips
from manifests.publish.features import plain_schema
from manifests.publish.frames import FRAMES, clip_frames
from manifests.store import Store
from tests.manifests.publish.material import Clip, Film, commit_film, films, make, person

FORM = "dh-faceemovid-150"


def kept(folder: Path) -> pa.Table:
    table = manifests.open(folder).table("clips")
    return table.filter(pc.equal(table["status"], "kept"))


def test_clips_frames_and_files_import_back_equal(manifest: Path, dh: Path) -> None:
    back, own = read_dh(dh), kept(manifest)
    assert back.clips.schema.equals(own.schema)
    for name in own.column_names:
        assert back.clips.column(name).equals(own.column(name)), name
    assert back.clips.num_rows == 6
    for row in own.to_pylist():
        assert file_hash(back.file(row["id"])).sha256 == row["file_sha256"]
    order = [("clip", "ascending"), ("index", "ascending")]
    fields = plain_schema(FRAMES)
    frames = pa.concat_tables(table.cast(fields) for table in clip_frames(manifests.open(manifest), own))
    frames, found = frames.sort_by(order), back.frames().sort_by(order)
    for name in FRAMES.names:
        assert found.column(name).equals(frames.column(name)), name
    assert found.num_rows == sum(row["frames"] for row in own.to_pylist())


def test_names_have_the_sets_tokens_and_the_table_says_the_same(dh: Path) -> None:
    names = read_dh(dh).names.to_pylist()
    for row in names:
        actor, token, take = re.fullmatch(r"videos/\d{3}/(\d{3})_([a-z-]+)_(\d{3})\.mp4", row["file_name"]).groups()  # type: ignore[union-attr]
        assert row["file_name"].startswith(f"videos/{actor}/")
        assert (row["dh_actor"], row["dh_take"]) == (actor, take)
        assert DH_FACEEMOVID.ours(token) == (row["dh_emotion"] or row["dh_compound"])
    assert {row["file_name"].split("_", 1)[1] for row in names} >= {"sadly-fear_001.mp4", "surprise_001.mp4"}
    assert {row["dh_text"] for row in names} == {None, "The boat left the harbour."}


def test_action_units_are_marked_as_not_measured_and_blendshapes_are_there(dh: Path) -> None:
    for path in (dh / "frames").iterdir():
        table = pq.read_table(path)
        assert table["action_units"].null_count == table.num_rows > 0
        assert table["blendshapes"].null_count < table.num_rows
        assert {len(shapes) for shapes in table["blendshapes"].to_pylist() if shapes is not None} == {52}
        assert set(table["file_name"].to_pylist()) <= set(read_dh(dh).names["file_name"].to_pylist())
    assert "action units were not measured" in (dh / "README.md").read_text()


def test_clips_without_a_usable_emotion_are_left_out_counted_and_named(tmp_path: Path) -> None:
    columns: list[dict[str, Any]] = [
        {},
        {"given_emotion": "neutral"},
        {"given_emotion": "contempt"},
        {"given_emotion": "happy"},
        {"given_compound": "sadly-fear", "given_emotion": None},
    ]
    make(tmp_path / "m", [Film("a.mp4", [Clip(n * 5, 5, columns=row) for n, row in enumerate(columns)])])
    done = publish(tmp_path / "m", tmp_path / "p", form=FORM)
    assert done.clips == 2
    assert {why: len(clips) for why, clips in done.left_out.items()} == {
        "no emotion is known": 1,
        "the set has no token for neutral": 1,
        "the set has no token for contempt": 1,
    }
    card = (tmp_path / "p" / "README.md").read_text()
    for why, (clip,) in done.left_out.items():
        assert f"left out, {why}: 1 kept clip ({clip.replace('_', chr(92) + '_')})" in card


def test_a_manifest_without_any_emotion_is_refused_in_one_sentence(tmp_path: Path) -> None:
    make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5)])])
    with pytest.raises(manifests.ManifestError, match=r"No kept clip can be named .*no emotion is known: 1 clip\)"):
        publish(tmp_path / "m", tmp_path / "p", form=FORM)
    assert not (tmp_path / "p").exists()


def test_added_clips_and_persons_change_no_name(tmp_path: Path) -> None:
    make(tmp_path / "m", films()[:2])
    publish(tmp_path / "m", tmp_path / "p", form=FORM)
    before = {row["id"]: row["file_name"] for row in read_dh(tmp_path / "p").names.to_pylist()}
    store = Store(tmp_path / "m")
    more = [Film("zero.mp4", [Clip(0, 6, columns={"identity": person(1), "given_emotion": "happy"})]), *films()[2:]]
    more += [
        Film(f"{n}.mp4", [Clip(0, 5, columns={"identity": person(n), "given_emotion": "sad"})]) for n in range(10, 16)
    ]
    for film in more:
        commit_film(store, film)
    store.snapshot({"name": "test"})
    publish(tmp_path / "m", tmp_path / "p", form=FORM)
    after = {row["id"]: row["file_name"] for row in read_dh(tmp_path / "p").names.to_pylist()}
    assert before.items() <= after.items() and len(after) == len(before) + 10
    assert len(set(after.values())) == len(after)


def test_a_person_whose_clips_are_gone_keeps_the_number(tmp_path: Path) -> None:
    emotion = {"given_emotion": "sad"}
    make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5, columns={"identity": person(1), **emotion})])])
    publish(tmp_path / "m", tmp_path / "p", form=FORM)
    make(tmp_path / "m2", [Film("b.mp4", [Clip(0, 5, columns={"identity": person(2), **emotion})])])
    publish(tmp_path / "m2", tmp_path / "p", form=FORM)
    assert read_dh(tmp_path / "p").names["dh_actor"].to_pylist() == ["002"]


@pytest.mark.parametrize(("actor", "take"), [("001", "038"), ("018", "51"), ("7", "1")])
def test_the_sets_own_names_stay_as_they_are_written(tmp_path: Path, actor: str, take: str) -> None:
    own = {"dataset": "dh-faceemovid", "given_identity": actor, "given_take": take, "given_emotion": "fear"}
    make(tmp_path / "m", [Film(f"{actor}_fear_{take}.mp4", [Clip(0, 5, columns=own | {"identity": person(1)})])])
    publish(tmp_path / "m", tmp_path / "p", form=FORM)
    assert read_dh(tmp_path / "p").names["file_name"].to_pylist() == [f"videos/{actor}/{actor}_fear_{take}.mp4"]


_CLIPS = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["s1", "s2", "s3"]),
            "identity": st.sampled_from([None, "i1", "i2"]),
            "dataset": st.sampled_from([None, "mead", "dh-faceemovid"]),
            "given_identity": st.sampled_from([None, "1", "001", "2", "W009", "٣", "9" * 12]),
            "given_take": st.sampled_from([None, "1", "01", "7", "x", "-1"]),
            "given_emotion": st.sampled_from([None, "neutral", "happy", "sad"]),
            "given_compound": st.sampled_from([None, "sadly-fear"]),
        }
    ),
    max_size=12,
).map(lambda rows: [{**row, "id": f"c{n:03d}", "start_frame": n} for n, row in enumerate(rows)])


def _names(rows: list[dict[str, Any]], before: Names | None = None) -> Names:
    return name_clips(rows, before.actors if before else {}, before.clips if before else {})


@given(_CLIPS, st.integers(0, 12))
def test_names_are_unique_complete_and_kept_whatever_the_labels(rows: list[dict[str, Any]], cut: int) -> None:
    names = _names(rows)
    assert set(names.clips) | {clip for ids in names.left_out.values() for clip in ids} == {row["id"] for row in rows}
    stems = [name.stem for name in names.clips.values()]
    assert len(set(stems)) == len(stems)
    numbers = {(int(name.actor), name.emotion, int(name.take)) for name in names.clips.values()}
    assert len(numbers) == len(stems)  # 7 and 007 are one number
    first = _names(rows[:cut])
    assert first.clips.items() <= _names(rows, first).clips.items()
    assert _names(list(reversed(rows))) == names or sorted(_names(list(reversed(rows))).clips.items()) == sorted(
        names.clips.items()
    )


def test_every_emotion_of_the_set_has_a_name_and_the_others_have_none() -> None:
    base = {"source": "s", "identity": "i", "dataset": None, "given_identity": None, "given_take": None}
    rows = [
        {**base, "id": name, "start_frame": 0, "given_emotion": name, "given_compound": None}
        if "-" not in name
        else {**base, "id": name, "start_frame": 0, "given_emotion": None, "given_compound": name}
        for name in NAMES
    ]
    names = _names(rows)
    assert {clip: DH_FACEEMOVID.ours(name.stem.split("_")[1]) for clip, name in names.clips.items()} == {
        name: name for name in DH_FACEEMOVID.classes
    }
    assert sorted(clip for ids in names.left_out.values() for clip in ids) == ["contempt", "neutral"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: (p / "metadata.parquet").unlink(), "There is no .*metadata.parquet"),
        (lambda p: (p / "metadata.parquet").write_bytes(b"PAR1 no"), "cannot be read as a table"),
        (lambda p: next((p / "videos").rglob("*.mp4")).write_bytes(b"x"), "The file of clip c_.* is damaged"),
        (lambda p: next((p / "videos").rglob("*.mp4")).unlink(), "The file of clip c_.* is missing"),
        (
            lambda p: pq.write_table(pa.table({"file_name": ["a"]}), p / "metadata.parquet"),
            "lacks the column dh_actor",
        ),
    ],
)
def test_a_damaged_folder_is_refused_in_one_sentence(dh: Path, tmp_path: Path, damage: Any, words: str) -> None:
    folder = Path(shutil.copytree(dh, tmp_path / "p"))
    damage(folder)
    with pytest.raises(manifests.ManifestError, match=words) as error:
        read_dh(folder)
    assert "\n" not in str(error.value)


def test_names_in_the_folder_that_are_damaged_are_not_guessed_anew(dh: Path, manifest: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dh, tmp_path / "p"))
    record = json.loads((folder / ".published.json").read_text())
    (folder / ".published.json").write_text(json.dumps({**record, "key": "other"}))
    (folder / "metadata.parquet").write_bytes(b"PAR1")
    with pytest.raises(manifests.ManifestError, match="cannot be read: give a new or empty folder"):
        publish(manifest, folder, form=FORM)


def test_hostile_text_goes_through_unchanged(tmp_path: Path) -> None:
    words = 'a|b\n---\n<script>"\\x00" \u202e,;=\x07'
    columns = {"given_emotion": "sad", "given_text": words, "dataset": words, "given_identity": words}
    make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5, columns=columns)], {"licence": words})])
    publish(tmp_path / "m", tmp_path / "p", form=FORM)
    back = read_dh(tmp_path / "p")
    assert back.names["dh_text"].to_pylist() == back.clips["dataset"].to_pylist() == [words]
    assert back.names["file_name"].to_pylist() == ["videos/001/001_sad_001.mp4"]


def test_what_the_card_says_of_loading_is_what_loading_gives(dh: Path, load: Any) -> None:
    said = (dh / "README.md").read_text()
    assert "as one split, `clips`" in said and "It gives no videos: these lie beside it as files" in said
    loaded = load(dh)
    assert list(loaded) == ["clips"] and "video" not in loaded["clips"].column_names
    assert set(loaded["clips"]["split"]) == {"train", "validation", "test", None}
    assert all((dh / name).is_file() for name in loaded["clips"]["file_name"])


def test_the_tables_load_as_a_data_set_too(dh: Path, load: Any) -> None:
    assert load(dh)["clips"].num_rows == 6
    assert load(dh, "frames", split="clips").num_rows == 65
    assert load(dh, "sources", split="sources").num_rows == 4
