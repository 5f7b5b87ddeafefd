"""Material of study tests: folders of short videos with sound, test sets of them, studies, and simulated raters."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame

from benchmark.bundle import code
from benchmark.study.design import pairs, sequences, size, steps
from benchmark.study.model import STUDY_VERSION, Kind, Medium, Rules, Study, StudyClip
from benchmark.study.ratings import Answer
from benchmark.testset.files import TestClip, TestSet, as_json
from media.encode import AudioShape, ClipWriter, VideoShape
from media.pixels import Colour

FPS, RATE = 25, 16000
EMOTIONS = ("happy", "sad", "happily-surprised", "angry")
QUESTIONS = ("emotion", "lip-sync", "naturalness", "identity")


def video(path: Path, seed: int, seconds: Fraction = Fraction(2, 5), side: int = 128, sound: bool = True) -> Path:
    """A coloured square that moves, with a tone; another seed gives another one."""
    rng = np.random.default_rng(seed)
    shape = VideoShape(
        side, side, Fraction(1, 12800), Fraction(FPS), Colour(1, 1, 1), Fraction(1), seconds, 23, "ultrafast"
    )
    frames = round(seconds * FPS)
    colour, tone = rng.integers(40, 220, 3), 200 + 40 * (seed % 10)
    with_sound = AudioShape(RATE, 1) if sound else None
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = ClipWriter(path, shape, with_sound)
    if sound:
        wave = 0.1 * np.sin(2 * np.pi * tone * np.arange(round(seconds * RATE)) / RATE)
        writer.add_sound([(0, wave.astype(np.float32)[None])])
    for place in range(frames):
        picture = np.full((side, side, 3), colour, np.uint8)
        picture[40:80, 10 + 5 * place : 40 + 5 * place] = 255 - colour
        frame = VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
        writer.add_picture(frame, place * 512, 512)
    writer.finish()
    writer.close()
    return path


def folders(root: Path, systems: list[str], clips: list[str], **shape: object) -> list[str]:
    """A folder of videos for each system; returns the arguments of --system."""
    for number, system in enumerate(systems):
        for place, clip in enumerate(clips):
            video(root / system / f"{clip}.mp4", 100 * number + place, **shape)  # type: ignore[arg-type]
    return [f"{system}={root / system}" for system in systems]


def labelled(root: Path, clips: int = 4) -> list[str]:
    """A test set of small videos with labels and references; returns the ids of its clips."""
    made = []
    for place in range(clips):
        name = f"{place:03d}_{EMOTIONS[place % 4]}_01"
        real = video(root / "real" / f"{name}.mp4", 900 + place)
        (root / "reference").mkdir(exist_ok=True)
        cv2.imwrite(str(root / "reference" / f"{name}.png"), np.full((128, 128, 3), 40 + 20 * (place % 10), np.uint8))
        label = EMOTIONS[place % 4]
        made.append(
            TestClip(
                id=name, identity=f"{place:03d}", emotion=None if "-" in label else label,
                compound=label if "-" in label else None, intensity=None, label_from="given", split="test", frames=10,
                sound=True, real=f"real/{name}.mp4", sha256=hashlib.sha256(real.read_bytes()).hexdigest(),
                bytes=real.stat().st_size, reference=f"reference/{name}.png", audio=None, names=[],
            )
        )  # fmt: skip
    found = TestSet(
        version=1, protocol="sample", protocol_version=1, protocol_sha256="1" * 64, made_from="2" * 64, shortfalls=[],
        clips=made,
    )  # fmt: skip
    (root / "testset.json").write_text(as_json(found))
    return [clip.id for clip in made]


def study(
    systems: int = 4,
    clips: int = 10,
    raters: int = 15,
    kind: Kind = "rating",
    questions: tuple[str, ...] = QUESTIONS,
    checks: int = 2,
    seed: int = 5,
    ties: bool = False,
) -> Study:
    """A study that was never shown: its design is real, its videos are not there."""
    treatments = systems if kind == "rating" else len(pairs(systems))
    found = size(treatments, clips, raters, None, None)
    places = {(system, clip): system * clips + clip for system in range(systems) for clip in range(clips)}
    order = steps(kind, sequences(treatments, clips, found, seed), places, systems, checks, seed)
    return Study(
        study_version=STUDY_VERSION, title="A study", kind=kind, ties=ties, questions=questions,
        systems=tuple(f"s{system}" for system in range(systems)),
        clips=tuple(StudyClip(id=f"c{clip}", label=EMOTIONS[clip % 2]) for clip in range(clips)),
        media=tuple(
            Medium(system=f"s{system}", clip=f"c{clip}", token=f"{system}-{clip}", source_sha256="0" * 64,
                   sha256="0" * 64, seconds=1.0)
            for system in range(systems) for clip in range(clips)
        ),
        per_item=found.per_item, seed=seed, rules=Rules(), sequences=order, code=code(),
        made_at="2025-11-28T09:46:00+00:00",
    )  # fmt: skip


class Crowd:
    """Simulated raters: an answer is the system's mean plus the rater's bias, the clip's effect and noise, rounded.

    random: numbers of raters that answer anything, instructed steps aside. careless: those that ignore instructions.
    """

    def __init__(self, study: Study, seed: int, random: tuple[int, ...] = (), careless: tuple[int, ...] = ()) -> None:
        self.study, self.seed, self.random, self.careless = study, seed, random, careless
        rng = np.random.default_rng(seed)
        self.means = np.linspace(2.2, 3.8, len(study.systems))[:, None] + rng.normal(
            0, 0.15, (len(study.systems), len(study.questions))
        )
        self.bias = rng.normal(0, 0.3, study.raters)
        self.effects = rng.normal(0, 0.25, len(study.clips))

    def felt(self, rater: int, place: int, question: int, rng: np.random.Generator) -> float:
        """How good a video seems to a rater, not rounded."""
        medium = self.study.media[place]
        clip = [found.id for found in self.study.clips].index(medium.clip)
        mean = self.means[self.study.systems.index(medium.system), question]
        return float(mean + self.bias[rater - 1] + self.effects[clip] + rng.normal(0, 0.6))

    def answer(self, rater: int, position: int) -> dict[str, int]:
        """What a rater answers at a step; the same whenever it is asked."""
        step, rng = self.study.sequences[rater - 1][position], np.random.default_rng([self.seed, rater, position])
        if step.expected is not None and rater not in self.careless:
            return dict.fromkeys(self.study.questions, step.expected)
        return {key: self._one(rater, step.media, place, rng) for place, key in enumerate(self.study.questions)}

    def _one(self, rater: int, media: tuple[int, ...], question: int, rng: np.random.Generator) -> int:
        if len(media) == 2:
            if rater in self.random:
                return int(rng.integers(1, 3))
            return 1 if self.felt(rater, media[0], question, rng) > self.felt(rater, media[1], question, rng) else 2
        if rater in self.random:
            return int(rng.integers(1, 6))
        return int(np.clip(round(self.felt(rater, media[0], question, rng)), 1, 5))

    def answers(self, finished: int | None = None) -> list[Answer]:
        """All that everybody answers; `finished`: the last rater stops after so many steps."""
        return [
            Answer(rater, position, self.answer(rater, position), 4.0, 1)
            for rater, sequence in enumerate(self.study.sequences, start=1)
            for position in range(len(sequence))
            if finished is None or rater < self.study.raters or position < finished
        ]


def edit_json(path: Path, **changes: object) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
