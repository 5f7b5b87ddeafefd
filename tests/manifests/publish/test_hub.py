"""The hub form: `datasets.load_dataset` gives every clip's picture, sound and columns, plain and streamed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import manifests
from manifests.action_units import NUMBERS
from manifests.emotions import EMOTIONS
from manifests.publish import publish
from manifests.publish.features import FILE, plain_schema, yaml_features
from manifests.publish.frames import FRAMES
from manifests.publish.hub import CLIPS, SOURCES
from manifests.publish.orders import BLENDSHAPES
from tests.manifests.publish.material import Clip, Film, films, make, person
from tests.media.material import read_counter

Load = Callable[..., Any]


def kept(folder: Path) -> dict[str, dict[str, Any]]:
    """Clip id -> its row in the manifest, of the clips that are in a split."""
    table = manifests.open(folder).table("clips")
    rows = table.filter(pc.and_(pc.equal(table["status"], "kept"), pc.is_valid(table["split"]))).to_pylist()
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize("streaming", [False, True])
def test_every_clip_decodes_to_the_pictures_and_the_sound_of_its_file(
    manifest: Path, hub: Path, load: Load, streaming: bool
) -> None:
    pytest.importorskip("torchcodec")
    import av

    wanted, seen = kept(manifest), set()
    for split, rows in load(hub, streaming=streaming).items():
        for row in rows:
            seen.add(row["id"])
            assert wanted[row["id"]]["split"] == split
            with av.open(str(manifest / row["file"])) as file:
                pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
            assert len(row["video"]) == len(pictures) == row["frames"]
            first = row["video"][0].numpy().transpose(1, 2, 0)
            assert first.shape == pictures[0].shape == (64, 96, 3)
            assert np.abs(first.astype(int) - pictures[0].astype(int)).max() <= 4
            assert [read_counter(frame.numpy().transpose(1, 2, 0)) for frame in row["video"]] == list(
                range(len(pictures))
            )
            check_sound(manifest / row["file"], row["audio"])
    assert seen == set(wanted) and len(seen) == 5


def check_sound(path: Path, audio: Any) -> None:
    """The published sound has the samples of the clip's own, or there is none in either."""
    import av

    with av.open(str(path)) as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)] if file.streams.audio else []
    if not frames:
        assert audio is None
        return
    own = np.concatenate(frames, axis=1)
    published = audio.get_all_samples()
    assert published.data.shape == own.shape and own.shape[1] > 10_000
    np.testing.assert_allclose(published.data.numpy(), own, atol=1e-5)
    assert published.pts_seconds == 0.0 and np.abs(own).max() > 0.05


def test_embedded_files_are_the_files_of_the_manifest_byte_for_byte(manifest: Path, hub: Path) -> None:
    wanted = kept(manifest)
    tables = [pq.read_table(path) for path in sorted((hub / "data").iterdir())]
    for row in (row for table in tables for row in table.to_pylist()):
        assert hashlib.sha256(row["video"]["bytes"]).hexdigest() == wanted[row["id"]]["file_sha256"]
        assert row["video"]["bytes"] == (manifest / row["file"]).read_bytes()
        assert row["video"]["path"] == f"{row['id']}.mp4"
    for table in tables:
        assert table["id"].to_pylist() == sorted(table["id"].to_pylist())


def test_every_column_of_the_clips_is_published_with_its_values(manifest: Path, hub: Path, load: Load) -> None:
    rows = {row["id"]: row for split in load(hub).values() for row in split.remove_columns(["video", "audio"])}
    wanted = kept(manifest)
    assert set(rows) == set(wanted)
    for clip, row in rows.items():
        own = {name: value for name, value in wanted[clip].items() if name != "schema_version"}
        assert row == own


def test_splits_do_not_meet(hub: Path, load: Load) -> None:
    splits = {name: rows.remove_columns(["video", "audio"]).to_list() for name, rows in load(hub).items()}
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 3, "validation": 1, "test": 1}
    for column in ("id", "source", "identity"):
        values = [value for rows in splits.values() for value in {row[column] for row in rows}]
        assert len(values) == len(set(values)), column


def test_a_kept_clip_in_no_split_is_left_out_counted_and_named(manifest: Path, tmp_path: Path) -> None:
    done = publish(manifest, tmp_path / "hub")
    (clips,) = [clips for why, clips in done.left_out.items() if why == "joins persons of two splits"]
    assert len(clips) == 1 and done.clips == 5
    card = (tmp_path / "hub" / "README.md").read_text()
    assert "left out, joins persons of two splits: 1 kept clip (" in card
    assert clips[0].replace("_", "\\_") in card


