"""The stage `emotions`: looks at a steady pace, the same on replayed faces, few crops waiting, never a failure."""

from __future__ import annotations

import gc
import importlib.util
import logging
import sys
import types
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

import perception
from curation.errors import CurationError
from curation.missing import missing
from curation.pipeline import _configure
from curation.stage import SourceWork
from curation.stages import emotions
from curation.stages.emotions import BATCH, Emotions
from curation.stages.faces import Faces
from manifests.recipe import Recipe
from manifests.schema import table_from_rows
from perception.errors import PerceptionError
from perception.landmarks import FaceMesh
from perception.panel import About, FaceCrop, Looks
from perception.pieces import Observation
from tests.curation.test_embeddings import CUT, LENGTH, SECOND, Picture, film, shots, track, work
from tests.perception.conftest import need

SMALL, LARGE = FaceCrop(8, 1.2), FaceCrop(16, 1.5, upright=False)
LABELS = ("Angry", "Happy", "Neutral")


class Member:
    """A network of the panel: its probabilities follow from the crop's mean colours alone."""

    def __init__(self, name: str, crop: FaceCrop = SMALL, stride: int = 5, units: tuple[int, ...] = ()) -> None:
        labels = () if units else LABELS
        scale = "intensity" if units else ""
        self.about = About(name, "FER2013" if labels else "", labels, "made up", "MIT", False, units, scale)
        self.model_hashes = {name: "0" * 64}
        self.crop, self.stride = crop, stride
        self.batches: list[int] = []
        self.seen: list[np.ndarray] = []
        self.broken: Callable[[np.ndarray], bool] = lambda crop: False

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        self.batches.append(len(crops))
        if any(self.broken(crop) for crop in crops):
            raise PerceptionError("The network stumbles over a crop.")
        assert all(crop.shape == (self.crop.side, self.crop.side, 3) and crop.dtype == np.uint8 for crop in crops)
        self.seen += crops
        means = np.array([crop.reshape(-1, 3).mean(axis=0) for crop in crops], np.float32).reshape(-1, 3) + 1
        if self.about.action_units:
            return Looks(None, means[:, : len(self.about.action_units)] / 64)
        return Looks(means / means.sum(axis=1, keepdims=True))


class Machine(types.ModuleType):
    """What `perception.members` says of a machine, with members that a test puts there."""

    def __init__(self) -> None:
        super().__init__("perception.members")
        self.here: dict[str, Member] = {}
        self.ABSENT: tuple[str, ...] = ()
        self.opened: list[str] = []

    def put(self, *members: Member) -> None:
        self.here |= {member.about.name: member for member in members}

    def usable(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, member.model_hashes[name]) for name, member in reversed(self.here.items()))

    def load(self, name: str, device: str = "cpu") -> Member:
        self.opened.append(name)
        if name not in self.here:
            raise PerceptionError(f"The member {name} is not here: put its file into $MOEE_WEIGHTS/{name}.")
        return self.here[name]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine()
    monkeypatch.setitem(sys.modules, "perception.members", made)
    monkeypatch.setattr(perception, "members", made, raising=False)
    emotions._opened.cache_clear()
    emotions._silent.cache_clear()
    yield made
    emotions._opened.cache_clear()
    emotions._silent.cache_clear()


# --- made-up faces: a square of landmarks somewhere in a small picture ------------------------------------------------


def face(number: int, frame: int, began: int = 0, size: float = 40.0, x: float = 4.0) -> Observation:
    """A face whose landmarks fill a square with the corner (x, 4)."""
    rng = np.random.default_rng(number)
    points = np.zeros((478, 3), np.float32)
    points[:, :2] = rng.uniform((x, 4.0), (x + size, 4.0 + size), (478, 2))
    points[0, :2], points[1, :2] = (x, 4.0), (x + size, 4.0 + size)
    mesh = FaceMesh(points, None, 0.0, 0.0, 0.0, 1.0)
    return Observation(frame, 40 * frame, "meshed", (x, 4, x + size, 4 + size), 1.0, mesh, number, began)


