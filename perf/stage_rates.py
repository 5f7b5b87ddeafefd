"""What each stage costs: processor seconds per hour of 25 fps video, for small and for large pictures.

Runs `moee curate` on one worker over two groups of clips and shares the processor time that the run took among its
stages by the seconds in `outcomes`; the numbers are those of curation/rates.py: python -m perf.stage_rates

For each group of stages that answer one question (who is in it, what the face says) "before" is the run without them
and "after" the whole run: both come from the same run, so that a busy machine slows both. Decoded over source frames is
printed beside them, and the networks of the emotion panel, whose number and cost depend on the machine.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SMALL = ("talk_512_may_speech_5s.mp4", "talk_512_aoc_hdtf_speech_8s.mp4", "talk_450_obama_speech_20s.mp4")
LARGE = (
    "talk_portrait1080x1920_woman_speech_10s.mp4",  # HEVC
    "talk_portrait1080x1920_man_seated_speech_20s_30fps.mp4",
)
FRAMES_AN_HOUR = 25 * 3600
GROUPS = {
    "who": ("embeddings", "fingerprints", "mouths", "speaking"),  # who is in it, what is there twice, who speaks
    "expressions": ("emotions", "expressions", "captions"),  # emotion, action units, the sentence on the clip
}


def measure(clips: list[Path], recipe: str) -> dict[str, Any]:
    """Processor seconds per hour of 25 fps video of each stage, and bits per pixel of the exported clips."""
    import manifests

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        before = _children()
        command = [sys.executable, "-m", "moee_cli", "curate", *map(str, clips), "--out", str(out), "--workers", "1"]
        done = subprocess.run([*command, "--recipe", recipe, "--json"], cwd=ROOT, stdout=subprocess.PIPE, check=False)
        result = json.loads(done.stdout)
        spent = _children() - before
        manifest = manifests.open(out)
        sources, clip_rows = manifest.sources, manifest.clips
        stages = manifest.outcomes.groupby("stage").seconds.sum().drop("duplicates", errors="ignore")
        hours = float(sources.frames.sum()) / FRAMES_AN_HOUR
        exported = float(clip_rows.frames.sum()) / FRAMES_AN_HOUR
        pixels = float((clip_rows.frames * clip_rows.source_width * clip_rows.source_height).sum())
        share = spent / float(stages.sum())
        rates = {
            stage: round(seconds * share / (exported if stage == "export" else hours), 1)
            for stage, seconds in stages.items()
            if stage != "export" or exported
        }
        megapixels = float((sources.frames * sources.width * sources.height).sum() / sources.frames.sum()) / 1e6
        panel = manifest.outcomes[manifest.outcomes.stage == "emotions"].models
        return {
            "analysis": round(_analysis(rates), 1),
            "groups": {name: _with_and_without(rates, group) for name, group in GROUPS.items()},
            "panel": sorted(
                {
                    model.split("@")[0]
                    for models in panel
                    for model in models
                    if not model.endswith(("@absent", "@unusable"))
                }
            ),
            "decoded_over_source_frames": result["frames"]["ratio"],
            "megapixels": round(megapixels, 3),
            "source_seconds": round(hours * 3600, 1),
            "processor_seconds": round(spent, 1),
            "rates": rates,
            "bits_per_pixel": round(float(clip_rows.file_bytes.sum()) * 8 / pixels, 4) if pixels else None,
        }


def _analysis(rates: dict[str, float]) -> float:
    return sum(seconds for stage, seconds in rates.items() if stage != "export")


def _with_and_without(rates: dict[str, float], group: tuple[str, ...]) -> dict[str, float]:
    """Processor seconds per hour of all but export, without these stages and with them."""
    after = _analysis(rates)
    before = after - sum(rates.get(stage, 0.0) for stage in group)
    return {"before": round(before, 1), "after": round(after, 1), "after_over_before": round(after / before, 3)}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print both groups as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="talking-head")
    arguments = parser.parse_args()
    videos = Path(os.environ.get("MOEE_TEST_DATA", ROOT.parent / "shared" / "data")) / "videos"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name, group in (("small", SMALL), ("large", LARGE)):
        clips = [videos / clip for clip in group]
        missing = [clip.name for clip in clips if not clip.is_file()]
        if missing:
            sys.exit(f"the clip {missing[0]} is not here: set MOEE_TEST_DATA to the folder of test material")
        print(name, json.dumps(measure(clips, arguments.recipe), indent=2))


if __name__ == "__main__":
    main()
