"""What the networks of the emotion panel say of the faces on the shared decode: some frames a second of each face."""

import logging
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from curation.errors import CurationError
from curation.stage import FrameConsumer, PixelStage, Resources, SourceWork, Tables
from curation.stages.faces import LONG_SIDE
from curation.stages.quality import TRACED, stored_points

log = logging.getLogger(__name__)

BATCH = 32  # crops that a network sees at once; so many wait for each
STRIDE_FPS = 25  # a network's stride counts frames at that rate
TOLERANCE = Fraction(1, 2 * STRIDE_FPS)  # s, half a frame: time stamps rounded to ms do not skip a look
MOST_NAMES, LONGEST_NAME = 32, 100
RAISED = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)  # by other makers' networks


def _names(value: Any) -> Any:
    """Sorted names, each once, so that their order does not matter; ValueError says what is expected."""
    if value == "auto":
        return value
    listed = list(value) if isinstance(value, list | tuple) else [None]
    if len(listed) > MOST_NAMES or not all(isinstance(name, str) and _is_name(name) for name in listed):
        raise ValueError(
            f'must be auto or a list of at most {MOST_NAMES} members of the panel, such as ["fer2013-mini-xception"]'
        )
    return tuple(sorted(set(listed)))


def _is_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name.strip() == name