def test_without_splits_every_clip_stands_in_train_and_the_card_says_so(tmp_path: Path, load: Load) -> None:
    make(tmp_path / "m", [Film("a.mp4", [Clip(0, 6), Clip(6, 6)])])
    done = publish(tmp_path / "m", tmp_path / "p")
    assert done.splits == {"train": 2} and not done.left_out
    assert load(tmp_path / "p")["train"].num_rows == 2
    assert "nothing keeps persons apart" in (tmp_path / "p" / "README.md").read_text()


def test_frames_are_those_of_the_clip_with_their_place_in_it(manifest: Path, hub: Path, load: Load) -> None:
    opened, wanted = manifests.open(manifest), kept(manifest)
    for split, rows in load(hub, "frames").items():
        clips = {clip: row for clip, row in wanted.items() if row["split"] == split}
        assert set(rows["clip"]) == set(clips)
        for clip, row in clips.items():
            frames = rows.filter(lambda clips: [name == clip for name in clips], input_columns="clip", batched=True)  # noqa: B023
            own = opened.frames_table(row["source"]).slice(row["start_frame"], row["frames"]).to_pylist()
            assert frames["index"] == list(range(row["frames"]))
            table = opened.expressions_table(row["source"]).to_pylist()
            faces = {face["frame"]: face for face in table if face["track"] == row["track"]}
            for name in ("action_units", "emotions"):
                said = [faces.get(frame["frame"], {}).get(name) for frame in own]
                assert frames[name] == said
                measured = row["source"] in opened.content["expressions"]
                assert measured == any(said) and None in said  # some frames, but not all, or none
            np.testing.assert_allclose(frames["time"], np.arange(row["frames"]) / 25)
            for published, stored in zip(frames, own, strict=True):
                assert {name: published[name] for name in stored if name != "schema_version"} == {
                    name: value for name, value in stored.items() if name != "schema_version"
                }
            assert [shapes is not None for shapes in frames["blendshapes"]] == [
                frame["frame"] % 2 == 0 for frame in own
            ]


