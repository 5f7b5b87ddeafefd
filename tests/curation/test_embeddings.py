"""The stage `embeddings`: five frames per track, the same on replayed faces, little memory, never a failure."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from curation.stage import SourceWork
from curation.stages import embeddings
from curation.stages.embeddings import CROPS, MOST_WAITING, Embeddings, spread_evenly
from curation.stages.faces import Faces
from manifests.schema import table_from_rows
from perception.landmarks import FaceMesh
from perception.pieces import Observation
from tests.perception.conftest import need

SOURCE = "s_0123456789abcdef"


class Picture:
    """A frame of a film that lies in memory, as stages see it."""

    def __init__(self, index: int, rgb: np.ndarray, shot: int | None) -> None:
        self.index, self.pts, self.time_base = index, 40 * index, Fraction(1, 1000)
        self.height, self.width = rgb.shape[:2]
        self.shot, self.faces = shot, ()
        self._rgb = rgb

    def scaled(self, long_side: int) -> np.ndarray:
        assert max(self._rgb.shape) <= long_side
        return self._rgb


def work() -> SourceWork:
    return SourceWork(SOURCE, "film.mp4", Path("film.mp4"), "film.mp4", "0" * 64, 0, Path())


def shots(starts: list[int], end: int) -> Any:
    ends = [*starts[1:], end]
    return table_from_rows(
        "shots",
        [
            {"id": f"h_{n:016x}", "source": SOURCE, "index": n, "start_pts": 40 * a, "end_pts": 40 * b,
             "time_base_num": 1, "time_base_den": 1000, "start_frame": a, "end_frame": b}
            for n, (a, b) in enumerate(zip(starts, ends, strict=True))
        ],
    )  # fmt: skip


# --- real faces: the astronaut of scikit-image, and her mirror image who comes later ----------------------------------

LENGTH, SECOND, CUT = 44, 8, 30  # the detector looks at frames 0, 5, 10: the second face is traced back to frame 8


def film() -> list[Picture]:
    astronaut = pytest.importorskip("skimage.data").astronaut()[20:220, 120:320]
    pictures = []
    for index in range(LENGTH):
        rgb = np.full((240, 480, 3), 90, np.uint8)
        rgb[20:220, 10 + index % 5 : 210 + index % 5] = astronaut
        if SECOND <= index < CUT:
            rgb[20:220, 260:460] = np.roll(astronaut, index % 3, axis=0)[:, ::-1]
        pictures.append(Picture(index, rgb, int(index >= CUT)))
    return pictures


@pytest.fixture(scope="module")
def models() -> None:
    pytest.importorskip("dlib", reason="dlib is not installed: pip install 'moee[curation]'")
    for name in ("blazeface-full", "blazeface-short", "face-mesh", "dlib-face"):
        need(name)


def curate(task: SourceWork, faces: Any, stage: Embeddings) -> Any:
    """The tables that the stages make of the film, with `faces` found anew or replayed."""
    report = SimpleNamespace(end_pts=40 * LENGTH)
    task.add("shots", shots([0, CUT], LENGTH))
    last = stage.consumer(task)
    for picture in film():
        faces.see(picture)
        last.see(picture)
    for name, table in faces.finish(report).items():
        task.add(name, table)
    return last.finish(report)["embeddings"]


@pytest.fixture(scope="module")
def live(models: None) -> tuple[SourceWork, Any]:
    task = work()
    return task, curate(task, Faces().consumer(task), Embeddings(model="dlib"))


def test_each_confirmed_track_has_five_spread_frames_and_one_vector(live) -> None:
    task, found = live
    tracks = {track["id"]: track for track in task.tables["tracks"].to_pylist()}
    assert sorted((t["start_frame"], t["end_frame"]) for t in tracks.values()) == [(0, 30), (8, 30), (30, 44)]
    assert len({track["face"] for track in tracks.values()}) == 3
    rows = found.to_pylist()
    assert {row["id"] for row in rows} == set(tracks)
    for row in rows:
        track = tracks[row["id"]]
        first, last = track["start_frame"], track["end_frame"] - 1
        assert len(row["frames"]) == 5
        assert first + 4 <= row["frames"][0] < first + (last - first) / 2 < row["frames"][-1] <= last
        assert row["frames"] == sorted(set(row["frames"]))
        assert len(row["vector"]) == 128
        assert 0 <= row["spread"] < 0.3
        assert row["model"].startswith("dlib-face@")
        assert not row["noncommercial"]


def test_a_replay_of_stored_faces_gives_the_same_bytes(live) -> None:
    """Also where a face was traced back: those frames are known in a replay and not while the tracker runs."""
    task, found = live
    began = {t["start_frame"]: t for t in task.tables["tracks"].to_pylist()}
    assert began[SECOND]["meshed"] == CUT - SECOND  # its first frames were traced back: the detector looks at frame 10
    again = work()
    for name in ("tracks", "frames"):
        again.add(name, task.tables[name])
    assert curate(again, Faces().replay(again), Embeddings(model="dlib")).equals(found)


def test_the_same_film_gives_the_same_bytes_twice(live) -> None:
    task = work()
    assert curate(task, Faces().consumer(task), Embeddings(model="dlib")).equals(live[1])


def test_another_number_of_frames_is_another_result(live) -> None:
    task = work()
    rows = curate(task, Faces().consumer(task), Embeddings(model="dlib", frames=2)).to_pylist()
    assert [len(row["frames"]) for row in rows] == [2, 2, 2]


# --- made-up faces: long sources, and many of them --------------------------------------------------------------------


class Network:
    """Counts crops; a crop's vector is its frame number."""

    noncommercial = True

    def __init__(self) -> None:
        self.model_hashes = {"made": "0" * 64}
        self.cut = self.embedded = 0

    def crop(self, rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
        self.cut += 1
        return np.zeros((1, 1, 3), np.uint8) + rgb[0, 0]

    def __call__(self, crops: list[np.ndarray]) -> np.ndarray:
        self.embedded += len(crops)
        return np.array([[float(crop[0, 0, 0])] * 4 for crop in crops], np.float32).reshape(len(crops), 4)


def seen(face: int, frame: int, began: int, yaw: float = 0.0) -> Observation:
    mesh = FaceMesh(np.arange(30, dtype=np.float32).reshape(10, 3), None, yaw, 0.0, 0.0, 1.0)
    return Observation(frame, 40 * frame, "meshed", (0, 0, 9, 9), 1.0, mesh, face, began)


def track(face: int, start: int, end: int, confirmed: bool = True) -> dict[str, Any]:
    return {"id": f"t_{start:08x}{face:08x}", "source": SOURCE, "shot": "h_0", "index": face, "start_pts": 40 * start,
            "end_pts": 40 * end, "time_base_num": 1, "time_base_den": 1000, "start_frame": start, "end_frame": end,
            "frames": end - start, "detected": 0, "meshed": end - start, "tracked": 0, "confirmed": confirmed,
            "face": face}  # fmt: skip


def play(consumer: Any, length: int, faces: Any, shot: Any = lambda index: 0) -> int:
    """Show `length` tiny frames; the most crops that waited at once."""
    most = 0
    for index in range(length):
        picture = Picture(index, np.full((16, 16, 3), index % 256, np.uint8), shot(index))
        picture.faces = faces(index)
        consumer.see(picture)
        most = max(most, sum(len(reservoir.kept) for reservoir in consumer.waiting.values()))
    return most


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network()
    monkeypatch.setattr("perception.embedding.usable", lambda name: ("made", "0" * 64))
    monkeypatch.setattr(embeddings, "_embedder", lambda model, found: made)
    return made


def rows_of(consumer: Any, task: SourceWork, tracks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    task.add("tracks", table_from_rows("tracks", tracks))
    return consumer.finish(None)["embeddings"].to_pylist()


@pytest.mark.parametrize("length", [30, 257, 4000])
def test_memory_is_bounded_and_five_frames_are_embedded_however_long_the_shot(network: Network, length: int) -> None:
    task = work()
    consumer = Embeddings().consumer(task)
    most = play(consumer, length, lambda index: (seen(0, index, 0),))
    assert most <= CROPS * 5
    assert network.cut <= 200
    (row,) = rows_of(consumer, task, [track(0, 0, length)])
    assert network.embedded == len(row["frames"]) == 5
    gaps = np.diff([4, *row["frames"], length])
    assert gaps.min() >= 0.04 * length
    assert gaps.max() <= 0.45 * length


def test_a_shots_crops_are_embedded_when_it_ends(network: Network) -> None:
    consumer = Embeddings().consumer(work())
    play(consumer, 61, lambda index: (seen(index // 20, index, index // 20 * 20),), shot=lambda index: index // 20)
    assert network.embedded == 15
    assert list(consumer.waiting) == []


def test_a_crowd_keeps_few_crops_waiting(network: Network) -> None:
    consumer = Embeddings().consumer(work())
    most = play(consumer, 900, lambda index: tuple(seen(f, index, 0) for f in range(index // 10, index // 10 + 3)))
    assert most <= (MOST_WAITING + 1) * CROPS * 5
    assert len(consumer.waiting) <= MOST_WAITING


def test_where_shots_are_known_only_at_the_end_each_piece_of_a_face_has_its_own_frames(network: Network) -> None:
    """The tracker follows what stands in the same place across a cut that TransNetV2 tells of later."""
    task = work()
    consumer = Embeddings().consumer(task)
    play(consumer, 1200, lambda index: (seen(0, index, 0),), shot=lambda index: None)
    rows = rows_of(consumer, task, [track(0, 0, 500), track(0, 500, 1200)])
    assert [len(row["frames"]) for row in rows] == [5, 5]
    assert max(rows[0]["frames"]) < 500 <= min(rows[1]["frames"])


def test_only_confirmed_tracks_with_enough_usable_frames_have_a_row(network: Network) -> None:
    task = work()
    consumer = Embeddings().consumer(task)

    def faces(index: int) -> tuple[Observation, ...]:
        found = [seen(0, index, 0), seen(1, index, 0, yaw=60.0)]
        if index < 6:
            found.append(seen(2, index, 0))
        if index >= 10:
            found.append(seen(3, index, 10))
        return tuple(found)

    play(consumer, 20, faces)
    rows = rows_of(
        consumer, task, [track(0, 0, 20, confirmed=False), track(1, 0, 20), track(2, 0, 6), track(3, 10, 20)]
    )
    assert [row["id"] for row in rows] == [track(3, 10, 20)["id"]]
    assert rows[0]["noncommercial"]


def test_without_a_network_there_are_no_rows_and_the_key_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("MOEE_CACHE", "MOEE_WEIGHTS", "INSIGHTFACE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    stage, task = Embeddings(), work()
    assert stage.models() == ("dlib-face@absent",)
    consumer = stage.consumer(task)
    picture = Picture(9, np.zeros((16, 16, 3), np.uint8), 0)
    picture.faces = (seen(0, 9, 0),)
    consumer.see(picture)
    assert rows_of(consumer, task, [track(0, 0, 20)]) == []


def test_the_key_names_the_networks_file(models: None) -> None:
    (key,) = Embeddings(model="dlib").models()
    assert key.startswith("dlib-face@")
    assert len(key.split("@")[1]) == 64


def test_even_spreading() -> None:
    assert spread_evenly([1, 2, 3], 5) == [1, 2, 3]
    assert spread_evenly(list(range(100)), 5) == [10, 30, 50, 70, 90]
