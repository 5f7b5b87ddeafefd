"""Makes one video in a process of its own and says what it took: run as `python -m tests.proofs.long_video`."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from moee_model.emotion import parse
from moee_model.generate import Generator, Settings
from moee_model.inputs import RATE, Sound, read_picture, squared


def peak_bytes() -> int:
    """The most memory that this process has held since it began; `ru_maxrss` would count its parent's too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not say how much memory was held")


def main(model: str, picture: str, sound: str, seconds: str, target: str) -> None:
    """Generate so many seconds, with another emotion in the second half; print frames and memory as JSON."""
    import wave

    torch.set_num_threads(1)
    generator = Generator.open(model, "cpu")
    with wave.open(sound) as file:
        samples = np.frombuffer(file.readframes(int(seconds) * RATE), "<i2").astype(np.float32) / 32768
    image = squared(read_picture(Path(picture)), (0, 0, 512, 512), generator.config.size)
    before = peak_bytes()
    emotion = [(0.0, parse("happy")), (float(seconds) / 2, parse("sad"))]
    written = generator.make(image, Sound(Path(sound), samples), emotion, Path(target), Settings(1, 1.0))
    print(json.dumps({"frames": written.frames, "before": before, "peak": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
