"""How lips fit the sound: SyncNet's distances between a video's lips and the sound that drives it, at 31 shifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from benchmark.extract.extractor import Blank, Extractor, PairSight, Shown, Watch
from benchmark.extract.faces import Faces, MainFace
from benchmark.extract.models import lacking
from benchmark.extract.network import NetworkExtractor
from benchmark.metrics.sync import FEATURE, SHIFT, SHIFTS, sync_distances
from perception.syncnet import FRAMES, MODEL, PER_FRAME, SyncNet


@dataclass(frozen=True)
class Lips:
    """The main face at 25 frames per second.

    frames: of the video at that rate.
    crops: frame -> [224, 224, 3] uint8, for the frames in which the face is known.
    """

    frames: int
    crops: Mapping[int, np.ndarray]

    def runs(self) -> list[tuple[int, int]]:
        """First frame, and the one after the last, of each stretch with a crop in every frame; short ones too."""
        places = sorted(self.crops)
        breaks = [at for at in range(1, len(places)) if places[at] != places[at - 1] + 1]
        starts, ends = [0, *breaks], [*breaks, len(places)]
        return [(places[a], places[b - 1] + 1) for a, b in zip(starts, ends, strict=True) if a < b]


class SyncCrops(Extractor):
    """Crops of the main face as SyncNet wants them, left for the extractor `sync`; gives no feature of its own.

    All faces are cut, as the main one is known only at the end. Where the tracker gives a face a new number after it
    was lost, medians and straight lines begin anew.
    """

    name: ClassVar[str] = "sync-crops"
    reads: ClassVar[tuple[str, ...]] = (Faces.name,)
    timed: ClassVar[bool] = True

    def made_by(self) -> dict[str, str]:
        """Nothing that is kept."""
        return {}

    def missing(self) -> str | None:
        """OpenCV."""
        return lacking((), ("cv2",), "benchmark")

    def sight(self, watch: Watch) -> _SyncCrops:
        """Holds 32 pictures and every crop."""
        return _SyncCrops(watch)


class _SyncCrops:
    def __init__(self, watch: Watch) -> None:
        from perception.lip_crops import LipCrops, sources

        self.watch = watch
        self.shown = np.bincount(sources(watch.frames, watch.fps), minlength=watch.frames)
        self.crops = LipCrops()

    def see(self, frame: Shown) -> None:
        from perception.lip_crops import spot_of_mesh

        times = int(self.shown[frame.index])
        if times:
            spots = {face.face: spot_of_mesh(face.mesh.points) for face in frame.faces if face.mesh is not None}
            for _ in range(times):
                self.crops.see(frame.rgb, spots)

    def finish(self) -> dict[str, np.ndarray]:
        from perception.lip_crops import sources

        main: MainFace = self.watch.left[Faces.name]
        found = self.crops.finish()
        source = sources(self.watch.frames, self.watch.fps)
        mine: dict[int, np.ndarray] = {}
        for face in np.unique(main.numbers).tolist():
            seen = main.frames[main.numbers == face]
            cut = found.get(face, {})
            mine |= {frame: crop for frame, crop in cut.items() if seen[0] <= source[frame] <= seen[-1]}
        self.watch.left[SyncCrops.name] = Lips(len(source), mine)
        return {}


class Sync(NetworkExtractor):
    """Distances [w, 31] float64 between lips and sound, as `benchmark.metrics.sync.sync_distances` tells them.

    The lips are the generated video's, the sound is the ground truth's, which drives it: a system's video may be
    silent. n frames at 25 per second make n - 5 windows, as in the reference; those that the face is not known in
    throughout are NaN; so is the only one of a clip of 5 frames or fewer. Left out where the ground truth has no sound.
    """

    name: ClassVar[str] = "sync"
    of: ClassVar[Literal["video", "pair"]] = "pair"
    reads: ClassVar[tuple[str, ...]] = (SyncCrops.name,)
    models: ClassVar[tuple[str, ...]] = (MODEL,)
    gives: ClassVar[Mapping[str, str]] = {FEATURE: f"{MODEL}-mesh"}
    packages: ClassVar[tuple[str, ...]] = ("torch", "cv2")
    blank: ClassVar[Blank] = "anywhere"

    def pair_sight(self, real: Watch, generated: Watch) -> PairSight:
        """Crops and sound are judged at the end."""
        return _Sync(real, generated, self.shared(MODEL, lambda: SyncNet.load(seeded=self.seeded)))


class _Sync:
    def __init__(self, real: Watch, generated: Watch, network: SyncNet) -> None:
        self.real, self.generated, self.network = real, generated, network

    def see(self, real: np.ndarray, generated: np.ndarray) -> None:
        """The crops are enough."""

    def finish(self) -> dict[str, np.ndarray]:
        lips: Lips = self.generated.left[SyncCrops.name]
        if not self.real.has_sound:
            return {}
        if lips.frames <= FRAMES:
            return {FEATURE: np.full((1, SHIFTS), np.nan)}
        return {FEATURE: distances(self.network, lips, self.real.sound)}


def distances(network: SyncNet, lips: Lips, sound: np.ndarray) -> np.ndarray:
    """How far each window's lips are from the sound at every shift.

    Args:
        network: that embeds both.
        lips: n > 5 frames.
        sound: float32 mono at 16 kHz, as long as the frames.

    Returns:
        [n - 5, 31] float64; NaN in windows that the face is not known in throughout.
    """
    from perception.mfcc import STEP, mfcc, pcm

    samples = np.zeros(lips.frames * PER_FRAME * STEP, np.int16)
    heard = pcm(sound)[: len(samples)]
    samples[: len(heard)] = heard
    audio = network.sound(mfcc(samples))
    video = np.full(audio.shape, np.nan)
    for first, end in lips.runs():
        if end - first >= FRAMES:
            found = network.lips(np.stack([lips.crops[frame] for frame in range(first, end)]))
            video[first : first + len(found)] = found[: len(video) - first]
    known = np.isfinite(video).all(axis=1)
    rows = sync_distances(np.where(known[:, None], video, 0.0), audio, SHIFT)
    return np.where(known[:, None], rows, np.nan)
