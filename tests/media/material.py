"""Renders test material that says what it is: every picture carries its number, every moment of sound is unique.

The number of a picture is written as black and white cells large enough to survive coding; the sound is low-passed
noise that never repeats, so that its place in time can be found again to a fraction of a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

CELLS = 4  # per side; 12 bits of number, 4 bits of check
DARK, LIGHT = 40, 210
NOISE_SECONDS = 40


@dataclass(frozen=True)
class Sound:
    """The sound of rendered material: unique noise from `start` seconds on the container's clock."""

    seconds: float
    start: Fraction = Fraction(0)
    rate: int = 44100
    channels: int = 1
    codec: str = "aac"


@dataclass(frozen=True)
class Recipe:
    """One kind of file: how its pictures are timed, coded and packed."""

    name: str
    suffix: str
    muxer: str
    codec: str
    time_base: Fraction
    times: tuple[int, ...]  # pts of each picture in time_base
    duration: int  # of the last picture
    sound: Sound | None = Sound(seconds=6)
    pixels: str = "yuv420p"
    size: tuple[int, int] = (160, 128)
    options: dict[str, str] = field(default_factory=dict)
    mux_options: dict[str, str] = field(default_factory=dict)
    rotation: int = 0  # counter-clockwise, as PyAV writes it
    rate: Fraction = Fraction(25)
    exact: bool = True  # the container keeps the time stamps as given

    @property
    def shown(self) -> tuple[int, int]:
        """(width, height) as displayed."""
        return self.size[::-1] if self.rotation in (90, -90) else self.size


