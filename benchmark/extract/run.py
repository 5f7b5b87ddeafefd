"""A whole extraction: what the cache holds is read, what is stale is made by workers, and every clip is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.extract import facts as files
from benchmark.extract.cache import FeatureCache, key_of
from benchmark.extract.contract import Extraction, Pair, Settings, Side, VideoFacts
from benchmark.extract.extractor import Extractor, closure
from benchmark.extract.registry import extractors, one_of_each, require
from benchmark.extract.units import Both, Done, PairJob, Unit, Video, VideoJob, group
from benchmark.extract.workers import worked
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.bundle import DeviceFacts
    from benchmark.cluster import Cluster

Note = Callable[[str], None]
Worked = Callable[[Sequence[Unit]], Iterator[tuple[int, Done]]]
_HASHING = 4  # files hashed at a time
_NAMES: dict[Side, str] = {"real": "its ground truth", "generated": "its video"}


def extract(
    pairs: Sequence[Pair],
    settings: Settings,
    cache: Path,
    workers: int = 1,
    note: Note | None = None,
    progress: Callable[[int, int], None] | None = None,
    cluster: Cluster | None = None,
) -> Extraction:
    """Find the features of all pairs; see `benchmark.extract.extract`."""
    require(settings.extractors)
    one_of_each(settings.extractors)
    twice = [clip for clip, count in Counter(pair.clip for pair in pairs).items() if count > 1]
    if twice:
        raise BenchmarkError(f"The clip {printable(twice[0])} is named twice: give every clip an id of its own.")
    if workers < 1 or any(frames < 1 for frames in (settings.frames, *(pair.frames or 1 for pair in pairs))):
        raise BenchmarkError("Nothing can be extracted: give at least 1 worker, and at least 1 frame per clip.")
    run = _Run(settings, FeatureCache(Path(cache).absolute()), note or (lambda sentence: None))
    run.look_up(pairs)
    run.make(partial(worked, workers=workers, cluster=cluster, weights=run.weights), progress or (lambda *done: None))
    return run.extraction()


@dataclass
class _Clip:
    """A pair whose files could be hashed."""

    pair: Pair
    real: Video
    generated: Video

    @property
    def both(self) -> Both:
        return self.real, self.generated


@dataclass
class _Run:
    """What is known so far."""

    settings: Settings
    cache: FeatureCache
    note: Note
    clips: list[_Clip] = field(default_factory=list)
    paths: dict[Video, Path] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    facts: dict[Video, VideoFacts] = field(default_factory=dict)
    videos: dict[Video, dict[str, dict[str, np.ndarray]]] = field(default_factory=dict)
    pairs: dict[Both, dict[str, dict[str, np.ndarray]]] = field(default_factory=dict)
    defects: dict[Video | Both, str] = field(default_factory=dict)
    cached: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    decodes: Counter[str] = field(default_factory=Counter)
    opened: set[str] = field(default_factory=set)
    devices: set[DeviceFacts] = field(default_factory=set)
    frames: int = 0

    def __post_init__(self) -> None:
        known = extractors()
        self.wanted = {name: known[name] for name in closure(self.settings.extractors, known)}
        self.weights = {name: list(extractor.weights()) for name, extractor in self.wanted.items()}
        self.depends = {name: self._depends(name) for name in self.wanted}

    # --- what is there already ------------------------------------------------------------------------------------

    def look_up(self, pairs: Sequence[Pair]) -> None:
        """Hash the files and read what the cache has of them."""
        self.clips = list(self._hashed(sorted(pairs, key=lambda pair: pair.clip)))
        for clip in self.clips:
            for video, path in ((clip.real, clip.pair.real), (clip.generated, clip.pair.generated)):
                if video not in self.paths:
                    self.paths[video] = Path(path).absolute()
                    self._read_video(video)
            if clip.both not in self.pairs:
                self.pairs[clip.both] = self._read(self._of("pair"), list(clip.both), clip.real[1])

    def _hashed(self, pairs: Sequence[Pair]) -> Iterator[_Clip]:
        def both(pair: Pair) -> tuple[str, str] | BenchmarkError:
            try:
                return files.file_sha256(Path(pair.real)), files.file_sha256(Path(pair.generated))
            except BenchmarkError as error:
                return error

        with ThreadPoolExecutor(_HASHING) as pool:
            for pair, found in zip(pairs, pool.map(both, pairs), strict=True):
                frames = self.settings.frames if pair.frames is None else pair.frames
                if isinstance(found, BenchmarkError):
                    self.errors[pair.clip] = f"{printable(pair.clip)}: {found}"
                else:
                    yield _Clip(pair, (found[0], frames), (found[1], frames))

    def _of(self, what: str) -> dict[str, Extractor]:
        return {name: extractor for name, extractor in self.wanted.items() if extractor.of == what}

    def _read_video(self, video: Video) -> None:
        kept = self.cache.read(_facts_key(video), self.note)
        if kept is not None:
            self.facts[video] = files.from_json(kept[1])
            self.cached["facts"] += 1
        self.videos[video] = self._read(self._of("video"), [video], video[1])

    def _read(self, wanted: dict[str, Extractor], of: list[Video], frames: int) -> dict[str, dict[str, np.ndarray]]:
        found = {}
        for name in wanted:
            kept = self.cache.read(self.key(name, of, frames), self.note)
            if kept is not None:
                found[name] = kept[0]
                self.cached[name] += 1
        return found

    def key(self, name: str, of: Sequence[Video], frames: int) -> str:
        """The key of a result: all that its numbers depend on."""
        return key_of(of=[sha256 for sha256, _ in of], frames=frames, **self.depends[name])

    def _depends(self, name: str) -> dict[str, Any]:
        read = closure([name], self.wanted)
        return {
            "extractor": name,
            "versions": [self.wanted[other].version for other in read],
            "weights": [self.weights[other] for other in read],
            "fps": str(self.settings.fps) if any(self.wanted[other].timed for other in read) else None,
        }

    # --- what is made ---------------------------------------------------------------------------------------------

    def make(self, worked: Worked, progress: Callable[[int, int], None]) -> None:
        """Make what is stale, wherever that is."""
        units = self._units()
        at: dict[Video, list[int]] = {}
        for place, clip in enumerate(self.clips):
            for video in {clip.real, clip.generated}:
                at.setdefault(video, []).append(place)
        touched = [{place for job in unit.videos for place in at[job.video]} for unit in units]
        left = Counter(place for places in touched for place in places)
        progress(len(self.clips) - len(left), len(self.clips))
        for number, done in worked(units):
            self._take(done)
            left.subtract(touched[number])
            progress(len(self.clips) - sum(count > 0 for count in left.values()), len(self.clips))

    def _units(self) -> list[Unit]:
        stale: dict[Video, dict[str, str]] = {}
        also: dict[Video, dict[str, None]] = {}
        pairs: dict[Both, PairJob] = {}
        for clip in self.clips:
            if self._misfit(clip):
                continue
            missing = {
                name: self.key(name, list(clip.both), clip.real[1])
                for name in self._of("pair")
                if name not in self.pairs[clip.both]
            }
            if missing:
                pairs[clip.both] = PairJob(clip.both, missing)
            for video in clip.both:
                left = {
                    name: self.key(name, [video], video[1])
                    for name in self._of("video")
                    if name not in self.videos[video]
                }
                if left or missing or video not in self.facts:
                    stale[video] = left
                for name in missing:
                    also.setdefault(video, {}).update(dict.fromkeys(self.wanted[name].reads))
        jobs = [
            VideoJob(
                video,
                self.paths[video],
                left,
                None if video in self.facts else _facts_key(video),
                tuple(also.get(video, ())),
            )
            for video, left in stale.items()
        ]
        size = (self.settings.width, self.settings.height)
        return [
            Unit(tuple(videos), tuple(watched), self.settings.fps, size, self.cache.folder)
            for videos, watched in group(jobs, list(pairs.values()))
        ]

    def _take(self, done: Done) -> None:
        self.made["facts"] += len(done.facts.keys() - self.facts.keys())
        self.facts.update(done.facts)
        self.defects.update(done.defects)
        for video, found in done.videos.items():
            self.videos[video].update(found)
            self.made.update(found.keys())
        for both, found in done.pairs.items():
            self.pairs[both].update(found)
            self.made.update(found.keys())
        self.frames += done.frames
        self.opened |= done.opened
        self.devices |= {done.device} if done.device else set()
        self.seconds.update(done.seconds)
        self.decodes.update(done.decodes)

    # --- what comes out -------------------------------------------------------------------------------------------

    def extraction(self) -> Extraction:
        """All of it, by clip."""
        found = Extraction(
            made_by={
                feature: made for extractor in self.wanted.values() for feature, made in extractor.made_by().items()
            },
            weights=dict(weight.rsplit("@", 1) for weights in self.weights.values() for weight in weights),
            frames_decoded=self.frames,
            decodes=dict(sorted(self.decodes.items())),
            opened=tuple(sorted(self.opened)),
            devices=tuple(sorted(self.devices, key=str)),
            cached=dict(sorted(self.cached.items())),
            made={name: count for name, count in sorted(self.made.items()) if count},
            seconds=dict(sorted(self.seconds.items())),
        )
        for clip in self.clips:
            why = self._misfit(clip) or self._defect(clip)
            if why:
                self.errors[clip.pair.clip] = f"{printable(clip.pair.clip)}: {why}"
            sides: tuple[tuple[Side, Video], ...] = (("real", clip.real), ("generated", clip.generated))
            for side, video in sides:
                if video in self.facts:
                    found.videos[clip.pair.clip, side] = (_joined(self.videos[video]), self.facts[video])
            found.pairs[clip.pair.clip] = _joined(self.pairs[clip.both])
        found.errors = dict(sorted(self.errors.items()))
        return found

    def _misfit(self, clip: _Clip) -> str | None:
        """Why a clip's videos do not fit each other or the settings, as far as is known."""
        wanted = (self.settings.width, self.settings.height)
        known: list[tuple[Side, VideoFacts]] = []
        sides: tuple[tuple[Side, Video], ...] = (("real", clip.real), ("generated", clip.generated))
        for side, video in sides:
            if video in self.facts:
                known.append((side, self.facts[video]))
        for side, facts in known:
            if (facts.width, facts.height) != wanted:
                return f"{_NAMES[side]} is {facts.width}x{facts.height} px where {wanted[0]}x{wanted[1]} are asked for."
        for side, facts in known:
            if facts.frames is not None and facts.frames < clip.real[1]:
                return f"{_NAMES[side]} has {facts.frames} frames where {clip.real[1]} are asked for."
        if len(known) == 2 and known[0][1].frames != known[1][1].frames:
            return f"its video has {known[1][1].frames} frames where its ground truth has {known[0][1].frames}."
        return None

    def _defect(self, clip: _Clip) -> str | None:
        for side, video in (("real", clip.real), ("generated", clip.generated)):
            if video in self.defects:
                return f"{_NAMES[side]}: {self.defects[video]}"  # type: ignore[index]
        return self.defects.get(clip.both)


def _facts_key(video: Video) -> str:
    return key_of(facts=files.VERSION, of=video[0])


def _joined(found: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {feature: rows for features in found.values() for feature, rows in features.items()}