def picture(index: int, faces: Sequence[Observation] = (), pts: int | None = None) -> Picture:
    rgb = np.random.default_rng(index).integers(0, 256, (64, 128, 3), np.uint8)
    made = Picture(index, rgb, 0)
    made.faces = tuple(faces)
    if pts is not None:
        made.pts = pts
    return made


def looks(stage: Emotions, pictures: Sequence[Picture], tracks: Sequence[dict[str, Any]]) -> Any:
    """The stage's table of these pictures."""
    task = work()
    consumer = stage.consumer(task)
    for each in pictures:
        consumer.see(each)
    task.add("tracks", table_from_rows("tracks", tracks))
    return consumer.finish(None)["looks"]


def one_face(length: int, **place: Any) -> list[Picture]:
    return [picture(index, [face(0, index, **place)]) for index in range(length)]


def test_each_member_looks_at_its_own_pace_and_speaks_in_its_own_words(machine: Machine) -> None:
    machine.put(Member("slow", LARGE, stride=10), Member("quick", stride=2), Member("units", units=(1, 12), stride=10))
    rows = looks(Emotions(), one_face(40), [track(0, 0, 40)]).to_pylist()
    frames = {name: [row["frame"] for row in rows if row["member"] == name] for name in machine.here}
    assert frames == {"slow": [10, 20, 30], "units": [10, 20, 30], "quick": list(range(4, 40, 2))}
    assert {row["track"] for row in rows} == {track(0, 0, 40)["id"]}
    assert [(row["frame"], row["member"]) for row in rows] == sorted((row["frame"], row["member"]) for row in rows)
    for row in rows:
        if row["member"] == "units":
            assert row["probabilities"] is None
            assert len(row["action_units"]) == 2
        else:
            assert row["action_units"] is None
            assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-6)
            assert len(row["probabilities"]) == len(LABELS)


def test_a_look_holds_what_the_network_says_of_that_very_crop(machine: Machine) -> None:
    from perception.panel import face_crop

    member = Member("one", stride=10)
    machine.put(member)
    pictures = one_face(40)
    rows = looks(Emotions(), pictures, [track(0, 0, 40)]).to_pylist()
    for row in rows:
        shown = pictures[row["frame"]]
        crop = face_crop(shown.scaled(1920), np.round(shown.faces[0].mesh.points * 128) / 128, SMALL)
        assert row["probabilities"] == pytest.approx(member([crop]).probabilities[0].tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("fps", "rate", "expected"),
    [(25, 5.0, 10), (10, 5.0, 10), (60, 5.0, 10), (60, None, 50), (10, None, 20), (3, 25, 6)],
)
def test_the_pace_is_one_of_time_whatever_the_frame_rate(
    machine: Machine, fps: int, rate: float | None, expected: int
) -> None:
    """In two seconds; a network that wants 25 looks a second has no more of a fast film, and all of a slow one."""
    machine.put(Member("one", stride=1))
    pictures = [picture(n, [face(0, n, began=-9)], pts=round(1000 * n / fps)) for n in range(2 * fps)]
    found = looks(Emotions(looks_per_second=rate), pictures, [track(0, 0, 2 * fps)])
    assert 0 <= found.num_rows - expected <= 1  # one more begins within half a frame of the end


def test_frames_that_come_irregularly_give_at_most_one_look_per_span(machine: Machine) -> None:
    machine.put(Member("one", stride=5))
    rng = np.random.default_rng(1)
    stamps = np.cumsum(rng.choice([7, 40, 40, 41, 900], 300)).tolist()
    pictures = [picture(n, [face(0, n, began=-9)], pts=pts) for n, pts in enumerate(stamps)]
    frames = looks(Emotions(), pictures, [track(0, 0, 300)]).column("frame").to_pylist()
    spans = [int((Fraction(stamps[frame], 1000) + Fraction(1, 50)) * 5) for frame in frames]
    assert spans == sorted(set(spans))
    assert set(spans) == {int((Fraction(pts, 1000) + Fraction(1, 50)) * 5) for pts in stamps}


