"""What share of the ceiling the whole analysis reaches, per resolution.

The ceiling is the work that no tool of this kind can leave out, in a bare loop: decode, scaling, the face detector on
every fifth frame and landmarks on every frame. The analysis is everything that `moee curate` does with a source before
it exports clips: shots, tracks, speech, candidates, selection, and committing their tables. Both run on one thread, in
turns, and the ratio is that of the medians: python -m perf.decode [--rounds N] [VIDEO...]

The stages that say who is in it, who speaks and what the face says (five embeddings per track, Light-ASD, fingerprints,
the emotion panel) are no part of the ceiling. "less added" is the share without the seconds that these stages took in
the same runs: short clips pay most, for five embeddings cost as much on 3 s as on 30 s.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from perf.stage_rates import GROUPS

ROOT = Path(__file__).resolve().parent.parent
ADDED = [stage for stages in GROUPS.values() for stage in stages]
CLIPS = (  # one talking person each, from small to large
    "talk_360x288_grid_man_a_3s.mpg",
    "talk_450_obama_speech_20s.mp4",
    "talk_512_may_speech_5s.mp4",
    "talk_700_woman_lively_30fps_speech_7s.mp4",
    "still_1280x720_woman_no_speech_9s.mp4",
    "talk_portrait1080x1920_woman_speech_10s.mp4",
)


def ceiling(path: Path) -> tuple[int, float]:
    """Frames and seconds of the bare loop."""
    from curation.stages.faces import LONG_SIDE, Faces, _models
    from curation.stages.shots import LONG_SIDE as SHOT_SIDE
    from media.decode import Decoder
    from perception.boxes import box_of_mesh

    detector, _, landmarker = _models()
    every, box, frames = Faces().detect_every, None, 0
    started = time.perf_counter()
    with Decoder(path) as decoder:
        for frame in decoder:
            frames += 1
            frame.scaled(SHOT_SIDE)
            picture = frame.scaled(LONG_SIDE)
            if frame.index % every == 0 or box is None:
                found = detector([picture])[0]
                box = box or (found[0].box if found else None)
            if box is not None:
                (mesh,) = landmarker([picture], [box])
                box = box_of_mesh(mesh.points) if mesh else None
    return frames, time.perf_counter() - started


def analysis(path: Path) -> tuple[int, float, float]:
    """Frames and seconds of the whole analysis of one source, and of these the seconds of the stages in `ADDED`."""
    from curation.one_source import curate_source
    from curation.pipeline import Pipeline, build
    from curation.task import Task
    from manifests.recipe import load_recipe
    from manifests.schema import make_id

    whole = build(load_recipe("talking-head"))
    pipeline = Pipeline(whole.first, whole.pixel, whole.table[:-1])  # all but the export
    with tempfile.TemporaryDirectory() as folder:
        source = make_id("source", path.name)
        task = Task(Path(folder), pipeline, source, path.name, path, str(path), "0" * 64, path.stat().st_size, 0)
        started = time.perf_counter()
        done = curate_source(task)
        return done.analysed, time.perf_counter() - started, sum(done.seconds.get(stage, 0.0) for stage in ADDED)


def measure(path: Path, rounds: int) -> dict[str, object]:
    """Both in turns after one warm-up; medians and their ratio."""
    from media.probe import probe

    video = probe(path).video
    assert video is not None
    times: dict[str, list[float]] = {"ceiling": [], "analysis": [], "less": []}
    frames = {}
    for round_ in range(rounds + 1):
        frames["ceiling"], bare = ceiling(path)
        frames["analysis"], whole, who = analysis(path)
        if round_:
            for name, seconds in (("ceiling", bare), ("analysis", whole), ("less", whole - who)):
                times[name].append(seconds)
    bare, whole, less = (statistics.median(seconds) for seconds in times.values())
    return {
        "video": path.name,
        "width": video.width,
        "height": video.height,
        "codec": video.codec,
        "frames": frames["analysis"],
        "decoded_per_frame": frames["analysis"] / frames["ceiling"],
        "ceiling_fps": round(frames["ceiling"] / bare, 1),
        "analysis_fps": round(frames["analysis"] / whole, 1),
        "share": round(bare / whole, 3),
        "share_less_added": round(bare / less, 3),
    }


def main() -> None:
    """Print a line per video and the least share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    data = Path(os.environ.get("MOEE_TEST_DATA", ROOT.parent / "shared" / "data")) / "videos"
    videos = arguments.videos or [data / name for name in CLIPS if (data / name).is_file()]
    if not videos:
        sys.exit("no videos: name some, or set MOEE_TEST_DATA (the embedded sample will do: moee sample demo/raw)")
    rows = [measure(video, arguments.rounds) for video in videos]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    titles = f"{'picture':>10} {'codec':<11} {'frames':>6} {'ceiling':>9} {'analysis':>9}"
    print(f"{titles} {'share':>6} {'less added':>10}  video")
    for row in rows:
        print(
            f"{row['width']:>5}x{row['height']:<4} {row['codec']:<11} {row['frames']:>6} {row['ceiling_fps']:>5} fps"
            f" {row['analysis_fps']:>5} fps {row['share']:>6} {row['share_less_added']:>10}  {row['video']}"
        )
    least, less = (min(float(str(row[name])) for row in rows) for name in ("share", "share_less_added"))
    print(f"least share of the ceiling: {least}; less who, who speaks and expressions: {less}")


if __name__ == "__main__":
    main()
