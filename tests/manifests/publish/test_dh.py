"""The form of DH-FaceEmoVid-150: names as in the set, the same when clips are added, and everything imports back."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manifests
from manifests.action_units import NUMBERS
from manifests.emotions import DH_FACEEMOVID, NAMES
from manifests.files import file_hash
from manifests.publish import publish, read_dh
from manifests.publish.dh_names import Names, name_clips
from manifests.publish.features import plain_schema
from manifests.publish.frames import FRAMES, clip_frames
from manifests.schema import SCHEMAS, list_column
from manifests.store import Store
from tests.manifests.publish.material import Clip, Film, commit_film, films, make, person, seen
from tests.manifests.test_validate import rewrite

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


def test_action_units_have_their_numbers_and_intensities_and_blendshapes_are_there(manifest: Path, dh: Path) -> None:
    with_units = set(manifests.open(manifest).content["expressions"])
    seen: set[int] = set()
    for path in (dh / "frames").iterdir():
        table = pq.read_table(path)
        for row in table.select(["source", "frame", "action_units", "dh_action_units"]).to_pylist():
            units, labels = row["action_units"], row["dh_action_units"]
            if row["source"] not in with_units or row["frame"] % 5 == 4:
                assert units is labels is None
                continue
            assert labels == [number for number, value in zip(NUMBERS, units, strict=True) if value >= 51]
            seen.update(labels)
        assert table["blendshapes"].null_count < table.num_rows
        assert {len(shapes) for shapes in table["blendshapes"].to_pylist() if shapes is not None} == {52}
        assert set(table["file_name"].to_pylist()) <= set(read_dh(dh).names["file_name"].to_pylist())
    assert seen == set(NUMBERS)


def test_measured_labels_name_what_has_no_given_one_and_are_marked(tmp_path: Path) -> None:
    caption = {"caption": "A person smiles.", "caption_model": "sentence"}
    given = {"given_emotion": "sad", "given_text": "The boat left."}
    columns: dict[str, dict[str, Any]] = {
        "sad_001 given": given | seen("happy", **caption),
        "happy_001 measured": seen("happy", **caption),
        "sadly-fear_001 measured": seen("fear", "sad") | {"given_text": "Why?"},
        "sadly-fear_002 given": {"given_compound": "sadly-fear"} | seen("neutral"),
        "neutral": seen("neutral"),
        "contempt": seen("contempt"),
        "other-compound": seen("happy", "angry"),
        "given neutral": {"given_emotion": "neutral"} | seen("happy"),
    }
    clips = [Clip(n * 5, 5, columns=row) for n, row in enumerate(columns.values())]
    make(tmp_path / "m", [Film("a.mp4", clips, says=True)])
    done = publish(tmp_path / "m", tmp_path / "p", form=FORM)
    back = read_dh(tmp_path / "p")
    rows = {row["file_name"].split("/001_")[1].removesuffix(".mp4"): row for row in back.names.to_pylist()}
    assert {f"{name} {row['dh_label_from']}" for name, row in rows.items()} == set(list(columns)[:4])
    said = {name: (row["dh_text"], row["dh_text_from"]) for name, row in rows.items()}
    assert said == {
        "sad_001": ("The boat left.", "given"),
        "happy_001": ("A person smiles.", "caption"),
        "sadly-fear_001": ("Why?", "given"),
        "sadly-fear_002": (None, None),
    }
    assert {why: len(ids) for why, ids in done.left_out.items()} == {
        "the set has no token for neutral": 2,
        "the set has no token for contempt": 1,
        "the set has no token for other-compound": 1,
    }
    own = kept(tmp_path / "m")
    own = own.filter(pc.is_in(own["id"], value_set=back.clips["id"].combine_chunks()))
    for name in own.column_names:
        assert back.clips.column(name).equals(own.column(name)), name


def test_action_units_of_another_number_stop_the_publication(tmp_path: Path) -> None:
    rows = make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5, columns={"given_emotion": "sad"})], says=True)])
    source = next((rows / "expressions").iterdir()).stem
    short = list_column(np.full((99, 21), 51), np.ones(99, bool), pa.uint8())
    place = SCHEMAS["expressions"].get_field_index("action_units")
    rewrite(
        rows, "expressions", lambda table: table.set_column(place, "action_units", short.slice(0, len(table))), source
    )
    with pytest.raises(manifests.ManifestError, match="units of a frame are damaged: run moee manifest validate"):
        publish(rows, tmp_path / "p", form=FORM)
    assert not (tmp_path / "p").exists()


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
            "emotion": st.sampled_from([None, "neutral", "happy"]),
            "compound": st.sampled_from([None, "sadly-fear", "other-compound"]),
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
    base |= {"emotion": None, "compound": None}
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
