"""Tracks: the promises on any scene (made-up faces), and the bar on real clips."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.boxes import Box, box_of_mesh, continues, distance, same_face, side
from perception.errors import PerceptionError
from perception.faces import Face
from perception.landmarks import FaceMesh
from perception.tracks import FaceTrack, FaceTracker, TrackerConfig

TIME_BASE = Fraction(1, 25)


def square(x: float, y: float, length: float) -> Box:
    return (x - length / 2, y - length / 2, x + length / 2, y + length / 2)


class Scene:
    """A film of made-up faces: what the detector and the landmarker see is written down per frame.

    faces: per frame the boxes of the faces. unseen: (frame, face) the detector misses. unmeshed: those that have no
    landmarks. doubled: frames in which the detector gives every face twice. A picture is its frame's number.
    """

    def __init__(self, faces: Sequence[Sequence[Box]]) -> None:
        self.faces = faces
        self.unseen: set[tuple[int, int]] = set()
        self.unmeshed: set[tuple[int, int]] = set()
        self.doubled: set[int] = set()
        self.detections: list[int] = []
        self.looks: list[int] = []

    def detect(self, images: Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        frame = int(images[0][0, 0, 0])
        self.detections.append(frame)
        boxes = [box for face, box in enumerate(self.faces[frame]) if (frame, face) not in self.unseen]
        if frame in self.doubled:
            boxes += [(x0 + 1, y0 + 1, x1 + 1, y1 + 1) for x0, y0, x1, y1 in boxes]
        return [tuple(Face(box, 0.8, np.zeros((6, 2))) for box in boxes)]

    def mesh(
        self, images: Sequence[np.ndarray], boxes: Sequence[Box], rolls: Sequence[float | None] | None = None
    ) -> list[FaceMesh | None]:
        frame = int(images[0][0, 0, 0])
        self.looks.append(frame)
        meshed = [box for face, box in enumerate(self.faces[frame]) if (frame, face) not in self.unmeshed]
        near = sorted((distance(boxes[0], box), box) for box in meshed if continues(boxes[0], box))
        if not near:
            return [None]
        x0, y0, x1, y1 = near[0][1]
        return [FaceMesh(np.array([(x0, y0, 0), (x1, y1, 0)], np.float32), None, 0.0, 0.0, 0.0, 1.0)]

    def play(
        self, cuts: Sequence[int] = (), config: TrackerConfig | None = None, pts: Sequence[int] | None = None
    ) -> list[FaceTrack]:
        tracker = FaceTracker(self.detect, self.mesh, TIME_BASE, config or TrackerConfig())
        for frame in range(len(self.faces)):
            picture = np.full((1, 1, 3), frame, np.int64)
            tracker.see(frame, pts[frame] if pts else frame, picture, frame in cuts)
        return tracker.finish(cuts)


def spans(tracks: Sequence[FaceTrack]) -> list[tuple[int, int]]:
    return [(track.observations[0].frame, track.observations[-1].frame) for track in tracks]


def states(track: FaceTrack) -> str:
    return "".join(observation.state[0] for observation in track.observations)


def check_promises(tracks: Sequence[FaceTrack], cuts: Sequence[int], pts: Sequence[int], bridge: Fraction) -> None:
    boxes: dict[int, list[Box]] = {}
    for track in tracks:
        seen = track.observations
        first, last = seen[0].frame, seen[-1].frame
        assert [o.frame for o in seen] == list(range(first, last + 1))
        assert [o.pts for o in seen] == [pts[o.frame] for o in seen]
        assert not any(first < cut <= last for cut in cuts)
        assert "tracked" not in (seen[0].state, seen[-1].state)
        assert all((o.mesh is not None) == (o.state == "meshed") for o in seen)
        hits = [o.pts for o in seen if o.state != "tracked"]
        assert all(after - before <= bridge for before, after in pairwise(hits))
        assert track.confirmed == (2 * states(track).count("m") >= len(seen))
        for observation in seen:
            assert not any(same_face(observation.box, other) for other in boxes.get(observation.frame, []))
            boxes.setdefault(observation.frame, []).append(observation.box)
    for face in {track.face for track in tracks}:  # its pieces follow one another, and all know its first frame
        pieces = [track.observations for track in tracks if track.face == face]
        assert all(before[-1].frame < after[0].frame for before, after in pairwise(pieces))
        assert {(o.face, o.began) for piece in pieces for o in piece} == {(face, pieces[0][0].frame)}


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Scene, list[int], list[int], TrackerConfig]:
    """Up to three wandering, jumping, meeting faces with any misses, doubles, cuts and uneven frame times."""
    length = draw(st.integers(1, 40))
    step = st.tuples(st.integers(-30, 30), st.integers(-30, 30))
    faces: list[list[Box]] = [[] for _ in range(length)]
    for _ in range(draw(st.integers(0, 3))):
        x, y, size = draw(st.integers(0, 300)), draw(st.integers(0, 300)), draw(st.integers(20, 120))
        begin = draw(st.integers(0, length - 1))
        for frame in range(begin, draw(st.integers(begin, length))):
            dx, dy = draw(step)
            x, y = x + dx, y + dy
            faces[frame].append(square(x, y, size))
    scene = Scene(faces)
    pairs = st.sets(st.tuples(st.integers(0, length - 1), st.integers(0, 2)), max_size=40)
    scene.unseen, scene.unmeshed = draw(pairs), draw(pairs)
    scene.doubled = draw(st.sets(st.integers(0, length - 1), max_size=8))
    cuts = sorted(draw(st.sets(st.integers(0, length), max_size=4)))
    steps = draw(st.lists(st.integers(1, 7), min_size=length, max_size=length))
    pts = np.cumsum([draw(st.integers(-1000, 1000)), *steps])[:length].tolist()
    config = TrackerConfig(
        detect_every=draw(st.integers(1, 6)),
        max_faces=draw(st.integers(1, 3)),
        trace_back=draw(st.integers(0, 5)),
    )
    return scene, cuts, pts, config


@settings(max_examples=300, deadline=None)
@given(scenes(), st.booleans())
def test_tracks_keep_their_promises_in_any_scene(given_scene, announced: bool) -> None:
    """Frames follow one another, no track crosses a cut (announced or not), no two tracks are on one face."""
    scene, cuts, pts, config = given_scene
    tracker = FaceTracker(scene.detect, scene.mesh, TIME_BASE, config)
    for frame in range(len(scene.faces)):
        seen = tracker.see(frame, pts[frame], np.full((1, 1, 3), frame, np.int64), announced and frame in cuts)
        assert [o.frame for o in seen] == [frame] * len(seen)
    check_promises(tracker.finish(cuts), cuts, pts, Fraction(1, 2) / TIME_BASE)


@settings(max_examples=100, deadline=None)
@given(scenes())
def test_draining_at_each_shot_gives_the_same_tracks(given_scene) -> None:
    scene, cuts, pts, config = given_scene
    whole = FaceTracker(scene.detect, scene.mesh, TIME_BASE, config)
    drained = FaceTracker(scene.detect, scene.mesh, TIME_BASE, config)
    pieces: list[FaceTrack] = []
    for frame in range(len(scene.faces)):
        for tracker in (whole, drained):
            tracker.see(frame, pts[frame], np.full((1, 1, 3), frame, np.int64), frame in cuts)
        if frame in cuts:
            pieces += drained.drain(cuts)
    pieces += drained.finish(cuts)

    def facts(tracks: Sequence[FaceTrack]) -> list[tuple]:
        return [(states(track), track.confirmed, [o.box for o in track.observations]) for track in tracks]

    assert facts(pieces) == facts(whole.finish(cuts))


def test_a_steady_face_is_one_meshed_track_and_costs_a_detection_every_fifth_frame() -> None:
    scene = Scene([[square(100, 100, 60)] for _ in range(21)])
    scene.doubled = {5, 15}
    (track,) = scene.play()
    assert states(track) == "m" * 21
    assert track.confirmed
    assert scene.detections == [0, 5, 10, 15, 20]
    assert scene.looks == list(range(21))


def test_a_face_is_there_from_the_first_frame_of_its_shot() -> None:
    scene = Scene([[square(100, 100, 60)]] * 7 + [[square(300, 100, 60)]] * 6)
    assert spans(scene.play(cuts=[0, 7])) == [(0, 6), (7, 12)]


def test_a_new_shot_is_searched_at_once_even_where_its_first_face_replaces_one() -> None:
    scene = Scene([[square(100, 100, 60)]] * 7 + [[square(100, 100, 60), square(300, 100, 60)]] * 6)
    tracks = scene.play(cuts=[0, 7], config=TrackerConfig(trace_back=0))
    assert spans(tracks) == [(0, 6), (7, 12), (7, 12)]
    assert 7 in scene.detections


def test_a_face_that_jumps_is_searched_at_once() -> None:
    scene = Scene([[square(100, 100, 60)]] * 7 + [[square(300, 100, 60)]] * 6)
    assert spans(scene.play(config=TrackerConfig(trace_back=0))) == [(0, 6), (7, 12)]


def test_at_four_frames_a_second_detections_still_make_a_track() -> None:
    scene = Scene([[square(100, 100, 60)] for _ in range(12)])
    scene.unmeshed = {(frame, 0) for frame in range(12)}
    assert spans(scene.play(pts=[6 * frame for frame in range(12)])) == [(0, 10)]


def test_a_cut_that_is_only_known_later_still_breaks_the_track() -> None:
    scene = Scene([[square(100, 100, 60)]] * 20)
    tracker = FaceTracker(scene.detect, scene.mesh, TIME_BASE)
    for frame in range(20):
        tracker.see(frame, frame, np.full((1, 1, 3), frame, np.int64), False)
    assert spans(tracker.finish([8])) == [(0, 7), (8, 19)]


def test_half_a_second_without_landmarks_or_detection_is_bridged() -> None:
    scene = Scene([[square(100 + 2 * frame, 100, 60)] for frame in range(30)])
    gap = {(frame, 0) for frame in range(10, 20)}
    scene.unseen = scene.unmeshed = gap
    (track,) = scene.play()
    assert states(track) == "m" * 10 + "t" * 10 + "m" * 10
    assert track.observations[14].box == pytest.approx(square(128, 100, 60))


def test_a_longer_absence_ends_the_track() -> None:
    scene = Scene([[square(100, 100, 60)] for _ in range(45)])
    scene.unseen = scene.unmeshed = {(frame, 0) for frame in range(10, 30)}
    assert spans(scene.play()) == [(0, 9), (30, 44)]


def test_bridges_are_measured_in_time_not_in_frames() -> None:
    scene = Scene([[square(100, 100, 60)] for _ in range(12)])
    scene.unseen = scene.unmeshed = {(frame, 0) for frame in range(4, 8)}
    assert len(scene.play(pts=[2 * frame for frame in range(12)])) == 1  # 10 units of 1/25 s from sight to sight
    assert len(scene.play(pts=[3 * frame for frame in range(12)])) == 2  # 15


def test_a_face_without_landmarks_is_followed_but_not_confirmed() -> None:
    scene = Scene([[square(100, 100, 60)] for _ in range(16)])
    scene.unmeshed = {(frame, 0) for frame in range(16)}
    (track,) = scene.play()
    assert states(track) == "dttttdttttdttttd"
    assert not track.confirmed


def test_a_face_that_the_detector_finds_late_is_traced_back() -> None:
    faces = [[square(100, 100, 60), square(300, 100, 60)] for _ in range(12)]
    scene = Scene(faces)
    scene.unseen = {(0, 1)}  # the next look of the detector is at frame 5
    assert spans(scene.play()) == [(0, 11), (1, 11)]
    scene = Scene(faces)
    scene.unseen = {(0, 1)}
    assert spans(scene.play(config=TrackerConfig(trace_back=0))) == [(0, 11), (5, 11)]


def test_tracing_back_never_takes_the_face_of_another_track() -> None:
    """A second face appears next to the first one: in the frames before, landmarks near it are the first one's."""
    first, second = square(100, 100, 60), square(155, 100, 60)
    assert continues(first, second)
    scene = Scene([[first]] * 5 + [[first, second]] * 6)
    assert spans(scene.play()) == [(0, 10), (5, 10)]


