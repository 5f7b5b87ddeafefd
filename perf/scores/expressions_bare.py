"""A machine that has no weights but those the set-up fetches from the package index: the panel still speaks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from curation.sample.scenes import Shot
from perf.scores import Scores
from perf.scores.expressions_clips import Judged, clip_line, every_member, judge, longest, share
from perf.scores.expressions_rendered import ladder

SET_UP = ("blazeface-full", "blazeface-short", "face-mesh", "silero-vad")  # MODELS of the Makefile
SHOWN = ("happy", "sad", "surprised")
HOMES = ("INSIGHTFACE_HOME", "HF_HOME", "TORCH_HOME", "DEEPFACE_HOME", "XDG_CACHE_HOME")


def measure() -> Scores:
    """Judge rendered faces on such a machine."""
    from curation.sample.render import render

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        scenes = tuple(scene for scene in ladder(("astronaut", "group_3"), SHOWN) if scene.shots[0].strength == 1.0)
        render(home / "raw", scenes=scenes)
        found = longest(judge(home / "raw", home / "out", machine(home)))
    return score([(scene.shots[0], found.get(scene.name)) for scene in scenes])


def score(clips: Sequence[tuple[Shot, Judged | None]]) -> Scores:
    """The table of what was said; None: no clip was found."""
    spoke = [(shot, clip) for shot, clip in clips if clip is not None and clip.emotion is not None]
    members = every_member(clip for _, clip in spoke)
    hits = sum(clip.emotion == shot.emotion for shot, clip in spoke)
    scores = Scores(f"Without weights: the panel speaks of {len(spoke)} of {len(clips)} rendered clips")
    scores.lines.append(f"members: {', '.join(members) or 'none'}")
    scores.lines.append(f"{'panel, first choice':<34} {share(hits, len(clips))}")
    scores.lines += [f"{shot.subject:<11} {clip_line(shot.emotion, clip)}" for shot, clip in spoke]
    scores.values = {
        "bare_clips": len(clips),
        "bare_spoken": len(spoke),
        "bare_right": hits,
        "bare_mesh_only": float(members == ["facs-mesh"] and all(len(clip.members) == 1 for _, clip in spoke)),
    }
    return scores


def machine(home: Path) -> dict[str, str]:
    """A cache that holds what the set-up fetches and nothing else, no weights, no other program's folders.

    Raises:
        PerceptionError: one of the models cannot be fetched here.
    """
    from perception import weights

    cache, empty = home / "cache", home / "empty"
    (cache / "weights").mkdir(parents=True)
    empty.mkdir()
    for name in SET_UP:
        shutil.copy(weights.fetch(name), cache / "weights" / weights.entry(name).file)
    return {"MOEE_WEIGHTS": str(empty), "MOEE_CACHE": str(cache), **dict.fromkeys(HOMES, str(empty))}
