"""Material of ladder tests: small talking blobs with sound, as a test set of a protocol that asks no network."""

import hashlib
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import yaml

from benchmark.protocol import Protocol, load_protocol
from benchmark.testset import FILE, TestClip, TestSet
from benchmark.testset.files import as_json
from media.encode import AudioShape, ClipWriter, VideoShape
from media.pixels import Colour, picture_of

SIDE, FRAMES, RATE = 64, 20, 16_000
METRICS = ("fd-pixels", "psnr", "ssim", "flicker")
PEOPLE = ("ada", "ada", "bo", "bo", "cy", "cy", "di", "di")
LABELS = ("happy", "sad", "happy", "angry", "sad", "happy", "angry", "sad")


def frame(seed: int, k: int) -> list[np.ndarray]:
    """The planes of a picture: a textured ground, and a bright blob that wanders."""
    rng = np.random.default_rng(seed)
    ground = np.kron(rng.integers(60, 160, (16, 16)), np.ones((4, 4)))
    y, x = np.mgrid[:SIDE, :SIDE]
    at = SIDE / 2 + 14 * np.array([math.sin(0.35 * k + seed), math.cos(0.21 * k + 2 * seed)])
    blob = 80 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 60)
    tint = np.full((SIDE // 2, SIDE // 2), 100 + 8 * (seed % 5))
    return [plane.clip(0, 255).astype(np.uint8) for plane in (ground + blob, tint, 230 - tint)]


def write_video(path: Path, seed: int, sound: bool = True) -> None:
    """A video of 20 frames with syllables of noise."""
    shape = VideoShape(
        SIDE, SIDE, Fraction(1, 25), Fraction(25), Colour(1, 1, 1), Fraction(1), Fraction(FRAMES, 25), 10, "veryfast"
    )
    writer = ClipWriter(path, shape, AudioShape(RATE, 1) if sound else None)
    if sound:
        time = np.arange(RATE * FRAMES // 25) / RATE
        hum = np.sin(2 * np.pi * (180 + 20 * seed) * time) * (np.sin(2 * np.pi * 4 * time) > 0)
        writer.add_sound([(0, (0.3 * hum).astype(np.float32)[None])])
    for k in range(FRAMES):
        writer.add_picture(picture_of(frame(seed, k)), k, 1)
    writer.finish()
    writer.close()


def protocol_file(folder: Path, metrics: tuple[str, ...] = METRICS) -> Path:
    """A protocol of these metrics for videos of 64 px."""
    content = load_protocol("sample").resolved()
    content |= {"name": "blobs", "metrics": list(metrics)}
    content["clip"] |= {"size": [SIDE, SIDE], "seconds": FRAMES / 25, "least_seconds": FRAMES / 25}
    path = folder / "blobs.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def testset(folder: Path, protocol: Protocol, clips: int = 8) -> TestSet:
    """Write a test set of so many clips; every second one has sound."""
    (folder / "real").mkdir(parents=True)
    listed = []
    for place in range(clips):
        name = f"real/clip{place}.mp4"
        write_video(folder / name, place, sound=place % 2 == 0)
        raw = (folder / name).read_bytes()
        listed.append(
            TestClip(
                id=f"clip{place}", identity=PEOPLE[place], emotion=LABELS[place], compound=None, intensity=None,
                label_from=None, split=None, frames=FRAMES, sound=place % 2 == 0, real=name,
                sha256=hashlib.sha256(raw).hexdigest(), bytes=len(raw), reference=name, audio=None, names=[],
            )
        )  # fmt: skip
    made = TestSet(
        version=1, protocol=protocol.name, protocol_version=protocol.version, protocol_sha256=protocol.sha256,
        made_from="0" * 64, shortfalls=[], clips=listed,
    )  # fmt: skip
    (folder / FILE).write_text(as_json(made))
    return made


testset.__test__ = False  # type: ignore[attr-defined]
