"""Cuts out a face as SyncNet wants it, while the video runs.

The reference (github.com/joonson/syncnet_python, `run_pipeline.py`) takes a face's boxes at 25 frames per second, puts
boxes on straight lines where up to 25 frames in a row lack one, smooths each box's centre and half side by a median of
13 frames whose ends are filled up with zeros, pads the picture with the grey 110 and cuts: rows from y - s to
y + 1.8 s, columns x - 1.4 s to x + 1.4 s, resized to 224 x 224 by bilinear interpolation. The same is done here, frame
by frame: 32 pictures are held at most.

Its boxes come from S3FD. Those of our landmarks are other ones, so they are moved to where a detector that was trained
on the same boxes (WIDER FACE) puts them: half side 0.5664 of the mesh's longer side, centre 0.0630 of it above the
mesh's. Fitted as medians to YuNet's boxes in 173 frames of 44 real clips; what is left of the mesh's side there, as
median and 90th percentile: half side 0.011 and 0.033, centre across 0.006 and 0.019, down 0.011 and 0.026. How far
S3FD itself lies from YuNet is not known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import numpy as np

from perception.boxes import box_of_mesh
from perception.syncnet import RATE, SIDE

HALF_SIDE: Final = 0.5664  # of the mesh's longer side
RISE: Final = 0.0630  # of the mesh's longer side
SCALE: Final = 0.40
GREY: Final = 110
SMOOTHED: Final = 13  # frames of the median
LONGEST: Final = 25  # frames from one sight of a face to the next that are bridged
_REACH: Final = SMOOTHED // 2

Spot = tuple[float, float, float]
"""x and y of a face's centre and half its side, px."""


def spot_of_mesh(points: np.ndarray) -> Spot:
    """Where a detector trained on WIDER FACE would put a face.

    Args:
        points: the face's mesh [468 or 478, >= 2], px.
    """
    x0, y0, x1, y1 = box_of_mesh(points)
    return ((x0 + x1) / 2, (y0 + y1) / 2 - RISE * (x1 - x0), HALF_SIDE * (x1 - x0))


def crop(rgb: np.ndarray, spot: Spot) -> np.ndarray:
    """Cut out a face.

    Args:
        rgb: [H, W, 3] uint8.
        spot: the face's, its half side >= 1.

    Returns:
        [224, 224, 3] uint8; what lies outside the picture is grey.
    """
    import cv2

    x, y, half = spot
    pad = int(half * (1 + 2 * SCALE))  # the reference cuts whole px of the padded picture: round as it does
    top, bottom = int(y + pad - half) - pad, int(y + pad + half * (1 + 2 * SCALE)) - pad
    left, right = int(x + pad - half * (1 + SCALE)) - pad, int(x + pad + half * (1 + SCALE)) - pad
    height, width = rgb.shape[:2]
    cut = np.full((bottom - top, right - left, 3), GREY, np.uint8)
    y0, y1, x0, x1 = max(top, 0), min(bottom, height), max(left, 0), min(right, width)
    if y0 < y1 and x0 < x1:
        cut[y0 - top : y1 - top, x0 - left : x1 - left] = rgb[y0:y1, x0:x1]
    return np.asarray(cv2.resize(cut, (SIDE, SIDE)), np.uint8)


def sources(frames: int, fps: Fraction) -> np.ndarray:
    """Which frames of a video stand for it at 25 per second: the nearest in time, the later of two.

    FFmpeg 5.1 with `-r 25` takes the same ones at 10, 20, 24 and 25 frames per second; at 30, 50 and 60 it drops frames
    such that the picture comes up to 60 ms late, which is not done here.

    Args:
        frames: of the video, > 0.
        fps: its rate.

    Returns:
        [floor(25 frames / fps)] int64, rising.
    """
    count = int(frames * RATE / fps)
    places = np.arange(count, dtype=object) * fps / RATE + Fraction(1, 2)
    return np.minimum(np.array([int(place) for place in places], np.int64), frames - 1)


class LipCrops:
    """Crops of all faces of a video, each as soon as the 6 frames after it are known.

    Every frame in which a face is known costs 150 kB.
    """

    def __init__(self) -> None:
        """Begin before the first frame."""
        self._pictures: deque[np.ndarray] = deque(maxlen=LONGEST + _REACH + 1)
        self._next = 0
        self._open: dict[int, _Track] = {}
        self._found: dict[int, dict[int, np.ndarray]] = {}

    def see(self, rgb: np.ndarray, spots: Mapping[int, Spot]) -> None:
        """Take the next frame, at 25 per second.

        Args:
            rgb: [H, W, 3] uint8; it is kept for a while and must not change.
            spots: of the faces seen in it, by their numbers.
        """
        now = self._next
        self._next += 1
        self._pictures.append(rgb)
        for face, track in list(self._open.items()):
            if now - track.last > LONGEST:
                self._close(face)
        for face, spot in spots.items():
            track = self._open.setdefault(face, _Track(now))
            track.add(now, spot)
            self._cut(face, track, track.ready)

    def finish(self) -> dict[int, dict[int, np.ndarray]]:
        """Face -> frame -> crop [224, 224, 3] uint8, once every frame was seen.

        A face that is followed for fewer than 7 frames has none: more than half of what its median sees is filled up.
        """
        for face in list(self._open):
            self._close(face)
        return self._found

    def _close(self, face: int) -> None:
        track = self._open.pop(face)
        self._cut(face, track, track.last + 1)

    def _cut(self, face: int, track: _Track, until: int) -> None:
        """Cut the frames before `until` that were not cut yet."""
        found = self._found.setdefault(face, {})
        for frame in range(track.cut, until):
            spot = track.smooth(frame)
            if spot[2] >= 1:
                found[frame] = crop(self._pictures[frame - self._next], spot)
        track.cut = max(track.cut, until)


class _Track:
    """One face without longer gaps: its spots in every frame from `first` on.

    last: frame in which it was seen last; cut: first frame that is not cut yet.
    """

    def __init__(self, first: int) -> None:
        self.first = self.cut = first
        self.last = first - 1
        self._spots: list[np.ndarray] = []

    @property
    def ready(self) -> int:
        """The frame before which the medians are known."""
        return self.last - _REACH + 1

    def add(self, frame: int, spot: Spot) -> None:
        """Note where it is seen, and fill up the frames since it was seen before."""
        after = np.array(spot, np.float64)
        before = self._spots[-1] if self._spots else after
        gap = frame - self.last
        self._spots += [before + (after - before) * (step / gap) for step in range(1, gap)] + [after]
        self.last = frame

    def smooth(self, frame: int) -> Spot:
        """The median of 13 frames; zeros stand for those before the first and after the last."""
        at = frame - self.first
        near = np.zeros((SMOOTHED, 3))
        known = self._spots[max(at - _REACH, 0) : at + _REACH + 1]
        near[: len(known)] = known  # a median does not care for order
        x, y, half = np.sort(near, axis=0)[_REACH].tolist()
        return x, y, half