def test_time_stamps_rounded_to_milliseconds_skip_no_look(machine: Machine) -> None:
    machine.put(Member("one", stride=1))
    rng = np.random.default_rng(2)
    pictures = [picture(n, [face(0, n, began=-9)], pts=40 * n + int(rng.integers(-1, 2))) for n in range(100)]
    assert looks(Emotions(), pictures, [track(0, 0, 100)]).num_rows == 100


def test_a_rate_of_the_recipe_holds_for_every_member(machine: Machine) -> None:
    machine.put(Member("one", stride=1), Member("two", stride=25))
    rows = looks(Emotions(looks_per_second=2.5), one_face(50), [track(0, 0, 50)]).to_pylist()
    assert Counter(row["member"] for row in rows) == {"one": 4, "two": 4}


def test_the_largest_faces_are_looked_at_and_no_tiny_one(machine: Machine) -> None:
    machine.put(Member("one"))
    sizes = {0: 30.0, 1: 12.0, 2: 34.0, 3: 36.0}
    pictures = [picture(n, [face(f, n, size=s, x=4 + 20 * f) for f, s in sizes.items()]) for n in range(30)]
    tracks = [track(number, 0, 30) for number in sizes]

    def seen(**settings: Any) -> set[str]:
        return set(looks(Emotions(**settings), pictures, tracks).column("track").to_pylist())

    ids = {number: tracks[number]["id"] for number in sizes}
    assert seen() == {ids[2], ids[3]}
    assert seen(max_faces=1) == {ids[3]}
    assert seen(max_faces=4) == {ids[0], ids[2], ids[3]}
    assert seen(max_faces=4, least_face=0) == set(ids.values())


def test_a_large_face_that_was_just_found_does_not_push_out_another_in_a_replay(machine: Machine) -> None:
    """The tracker shows frames that it traced back only in a replay: they may not count among the largest."""
    machine.put(Member("one", stride=1))

    def pictures(replayed: bool) -> list[Picture]:
        shown = []
        for n in range(30):
            faces = [face(0, n), face(1, n, size=30, x=60)]
            if n >= (10 if replayed else 13):
                faces.insert(0, face(2, n, began=10, size=50, x=50))
            shown.append(picture(n, faces))
        return shown

    tracks = [track(0, 0, 30), track(1, 0, 30), track(2, 10, 30)]
    live, again = (looks(Emotions(), pictures(replayed), tracks) for replayed in (False, True))
    assert live.equals(again)
    frames = [row["frame"] for row in live.to_pylist() if row["track"] == tracks[1]["id"]]
    assert max(frames) == 13


def test_only_confirmed_tracks_have_looks_and_a_cut_splits_them(machine: Machine) -> None:
    machine.put(Member("one"))
    pictures = [picture(n, [face(0, n), face(1, n, x=60)]) for n in range(60)]
    tracks = [track(0, 30, 60), track(0, 0, 28), track(1, 0, 60, confirmed=False)]
    rows = looks(Emotions(), pictures, tracks).to_pylist()
    found = {name: [row["frame"] for row in rows if row["track"] == name] for name in {row["track"] for row in rows}}
    assert found == {tracks[1]["id"]: [5, 10, 15, 20, 25], tracks[0]["id"]: [30, 35, 40, 45, 50, 55]}
    assert [row["track"] for row in rows] == sorted(row["track"] for row in rows)


def test_a_face_without_landmarks_is_not_looked_at(machine: Machine) -> None:
    machine.put(Member("one"))
    bare = [picture(n, [Observation(n, 40 * n, "detected", (0, 0, 50, 50), 1.0, None, 0, 0)]) for n in range(30)]
    assert looks(Emotions(), bare, [track(0, 0, 30)]).num_rows == 0


# --- the same bytes ---------------------------------------------------------------------------------------------------


def test_another_batch_size_gives_the_same_bytes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.put(Member("one", stride=1), Member("two", LARGE, stride=3))
    pictures = [picture(n, [face(0, n), face(1, n, x=60)]) for n in range(120)]
    tracks = [track(0, 0, 120), track(1, 0, 120)]
    found = looks(Emotions(), pictures, tracks)
    assert found.num_rows > 4 * BATCH
    for size in (1, 7, 1000):
        monkeypatch.setattr(emotions, "BATCH", size)
        assert looks(Emotions(), pictures, tracks).equals(found)