def counter(number: int, width: int, height: int) -> np.ndarray:
    """A grey picture [height, width] uint8 that shows `number` (< 4096) in cells."""
    bits = _bits(number)
    rows = np.minimum(np.arange(height) * CELLS // height, CELLS - 1)
    columns = np.minimum(np.arange(width) * CELLS // width, CELLS - 1)
    cells = np.where(bits.reshape(CELLS, CELLS), LIGHT, DARK).astype(np.uint8)
    return cells[rows][:, columns]


def read_counter(picture: np.ndarray) -> int:
    """The number in a grey [h, w] or RGB [h, w, 3] picture of any size; -1 where the cells do not check."""
    grey = picture.mean(axis=2) if picture.ndim == 3 else picture.astype(float)
    height, width = grey.shape
    seen = np.zeros(CELLS * CELLS, bool)
    for i in range(CELLS * CELLS):
        y, x = divmod(i, CELLS)
        y0, x0 = (y * height + height // 4) // CELLS, (x * width + width // 4) // CELLS
        seen[i] = grey[y0 : y0 + height // (2 * CELLS), x0 : x0 + width // (2 * CELLS)].mean() > (DARK + LIGHT) / 2
    number = int(sum(1 << i for i in range(12) if seen[i]))
    return number if np.array_equal(_bits(number), seen) else -1


def _lying(picture: np.ndarray, rotation: int) -> np.ndarray:
    """The coded picture that a player turns by `rotation` degrees (counter-clockwise) to show `picture`."""
    return np.ascontiguousarray(np.rot90(picture, k=-rotation // 90))


def _bits(number: int) -> np.ndarray:
    check = (number * 7 + (number >> 4) * 3 + (number >> 8) * 5 + 9) & 15
    whole = number | check << 12
    return np.array([bool(whole >> i & 1) for i in range(16)])


def noise(rate: int) -> np.ndarray:
    """The sound of all material at `rate`: float32 [NOISE_SECONDS * rate], below about 2 kHz, the same every time."""
    rng = np.random.default_rng(rate)
    white = rng.standard_normal(NOISE_SECONDS * rate)
    taps = max(2, rate // 6000)
    kernel = np.convolve(np.hanning(2 * taps + 1), np.hanning(2 * taps + 1))
    sound = np.convolve(white, kernel, mode="same")
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def render(folder: Path, recipe: Recipe) -> Path:
    """Write the material of a recipe into `folder` and return the file."""
    path = folder / f"{recipe.name}.{recipe.suffix}"
    with av.open(str(path), mode="w", format=recipe.muxer, container_options=recipe.mux_options) as container:
        video = container.add_stream(recipe.codec, rate=recipe.rate, options=dict(recipe.options))
        context = video.codec_context
        context.width, context.height = recipe.size
        context.pix_fmt = recipe.pixels
        context.thread_count = 1
        if recipe.codec not in ("mpeg1video", "mpeg2video"):
            context.time_base = recipe.time_base
        if recipe.rotation:
            video.set_display_rotation(recipe.rotation)
        audio = None
        if recipe.sound is not None:
            audio = container.add_stream(recipe.sound.codec, rate=recipe.sound.rate)
            audio.codec_context.layout = "mono" if recipe.sound.channels == 1 else "stereo"
        packets = _coded_pictures(video, recipe)
        if audio is not None and recipe.sound is not None:
            packets += _coded_sound(audio, recipe.sound)
        container.start_encoding()
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            container.mux(packet)
    return path


def _coded_pictures(stream: av.VideoStream, recipe: Recipe) -> list[av.Packet]:
    packets, context = [], stream.codec_context
    ends = (*recipe.times[1:], recipe.times[-1] + recipe.duration)
    lasts = {}
    for number, pts in enumerate(recipe.times):
        grey = _lying(counter(number, *recipe.shown), recipe.rotation)
        frame = VideoFrame.from_ndarray(grey, format="gray").reformat(
            format=recipe.pixels, src_color_range=2, dst_color_range=2, threads=1
        )
        frame.pts, frame.time_base = pts, recipe.time_base
        lasts[pts] = ends[number] - pts
        packets += context.encode(frame)
    packets += context.encode(None)
    for packet in packets:
        packet.stream = stream
        if packet.pts in lasts and packet.time_base == recipe.time_base:
            packet.duration = lasts[packet.pts]
    return packets


def _coded_sound(stream: av.AudioStream, sound: Sound) -> list[av.Packet]:
    whole = noise(sound.rate)[: int(sound.seconds * sound.rate)]
    packets, context = [], stream.codec_context
    planes = np.tile(whole, (sound.channels, 1))
    first = int(sound.start * sound.rate)
    for at in range(0, len(whole), 1024):
        block = np.ascontiguousarray(planes[:, at : at + 1024])
        frame = AudioFrame.from_ndarray(block, format="fltp", layout="mono" if sound.channels == 1 else "stereo")
        frame.sample_rate, frame.pts, frame.time_base = sound.rate, first + at, Fraction(1, sound.rate)
        packets += context.encode(frame)
    packets += context.encode(None)
    for packet in packets:
        packet.stream = stream
    return packets


def steady(count: int, step: int, start: int = 0) -> tuple[int, ...]:
    """`count` time stamps, `step` apart."""
    return tuple(start + i * step for i in range(count))


def uneven(count: int, steps: Sequence[int], start: int = 0, seed: int = 1) -> tuple[int, ...]:
    """`count` time stamps with steps drawn from `steps`."""
    rng = np.random.default_rng(seed)
    return tuple(int(t) for t in start + np.concatenate([[0], np.cumsum(rng.choice(steps, count - 1))]))


_X264 = {"preset": "veryfast", "crf": "20", "g": "30"}

RECIPES: tuple[Recipe, ...] = (
    Recipe("h264_25", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(150, 512), 512, options=_X264),
    Recipe(
        "h264_open_gop", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(150, 512), 512,
        options={**_X264, "bf": "3", "x264-params": "open-gop=1:keyint=24:scenecut=0:b-pyramid=normal"},
    ),
    Recipe(
        "h264_22fps", "mp4", "mp4", "libx264", Fraction(1, 15360), uneven(120, (512, 512, 512, 1024), start=507), 512,
        options=_X264, rate=Fraction(1350, 61),
    ),
    Recipe(
        "h264_vfr", "mkv", "matroska", "libx264", Fraction(1, 1000), uneven(120, (17, 33, 40, 41, 90, 300)), 40,
        options={**_X264, "bf": "2"}, sound=Sound(7, rate=48000, channels=2),
    ),
    Recipe(
        "hevc_30", "mp4", "mp4", "libx265", Fraction(1, 15360), steady(120, 512), 512,
        options={"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1:keyint=25"},
    ),
    Recipe(
        "hevc_10bit", "mp4", "mp4", "libx265", Fraction(1, 15360), steady(60, 512), 512, pixels="yuv420p10le",
        options={"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1:keyint=20"},
        sound=Sound(3, rate=32000),
    ),
    Recipe(
        "mpeg1_ps", "mpg", "mpeg", "mpeg1video", Fraction(1, 25), steady(100, 1), 1, sound=Sound(4, codec="mp2"),
        options={"b": "1500000", "g": "12", "bf": "2"}, exact=False,
    ),
    Recipe(
        "mpeg4_16khz", "mp4", "mp4", "mpeg4", Fraction(1, 12800), steady(100, 512), 512, options={"b": "900000"},
        sound=Sound(4, rate=16000, channels=2),
    ),
    Recipe(
        "h264_late", "mp4", "mp4", "libx264", Fraction(1, 15360), steady(120, 512, start=127995), 512,
        options=_X264, sound=Sound(12.5),
    ),
    Recipe(
        "late_sound", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(100, 512), 512, options=_X264,
        sound=Sound(2, start=Fraction(1), rate=48000), mux_options={"movie_timescale": "48000"},
    ),
    Recipe("no_sound", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(60, 512), 512, options=_X264, sound=None),
    Recipe(
        "short_sound", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(100, 512), 512, options=_X264,
        sound=Sound(1.5),
    ),
    Recipe(
        "rotated", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(60, 512), 512, options=_X264, rotation=-90,
    ),
    Recipe(
        "transport", "ts", "mpegts", "libx264", Fraction(1, 90000), steady(100, 3600), 3600, options=_X264,
        exact=False,
    ),
    Recipe(
        "avi_mp3", "avi", "avi", "mpeg4", Fraction(1, 25), steady(100, 1), 1, options={"b": "900000"},
        sound=Sound(4, codec="mp3"), exact=False,
    ),
    # The clock of a transport stream wraps at 2**33; a recording that begins just before is read from a negative time.
    Recipe(
        "negative_start", "ts", "mpegts", "libx264", Fraction(1, 90000), steady(100, 3600, start=2**33 - 270000), 3600,
        options={**_X264, "bf": "0"}, sound=Sound(3, start=Fraction(2**33 - 270000, 90000), codec="mp2"), exact=False,
    ),
)  # fmt: skip


def recipe(name: str) -> Recipe:
    """The recipe of that name."""
    return next(r for r in RECIPES if r.name == name)


def textured(path: Path, count: int = 75, width: int = 360, height: int = 288) -> Path:
    """A moving texture in MPEG-1, the kind and size on which x264's macroblock-tree shows its uninitialised memory."""
    rng = np.random.default_rng(0)
    rough = rng.standard_normal((height // 4 + 40, width // 4 + 60)).cumsum(0).cumsum(1)
    rough = (rough - rough.min()) / (rough.max() - rough.min()) * 200 + 20
    whole = np.kron(rough, np.ones((4, 4)))
    whole = np.clip(whole + rng.normal(0, 4, whole.shape), 16, 235).astype(np.uint8)
    with av.open(str(path), "w", format="mpeg") as container:
        stream = container.add_stream("mpeg1video", rate=25, options={"b": "1500000"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(count):
            y, x = int(10 + 8 * np.sin(i / 5)), 2 * i % 200
            grey = np.ascontiguousarray(whole[y : y + height, x : x + width])
            frame = VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
