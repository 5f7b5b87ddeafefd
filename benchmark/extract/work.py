"""A worker's task: decode a unit's videos side by side, show every frame to what wants it, and keep what comes out."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.extract import facts as files
from benchmark.extract.cache import FeatureCache
from benchmark.extract.contract import VideoFacts
from benchmark.extract.extractor import Defect, PairSight, Shown, Sight, Watch, check, closure
from benchmark.extract.faces import Faces
from benchmark.extract.models import noted
from benchmark.extract.registry import extractors
from benchmark.extract.units import Both, Done, PairJob, Unit, Video, VideoJob
from media.errors import MediaError
from perception.errors import PerceptionError

if TYPE_CHECKING:
    from media.decode import Decoder
    from media.frame import Frame

log = logging.getLogger(__name__)


def work(unit: Unit) -> Done:
    """Make everything that a unit asks for, and keep it.

    Raises:
        BenchmarkError: a model cannot be opened, or the cache cannot be written.
    """
    from benchmark.bundle import device

    done = Done()
    with noted() as opened, ExitStack() as stack:
        videos = [_Video(job, unit, done, stack) for job in unit.videos]
        place = {video.job.video: video for video in videos}
        pairs = [_Pair(job, place[job.both[0]], place[job.both[1]], done) for job in unit.pairs]
        while any(list(map(_Video.next, videos))):  # a list, so that every video moves on
            for pair in pairs:
                pair.see()
        cache = FeatureCache(unit.cache)
        for video in videos:
            video.finish(cache)
        for pair in pairs:
            pair.finish(cache)
    done.opened, done.device = opened, device()
    return done


@contextmanager
def _timed(done: Done, name: str) -> Iterator[None]:
    begun = time.process_time()
    try:
        yield
    finally:
        done.seconds[name] = done.seconds.get(name, 0.0) + time.process_time() - begun


@contextmanager
def _refused(done: Done, what: Video | Both) -> Iterator[None]:
    """Note what is wrong with a video or pair; the others go on."""
    try:
        yield
    except BenchmarkError:
        raise  # of a model or the cache: no clip can be scored
    except (Defect, MediaError, PerceptionError) as error:
        done.defects[what] = str(error)
    except Exception as error:  # of networks and decoders, which have classes of their own
        log.debug("An extractor failed", exc_info=True)
        done.defects[what] = (
            f"an extractor failed on it ({type(error).__name__}: {' '.join(str(error).split())[:200]})."
        )


class _Video:
    """A video that is decoded: its current picture, and those who watch it."""

    def __init__(self, job: VideoJob, unit: Unit, done: Done, stack: ExitStack) -> None:
        self.job, self.unit, self.done, self.stack = job, unit, done, stack
        self.rgb: np.ndarray | None = None
        self.index = -1
        self.pts: list[int] = []
        self.size = (0, 0)
        self.sound: Fraction | None = None
        self.digest = files.Digest()
        self.sights: dict[str, Sight] = {}
        self.watch: Watch | None = None
        self.decoder: Decoder | None = None
        self.frames: Iterator[Frame] | None = None

    def next(self) -> bool:
        """Move on to the next picture and show it; False at the end, which an error is too."""
        if self.job.video in self.done.defects:
            return False
        with _refused(self.done, self.job.video):
            with _timed(self.done, "decode"):
                frame = self._decoded()
            if frame is not None:
                self._show(frame)
                return True
        self.rgb = None
        return False

    def _decoded(self) -> Frame | None:
        from media.decode import Decoder

        if self.decoder is None:
            self.decoder = self.stack.enter_context(Decoder(self.job.path))
            self.frames = iter(self.decoder)
            self.done.decodes.append(self.job.video[0])
        assert self.frames is not None
        frame = next(self.frames, None)
        if frame is not None:
            self.rgb = frame.rgb()
            self.digest.add(self.rgb)
            self.done.frames += 1
        return frame

    def _show(self, frame: Frame) -> None:
        assert self.rgb is not None
        if frame.index == 0:
            self._begin(frame)
        self.index = frame.index
        self.pts.append(frame.pts)
        if self.watch is None or self.index >= self.watch.frames:
            return
        self.watch.seconds.append(float((frame.pts - self.watch.first_pts) * frame.time_base))
        shown = Shown(frame.index, frame.pts, self.rgb)
        for name, sight in self.sights.items():
            with _timed(self.done, name):
                sight.see(shown)

    def _begin(self, frame: Frame) -> None:
        """Open what watches it; a video of another size is only measured."""
        self.size = (frame.width, frame.height)
        self.sound = files.sound_seconds(self.job.path)
        if self.size != self.unit.size:
            return
        self.watch = Watch(
            self.job.path,
            self.job.video[1],
            self.unit.fps,
            frame.width,
            frame.height,
            frame.time_base,
            self.sound is not None,
            frame.pts,
        )
        known = extractors()
        for name in closure([*self.job.stale, *self.job.also], known):
            with _timed(self.done, name):
                self.sights[name] = known[name].sight(self.watch)

    def finish(self, cache: FeatureCache) -> None:
        """Gather what was seen and keep what was asked for."""
        if self.job.video in self.done.defects:
            return
        with _refused(self.done, self.job.video):
            facts = self._facts()
            self.done.facts[self.job.video] = facts
            if self.job.facts is not None:
                cache.write(self.job.facts, {}, files.to_json(facts))
            if self.watch is not None and len(self.pts) >= self.watch.frames:
                self.done.videos[self.job.video] = self._features(self.watch, cache)

    def _features(self, watch: Watch, cache: FeatureCache) -> dict[str, dict[str, np.ndarray]]:
        known = extractors()
        found: dict[str, dict[str, np.ndarray]] = {}
        face: np.ndarray | None = None
        for name, sight in self.sights.items():
            with _timed(self.done, name):
                features = sight.finish()
            face = features["face"] if name == Faces.name else face
            check(known[name], features, watch.frames, face)
            if name in self.job.stale:
                found[name] = features
        for name, features in found.items():  # all of them are sound
            cache.write(self.job.stale[name], features, {})
        return found

    def _facts(self) -> VideoFacts:
        assert self.decoder is not None
        reader = self.decoder.reader
        rate = reader.stream.average_rate
        return VideoFacts(
            sha256=self.job.video[0],
            bytes=self.job.path.stat().st_size,
            frames=len(self.pts),
            width=self.size[0],
            height=self.size[1],
            fps=files.even_rate(self.pts, self.decoder.time_base, rate),
            first_seconds=self.pts[0] * self.decoder.time_base,
            sound_seconds=self.sound or Fraction(0),
            has_sound=self.sound is not None,
            picture_digest=self.digest.hex(),
            flags=self.decoder.report.flags,
        )


class _Pair:
    """Two videos of one size, watched frame by frame."""

    def __init__(self, job: PairJob, real: _Video, generated: _Video, done: Done) -> None:
        self.job, self.real, self.generated, self.done = job, real, generated, done
        self.sights: dict[str, PairSight] = {}
        self.seen = 0

    def see(self) -> None:
        """Show the current pictures of both, while both have one that counts."""
        one, other = self.real.rgb, self.generated.rgb
        if one is None or other is None or one.shape != other.shape or self.seen >= self.job.both[0][1]:
            return
        if self.job.both in self.done.defects or self.real.watch is None or self.generated.watch is None:
            return
        self.seen += 1
        with _refused(self.done, self.job.both):
            if self.seen == 1:
                self._begin(self.real.watch, self.generated.watch)
            for name, sight in self.sights.items():
                with _timed(self.done, name):
                    sight.see(one, other)

    def _begin(self, real: Watch, generated: Watch) -> None:
        known = extractors()
        for name in self.job.stale:
            with _timed(self.done, name):
                self.sights[name] = known[name].pair_sight(real, generated)

    def finish(self, cache: FeatureCache) -> None:
        """Gather and keep, where every frame that counts was there."""
        if self.seen < self.job.both[0][1] or not self.done.defects.keys().isdisjoint((self.job.both, *self.job.both)):
            return
        found = {}
        known = extractors()
        with _refused(self.done, self.job.both):
            for name, sight in self.sights.items():
                with _timed(self.done, name):
                    found[name] = sight.finish()
                check(known[name], found[name], self.seen, None)
            for name, features in found.items():  # all of them are sound
                cache.write(self.job.stale[name], features, {})
            self.done.pairs[self.job.both] = found