@dataclass(frozen=True)
class Emotions(PixelStage):
    """Shows the faces of each confirmed track to every network of the panel, at the network's own pace.

    Args:
        members: names of networks, or auto: all that this machine can run.
        looks_per_second: of each face and network; by default what the network's cost suggests.
        max_faces: the n largest faces of a frame are looked at.
        least_face: px, longer side of the box around the landmarks, in a picture of at most 1920 px; a smaller face
            is not looked at.
    """

    name: ClassVar[str] = "emotions"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("shots", "faces")
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory=2 << 30)

    members: Annotated[Literal["auto"] | tuple[str, ...], BeforeValidator(_names)] = "auto"
    looks_per_second: Annotated[float, Field(ge=0.01, le=120, allow_inf_nan=False)] | None = None
    max_faces: Annotated[int, Field(ge=1, le=16)] = 2
    least_face: Annotated[int, Field(ge=0, le=LONG_SIDE)] = 24

    def models(self) -> tuple[str, ...]:
        """The networks that this machine opens, those that it cannot open, and those of the registry that it has not.

        Each is opened once per process, so that a network that fails for a passing reason is tried again next time.

        Raises:
            CurationError: a member that the recipe names is not here or cannot be opened.
        """
        from perception import members

        keys = []
        for name, sha256 in self._panel():
            network, why = _opened(name, sha256)
            if network is None and self.members != "auto":
                raise CurationError(f"stages.emotions.members: {why}")
            keys.append(f"{name}@unusable" if network is None else f"{name}@{sha256}")
        absent = members.ABSENT if self.members == "auto" else ()
        return (*keys, *(f"{name}@absent" for name in absent))

    def why(self, name: str) -> str:
        """Why a network that is here cannot be opened; "" where it can."""
        return next((_opened(*found)[1] for found in self._panel() if found[0] == name), "")

    def hosted(self) -> "dict[str, Callable[[str], Any]]":
        """The networks of the panel; they run on the processor."""
        from perception import members

        return {f"emotion/{name}": partial(members.load, name) for name, _ in self._panel()}

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A fresh consumer; it runs after the one that finds faces, or after its replay."""
        networks = [_opened(name, sha256)[0] for name, sha256 in self._panel()]
        return _Panel(self, work, [_Judge(network, self._rate(network)) for network in networks if network is not None])

    def _panel(self) -> list[tuple[str, str]]:
        """Name and sha256 of each network that is asked for, by name."""
        from perception import members

        usable = dict(members.usable())
        if self.members == "auto":
            return sorted(usable.items())
        for name in self.members:
            if name not in usable:
                raise CurationError(_not_here(name))
        return [(name, usable[name]) for name in self.members]

    def _rate(self, network: Any) -> Fraction:
        """Looks per second, exact, so that every machine looks at the same frames."""
        if self.looks_per_second is None:
            return Fraction(STRIDE_FPS, network.stride)
        return Fraction(self.looks_per_second).limit_denominator(1_000_000)


def _not_here(name: str) -> str:
    """Why a member that a recipe names cannot be used, and where its file goes."""
    from perception import members
    from perception.errors import PerceptionError

    try:
        members.load(name)
    except PerceptionError as error:
        return f"stages.emotions.members: {error}"
    return f"stages.emotions.members: {name!r} cannot be used on this machine (see moee doctor)"


@cache
def _opened(name: str, sha256: str) -> tuple[Any, str]:
    """The network, opened once per process, or None and why it cannot be opened."""
    from perception import members
    from perception.errors import PerceptionError
    from perception.serving import opened

    try:
        return opened(f"emotion/{name}", partial(members.load, name)), ""
    except (PerceptionError, ImportError, MemoryError, OSError, *RAISED) as error:
        log.debug("Clips go without the emotions of %s: %s", name, error)  # a run says it at its beginning
        return None, str(error) or type(error).__name__


@cache
def _silent(name: str, error: str) -> None:
    """Tell once per process that a network said nothing of all that it saw of a source."""
    log.warning("%s judged none of the faces that it was shown: %s", name, error)


class _Judge:
    """A network: when it looks, the crops that wait for it, and what it said."""

    def __init__(self, network: Any, rate: Fraction) -> None:
        self.network = network
        self.rate = rate
        self.slot: int | None = None
        self.waiting: list[tuple[int, int, np.ndarray]] = []  # face, frame, crop
        self.places = array("q")  # face, frame, face, frame, ...
        self.values = array("f")  # labels and action units of each look, one after the other
        self.error = ""

    def is_due(self, seconds: Fraction) -> bool:
        """Whether this frame, at its time, is the first of a look's span; a replay sees the same frames."""
        slot = math.floor((seconds + TOLERANCE) * self.rate)
        is_due, self.slot = slot != self.slot, slot
        return is_due

    def add(self, face: int, frame: int, crop: np.ndarray) -> None:
        self.waiting.append((face, frame, crop))
        if len(self.waiting) == BATCH:
            self.look()

    def look(self) -> None:
        """Judge what waits; where the batch fails each crop is judged alone, and only what fails then is lost."""
        waiting, self.waiting = self.waiting, []
        if waiting and not self._look(waiting) and len(waiting) > 1:
            for one in waiting:
                self._look([one])

    def _look(self, waiting: Sequence[tuple[int, int, np.ndarray]]) -> bool:
        from perception.errors import PerceptionError

        about = self.network.about
        try:
            looks = self.network([crop for _, _, crop in waiting])
            given = ((looks.probabilities, len(about.labels)), (looks.action_units, len(about.action_units)))
            said = np.hstack([np.asarray(v, np.float32).reshape(len(waiting), width) for v, width in given if width])
            if not np.isfinite(said).all():
                raise ValueError("not a finite number")
        except (PerceptionError, *RAISED) as error:
            self.error = str(error)
            log.debug("%s, frames %d to %d: %s", about.name, waiting[0][1], waiting[-1][1], error)
            return False
        for face, frame, _ in waiting:
            self.places.extend((face, frame))
        self.values.frombytes(np.ascontiguousarray(said, np.float32).tobytes())
        return True

    def rows(self, tracks: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The looks that lie in one of the tracks, by track and frame.

        Returns:
            Places in `tracks` [n], frames [n], values [n, labels + action units] float32.
        """
        about = self.network.about
        faces, frames = np.array(self.places, np.int64).reshape(-1, 2).T
        values = np.array(self.values, np.float32).reshape(len(faces), len(about.labels) + len(about.action_units))
        order = np.lexsort((frames, faces))
        span = 1 + max([int(frames.max(initial=0)), *(track["end_frame"] for track in tracks)])
        keys = faces[order] * span + frames[order]
        ends = [
            (track["face"] * span + track["start_frame"], track["face"] * span + track["end_frame"]) for track in tracks
        ]
        low, high = np.searchsorted(keys, np.array(ends, np.int64).reshape(-1, 2)).T
        inside = np.concatenate([order[:0], *(order[a:b] for a, b in zip(low, high, strict=True))])
        return np.repeat(np.arange(len(tracks)), high - low), frames[inside], values[inside]


class _Panel:
    def __init__(self, stage: Emotions, work: SourceWork, judges: list[_Judge]) -> None:
        self.stage = stage
        self.work = work
        self.judges = judges

    def see(self, frame: Any) -> None:
        from perception.panel import face_crop

        seconds = frame.pts * frame.time_base
        due = [judge for judge in self.judges if judge.is_due(seconds)]
        for face, points in self._faces(frame) if due else ():
            crops: dict[Any, np.ndarray] = {}  # networks that want the same crop share it
            for judge in due:
                wanted = judge.network.crop
                if wanted not in crops:
                    crops[wanted] = face_crop(frame.scaled(LONG_SIDE), points, wanted)
                judge.add(face, frame.index, crops[wanted])

    def _faces(self, frame: Any) -> Iterator[tuple[int, np.ndarray]]:
        """Number and landmarks of the largest faces; sizes are those of the stored landmarks, as in a replay."""
        scale = max(1.0, max(frame.width, frame.height) / LONG_SIDE)
        found = []
        for seen in frame.faces:
            # frames that were traced back are seen in a replay and not at first: neither looks at them
            if seen.mesh is None or frame.index < seen.began + TRACED:
                continue
            points = stored_points(seen, scale, frame.width, frame.height)
            assert points is not None
            size = float(np.ptp(points[:468, :2], axis=0).max())
            if size >= self.stage.least_face:
                found.append((-size, seen.face, points))
        found.sort(key=lambda face: face[:2])
        return ((face, points) for _, face, points in found[: self.stage.max_faces])

    def finish(self, report: Any) -> Tables:
        from manifests.schema import empty

        tracks = sorted((t for t in self.work.tables["tracks"].to_pylist() if t["confirmed"]), key=lambda t: t["id"])
        for judge in self.judges:
            judge.look()
            if judge.error and not judge.places:
                _silent(judge.network.about.name, judge.error)
        return {"looks": self._table(tracks) if self.judges and tracks else empty("looks")}

    def _table(self, tracks: Sequence[dict[str, Any]]) -> Any:
        """All looks by track, frame and member; the members are in order already."""
        import pyarrow as pa

        from manifests.schema import list_column, table_from_columns

        places, frames, members, lists = [], [], [], []
        for number, judge in enumerate(self.judges):
            place, frame, values = judge.rows(tracks)
            labels = len(judge.network.about.labels)
            halves = (values[:, :labels], values[:, labels:])
            lists.append([list_column(h, np.full(len(h), h.shape[1] > 0), pa.float32()) for h in halves])
            places.append(place)
            frames.append(frame)
            members.append(np.full(len(place), number))
        place, frame, member = np.concatenate(places), np.concatenate(frames), np.concatenate(members)
        order = np.lexsort((member, frame, place))
        probabilities, units = (pa.concat_arrays(parts).take(pa.array(order)) for parts in zip(*lists, strict=True))
        return table_from_columns(
            "looks",
            {
                "source": pa.array([self.work.id]).take(pa.array(np.zeros(len(order), np.int64))),
                "track": pa.array([track["id"] for track in tracks]).take(pa.array(place[order])),
                "frame": frame[order],
                "member": pa.array([judge.network.about.name for judge in self.judges]).take(pa.array(member[order])),
                "probabilities": probabilities,
                "action_units": units,
            },
        )
