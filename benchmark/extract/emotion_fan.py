"""Which emotion the main face shows, as the literature's Acc_emo reads it: Emotion-FAN on 16 frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from benchmark.extract.extractor import Blank, FixedBatches, Shown, Watch
from benchmark.extract.faces import Faces, MainFace
from benchmark.extract.network import NetworkExtractor
from manifests.emotions import EMOTIONS
from perception.emotion_fan import LABELS, MODEL, EmotionFan, crop

FEATURE: Final = "emotion-fan"
COUNT: Final = 16  # frames that are judged
_OURS: Final = [LABELS.index(name) for name in EMOTIONS]


class FrameAttention(NetworkExtractor):
    """Emotion-FAN on the frames in the middles of 16 equal parts of a clip.

    Where a part's middle shows no face, the nearest frame of that part that shows it is taken; a part without any is
    left out, as the network takes any number of frames. How many frames show a face is told by the feature `face`.
    """

    name: ClassVar[str] = "emotion-fan"
    models: ClassVar[tuple[str, ...]] = (MODEL,)
    gives: ClassVar[Mapping[str, str]] = {FEATURE: f"{MODEL}-{COUNT}f"}
    packages: ClassVar[tuple[str, ...]] = ("torch", "cv2")
    reads: ClassVar[tuple[str, ...]] = (Faces.name,)
    blank: ClassVar[Blank] = "faceless"

    def sight(self, watch: Watch) -> _FrameAttention:
        """Crops wait until the main face is known."""
        return _FrameAttention(watch, self.shared(MODEL, lambda: EmotionFan.load(seeded=self.seeded)))


def part_of(frame: int, frames: int) -> int:
    """Which of the 16 equal parts of a clip a frame lies in, 0..15."""
    return frame * COUNT // frames


def from_middle(frame: int, frames: int) -> int:
    """How far a frame lies from the middle of its part, in frames."""
    return abs(frame - (2 * part_of(frame, frames) + 1) * frames // (2 * COUNT))


class _FrameAttention:
    def __init__(self, watch: Watch, network: EmotionFan) -> None:
        self.watch, self.network = watch, network
        self.nearest: dict[tuple[int, int], tuple[int, int, np.ndarray]] = {}  # face, part -> distance, frame, crop

    def see(self, frame: Shown) -> None:
        part, distance = part_of(frame.index, self.watch.frames), from_middle(frame.index, self.watch.frames)
        for face in frame.faces:
            held = self.nearest.get((face.face, part))
            if face.mesh is not None and (held is None or distance < held[0]):
                picture = crop(frame.rgb, face.mesh.points)
                self.nearest[face.face, part] = distance, frame.index, picture

    def finish(self) -> dict[str, np.ndarray]:
        main: MainFace = self.watch.left[Faces.name]
        crops = self._chosen(main)
        if not crops:
            return {FEATURE: np.full((1, len(EMOTIONS)), np.nan)}
        batches = FixedBatches(self.network, COUNT)
        for picture in crops:
            batches.add(picture)
        return {FEATURE: self.network.judge(batches.finish())[None, _OURS]}

    def _chosen(self, main: MainFace) -> list[np.ndarray]:
        """The main face's crop of each part, in the order of time."""
        mine = set(main.places())
        found: dict[int, tuple[int, int, np.ndarray]] = {}
        for (face, part), held in sorted(self.nearest.items(), key=lambda item: item[0]):
            if (face, held[1]) in mine and (part not in found or held[0] < found[part][0]):
                found[part] = held
        return [found[part][2] for part in sorted(found)]
