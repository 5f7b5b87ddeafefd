"""What Sync-C and Sync-D cost: this project's way against the steps of the reference pipeline, on the same clips.

Ours is what `moee bench` does for a pair, on seeded weights: decode, faces, crops, coefficients of the sound, network,
distances. Files opened for writing while it runs are counted (by an audit hook), as are bytes that the process writes
by any way and programs that it starts. What `moee bench` keeps of its results is no part of it.

The reference's steps (github.com/joonson/syncnet_python) are done one by one, with files, as it does them: the video
coded again at 25 fps, a JPEG of every frame, a WAV file, detection in every JPEG at a quarter of its size, crops coded
by OpenCV and muxed with the sound, the result read back as JPEGs and sound, windows in batches of 20 through the same
layers as they are published. In the reference's favour: its search for shots is left out, boxes are taken from our
run, coefficients are made by our function. FFmpeg 5.1 makes two pictures more than there are, as it does for the
reference. Its detector's weights are not here: a network of the same layers costs the same (`perf.s3fd`). The second
ratio puts our detector's seconds in place of that network's.

Both ways run in turns in one process, networks opened before, on one thread; FFmpeg takes as many as it likes. Seconds
are medians; processor seconds hold those of programs that were started, and are the ones to read on a machine that does
other things as well. The detector's share grows with the picture, ours does not: python -m perf.syncnet [--rounds N]
[--seconds S] [CLIP...]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from perf.syncnet_reference import Reference

ROOT = Path(__file__).resolve().parent.parent
CLIPS = (
    "talk_512_may_speech_5s.mp4",
    "still_1280x720_woman_no_speech_9s.mp4",
    "talk_portrait1080x1920_woman_speech_10s.mp4",
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
Seconds = dict[str, tuple[float, float]]
"""Step -> wall and processor seconds."""


class Watched:
    """Counts what this process writes while it is on; programs that it starts are named."""

    def __init__(self) -> None:
        """Add the hook, which stays for good and counts only while `on`."""
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (flags or 0) & WRITES:
                self.seen.append(f"open {path}")
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.mkdir", "os.rename"):
            self.seen.append(f"{event} {arguments[:1]}")


@contextmanager
def timed(into: Seconds, step: str) -> Iterator[None]:
    """Add the block's seconds to a step."""
    wall, processor = time.perf_counter(), _processor()
    yield
    before = into.get(step, (0.0, 0.0))
    into[step] = before[0] + time.perf_counter() - wall, before[1] + _processor() - processor


def ours(clip: Path) -> tuple[Seconds, np.ndarray, dict[int, tuple[float, float, float]]]:
    """Seconds of each step, the distances, and where the face was in each frame."""
    from benchmark.extract.extractor import Shown, Watch
    from benchmark.extract.faces import Faces
    from benchmark.extract.network import twin
    from benchmark.extract.sync import Sync, SyncCrops
    from benchmark.metrics.sync import FEATURE
    from media.decode import Decoder
    from perception.lip_crops import spot_of_mesh

    spent: Seconds = {}
    watch: Watch | None = None
    with Decoder(clip) as decoder:
        frames = iter(decoder)
        while True:
            with timed(spent, "decode"):
                frame = next(frames, None)
                picture = None if frame is None else frame.rgb()
            if frame is None or picture is None:
                break
            if watch is None:
                size = (frame.width, frame.height)
                watch = Watch(clip, _count(clip), Fraction(25), *size, frame.time_base, True, frame.pts)
                faces, crops = Faces().sight(watch), SyncCrops().sight(watch)
            watch.seconds.append(frame.index / 25)
            shown = Shown(frame.index, frame.pts, picture)
            with timed(spent, "faces"):
                faces.see(shown)
            with timed(spent, "crops"):
                crops.see(shown)
    assert watch is not None
    with timed(spent, "faces"):
        faces.finish()
    with timed(spent, "crops"):
        crops.finish()
    with timed(spent, "sound, network, offset"):
        found = twin(Sync()).pair_sight(watch, watch).finish()[FEATURE]
    main = watch.left[Faces.name]
    spots = {at: spot_of_mesh(mesh.points) for at, mesh in zip(main.frames.tolist(), main.meshes, strict=True)}
    return spent, found, spots