@pytest.fixture
def faces_found() -> None:
    for name in ("blazeface-full", "blazeface-short", "face-mesh"):
        need(name)


def curate(task: SourceWork, faces: Any) -> Any:
    """The looks at a film of real faces, found anew or replayed."""
    report = types.SimpleNamespace(end_pts=40 * LENGTH)
    task.add("shots", shots([0, CUT], LENGTH))
    last = Emotions().consumer(task)
    for shown in film():
        faces.see(shown)
        last.see(shown)
    for name, table in faces.finish(report).items():
        task.add(name, table)
    return last.finish(report)["looks"]


def test_a_replay_of_stored_faces_gives_the_same_bytes(machine: Machine, faces_found: None) -> None:
    """Also where a face was traced back: those frames are known in a replay and not while the tracker runs."""
    machine.put(Member("one", stride=1), Member("two", LARGE, stride=3))
    task = work()
    found = curate(task, Faces().consumer(task))
    starts = {row["id"]: row["start_frame"] for row in task.tables["tracks"].to_pylist()}
    assert sorted(starts.values()) == [0, SECOND, CUT]
    first = {name: min(r["frame"] for r in found.to_pylist() if r["track"] == name) for name in starts}
    assert all(first[name] == start + 4 for name, start in starts.items())
    again = work()
    for name in ("tracks", "frames"):
        again.add(name, task.tables[name])
    assert curate(again, Faces().replay(again)).equals(found)


