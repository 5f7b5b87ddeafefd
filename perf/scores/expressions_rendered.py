"""The panel on the rendered faces: basic emotions, compounds, and intensity against the amplitude that was drawn.

The sample itself has about one shot of each emotion. Three of its portraits also show all ten emotions, most of which
the sample does not have of them, and the six basic ones at four amplitudes and at rest: one sentence, the same voice
and the same small movements in every video, so that only the face's expression differs.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curation.sample.scenes import GOOD, Line, Scene, Shot
from manifests.emotions import BASIC, COMPOUNDS
from perf.scores import Scores
from perf.scores.expressions_clips import Judged, clip_line, confusion, judge, members_table, read, share

PORTRAITS = ("astronaut", "group_1", "group_3")
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
SAID, VOICE, MOVES = (Line("We will all be here", 0.3),), "group_3", "ladder"


@dataclass(frozen=True)
class Shown:
    """A rendered shot and what was said of it.

    name: what it shows: a basic emotion, neutral or a compound; strength: its amplitude, 0..1.
    own: whether it is a shot of the sample itself.
    clip: the longest candidate of the shot; None where there is none.
    """

    portrait: str
    name: str
    strength: float
    own: bool
    clip: Judged | None

    @property
    def emotion(self) -> str | None:
        return self.clip.emotion if self.clip else None

    @property
    def intensity(self) -> float | None:
        return self.clip.intensity if self.clip else None


def ladder(portraits: Sequence[str] = PORTRAITS, emotions: Sequence[str] = (*BASIC, *COMPOUNDS)) -> tuple[Scene, ...]:
    """The scenes beside the sample's own: every portrait at rest, and with each emotion at its amplitudes."""
    shots = [Shot(portrait, "neutral", SAID, voice=VOICE, strength=0.0) for portrait in portraits]
    for portrait in portraits:
        for emotion in emotions:
            strengths = STRENGTHS if emotion in BASIC else (1.0,)
            shots += [Shot(portrait, emotion, SAID, voice=VOICE, strength=strength) for strength in strengths]
    return tuple(
        Scene(f"{shot.subject}_{shot.emotion}_{shot.strength:.2f}.mp4", (shot,), moves_as=MOVES) for shot in shots
    )


def measure(
    portraits: Sequence[str] = PORTRAITS,
    sample: tuple[Path, Path] | None = None,
    emotions: Sequence[str] = (*BASIC, *COMPOUNDS),
) -> Scores:
    """Render the sample's good videos and the ladder of some portraits, and judge them.

    Args:
        portraits: of the ladder.
        sample: the rendered sample, and the manifest that `moee curate` made of it; None does both here.
        emotions: of the ladder.
    """
    from curation.sample.render import render
    from curation.sample.truth import read_truth

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        render(raw, scenes=(*(() if sample else GOOD), *ladder(portraits, emotions)))
        truth, clips = read_truth(raw).to_pylist(), judge(raw, Path(folder) / "out")
    if sample is not None:
        own = {scene.name for scene in GOOD}
        truth += [row for row in read_truth(sample[0]).to_pylist() if row["file"] in own]
        clips += read(sample[1])
    return score(shown(truth, clips))


def shown(truth: Sequence[dict], clips: Sequence[Judged]) -> list[Shown]:
    """Each shot with the longest candidate that begins in it.

    Args:
        truth: rows of `truth.parquet`.
        clips: what was said.
    """
    own = {scene.name for scene in GOOD}
    found = []
    for row in truth:
        for shot in row["shots"]:
            inside = [
                clip
                for clip in clips
                if clip.file == row["file"] and shot["start_frame"] <= clip.start < shot["end_frame"]
            ]
            best = max(inside, key=lambda clip: clip.end - clip.start, default=None)
            name = shot["compound"] or shot["emotion"]
            found.append(Shown(shot["identity"], name, shot["strength"], row["file"] in own, best))
    return found


def score(shots: Sequence[Shown]) -> Scores:
    """The table of the rendered shots."""
    scores = Scores("Rendered faces: the sample's own shots, and portraits with every emotion at its amplitudes")
    full = [shot for shot in shots if shot.strength == 1.0]
    _basic(scores, [shot for shot in full if shot.name not in COMPOUNDS])
    _compounds(scores, [shot for shot in full if shot.name in COMPOUNDS])
    rest = [shot for shot in shots if shot.name == "neutral"]
    calm = sum(shot.emotion == "neutral" for shot in rest)
    scores.lines.append(f"{'neutral':<34} {share(calm, len(rest))}")
    scores.values["neutral"] = calm / max(len(rest), 1)
    lines, _ = members_table([(shot.name, shot.clip) for shot in full if shot.clip and shot.name in BASIC])
    scores.lines += ["members, basic emotions:", *lines]
    _amplitude(scores, [shot for shot in shots if not shot.own and shot.name not in COMPOUNDS])
    scores.lines.append("the panel's first choice (columns) of each emotion at full amplitude (rows):")
    scores.lines += confusion([(shot.name, shot.emotion) for shot in [*rest, *full] if shot.name != "neutral"])
    scores.lines.append(f"{'portrait':<11} {'shown':<18} {'said':<22} {'p':>5} {'inten':>5}")
    scores.lines += [f"{shot.portrait:<11} {clip_line(shot.name, shot.clip)}" for shot in full if shot.clip]
    scores.notes += [f"no clip: {shot.portrait} {shot.name} {shot.strength}" for shot in shots if shot.clip is None]
    return scores


