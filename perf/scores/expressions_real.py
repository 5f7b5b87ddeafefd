"""The panel on the real faces whose emotion is known: sixteen clips of two actors of MEAD, and seven pictures.

A picture is encoded as a still clip of 2 s, so that it goes through the program as any video does.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from manifests.emotions import EMOTIONS
from perf.intervals import auc
from perf.scores import Scores
from perf.scores.expressions_clips import (
    Judged,
    clip_line,
    confusion,
    every_member,
    judge,
    longest,
    members_table,
    read,
    share,
)

MEAD, PICTURES = "emotion_mead_*.mp4", "emotion_faceapi_*.jpg"
FEARFUL = {"fearful": "fear"}  # as the pictures' makers write it
STILL_FRAMES, STILL_FPS = 50, 25
MESH = "facs-mesh"


def measure(data: Path, curated: Path | None = None) -> tuple[Scores, Scores]:
    """Judge MEAD's clips and the labelled pictures in one run.

    Args:
        data: the folder of test material, with `videos` and `images` in it.
        curated: what `moee curate` made of these videos, where that is known; None judges MEAD's clips here.
    """
    clips = sorted((data / "videos").glob(MEAD))
    pictures = sorted((data / "images").glob(PICTURES))
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        raw.mkdir()
        for clip in clips if curated is None else ():
            shutil.copyfile(clip, raw / clip.name)
        for picture in pictures:
            still(picture, raw / f"{picture.stem}.mp4")
        found = longest([*judge(raw, Path(folder) / "out"), *(read(curated) if curated else ())])
    mead = [(clip.name.split("_")[3], *_level(clip), found.get(clip.name)) for clip in clips]
    faces = [(_label(picture), found.get(f"{picture.stem}.mp4")) for picture in pictures]
    return score_mead(mead), score_pictures(faces)


def still(picture: Path, video: Path) -> None:
    """Write a picture as a still video, cropped to even sides; x264 at crf 10 changes little of it."""
    import av
    import cv2

    shown = np.asarray(cv2.imread(str(picture)))
    height, width = (side // 2 * 2 for side in shown.shape[:2])
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(STILL_FPS), options={"crf": "10", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(STILL_FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown[:height, :width]), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def score_mead(clips: Sequence[tuple[str, str, int, Judged | None]]) -> Scores:
    """The table of MEAD's clips.

    Args:
        clips: true emotion, actor, level, and what was said (None: no face was found, which counts as wrong).
    """
    scores = Scores(f"MEAD: {len(clips)} clips of {len({actor for _, actor, _, _ in clips})} actors, nothing fitted")
    seen = [(truth, clip) for truth, _, _, clip in clips if clip is not None]
    hits = sum(clip.emotion == truth for truth, clip in seen)
    clear = [(truth, clip) for truth, clip in seen if clip.clear]
    right = sum(clip.emotion == truth for truth, clip in clear)
    scores.lines.append(f"{'panel, first choice':<34} {share(hits, len(clips))}")
    lines, members = members_table(seen)
    scores.lines += lines
    scores.lines.append(f"{'called unambiguous':<34} {share(len(clear), len(clips))}")
    scores.lines.append(f"{'of these right':<34} {share(right, len(clear))}")
    scores.lines += _levels(clips, scores.values)
    scores.lines += ["the panel's first choice (columns) of each emotion (rows):"]
    scores.lines += confusion([(truth, clip.emotion if clip else None) for truth, _, _, clip in clips])
    scores.lines.append(f"{'clip':<5} {'true':<18} {'said':<22} {'p':>5} {'inten':>5}")
    scores.lines += [f"{actor:<5} {clip_line(truth, clip)}" for truth, actor, _, clip in clips if clip]
    scores.notes += [f"no clip: {actor} {truth}" for truth, actor, _, clip in clips if clip is None]
    scores.values |= {
        "mead_clips": len(clips),
        "mead_right": hits,
        "mead_clear": len(clear),
        "mead_clear_right": right / len(clear) if clear else 0.0,
        **{f"mead_member_{name}": value for name, value in members.items()},
    }
    return scores


def _levels(clips: Sequence[tuple[str, str, int, Judged | None]], values: dict[str, float]) -> list[str]:
    """How often a clip of the strongest level is found stronger than a neutral one; only levels 1 and 3 are there."""
    told = [(level, clip.intensity) for _, _, level, clip in clips if clip and clip.intensity is not None]
    strong = [value for level, value in told if level == 3]
    rest = [value for level, value in told if level == 1]
    if not strong or not rest:
        return ["intensity was not measured"]
    values |= {"mead_intensity_auc": auc(strong, rest), "mead_intensity_clips": len(told)}
    ranks = ", ".join(str(1 + sum(other < value for _, other in told)) for value in rest)
    return [
        f"intensity: level 3 above neutral in {values['mead_intensity_auc']:.2f} of the pairs (AUC, n = {len(strong)} "
        f"and {len(rest)}); neutral clips rank {ranks} of {len(told)} from below"
    ]


def score_pictures(faces: Sequence[tuple[str, Judged | None]]) -> Scores:
    """The table of the labelled pictures; None: no face was found, which counts as wrong."""
    scores = Scores(f"Labelled pictures: {len(faces)}, each a still clip of {STILL_FRAMES // STILL_FPS} s")
    seen = [(truth, clip) for truth, clip in faces if clip is not None]
    hits = sum(clip.emotion == truth for truth, clip in seen)
    scores.lines.append(f"{'panel, first choice':<34} {share(hits, len(faces))}")
    scores.lines += members_table(seen)[0]
    members = every_member(clip for _, clip in seen)
    for truth, clip in seen:
        scores.lines.append(clip_line(truth, clip))
        scores.lines.append("    " + ", ".join(f"{name}: {_sure(clip.members, name)}" for name in members))
    scores.notes += [f"no face: {truth}" for truth, clip in faces if clip is None]
    scores.values |= {"pictures": len(faces), "pictures_right": hits}
    return scores


def _sure(members: Mapping[str, np.ndarray], name: str) -> str:
    if name not in members:
        return "silent"
    best = int(np.argmax(members[name]))
    return f"{EMOTIONS[best]} {members[name][best]:.2f}"


def _level(clip: Path) -> tuple[str, int]:
    """The actor and the level in the name of a MEAD clip: emotion_mead_M030_angry_level3.mp4."""
    parts = clip.stem.split("_")
    return parts[2], int(parts[4].removeprefix("level"))


def _label(picture: Path) -> str:
    label = picture.stem.split("_")[-1]
    return FEARFUL.get(label, label)
