"""Makes whole tracks of what was seen: cut at shots, gaps bridged, one observation per frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from perception.boxes import Box, between, same_face, side
from perception.landmarks import FaceMesh


@dataclass(frozen=True)
class Observation:
    """One face in one frame.

    frame: index of the frame in its source.
    pts: of the frame, in the source's time base.
    state: "meshed" (landmarks found), "detected" (detector only) or "tracked" (interpolated).
    box: (x0, y0, x1, y1) in px, see `perception.boxes`.
    score: the detector's confidence, 0..1, when it last saw this face.
    mesh: the landmarks when meshed, else None.
    face: number of the face as it was followed, from 0 in a source; all its observations share it.
    began: first frame in which that face was found, those traced back included.
    """

    frame: int
    pts: int
    state: str
    box: Box
    score: float
    mesh: FaceMesh | None
    face: int = 0
    began: int = 0


@dataclass(frozen=True)
class FaceTrack:
    """One face through one shot: one observation per frame from the first to the last, both "meshed" or "detected".

    confirmed: enough of the frames are meshed (`TrackerConfig.confirmed_share`), so it is a human face.
    """

    observations: tuple[Observation, ...]
    confirmed: bool

    @property
    def face(self) -> int:
        """Number of the face as it was followed; the pieces into which cuts broke it share it."""
        return self.observations[0].face


def assemble(
    seen: Sequence[Sequence[Observation]],
    pts: Mapping[int, int],
    cuts: Sequence[int],
    confirmed_share: float,
) -> list[FaceTrack]:
    """Break what was seen of each face at cuts, fill the gaps, and confirm.

    Args:
        seen: per face its meshed and detected observations, in frame order.
        pts: of every frame that lies in a gap, by index.
        cuts: indices of the first frames of new shots.
        confirmed_share: least share of meshed frames.

    Returns:
        The tracks by first frame, then by size; no two of them have one face in one frame.
    """
    taken: dict[int, list[Box]] = defaultdict(list)
    for face in seen:
        for hit in face:
            taken[hit.frame].append(hit.box)
    tracks = []
    for face in seen:
        for piece in _between_cuts(face, sorted(set(cuts))):
            for whole in _bridged(piece, pts, taken):
                meshed = sum(o.state == "meshed" for o in whole)
                tracks.append(FaceTrack(tuple(whole), meshed >= confirmed_share * len(whole)))
    return sorted(tracks, key=_order)


def _order(track: FaceTrack) -> tuple:
    first = track.observations[0]
    return (first.frame, -side(first.box), first.box)


def _between_cuts(face: Sequence[Observation], cuts: Sequence[int]) -> Iterator[list[Observation]]:
    left = list(face)
    for cut in cuts:
        before = [hit for hit in left if hit.frame < cut]
        if before:
            yield before
        left = left[len(before) :]
    if left:
        yield left


def _bridged(
    piece: Sequence[Observation], pts: Mapping[int, int], taken: dict[int, list[Box]]
) -> Iterator[list[Observation]]:
    """Fill the gaps of a piece; where another face lies in one, a new track begins behind it."""
    whole = [piece[0]]
    for hit in piece[1:]:
        gap = _gap(whole[-1], hit, pts)
        if not any(same_face(o.box, other) for o in gap for other in taken[o.frame]):
            for filled in gap:
                taken[filled.frame].append(filled.box)
            whole += [*gap, hit]
        else:
            yield whole
            whole = [hit]
    yield whole


def _gap(before: Observation, after: Observation, pts: Mapping[int, int]) -> list[Observation]:
    length = after.pts - before.pts
    return [
        Observation(
            frame,
            pts[frame],
            "tracked",
            between(before.box, after.box, (pts[frame] - before.pts) / length),
            before.score,
            None,
            before.face,
            before.began,
        )
        for frame in range(before.frame + 1, after.frame)
    ]
