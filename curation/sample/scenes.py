"""The list of videos: who says what with which emotion, in which shots, and what is wrong with the bad ones."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, cycle, islice

SQUARE = (512, 512)
SMALL = (384, 384)


@dataclass(frozen=True)
class Line:
    """One utterance.

    Attributes:
        text: what is said.
        pause: seconds of silence after it.
        speed: words per minute.
    """

    text: str
    pause: float = 0.35
    speed: int = 160


@dataclass(frozen=True)
class Shot:
    """One shot of a video.

    Attributes:
        subject: a key of `faces.PORTRAITS`, or of `faces.BACKDROPS` where no face is to be seen.
        emotion: a key of `expression.EMOTIONS`.
        lines: what is said in it.
        listener: a second portrait at the speaker's side, in the right half of the picture.
        voice: the portrait whose voice speaks; the subject's own if None.
        strength: of the emotion, 0 (a neutral face) to 1.
    """

    subject: str
    emotion: str
    lines: tuple[Line, ...]
    listener: str | None = None
    voice: str | None = None
    strength: float = 1.0


@dataclass(frozen=True)
class Scene:
    """One video.

    Attributes:
        name: file name.
        shots: its shots, one after the other with hard cuts.
        size: width and height, pixels.
        fps: frames per second; the mean where `variable`.
        kind: good, or what is wrong with it.
        expected: what curation should make of it: kept, dropped or failed.
        reasons: codes that a drop must name.
        variable: the frames are unevenly spaced.
        audio: "voice", "silent" (a stream of zeros) or "none" (no stream).
        audio_offset_ms: how much later the sound comes than the lips.
        blur: standard deviation of a blur over the finished picture, pixels.
        keep_bytes: share of the finished file that is kept, the rest is cut off.
        index_first: the mp4's index stands before its media, so that a cut-off file can still be read.
        moves_as: the video whose faces move as these; itself if None.
        mirrored: left and right are exchanged in the finished picture.
        crf: x264's constant rate factor; lower is better and larger.
    """

    name: str
    shots: tuple[Shot, ...]
    size: tuple[int, int] = SMALL
    fps: Fraction = Fraction(25)
    kind: str = "good"
    expected: str = "kept"
    reasons: tuple[str, ...] = ()
    variable: bool = False
    audio: str = "voice"
    audio_offset_ms: int = 0
    blur: float = 0.0
    keep_bytes: float = 1.0
    index_first: bool = True
    moves_as: str | None = None
    mirrored: bool = False
    crf: int = 19

    @property
    def time_base(self) -> Fraction:
        """Unit of the frame times that are handed to the encoder, seconds."""
        return Fraction(1, 1000) if self.variable else 1 / self.fps

    def ticks(self, frames: int) -> list[int]:
        """Presentation time of each frame and the end of the last one, in `time_base` ([frames + 1])."""
        if not self.variable:
            return list(range(frames + 1))
        return [0, *accumulate(islice(cycle(_UNEVEN), frames))]


_UNEVEN = (33, 47, 40, 27, 53, 40, 20, 60)
"""Milliseconds that the frames of the unevenly spaced video stand; 40 on average."""


def _one(subject: str, emotion: str, *lines: Line, listener: str | None = None, voice: str | None = None) -> Shot:
    return Shot(subject, emotion, lines, listener, voice)


GOOD: tuple[Scene, ...] = (
    Scene(
        "astronaut_happy_1.mp4",
        (
            _one(
                "astronaut", "happy",
                Line("We did it and I could not be happier today"),
                Line("Everyone was smiling when the good news came", 0.3),
            ),
        ),
        SQUARE,
    ),
    Scene(
        "group_3_angry_1.mp4",
        (
            _one(
                "group_3", "angry",
                Line("You promised me that this would never happen again", 0.6, 175),
                Line("I am tired of hearing the same excuses", 0.3, 175),
            ),
        ),
    ),
    Scene(
        "group_2_sad_long_pause.mp4",
        (
            _one(
                "group_2", "sad",
                Line("I still wait for his letters every single morning", 1.7, 140),
                Line("The house has been so quiet since he went away", 0.3, 140),
            ),
        ),
    ),
    Scene(
        "three_people_three_shots.mp4",
        (
            _one("group_3", "neutral", Line("The meeting starts at nine and ends before noon", 0.3)),
            _one("group_1", "surprised", Line("Nobody told me that it was going to be today", 0.3)),
            _one("astronaut", "fear", Line("Please be careful because the ladder is not safe", 0.3)),
        ),
        SQUARE,
    ),
    Scene(
        "group_1_surprised_30fps.mp4",
        (
            _one(
                "group_1", "surprised",
                Line("What a wonderful idea to come all the way here", 0.8),
                Line("I had no idea that you could play the piano", 0.3),
            ),
        ),
        fps=Fraction(30),
    ),
    Scene(
        "group_5_fear_vertical.mp4",
        (_one("group_5", "fear", Line("你听到走廊里的脚步声了吗", 0.4, 200), Line("门后面好像有人", 0.3, 200)),),
        (360, 640),
    ),
    Scene(
        "group_4_disgusted_uneven.mp4",
        (
            _one(
                "group_4", "disgusted",
                Line("There was something green growing in the soup"),
                Line("I will never eat in that place again", 0.3),
            ),
        ),
        variable=True,
    ),
    Scene(
        "two_compounds_1.mp4",
        (
            _one("group_4", "angrily-disgusted", Line("How dare you serve this rotten fish to our guests", 0.3)),
            _one("astronaut", "sadly-surprised", Line("I never thought that she would leave without a word", 0.3, 150)),
        ),
    ),
    Scene(
        "two_compounds_2.mkv",
        (
            _one("group_1", "sadly-fear", Line("They may close the school and nobody will help us", 0.3, 150)),
            _one("group_3", "happily-surprised", Line("You came all this way just to see me on my birthday", 0.3)),
        ),
    ),
    Scene(
        "group_5_neutral_chinese.mpg",
        (
            _one(
                "group_5", "neutral",
                Line("今天的会议从九点开始", 0.5, 210),
                Line("请大家带上自己的报告和材料", 0.3, 210),
            ),
        ),
    ),
    Scene(
        "monochrome_neutral_late_sound.mp4",
        (
            _one(
                "monochrome", "neutral",
                Line("The first train leaves the station at a quarter past six"),
                Line("Remember to bring your ticket and a warm coat", 0.55),
            ),
        ),
        audio_offset_ms=200,
    ),
)  # fmt: skip
BAD: tuple[Scene, ...] = (
    Scene(
        "bad_no_face.mp4",
        (
            _one("coffee", "neutral", Line("Grind the beans just before you pour the water", 0.3), voice="group_3"),
            _one("cat", "neutral", Line("This cat was found in a garden behind the museum", 0.3), voice="group_3"),
        ),
        kind="no_face", expected="dropped", reasons=("faces",),
    ),
    Scene(
        "bad_two_faces.mp4",
        (
            _one(
                "astronaut", "neutral",
                Line("Welcome back to our programme about life in orbit"),
                Line("My guest today has a lot to say about it", 0.3),
                listener="group_3",
            ),
        ),
        (640, 360), kind="two_faces", expected="dropped", reasons=("faces",),
    ),
    Scene(
        "bad_silence_no_stream.mp4",
        (_one("group_4", "happy", Line("This is what I would say if anyone could hear me now", 0.6)),),
        kind="silence", expected="dropped", reasons=("speech",), audio="none",
    ),
    Scene(
        "bad_digital_silence.mp4",
        (_one("group_5", "happy", Line("My microphone is off and I have not noticed it yet", 0.6), voice="astronaut"),),
        kind="digital_silence", expected="dropped", reasons=("speech",), audio="silent",
    ),
    Scene(
        "bad_blur.mp4",
        (_one("group_3", "neutral", Line("The camera never found its focus on this afternoon", 0.6)),),
        kind="blur", expected="dropped", reasons=("faces",), blur=26.0,
    ),
    Scene(
        "bad_short.mp4",
        (_one("astronaut", "happy", Line("See you soon", 0.3)),),
        kind="short", expected="dropped", reasons=("length",),
    ),
    Scene(
        "bad_mirrored_copy.mp4",  # of the first video: smaller, at a low rate, left and right exchanged
        GOOD[0].shots, kind="duplicate", expected="dropped", reasons=("duplicate",),
        moves_as=GOOD[0].name, mirrored=True, crf=33,
    ),
    Scene(
        "bad_truncated_readable.mp4",
        (
            _one(
                "group_2", "surprised",
                Line("The second half of this recording has been lost"),
                Line("What I say now will never reach anybody at all"),
                Line("It was cut off in the middle of the transfer", 0.3),
            ),
        ),
        kind="truncated", expected="kept", keep_bytes=0.55,
    ),
    Scene(
        "bad_truncated_unreadable.mp4",
        (_one("group_3", "happy", Line("The index of this file was never written to the disk", 0.3)),),
        kind="truncated", expected="failed", keep_bytes=0.55, index_first=False,
    ),
)  # fmt: skip
SCENES: tuple[Scene, ...] = GOOD + BAD
"""All videos of the sample, in the order in which they are rendered."""