def test_a_real_network_sees_the_astronaut_smile_the_same_in_any_batch(
    faces_found: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perception import members

    name = "fer2013-mini-xception"
    if name not in dict(members.usable()):
        pytest.skip(f"{name} is not here: moee models fetch {name}")
    labels = members.about(name).labels

    def tables() -> Iterator[Any]:
        for size in (BATCH, 1, 5):
            monkeypatch.setattr(emotions, "BATCH", size)
            task = work()
            yield curate(task, Faces().consumer(task))

    first, *others = (found.filter(pc.equal(found.column("member"), name)) for found in tables())
    said = np.array(first.column("probabilities").to_pylist())
    assert len(said) == 6
    assert {labels[place] for place in said.argmax(axis=1)} == {"happy"}
    assert all(other.equals(first) for other in others)


# --- long sources -----------------------------------------------------------------------------------------------------


def test_few_crops_wait_however_long_the_source(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: set[int] = set()
    most = 0

    def counted(rgb: np.ndarray, points: np.ndarray, crop: FaceCrop) -> np.ndarray:
        nonlocal most
        made = np.zeros((crop.side, crop.side, 3), np.uint8)
        alive.add(id(made))
        weakref.finalize(made, alive.discard, id(made))
        most = max(most, len(alive))
        return made

    monkeypatch.setattr("perception.panel.face_crop", counted)
    members = [Member("one", stride=1), Member("two", LARGE, stride=1), Member("three", SMALL, stride=4)]
    for member in members:
        member.seen = Forgetful()
    machine.put(*members)
    faces = [face(0, 0), face(1, 0, x=60)]
    pictures = [picture(n, faces) for n in range(20)]
    task = work()
    consumer = Emotions().consumer(task)
    for n in range(3000):
        shown = pictures[n % 20]
        shown.index, shown.pts = n, 40 * n
        consumer.see(shown)
    gc.collect()
    assert most <= 3 * BATCH + 2
    task.add("tracks", table_from_rows("tracks", [track(0, 0, 3000), track(1, 0, 3000)]))
    found = consumer.finish(None)["looks"]
    assert found.num_rows == 2 * (2996 + 2996 + 749)
    assert all(max(member.batches) == BATCH for member in members)


class Forgetful(list):
    """Keeps nothing."""

    def __iadd__(self, crops: Any) -> Forgetful:
        return self


def test_networks_that_want_the_same_crop_share_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    from perception import panel

    cut = []
    made = panel.face_crop
    monkeypatch.setattr(
        "perception.panel.face_crop", lambda rgb, points, crop: cut.append(crop) or made(rgb, points, crop)
    )
    machine.put(Member("one", stride=5), Member("two", FaceCrop(8, 1.2), stride=5), Member("three", LARGE, stride=10))
    looks(Emotions(), one_face(41), [track(0, 0, 41)])
    assert Counter(cut) == {SMALL: 8, LARGE: 4}


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_crop_that_a_network_cannot_judge_costs_that_look_only(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "curation")
    fair, poor = Member("fair"), Member("poor")
    machine.put(fair, poor)
    pictures = one_face(100)
    looks(Emotions(members=("fair",)), pictures, [track(0, 0, 100)])
    bad = fair.seen[3]
    poor.broken = lambda crop: bool((crop == bad).all())
    rows = looks(Emotions(), pictures, [track(0, 0, 100)]).to_pylist()
    frames = {name: [row["frame"] for row in rows if row["member"] == name] for name in ("fair", "poor")}
    assert frames["fair"] == list(range(5, 100, 5))
    assert frames["poor"] == [frame for frame in frames["fair"] if frame != frames["fair"][3]]
    assert [record.levelname for record in caplog.records if "stumbles" in record.message] == ["DEBUG"] * 2


@pytest.mark.parametrize("said", [np.full((1, 3), np.nan, np.float32), np.zeros((1, 2), np.float32), None])
def test_a_network_that_answers_nonsense_has_no_rows_and_is_told_once(
    machine: Machine, caplog: pytest.LogCaptureFixture, said: Any
) -> None:
    class Odd(Member):
        def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
            return Looks(said if said is None else np.repeat(said, len(crops), axis=0))

    machine.put(Odd("odd"), Member("sound"))
    for _ in range(2):
        found = looks(Emotions(), one_face(40), [track(0, 0, 40)])
        assert set(found.column("member").to_pylist()) == {"sound"}
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    assert "odd judged none" in caplog.text


@pytest.mark.parametrize("fault", [PerceptionError, ImportError, MemoryError, OSError, RuntimeError])
def test_a_network_that_cannot_be_opened_has_no_rows_and_is_tried_again_by_the_next_run(
    machine: Machine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    machine.put(Member("one"), Member("two"))
    opened: list[str] = []

    def load(name: str, device: str = "cpu") -> Member:
        opened.append(name)
        if name == "one":
            raise fault("The library of one is\nbroken.")
        return machine.here[name]

    hashes = "0" * 64
    monkeypatch.setattr(machine, "load", load)
    for _ in range(3):
        assert Emotions().models() == ("one@unusable", f"two@{hashes}")
        found = looks(Emotions(), one_face(40), [track(0, 0, 40)])
        assert set(found.column("member").to_pylist()) == {"two"}
    assert missing([Emotions(), Emotions()]) == [
        "one of the stage emotions is here and cannot be opened, clips go without it: The library of one is broken"
    ]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]  # it is said once, above
    assert opened == ["one", "two"]  # each once, however often it is asked
    monkeypatch.undo()
    emotions._opened.cache_clear()  # another process, when it passed
    monkeypatch.setitem(sys.modules, "perception.members", machine)
    monkeypatch.setattr(perception, "members", machine, raising=False)
    assert Emotions().models() == (f"one@{hashes}", f"two@{hashes}")
    assert missing([Emotions()]) == []


def test_a_named_network_that_cannot_be_opened_stops_the_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.put(Member("one"), Member("two"))

    def load(name: str, device: str = "cpu") -> Member:
        raise PerceptionError(f"The file of {name} holds another network.")

    monkeypatch.setattr(machine, "load", load)
    for ask in (lambda stage: stage.models(), lambda stage: missing([stage])):
        with pytest.raises(CurationError) as refused:
            ask(Emotions(members=("two",)))
        assert str(refused.value) == "stages.emotions.members: The file of two holds another network."


def test_without_networks_there_are_no_rows(machine: Machine) -> None:
    assert looks(Emotions(), one_face(40), [track(0, 0, 40)]).num_rows == 0
    machine.put(Member("one"))
    assert looks(Emotions(), [], []).num_rows == 0
    assert looks(Emotions(members=()), one_face(40), [track(0, 0, 40)]).num_rows == 0
    assert machine.opened == ["one"]


# --- which networks ---------------------------------------------------------------------------------------------------


def test_the_key_names_every_network_and_those_of_the_registry_that_are_missing(machine: Machine) -> None:
    machine.put(Member("two"), Member("one"))
    machine.ABSENT = ("fer2013-mini-xception",)
    hashes = "0" * 64
    assert Emotions().models() == (f"one@{hashes}", f"two@{hashes}", "fer2013-mini-xception@absent")
    assert Emotions(members=("two",)).models() == (f"two@{hashes}",)
    assert Emotions().models() == (f"one@{hashes}", f"two@{hashes}", "fer2013-mini-xception@absent")
    assert machine.opened == ["one", "two"]  # a key opens each once


def test_a_named_member_that_is_missing_is_one_sentence_with_the_place_of_its_file(machine: Machine) -> None:
    machine.put(Member("one"))
    with pytest.raises(CurationError, match=r"^stages\.emotions\.members: .*put its file into \$MOEE_WEIGHTS/deepface"):
        Emotions(members=("deepface", "one")).models()


def test_what_is_missing_is_said_once_and_folders_that_nobody_has_are_not_mentioned(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("MOEE_WEIGHTS", "MOEE_CACHE"):
        monkeypatch.setenv(place, str(tmp_path))
    machine.put(Member("one"))
    assert missing([Emotions()]) == []
    machine.ABSENT = ("fer2013-mini-xception",)
    (sentence,) = missing([Emotions(), Emotions()])
    assert sentence.startswith("fer2013-mini-xception is not ")
    assert "moee models fetch fer2013-mini-xception" in sentence
    assert missing([Emotions(members=("one",))]) == []


def test_a_package_that_is_missing_beside_a_file_that_is_here_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from perception import members, weights

    name = "fer2013-mini-xception"
    if not weights.available(name):
        pytest.skip(f"{name} is not here: moee models fetch {name}")
    found = importlib.util.find_spec
    for package in ("torch", "h5py"):
        monkeypatch.setattr(importlib.util, "find_spec", lambda n, gone=package: None if n == gone else found(n))
        assert list(members.ABSENT) == [name]
        assert f"{name}@absent" in Emotions().models()
        (sentence,) = (said for said in missing([Emotions()]) if said.startswith(name))
        assert f"{package} is not installed" in sentence
        assert "fetch" not in sentence


def settings(**values: Any) -> Emotions:
    return _configure(Emotions, Recipe(name="mine", description="", version=1, stages={"emotions": values}))


def test_a_recipe_sets_the_stage(machine: Machine) -> None:
    stage = settings(members=["two", "one", "two"], looks_per_second=2, max_faces=1, least_face=64)
    assert stage == Emotions(("one", "two"), 2.0, 1, 64)
    assert settings(members="auto") == settings() == Emotions()
    assert settings(members=[]).members == ()


@pytest.mark.parametrize(
    "values",
    [
        {"members": "fer2013-mini-xception"},
        {"members": [""]},
        {"members": ["a\nb"]},
        {"members": ["x" * 101]},
        {"members": [f"m{n}" for n in range(33)]},
        {"members": [1]},
        {"members": {"a": 1}},
        {"members": None},
        {"looks_per_second": 0},
        {"looks_per_second": float("nan")},
        {"looks_per_second": float("inf")},
        {"looks_per_second": "often"},
        {"max_faces": 0},
        {"max_faces": 1.5},
        {"least_face": -1},
        {"least_faces": 1},
    ],
)
def test_hostile_settings_are_refused_in_one_sentence(values: dict[str, Any]) -> None:
    with pytest.raises(CurationError) as refused:
        settings(**values)
    sentence = str(refused.value)
    (setting,) = values
    assert setting in sentence
    assert "\n" not in sentence
    assert len(sentence) < 200
