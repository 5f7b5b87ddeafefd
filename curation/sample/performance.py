"""What happens when in a video: where the utterances sound, where the shots change, and the pose of each face."""

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from curation.sample import mouth, speech
from curation.sample.expression import amounts
from curation.sample.faces import PORTRAITS
from curation.sample.scenes import Scene, Shot

LIP_RATE = 16000
_LEAD = Fraction(1, 2)
"""Seconds before the first utterance of a shot."""
_ONSET, _OFFSET = (0.3, 0.65), (0.5, 0.25)
"""Seconds from a shot's start in which its emotion rises, and before its end in which it falls; neutral beyond."""
_OPENING = 0.62
"""How far the loudest syllables open the mouth (share of `jaw_open`)."""


@dataclass(frozen=True)
class Take:
    """A shot in its video.

    Attributes:
        shot: what is seen.
        start_frame: its first frame.
        end_frame: the first frame after it.
    """

    shot: Shot
    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class Performance:
    """A video before it is drawn.

    Attributes:
        scene: what it shows.
        takes: its shots.
        ticks: [frames + 1] time of each frame and the end of the last, in the scene's time base.
        voice: [n] float32 at 48 kHz from time 0, as the lips move to it.
        spans: first and end sample (exclusive) of each utterance at 16 kHz, as the lips move to it.
    """

    scene: Scene
    takes: tuple[Take, ...]
    ticks: tuple[int, ...]
    voice: np.ndarray
    spans: tuple[tuple[int, int], ...]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.ticks) - 1

    @property
    def times(self) -> np.ndarray:
        """[frames] float64 seconds."""
        return np.array([float(tick * self.scene.time_base) for tick in self.ticks[:-1]])

    @property
    def seconds(self) -> Fraction:
        """Length of the video."""
        return self.ticks[-1] * self.scene.time_base

    def offset_samples(self, rate: int) -> int:
        """By how many samples the sound comes after the lips."""
        return self.scene.audio_offset_ms * rate // 1000

    def sound(self) -> np.ndarray | None:
        """[n] float32 at 48 kHz as it goes into the file, or None for no audio stream."""
        if self.scene.audio == "none":
            return None
        if self.scene.audio == "silent":
            return np.zeros_like(self.voice)
        late = self.offset_samples(speech.RATE)
        return np.concatenate([np.zeros(late, np.float32), self.voice])[: len(self.voice)]

    def heard(self) -> list[tuple[int, int]]:
        """First and end sample of each utterance at 16 kHz, as it sounds in the file."""
        if self.scene.audio != "voice":
            return []
        late = self.offset_samples(LIP_RATE)
        return [(start + late, end + late) for start, end in self.spans]


