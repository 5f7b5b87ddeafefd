"""Shot boundaries on the shared decode: PySceneDetect's content detector, or TransNetV2."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from curation.stage import FrameConsumer, PixelStage, SourceWork, Tables

LONG_SIDE = 256  # pictures are scaled to this before the content detector sees them
DEFAULTS = {"content": 27.0, "transnetv2": 0.5}
MOST = {"content": 255, "transnetv2": 1}  # a difference of pixel values; a probability


@dataclass(frozen=True)
class Shots(PixelStage):
    """Splits a source into shots; every frame belongs to exactly one.

    Args:
        detector: `content` (PySceneDetect's ContentDetector, the best measured on talking clips) or `transnetv2`.
        threshold: of the detector; None takes its own default (27 for content, 0.5 for transnetv2).
    """

    name: ClassVar[str] = "shots"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("probe",)

    detector: Literal["content", "transnetv2"] = "content"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is None:  # the default said or not is the same setting, so it has the same key
            object.__setattr__(self, "threshold", DEFAULTS[self.detector])
        elif not 0 < self.threshold < MOST[self.detector]:
            raise ValueError(f"the threshold of {self.detector} lies between 0 and {MOST[self.detector]}")

    def models(self) -> tuple[str, ...]:
        """TransNetV2's weights, when they are used."""
        if self.detector == "content":
            return ()
        from perception.weights import entry

        return (f"transnetv2@{entry('transnetv2').sha256}",)

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A detector with fresh state."""
        assert self.threshold is not None
        if self.detector == "content":
            return _ShotTable(work, _ContentCuts(self.threshold))
        from perception.shots import TransNetCuts

        return _ShotTable(work, TransNetCuts.load(self.threshold))

    def replay(self, work: SourceWork) -> FrameConsumer | None:
        """Fill frames with the stored shots, as the content detector does while it runs."""
        return _Replay(work) if self.detector == "content" else None


class _ContentCuts:
    """Decides at each frame, so that later consumers know the shot of the frame they see."""

    immediate = True

    def __init__(self, threshold: float) -> None:
        from scenedetect import ContentDetector

        # No minimum length: a cut 5 frames after another is a cut too, and clips must not hold it.
        self.detector = ContentDetector(threshold=threshold, min_scene_len=0)
        self.seen = 0

    def see(self, picture: np.ndarray) -> list[int]:
        from scenedetect import FrameTimecode

        time = FrameTimecode(self.seen, 25.0)  # only its number counts
        self.seen += 1
        return [t.frame_num for t in self.detector.process_frame(time, np.ascontiguousarray(picture[:, :, ::-1]))]

    def finish(self) -> list[int]:
        return []


class _Cuts(Protocol):
    """Decides where new shots begin; `immediate` says whether at the very frame."""

    immediate: bool

    def see(self, picture: np.ndarray) -> list[int]:
        """Take the next picture, RGB; give the first frames of new shots that are decided now."""

    def finish(self) -> list[int]:
        """Give those that are decided only at the end."""


class _ShotTable:
    def __init__(self, work: SourceWork, cuts: _Cuts) -> None:
        self.work = work
        self.cuts = cuts
        self.starts = [0]
        self.pts: list[int] = []
        self.time_base: Any = None

    def see(self, frame: Any) -> None:
        self.pts.append(frame.pts)
        self.time_base = frame.time_base
        self.starts += [cut for cut in self.cuts.see(frame.scaled(LONG_SIDE)) if cut > 0]
        if self.cuts.immediate:
            frame.shot = len(self.starts) - 1

    def finish(self, report: Any) -> Tables:
        from manifests.schema import make_id, table_from_rows

        self.starts += [cut for cut in self.cuts.finish() if cut > 0]
        rows = []
        ends = [*self.starts[1:], len(self.pts)]
        for index, (start, end) in enumerate(zip(self.starts, ends, strict=True)):
            rows.append(
                {
                    "id": make_id("shot", self.work.id, self.pts[start]),
                    "source": self.work.id,
                    "index": index,
                    "start_pts": self.pts[start],
                    "end_pts": self.pts[end] if end < len(self.pts) else report.end_pts,
                    "time_base_num": self.time_base.numerator,
                    "time_base_den": self.time_base.denominator,
                    "start_frame": start,
                    "end_frame": end,
                }
            )
        return {"shots": table_from_rows("shots", rows)}


class _Replay:
    def __init__(self, work: SourceWork) -> None:
        self.ends = work.tables["shots"].column("end_frame").to_pylist()
        self.shot = 0

    def see(self, frame: Any) -> None:
        while self.shot + 1 < len(self.ends) and frame.index >= self.ends[self.shot]:
            self.shot += 1
        frame.shot = self.shot

    def finish(self, report: Any) -> Tables:
        return {}