def test_a_face_that_was_traced_back_says_so_when_it_is_first_seen() -> None:
    """What looks at frames as they come then knows which of them a replay of the stored track has more."""
    first, second = square(100, 100, 60), square(400, 100, 60)
    scene = Scene([[first, second] if frame >= 7 else [first] for frame in range(14)])
    tracker = FaceTracker(scene.detect, scene.mesh, TIME_BASE)
    seen = [tracker.see(frame, frame, np.full((1, 1, 3), frame, np.int64), False) for frame in range(14)]
    assert [len(faces) for faces in seen] == [1] * 10 + [2] * 4
    assert {(o.face, o.began) for faces in seen for o in faces} == {(0, 0), (1, 7)}
    assert [(t.face, t.observations[0].frame) for t in tracker.finish([])] == [(0, 0), (1, 7)]


def test_only_the_largest_faces_get_landmarks() -> None:
    sizes = (50, 90, 70)
    scene = Scene([[square(100 + 200 * n, 100, size) for n, size in enumerate(sizes)] for _ in range(11)])
    tracks = scene.play(config=TrackerConfig(max_faces=2))
    assert {round(side(t.observations[0].box)): t.confirmed for t in tracks} == {90: True, 70: True, 50: False}


def test_frames_out_of_order_are_refused() -> None:
    scene = Scene([[], [], []])
    tracker = FaceTracker(scene.detect, scene.mesh, TIME_BASE)
    picture = np.zeros((1, 1, 3), np.int64)
    tracker.see(0, 0, picture, True)
    for index, pts in ((0, 1), (2, 1), (1, 0)):
        with pytest.raises(PerceptionError, match="in order"):
            tracker.see(index, pts, picture, False)