@pytest.mark.parametrize("form", ["hub", "dh"])
def test_what_the_values_of_a_list_stand_for_is_said_in_every_table_and_in_the_card(
    form: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(form)
    card = (folder / "README.md").read_text()
    files = [path for path in folder.rglob("*.parquet") if path.name != "sources.parquet"]
    assert len(files) >= 5
    for path in files:
        file = pq.read_schema(path)
        said = json.loads(file.metadata[b"moee.orders"])
        assert {"action_units", "emotions"} < set(said) <= set(file.names)
        assert said["action_units"] == list(NUMBERS) and said["emotions"] == list(EMOTIONS)
        for order in said.values():
            assert ", ".join(map(str, order)) in card
        rows = pq.read_table(path, columns=list(said)).to_pylist()
        width = {"member_probabilities": 2}
        for row in rows:
            for name, order in said.items():
                assert row[name] is None or len(row[name]) == len(order) * width.get(name, 1)
    assert "moee.orders" in card


def test_sources_of_the_clips_are_published_without_places_on_this_machine(tmp_path: Path, load: Load) -> None:
    url = "https://example.org/watch?v=1"
    films = [
        Film("a.mp4", [Clip(0, 6)], {"origin": "/home/someone/private/a.mp4", "licence": "CC0-1.0", "title": "A"}),
        Film("b.mp4", [Clip(0, 6)], {"origin": url, "sound_origin": "/home/someone/b.m4a"}),
    ]
    make(tmp_path / "m", films)
    publish(tmp_path / "m", tmp_path / "p")
    rows = {row["name"]: row for row in load(tmp_path / "p", "sources", split="sources")}
    assert {name: row["origin"] for name, row in rows.items()} == {"a.mp4": None, "b.mp4": url}
    assert rows["b.mp4"]["sound_origin"] is None and rows["a.mp4"]["title"] == "A"
    for path in (path for path in (tmp_path / "p").rglob("*") if path.is_file()):
        assert b"/home/someone" not in path.read_bytes(), path


def test_many_small_files_hold_the_same_rows_as_one(manifest: Path, tmp_path: Path, load: Load) -> None:
    publish(manifest, tmp_path / "p", max_shard_bytes=1)
    names = sorted(path.name for path in (tmp_path / "p" / "data").iterdir())
    assert names[1:4] == [f"train-{number:05d}-of-00003.parquet" for number in range(3)]
    for streaming in (False, True):
        splits = load(tmp_path / "p", streaming=streaming)
        ids = [row["id"] for rows in splits.values() for row in rows.remove_columns(["video", "audio"])]
        assert sorted(ids) == sorted(kept(manifest))


def test_row_groups_are_bounded_so_that_a_reader_that_streams_holds_little(
    monkeypatch: pytest.MonkeyPatch, manifest: Path, tmp_path: Path
) -> None:
    from manifests.publish import hub as module

    monkeypatch.setattr(module, "GROUP_BYTES", 1)
    publish(manifest, tmp_path / "p")
    with pq.ParquetFile(tmp_path / "p" / "data" / "train-00000-of-00001.parquet") as file:
        assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [1, 1, 1]


def test_the_same_manifest_gives_the_same_bytes(manifest: Path, hub: Path, tmp_path: Path) -> None:
    publish(manifest, tmp_path / "again")
    files = {path.relative_to(hub) for path in hub.rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*") if path.is_file()}
    for name in files:
        assert (hub / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


@pytest.mark.parametrize("fields", [CLIPS, FRAMES, SOURCES])
def test_features_are_those_that_the_library_itself_would_write(fields: pa.Schema) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features.from_arrow_schema(plain_schema(fields))
    key = b"huggingface"
    assert features.arrow_schema.metadata[key] == plain_schema(fields).metadata[key]
    assert features.arrow_schema.types == plain_schema(fields).types
    assert features._to_yaml_list() == yaml_features(fields)
    media = {name for name, feature in features.items() if isinstance(feature, datasets.Video | datasets.Audio)}
    assert media == {field.name for field in fields if field.type == FILE}


def test_the_52_names_are_those_of_the_model_in_its_order() -> None:
    pytest.importorskip("mediapipe")
    from mediapipe.tasks.python.vision.face_landmarker import Blendshapes

    def plain(name: str) -> str:
        return name.replace("_", "").lower()

    assert [plain(name) for name in BLENDSHAPES] == [plain(shape.name) for shape in Blendshapes]


def test_a_file_with_another_hash_stops_the_publication_and_leaves_nothing(own_manifest: Path, tmp_path: Path) -> None:
    clip = sorted((own_manifest / "clips").iterdir())[1]
    content = bytearray(clip.read_bytes())
    content[len(content) // 2] ^= 1
    clip.write_bytes(content)
    with pytest.raises(manifests.ManifestError, match=r"is damaged \(its hash differs\): delete .* and run the same"):
        publish(own_manifest, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_missing_files_are_counted_before_anything_is_written(own_manifest: Path, tmp_path: Path) -> None:
    for clip in sorted((own_manifest / "clips").iterdir())[:2]:
        clip.unlink()
    with pytest.raises(manifests.ManifestError, match=r"is missing \(and 1 more such clip\)"):
        publish(own_manifest, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_a_disk_that_gives_other_bytes_back_is_noticed(
    monkeypatch: pytest.MonkeyPatch, manifest: Path, tmp_path: Path
) -> None:
    from manifests.publish import hub as module

    real = module._media_of

    def other(root: Path, row: dict[str, str]) -> Any:
        video, audio = real(root, row)
        return {**video, "bytes": video["bytes"][:-1] + b"?"}, audio

    monkeypatch.setattr(module, "_media_of", other)
    with pytest.raises(manifests.ManifestError, match="does not read back"):
        publish(manifest, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_the_library_itself_notices_a_lost_row(hub: Path, tmp_path: Path, load: Load) -> None:
    import shutil

    folder = Path(shutil.copytree(hub, tmp_path / "copy"))
    (path,) = (folder / "data").glob("train-*")
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(Exception, match=r"num_examples=3.*num_examples=2"):
        load(folder)


def test_a_clip_without_sound_has_no_audio_and_no_silence_made_up(manifest: Path, hub: Path) -> None:
    table = pq.read_table(hub / "data" / "train-00000-of-00001.parquet")
    silent = [row["id"] for row in table.to_pylist() if row["audio"] is None]
    (clip,) = [row["id"] for row in kept(manifest).values() if row["frames"] == 15]
    assert silent == [clip]


def test_nothing_is_asked_of_the_network_and_the_library_is_not_needed_to_publish(
    manifest: Path, tmp_path: Path
) -> None:
    import subprocess
    import sys

    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from manifests.publish import publish\n"
        f"publish({str(manifest)!r}, {str(tmp_path / 'p')!r})\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'datasets', 'huggingface_hub', 'torch', 'curation', 'perception', 'media'}, loaded\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_persons_of_two_splits_are_counted_in_the_card(tmp_path: Path) -> None:
    two = [{"identity": person(1), "split": "train"}, {"identity": person(1), "split": "test"}]
    make(tmp_path / "m", [Film(f"{n}.mp4", [Clip(0, 6, columns=columns)]) for n, columns in enumerate(two)])
    publish(tmp_path / "m", tmp_path / "p")
    assert "Persons with clips in two splits: 1." in (tmp_path / "p" / "README.md").read_text()
    make(tmp_path / "m2", films()[:3])
    publish(tmp_path / "m2", tmp_path / "p2")
    assert "Persons with clips in two splits: 0." in (tmp_path / "p2" / "README.md").read_text()