def _basic(scores: Scores, shots: Sequence[Shown]) -> None:
    """The sample's own shots of one emotion or none, of these the six emotions alone, and further shots."""
    own = [shot for shot in shots if shot.own]
    rows = {
        "sample": ("emotions and neutral, own shots", own),
        "six": ("six emotions, own shots", [shot for shot in own if shot.name in BASIC]),
        "further": ("six emotions, further shots", [shot for shot in shots if not shot.own]),
    }
    for key, (words, chosen) in rows.items():
        hits = sum(shot.emotion == shot.name for shot in chosen)
        scores.lines.append(f"{words:<34} {share(hits, len(chosen))}")
        scores.values[f"basic_{key}"] = hits / max(len(chosen), 1)


def _compounds(scores: Scores, shots: Sequence[Shown]) -> None:
    own = [shot for shot in shots if shot.own]
    for key, chosen in (("sample", own), ("further", [shot for shot in shots if not shot.own])):
        said = [(shot.name, shot.clip) for shot in chosen if shot.clip]
        both = sum(clip.top_two == set(COMPOUNDS[name]) for name, clip in said)
        named = sum(clip.compound == name for name, clip in said)
        scores.lines.append(f"{'compounds in the top two, ' + _whose(key):<34} {share(both, len(chosen))}")
        scores.lines.append(f"{'compounds called so, ' + _whose(key):<34} {share(named, len(chosen))}")
        scores.values |= {
            f"compound_{key}": both / max(len(chosen), 1),
            f"compound_named_{key}": named / max(len(chosen), 1),
        }


def _whose(key: str) -> str:
    return "own shots" if key == "sample" else "further"


def _amplitude(scores: Scores, shots: Sequence[Shown]) -> None:
    """Rank correlation of measured intensity and amplitude; a portrait at rest is the foot of all its ladders."""
    from scipy.stats import spearmanr

    told = [shot for shot in shots if shot.intensity is not None]
    scores.values["intensity_missing"] = len(shots) - len(told)
    ladders = _ladders(told)
    if not ladders:
        return
    within, single = _within(ladders)
    overall = float(spearmanr([shot.strength for shot in told], [shot.intensity for shot in told]).statistic)
    steps = sum(len(steps) for steps in ladders.values())
    scores.values |= {"spearman_within": within, "spearman_overall": overall, "spearman_least": min(single.values())}
    scores.lines += [
        f"intensity against amplitude: Spearman {within:.3f} within a portrait and emotion (pooled ranks, {steps} "
        f"steps of {len(ladders)} ladders; least {min(single.values()):.2f}), {overall:.3f} over all {len(told)}",
        f"{'portrait':<11} {'emotion':<10} {'0':>6}" + "".join(f"{strength:>6}" for strength in STRENGTHS) + "    rho",
    ]
    for (portrait, emotion), steps_ in ladders.items():
        cells = "".join(f"{value:6.2f}" for _, value in steps_)
        scores.lines.append(f"{portrait:<11} {emotion:<10} {cells}  {single[portrait, emotion]:5.2f}")


def _ladders(shots: Sequence[Shown]) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Amplitude and intensity of each portrait and emotion, from rest upwards."""
    rest = {shot.portrait: shot.intensity for shot in shots if shot.name == "neutral"}
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for shot in sorted(shots, key=lambda shot: (shot.portrait, shot.name, shot.strength)):
        if shot.name in BASIC and shot.intensity is not None:
            key = shot.portrait, shot.name
            if not found[key] and (foot := rest.get(shot.portrait)) is not None:
                found[key].append((0.0, foot))
            found[key].append((shot.strength, shot.intensity))
    return dict(found)


def _within(ladders: dict[tuple[str, str], list[tuple[float, float]]]) -> tuple[float, dict[tuple[str, str], float]]:
    """The correlation of ranks taken within each ladder, pooled over all, and that of each alone; flat ones give 0."""
    from scipy.stats import rankdata

    ranks = {key: rankdata(np.array(steps), axis=0) for key, steps in ladders.items()}
    centred = {key: rank - rank.mean(axis=0) for key, rank in ranks.items()}
    return _correlation(np.concatenate(list(centred.values()))), {k: _correlation(v) for k, v in centred.items()}


def _correlation(centred: np.ndarray) -> float:
    size = float(np.sqrt((centred[:, 0] ** 2).sum() * (centred[:, 1] ** 2).sum()))
    return float((centred[:, 0] * centred[:, 1]).sum() / size) if size else 0.0