def test_the_same_face_is_not_confused_with_its_neighbour() -> None:
    a, near, far = square(0, 0, 100), square(20, 10, 90), square(90, 0, 100)
    assert same_face(a, near)
    assert not same_face(a, far)
    assert box_of_mesh(np.array([[0, 10, 5], [40, 20, 9.0]])) == (0, -5, 40, 35)


# --- real clips -----------------------------------------------------------------------------------------------------


def follow(
    full_range, short_range, landmarker, pictures: Sequence[np.ndarray], cuts: Sequence[int] = ()
) -> list[FaceTrack]:
    tracker = FaceTracker(full_range, landmarker, TIME_BASE, second_detector=short_range)
    for index, picture in enumerate(pictures):
        tracker.see(index, index, picture, index == 0 or index in cuts)
    tracks = tracker.finish(cuts)
    check_promises(tracks, cuts, range(len(pictures)), Fraction(1, 2) / TIME_BASE)
    return tracks


def test_a_portrait_that_moves_through_the_picture_is_one_confirmed_track(full_range, short_range, landmarker) -> None:
    """Needs no clips: the astronaut that scikit-image ships, shifted by 6 px from frame to frame."""
    astronaut = pytest.importorskip("skimage.data").astronaut()
    pictures = [np.ascontiguousarray(np.roll(astronaut, (2 * step, 6 * step), axis=(0, 1))) for step in range(20)]
    (track,) = [t for t in follow(full_range, short_range, landmarker, pictures) if t.confirmed]
    assert states(track) == "m" * 20
    centres = np.array([(o.box[0] + o.box[2], o.box[1] + o.box[3]) for o in track.observations]) / 2
    assert np.abs(centres - centres[0] - np.arange(20)[:, None] * (6, 2)).max() < 4


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("talk_360x288_grid_lbax4n.mpg", 0),
        ("talk_512_may_speech_5s.mp4", 0),
        ("talk_portrait1080x1920_woman_speech_10s.mp4", 180),
        ("lowfps10_256_ted_halfbody_16s.mp4", 0),
        ("lowres_176x144_carphone_clean_4s.mp4", 0),
    ],
)
def test_a_talking_person_is_one_confirmed_track(full_range, short_range, landmarker, frames, name, first) -> None:
    pictures = frames(name, first, 40)
    confirmed = [t for t in follow(full_range, short_range, landmarker, pictures) if t.confirmed]
    assert len(confirmed) == 1
    assert len(confirmed[0].observations) >= 0.95 * len(pictures)