def perform(scene: Scene) -> Performance:
    """Speak the lines of a scene and lay its shots out in time.

    Raises:
        CurationError: espeak-ng is missing or fails.
    """
    ticks = scene.ticks(60 * 60)
    takes: list[Take] = []
    placed: list[tuple[int, np.ndarray]] = []
    frame = 0
    for shot in scene.shots:
        clock = ticks[frame] * scene.time_base + _LEAD
        for line in shot.lines:
            portrait = PORTRAITS[shot.voice or shot.subject]
            sound = speech.say(line.text, portrait.voice, portrait.pitch, line.speed)
            start = math.ceil(clock * LIP_RATE) * (speech.RATE // LIP_RATE)
            placed.append((start, sound))
            clock = Fraction(start + len(sound), speech.RATE) + Fraction(str(line.pause))
        end = next(index for index in range(frame + 1, len(ticks)) if ticks[index] * scene.time_base >= clock)
        takes.append(Take(shot, frame, end))
        frame = end
    voice = np.zeros(math.ceil(ticks[frame] * scene.time_base * speech.RATE), np.float32)
    for start, sound in placed:
        voice[start : start + len(sound)] = sound
    ratio = speech.RATE // LIP_RATE
    spans = tuple((start // ratio, -(-(start + len(sound)) // ratio)) for start, sound in placed)
    return Performance(scene, tuple(takes), tuple(ticks[: frame + 1]), voice, spans)


def lips(performance: Performance) -> np.ndarray:
    """[frames] float64 0..1: how far speech opens the mouth in each frame."""
    from scipy.signal import resample_poly

    slow = resample_poly(performance.voice, 1, speech.RATE // LIP_RATE).astype(np.float32)
    return np.clip(mouth.opening(slow, performance.times), 0.0, 1.15)


def poses(performance: Performance) -> list[dict[str, float]]:
    """The speaker's pose in each frame: the emotion, the mouth, blinks and small movements of the head."""
    opened, times = lips(performance), performance.times
    result: list[dict[str, float]] = []
    for take in performance.takes:
        phase = _phase(moves_as(performance.scene), take.shot.subject)
        start, end = (
            float(performance.ticks[edge] * performance.scene.time_base) for edge in (take.start_frame, take.end_frame)
        )
        for frame in range(take.start_frame, take.end_frame):
            time = float(times[frame])
            shown = take.shot.strength * _shown(time - start, end - time)
            result.append(_pose(take.shot.emotion, shown, time, float(opened[frame]), phase))
    return result


def listening(performance: Performance, take: Take) -> list[dict[str, float]]:
    """The pose of the one who listens in a shot with two faces: neutral, mouth shut."""
    phase = _phase(moves_as(performance.scene), take.shot.listener or "")
    times = performance.times[take.start_frame : take.end_frame]
    return [_pose("neutral", 0.0, float(time), 0.0, phase) for time in times]


def moves_as(scene: Scene) -> str:
    """The name that decides when eyes blink and heads turn."""
    return scene.moves_as or scene.name


def _phase(*names: str) -> float:
    """A number of 0..1 that a name always gets."""
    return int.from_bytes(hashlib.sha256("/".join(names).encode()).digest()[:4], "big") / 2**32


def _shown(since: float, left: float) -> float:
    """0..1: how much of its emotion a face shows, so many seconds after its shot's start and before its end."""
    rise = (since - _ONSET[0]) / (_ONSET[1] - _ONSET[0])
    fall = (left - _OFFSET[1]) / (_OFFSET[0] - _OFFSET[1])
    share = min(max(min(rise, fall), 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _pose(emotion: str, strength: float, time: float, opened: float, phase: float) -> dict[str, float]:
    pose = dict(amounts(emotion, strength * (0.9 + 0.1 * _wave(time, 0.31, phase))))
    pose["jaw_open"] = min(0.85, 0.7 * pose.get("jaw_open", 0.0) + _OPENING * opened)
    pose["pucker"] = 0.35 * opened * max(0.0, _wave(time, 1.6, phase + 0.2))
    pose["brow_outer_up"] = pose.get("brow_outer_up", 0.0) + 0.08 * opened
    pose["lid_close"] = max(pose.get("lid_close", 0.0), _blink(time, phase))
    pose["shift_x"] = 0.025 * _wave(time, 0.37, phase)
    pose["shift_y"] = 0.012 * _wave(time, 0.53, phase + 0.4) + 0.012 * opened
    pose["roll"] = 0.02 * _wave(time, 0.29, phase + 0.7)
    pose["size"] = 0.008 * _wave(time, 0.23, phase + 0.1)
    pose["yaw"] = 0.07 * _wave(time, 0.41, phase + 0.9)
    pose["pitch"] = 0.04 * _wave(time, 0.61, phase + 0.5)
    return pose


def _wave(time: float, hertz: float, phase: float) -> float:
    return math.sin(2.0 * math.pi * (hertz * time + phase))


def _blink(time: float, phase: float) -> float:
    """Lids shut for a moment about every 2.7 s, fully for less than a frame."""
    period = 2.7
    since = (time + period * phase) % period - 0.5 * period
    return max(0.0, 1.0 - (since / 0.11) ** 2)