def compare(clip: Path, seconds: int, rounds: int, watched: Watched) -> None:
    """Print the steps of both ways and the ratios for the first seconds of a clip."""
    with tempfile.TemporaryDirectory() as folder:
        short = _shortened(clip, Path(folder) / "clip.mp4", seconds)
        ours(short)  # opens the models, makes what libraries make at first
        reference = Reference()
        mine: list[Seconds] = []
        theirs: list[Seconds] = []
        written = 0
        for _ in range(rounds):
            before, watched.on = _written(), True
            spent, found, spots = ours(short)
            watched.on = False
            written = max(written, _written() - before)
            mine.append(spent)
            steps: Seconds = {}
            with tempfile.TemporaryDirectory() as work:
                files = reference.run(short, Path(work), spots, lambda step, steps=steps: timed(steps, step))  # type: ignore[misc]
            theirs.append(steps)
        _print(clip, _count(short), mine, theirs)
        print(f"  opened for writing by ours: {watched.seen or 'nothing'}; {written} bytes written by the process")
        print(f"  files of the reference: {files}; {len(found)} windows, {int(np.isnan(found[:, 0]).sum())} faceless")


def _print(clip: Path, frames: int, mine: list[Seconds], theirs: list[Seconds]) -> None:
    print(f"{clip.name}: {frames} frames")
    totals = []
    for name, runs in (("ours", mine), ("reference", theirs)):
        steps = {
            step: tuple(statistics.median(run[step][which] for run in runs) for which in (0, 1)) for step in runs[0]
        }
        totals.append(steps)
        for step, (wall, processor) in steps.items():
            print(f"  {name}: {step}: {wall:.2f} s ({processor:.2f} processor s)")
    for which, what in ((0, "wall"), (1, "processor")):
        our, their = (sum(step[which] for step in steps.values()) for steps in totals)
        swapped = their - totals[1]["detection"][which] + totals[0]["faces"][which]
        print(
            f"  {what}: ours {our:.2f} s, reference {their:.2f} s: {their / our:.1f}x; with our detector in its place "
            f"{swapped:.2f} s: {swapped / our:.1f}x"
        )


def _shortened(clip: Path, to: Path, seconds: int) -> Path:
    """The first seconds of a clip at 25 fps, in its own size."""
    form = ["-t", str(seconds), "-r", "25", "-crf", "16", "-ar", "16000"]
    command = ["ffmpeg", "-v", "error", "-i", str(clip), *form, str(to)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return to


def _count(clip: Path) -> int:
    from media.probe import probe

    video = probe(clip).video
    assert video is not None
    assert video.frames is not None
    return video.frames


def _processor() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in used)


def _written() -> int:
    """Bytes that this process has passed to the system for writing, whatever wrote them."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("wchar")))


def main() -> None:
    """Print the comparison for each clip."""
    import cv2
    import torch

    parser = argparse.ArgumentParser(description="Cost of Sync-C against the reference pipeline's steps.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each clip")
    parser.add_argument("clips", nargs="*", type=Path)
    given = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        print("The reference's steps need the program ffmpeg: run `make setup`.")
        return
    data = Path(os.environ.get("MOEE_TEST_DATA", ROOT.parent / "shared" / "data")) / "videos"
    clips = given.clips or [clip for name in CLIPS if (clip := data / name).is_file()]
    if not clips:
        print(f"There are no clips to measure on: name some, or set MOEE_TEST_DATA (looked in {data}).")
        return
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    watched = Watched()
    for clip in clips:
        compare(clip, given.seconds, given.rounds, watched)


if __name__ == "__main__":
    main()