@pytest.mark.parametrize("name", ["noface_576x1024_portrait_dog_14s.mp4", "noface_592x336_river_boat_6s.mp4"])
def test_no_dog_and_no_boat_is_confirmed(full_range, short_range, landmarker, frames, name) -> None:
    tracks = follow(full_range, short_range, landmarker, frames(name, 0, 60))
    assert not any(track.confirmed for track in tracks)


def test_two_people_are_two_confirmed_tracks(full_range, short_range, landmarker, frames) -> None:
    tracks = follow(full_range, short_range, landmarker, frames("twopeople_480x360_girls_mono_22s.mp4", 40, 40))
    assert sum(t.confirmed and len(t.observations) >= 36 for t in tracks) == 2


def test_a_crowd_is_several_tracks(full_range, short_range, landmarker, frames) -> None:
    tracks = follow(full_range, short_range, landmarker, frames("crowd_1920x1080_street_4s.mp4", 50, 20))
    assert sum(track.confirmed for track in tracks) >= 2


def test_people_of_a_new_shot_are_there_from_its_first_frame(full_range, short_range, landmarker, frames) -> None:
    pictures = frames("multishot_640x360_stage_people_speech_10s.mp4", 70, 30)  # a cut at frame 82 of the clip
    tracks = follow(full_range, short_range, landmarker, pictures, cuts=[12])
    assert any(t.confirmed and t.observations[0].frame == 12 for t in tracks)
