"""The clips that are measured: real ones where they are, else the embedded sample."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
NAMES: Final = (  # two small and two large pictures, each one talking person
    "talk_512_may_speech_5s.mp4",
    "talk_700_woman_lively_30fps_speech_7s.mp4",
    "talk_portrait1080x1920_woman_speech_10s.mp4",
    "talk_portrait1080x1920_man_seated_speech_20s_30fps.mp4",
)
SAMPLE: Final = 3  # videos of the embedded sample


def clips(folder: Path) -> list[Path]:
    """Real talking clips of MOEE_TEST_DATA, or videos of the embedded sample.

    Args:
        folder: where the sample is rendered when it is needed.
    """
    real = Path(os.environ.get("MOEE_TEST_DATA", ROOT.parent / "shared" / "data")) / "videos"
    found = [real / name for name in NAMES if (real / name).is_file()]
    if found:
        return found
    from curation.sample import render_sample

    render_sample(folder, limit=SAMPLE, workers=1)
    return sorted(folder.glob("*.mp4"))[:SAMPLE]


def hours(paths: list[Path]) -> float:
    """Hours of video in some files."""
    from media.probe import probe

    return float(sum((probe(path).duration or Fraction(0) for path in paths), Fraction(0))) / 3600


def described(paths: list[Path]) -> str:
    """One line on what was measured: number, seconds and sizes."""
    from media.probe import probe

    facts = [probe(path).video for path in paths]
    sizes = ", ".join(f"{video.width}x{video.height} {video.codec}" for video in facts if video is not None)
    return f"{len(paths)} clips, {hours(paths) * 3600:.1f} s of video ({sizes})"
