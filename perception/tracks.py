"""Follows faces from frame to frame: detector now and then, landmarks on every frame, tracks broken at shots.

A face is in one of three states in a frame: "meshed" (landmarks found in this frame), "detected" (the detector alone
saw it) or "tracked" (between two such frames, at most `bridge_seconds` apart: its box is interpolated). A track is
confirmed when at least half of its frames are meshed: detectors also fire on the faces of dogs, landmarks do not.
All boxes follow `perception.boxes`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Protocol

import numpy as np

from perception import pieces
from perception.boxes import Box, box_of_mesh, continues, distance, overlap, same_face, side
from perception.errors import PerceptionError
from perception.faces import Face
from perception.landmarks import FaceMesh
from perception.pieces import FaceTrack, Observation

__all__ = ["FaceTrack", "FaceTracker", "Observation", "TrackerConfig"]


class Detector(Protocol):
    """What finds faces: `perception.faces.FaceDetector`."""

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Face, ...]]: ...


class Landmarker(Protocol):
    """What finds landmarks in a box: `perception.landmarks.FaceLandmarker`."""

    def __call__(
        self, images: Sequence[np.ndarray], boxes: Sequence[Box], rolls: Sequence[float | None] | None = None
    ) -> list[FaceMesh | None]: ...


@dataclass(frozen=True)
class TrackerConfig:
    """How faces are followed.

    detect_every: the detector runs on every n-th frame, and at once at a new shot, while no face is followed, and when
        one was just lost.
    max_faces: landmarks are sought for this many faces, the largest; the others are "detected" and "tracked" only.
    bridge_seconds: a face that is missing for longer ends its track.
    trace_back: frames before its first detection in which a new face is sought by landmarks.
    confirmed_share: least share of meshed frames of a confirmed track.
    """

    detect_every: int = 5
    max_faces: int = 4
    bridge_seconds: float = 0.5
    trace_back: int = 4
    confirmed_share: float = 0.5


@dataclass(eq=False)
class _Live:
    """A face that is being followed: what was seen of it, in frame order; never empty outside of `see`."""

    face: int
    began: int
    hits: deque[Observation] = field(default_factory=deque)

    @property
    def last(self) -> Observation:
        return self.hits[-1]

    @property
    def roll(self) -> float | None:
        return self.last.mesh.roll if self.last.mesh is not None else None


class FaceTracker:
    """Follows the faces of one source; `see` every frame in order, then `finish`.

    The tracker keeps what it saw of every track until `drain` or `finish` hands it out.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        time_base: Fraction,
        config: TrackerConfig = TrackerConfig(),
        second_detector: Detector | None = None,
    ) -> None:
        """Set up a tracker.

        Args:
            detector: looks first (full range).
            landmarker: finds landmarks in a box.
            time_base: seconds per unit of the PTS.
            config: see `TrackerConfig`.
            second_detector: looks when the first finds nobody (short range).
        """
        if config.detect_every < 1 or config.max_faces < 1 or config.bridge_seconds < 0 or config.trace_back < 0:
            raise PerceptionError(f"The tracker cannot work with {config}: counts start at 1, times at 0.")
        self.config = config
        self._detectors = [detector] if second_detector is None else [detector, second_detector]
        self._landmarker = landmarker
        self._bridge = Fraction(config.bridge_seconds).limit_denominator(1_000_000) / time_base
        self._live: list[_Live] = []
        self._ended: list[_Live] = []
        self._faces = 0
        self._pts: dict[int, int] = {}
        self._recent: deque[tuple[int, np.ndarray, list[Box]]] = deque(maxlen=config.trace_back)
        self._index = -1
        self._detected_at: tuple[int, int] | None = None  # frame index and PTS

    # --- one frame ------------------------------------------------------------------------------------------------

    def see(self, index: int, pts: int, rgb: np.ndarray, new_shot: bool) -> tuple[Observation, ...]:
        """Look at the next frame.

        Args:
            index: of the frame, one more than the last.
            pts: of the frame, larger than the last.
            rgb: the displayed picture [H, W, 3] uint8; all of one source have one size.
            new_shot: whether this frame is the first of a shot.

        Returns:
            The faces seen in this frame ("meshed" or "detected"), the largest first. Bridges and faces traced back
            are known only later, in `finish`; but `began` counts the latter.
        """
        self._clock(index, pts)
        if new_shot:
            self._end(self._live)
            self._recent.clear()
        self._end([t for t in self._live if pts - t.last.pts > self._bridge])
        lost = self._follow(rgb)
        if lost or not self._live or self._is_due(index, pts):
            self._detected_at = (index, pts)
            self._detect(rgb)
        seen = [track.last for track in self._live if track.last.frame == index]
        self._recent.append((index, rgb, [observation.box for observation in seen]))
        return tuple(sorted(seen, key=lambda o: (-side(o.box), o.box)))

    def _clock(self, index: int, pts: int) -> None:
        if self._pts and (index != self._index + 1 or pts <= self._pts[self._index]):
            raise PerceptionError(
                f"Frame {index} (PTS {pts}) does not follow frame {self._index} (PTS {self._pts[self._index]}); "
                "give the tracker every frame once, in order."
            )
        self._index = index
        self._pts[index] = pts

    def _is_due(self, index: int, pts: int) -> bool:
        if self._detected_at is None:
            return True
        last_index, last_pts = self._detected_at
        few = pts - last_pts > self._bridge / 2  # so few frames a second that bridges would not reach
        return few or index - last_index >= self.config.detect_every

    def _follow(self, rgb: np.ndarray) -> bool:
        """Seek every live face by landmarks where it was; say whether one that had them lost them."""
        lost = False
        for track in self._by_size()[: self.config.max_faces]:
            was_meshed = track.last.frame == self._index - 1 and track.last.mesh is not None
            mesh = self._mesh(rgb, track.last.box, track.roll)
            if mesh is not None and self._is_free(box_of_mesh(mesh.points), track):
                self._hit(track, box_of_mesh(mesh.points), track.last.score, mesh)
            elif was_meshed:
                lost = True
        return lost

    def _by_size(self) -> list[_Live]:
        """The live tracks, the largest first; who has landmarks keeps them against slightly larger newcomers."""

        def size(track: _Live) -> float:
            return side(track.last.box) * (1.25 if track.last.mesh is not None else 1.0)

        return sorted(self._live, key=lambda t: (-size(t), t.last.box))

    def _detect(self, rgb: np.ndarray) -> None:
        faces: tuple[Face, ...] = ()
        for detector in self._detectors:
            faces = detector([rgb])[0]
            if faces:
                break
        for track, face in self._assign(faces):
            if track is None:
                if self._is_free(face.box, None):  # else it is one face, detected twice
                    self._begin(face, rgb)
            elif track.last.frame == self._index:
                track.hits[-1] = replace(track.last, score=face.score)
            elif self._is_free(face.box, track):
                self._hit_detected(track, face, rgb)

    def _assign(self, faces: Sequence[Face]) -> list[tuple[_Live | None, Face]]:
        """Pair detections with live tracks, the best overlaps first; then the faces that nobody claims."""
        pairs = sorted(
            (-overlap(track.last.box, face.box), distance(track.last.box, face.box), number, place)
            for number, track in enumerate(self._live)
            for place, face in enumerate(faces)
            if continues(track.last.box, face.box)
        )
        tracks: set[int] = set()
        taken: dict[int, _Live | None] = {}
        for _, _, number, place in pairs:
            if number not in tracks and place not in taken:
                tracks.add(number)
                taken[place] = self._live[number]
        order = sorted(range(len(faces)), key=lambda place: (place not in taken, place))
        return [(taken.get(place), faces[place]) for place in order]

    def _begin(self, face: Face, rgb: np.ndarray) -> None:
        track = _Live(self._faces, self._index)
        self._hit_detected(track, face, rgb)
        if not track.hits:
            return
        self._faces += 1
        self._live.append(track)
        self._trace_back(track)

    def _hit_detected(self, track: _Live, face: Face, rgb: np.ndarray) -> None:
        mesh = None
        if sum(t.last.frame == self._index and t.last.mesh is not None for t in self._live) < self.config.max_faces:
            mesh = self._mesh(rgb, face.box, None)
        if mesh is not None and self._is_free(box_of_mesh(mesh.points), track):
            self._hit(track, box_of_mesh(mesh.points), face.score, mesh)
        elif self._is_free(face.box, track):
            self._hit(track, face.box, face.score, None)

    def _trace_back(self, track: _Live) -> None:
        """Seek a new face in the frames before: the detector may have looked away, or missed it."""
        first = track.hits[0]
        for index, rgb, boxes in reversed(self._recent):
            if index != first.frame - 1 or first.mesh is None:
                break
            mesh = self._mesh(rgb, first.box, first.mesh.roll)
            if mesh is None:
                break
            box = box_of_mesh(mesh.points)
            if any(same_face(box, other) for other in boxes):
                break
            boxes.append(box)
            first = Observation(index, self._pts[index], "meshed", box, first.score, mesh, track.face)
            track.hits.appendleft(first)
        track.began = first.frame
        track.hits = deque(replace(hit, began=track.began) for hit in track.hits)

    def _mesh(self, rgb: np.ndarray, box: Box, roll: float | None) -> FaceMesh | None:
        mesh = self._landmarker([rgb], [box], [roll])[0]
        return mesh if mesh is not None and continues(box, box_of_mesh(mesh.points)) else None

    def _is_free(self, box: Box, track: _Live | None) -> bool:
        """Whether no other track has this face in this frame: never two tracks on one face."""
        others = (t.last for t in self._live if t is not track and t.last.frame == self._index)
        return not any(same_face(box, other.box) for other in others)

    def _hit(self, track: _Live, box: Box, score: float, mesh: FaceMesh | None) -> None:
        state = "detected" if mesh is None else "meshed"
        pts = self._pts[self._index]
        track.hits.append(Observation(self._index, pts, state, box, score, mesh, track.face, track.began))

    def _end(self, tracks: Sequence[_Live]) -> None:
        ending = list(tracks)
        self._live = [track for track in self._live if track not in ending]
        self._ended += ending

    # --- the whole ------------------------------------------------------------------------------------------------

    def drain(self, cuts: Sequence[int]) -> list[FaceTrack]:
        """Return the tracks that have ended so far, as `finish` would, and forget them.

        Call it right after `see` of a frame with `new_shot`: the tracker of a long source then holds the landmarks of
        one shot, not of all.
        """
        ended, self._ended = self._ended, []
        tracks = pieces.assemble([list(track.hits) for track in ended], self._pts, cuts, self.config.confirmed_share)
        keep = min((track.hits[0].frame for track in self._live), default=self._index) - self.config.trace_back
        self._pts = {index: pts for index, pts in self._pts.items() if index >= keep}
        return tracks

    def finish(self, cuts: Sequence[int]) -> list[FaceTrack]:
        """Return all tracks that `drain` has not given, ordered by first frame, the larger faces first.

        Args:
            cuts: indices of the first frames of new shots; no track reaches over one.
        """
        self._end(self._live)
        self._recent.clear()
        return self.drain(cuts)
