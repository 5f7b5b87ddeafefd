"""The proof's page: what was found over all seeds, with chance levels and 95 % intervals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np

from moee_model.batch import EXPERTS
from perf.intervals import wilson
from perf.toy.figure import draw
from perf.toy.seed import plain
from perf.toy_proof import ABLATIONS

Found = Mapping[str, Any]
NAME: Final = "toy-world"
HEADS: Final = {
    "no-experts": "no experts (the emotion reaches nothing)",
    "no-global-gate": "no global gate (all experts speak alike)",
    "no-masked-sampling": "no masked noisy emotion sampling",
}


@dataclass(frozen=True)
class Row:
    """One measure. seeds: its value for each seed. low, high: the 95 % interval of all together. chance: what guessing
    gives. bound: what must be, in words; holds: whether it is, None where nothing is demanded."""

    name: str
    chance: str
    seeds: list[float]
    value: float
    low: float
    high: float
    bound: str = ""
    holds: bool | None = None


def rows(found: Found) -> list[Row]:
    """All measures of the finished models, the controls and the one-hot experts."""
    seeds = _seeds(found)

    def each(read: Callable[[Found], Sequence[float]]) -> list[list[float]]:
        return [[float(value) for value in read(seed)] for seed in seeds]

    sixth, tenth = "1/6 = 0.167", "1/10 = 0.100"
    persons = len(seeds[0]["full"]["control"]["who"]) // 6
    forced = sum(seed["full"]["forced_videos"] for seed in seeds)
    shuffled = []
    if all("shuffled" in seed for seed in seeds):
        seen = each(lambda s: s["shuffled"]["control"]["emotion"])
        shuffled = [_chance("control: labels shuffled in training", sixth, seen)]
    made = [
        _share("the told emotion is seen", sixth, each(lambda s: s["full"]["control"]["emotion"]), 0.95),
        _mean("mouth follows the sound (correlation)", "0", each(lambda s: s["full"]["control"]["mouth"]), 0.9),
        _share("the person is the nearest of the held-out", f"1/{persons} = {1 / persons:.3f}",
               each(lambda s: s["full"]["control"]["who"])),
        _apart("identity: radius of the head off by", 0.2 / 3, each(lambda s: [s["full"]["control"]["radius"]])),
        _apart("identity: shade off by", 0.9 / 3, each(lambda s: [s["full"]["control"]["shade"]])),
        _chance("control: told neutral, emotion seen", sixth, each(lambda s: s["full"]["null"]["emotion"])),
        *shuffled,
        _silent("control: no sound (correlation)", each(lambda s: s["full"]["silent"]["mouth"])),
        _share("forced expert i: emotion i is seen, whatever is told", sixth,
               each(lambda s: np.diag(s["full"]["forced"]).tolist()), count=forced),
        _all("experts whose own emotion is the commonest (of 6)", "1", [_dominant(s["full"]["forced"]) for s in seeds]),
        _all("silenced experts whose own emotion loses most (of 6)", "1", [_hurt(s["full"]) for s in seeds]),
        _ordered(seeds),
        _share("compounds under the own gate: nearest of ten places", tenth, each(lambda s: s["full"]["compounds"])),
    ]  # fmt: skip
    if all("output-gate" in seed for seed in seeds):
        control = each(lambda s: s["output-gate"]["control"]["emotion"])
        most = [_dominant(seed["output-gate"]["forced"]) for seed in seeds]
        made += [
            _share("gate at the output: the told emotion is seen", sixth, control, 0.95),
            _all("gate at the output: experts whose own emotion is the commonest", "1", most),
        ]
    return made


def _seeds(found: Found) -> list[Found]:
    return [found["seeds"][key] for key in sorted(found["seeds"], key=int)]


def _share(
    name: str, chance: str, seeds: list[list[float]], least: float | None = None, count: int | None = None
) -> Row:
    """A share of videos; `count`: of how many, where the values are shares themselves."""
    values = [value for seed in seeds for value in seed]
    of = count or len(values)
    low, high = wilson(round(fmean(values) * of), of)
    holds = None if least is None else fmean(values) >= least
    return Row(name, chance, [fmean(seed) for seed in seeds], fmean(values), low, high, _least(least), holds)


def _mean(name: str, chance: str, seeds: list[list[float]], least: float | None = None) -> Row:
    low, high = bootstrap([value for seed in seeds for value in seed])
    value = fmean([value for seed in seeds for value in seed])
    holds = None if least is None else value >= least
    return Row(name, chance, [fmean(seed) for seed in seeds], value, low, high, _least(least), holds)


def _apart(name: str, chance: float, seeds: list[list[float]]) -> Row:
    """A distance from the person's own; two persons drawn at random are a third of the range apart."""
    row = _mean(name, "", seeds)
    most = f"at most a third of chance, {chance / 3:.3f}"
    return Row(name, f"{chance:.3f}", row.seeds, row.value, row.low, row.high, most, row.value <= chance / 3)


def _chance(name: str, chance: str, seeds: list[list[float]]) -> Row:
    """A share that must fall to one in six: its interval reaches down to it."""
    row = _share(name, chance, seeds)
    return Row(name, chance, row.seeds, row.value, row.low, row.high, "chance", row.low <= 1 / 6)


def _silent(name: str, seeds: list[list[float]]) -> Row:
    row = _mean(name, "0", seeds)
    return Row(name, "0", row.seeds, row.value, row.low, row.high, "chance: below 0.2", abs(row.value) < 0.2)


def _all(name: str, chance: str, counts: list[int]) -> Row:
    low, high = float(min(counts)), float(max(counts))
    return Row(name, chance, [float(one) for one in counts], fmean(counts), low, high, "6 (all)", min(counts) == 6)


def _ordered(seeds: Sequence[Found]) -> Row:
    """Of three places in any order, one in six is right; that they also lie between the ends makes it rarer."""
    each = [[float(one["ordered"]) for one in seed["full"]["mixtures"]] for seed in seeds]
    return _share("pairs whose mixtures 0.25, 0.5, 0.75 lie in order between their ends", "below 1/6", each, 0.9)


def _dominant(matrix: Any) -> int:
    """Rows of a forced-expert matrix whose diagonal is larger than anything else in it."""
    values = np.array(matrix)
    return sum(bool(values[k, k] > np.delete(values[k], k).max()) for k in range(len(values)))


def _hurt(full: Found) -> int:
    """Experts whose silence costs their own emotion more accuracy than any other."""
    lost = _lost(full)
    return sum(bool(lost[k, k] > np.delete(lost[k], k).max()) for k in range(6))


def _lost(full: Found) -> np.ndarray:
    """[6, 6] accuracy that emotion j loses when expert k is silent."""
    return np.array(full["whole"])[None, :] - np.array(full["ablated"])


def _least(least: float | None) -> str:
    return "" if least is None else f"at least {least:g}"


def bootstrap(values: Sequence[float], rounds: int = 2000) -> tuple[float, float]:
    """The 95 % interval of a mean when its items are drawn again."""
    items = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(items), (rounds, len(items)))
    low, high = np.percentile(items[drawn].mean(1), [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class Difference:
    """A measure without a part, minus with it, video by video; its interval draws videos again."""

    without: str
    measure: str
    whole: float
    less: float
    difference: float
    low: float
    high: float
    seeds: list[float]

    @property
    def sign(self) -> str:
        """What the interval says."""
        if self.low > 0:
            return "better without"
        return "worse without" if self.high < 0 else "no difference seen"


def differences(found: Found) -> list[Difference]:
    """The paper's ablations, as far as they were run."""
    seeds = _seeds(found)
    made = []
    for name in ABLATIONS:
        if name not in seeds[0]:
            continue
        for measure, path in (
            ("the told emotion is seen", ("control", "emotion")),
            ("mouth follows the sound", ("control", "mouth")),
            ("compound is the nearest of ten", ("compounds",)),
        ):
            whole = [_at(seed["full"], path) for seed in seeds]
            less = [_at(seed[name], path) for seed in seeds]
            apart = [np.subtract(b, a) for a, b in zip(whole, less, strict=True)]
            low, high = bootstrap(np.concatenate(apart).tolist())
            made.append(Difference(
                HEADS[name], measure, _grand(whole), _grand(less), _grand(apart), low, high,
                [float(one.mean()) for one in apart],
            ))  # fmt: skip
    return made


def _at(found: Found, path: Sequence[str]) -> np.ndarray:
    value: Any = found
    for name in path:
        value = value[name]
    return np.array(value, float)


def _grand(values: Sequence[np.ndarray]) -> float:
    return float(np.concatenate(values).mean())


def lines(found: Found) -> list[str]:
    """The page in Markdown."""
    run, seeds = found["run"], sorted(found["seeds"], key=int)
    titles = [f"seed {seed}" for seed in seeds]
    return [
        "# The mixture of experts in the toy world",
        "",
        f"{run['date']}, commit {run['commit'] or 'unknown'}, {run['processor']}, two processes of one thread, "
        f"{run['seconds'] // 60} min {run['seconds'] % 60} s; "
        + ", ".join(f"{name} {number}" for name, number in run["versions"].items())
        + f". Made by `{run['command']}`.",
        "",
        *_ABOUT,
        "",
        _bar(["measure", "chance", *titles, "all", "95 %", "must be", "holds"]),
        _bar(["---"] * (len(titles) + 6)),
        *(_line(row) for row in rows(found)),
        "",
        f"![Made and drawn faces]({NAME}.png)",
        "",
        *_matrices(found),
        *_mixtures(found),
        *_ablations(found),
        f"All numbers: [{NAME}.json]({NAME}.json).",
    ]  # fmt: skip


_ABOUT: Final = (
    "A drawn face of 16 x 16 pixels (`moee_model/toy_face.py`): a person is radius and shade of the head, an "
    "emotion is height and slant of the brows and curve of the mouth, speech opens the mouth. The model's own "
    "classes and trainer learn it (preset `toy`), `MoEEPipeline`'s windows make videos of persons and words that "
    "were never trained on, and the parameters are read back by fitting the drawing: no learned judge. The portrait "
    "is always at rest, so nothing but the told emotion shows the emotion and nothing but the sound moves the "
    "mouth.",
    "",
    "Intervals are 95 % over the videos of all seeds together (Wilson for shares, bootstrap for means). They do not "
    "say how much seeds differ; the columns show that. The bounds were stated before the first run, but for "
    "identity's: a third of chance was set after an early run.",
)


def _line(row: Row) -> str:
    holds = {None: "", True: "yes", False: "**no**"}[row.holds]
    interval = f"{row.low:.3f} to {row.high:.3f}"
    return _bar(
        [row.name, row.chance, *(f"{one:.3f}" for one in row.seeds), f"{row.value:.3f}", interval, row.bound, holds]
    )


def _matrices(found: Found) -> list[str]:
    seeds = _seeds(found)
    forced = np.mean([seed["full"]["forced"] for seed in seeds], 0)
    lost = np.mean([_lost(seed["full"]) for seed in seeds], 0)
    head = [_bar(["", *EXPERTS]), _bar(["---"] * 7)]
    return [
        "## One expert forced, one expert silenced",
        "",
        "After the stage of one-hot experts. Expert of the row forced, the told label going through all six emotions: "
        "share of videos that show the emotion of the column.",
        "",
        *head,
        *(_bar([name, *(f"{value:.2f}" for value in row)]) for name, row in zip(EXPERTS, forced, strict=True)),
        "",
        "What the expert of the row says is set to zero: accuracy that the emotion of the column loses. "
        + _silence(seeds),
        "",
        *head,
        *(_bar([name, *(f"{value:.2f}" for value in row)]) for name, row in zip(EXPERTS, lost, strict=True)),
        "",
    ]


def _silence(seeds: Sequence[Found]) -> str:
    if all(seed["full"].get("none") for seed in seeds):
        return "Here a video may also show none (neutral)."
    return (
        "The judge of this run had to name one of the six: a face without an expert is near neutral, and where that is "
        "nearest to happy, silencing the happy expert costs nothing. Later runs let it say none."
    )


def _mixtures(found: Found) -> list[str]:
    seeds = _seeds(found)
    text = [
        "## Mixtures of two experts",
        "",
        "Gate 1 - s on the first, s on the second; where the video lies on the line from the first emotion's video (0) "
        "to the second's (1), in the renderer's parameters; mean of all seeds, and in how many seeds all three lie in "
        "order between the ends.",
        "",
        _bar(["first", "second", "s = 0.25", "s = 0.5", "s = 0.75", "in order"]),
        _bar(["---"] * 6),
    ]
    for number, pair in enumerate(seeds[0]["full"]["mixtures"]):
        same = [seed["full"]["mixtures"][number] for seed in seeds]
        places = np.mean([one["places"] for one in same], 0)
        order = f"{sum(one['ordered'] for one in same)} of {len(seeds)}"
        text.append(_bar([pair["first"], pair["second"], *(f"{place:.2f}" for place in places), order]))
    return [*text, ""]


def _ablations(found: Found) -> list[str]:
    made = differences(found)
    if not made:
        return ["The paper's ablations were not part of this run (`--ablations`).", ""]
    return [
        "## The paper's ablations",
        "",
        "Trained on the same shared parts with the same seeds; video by video, without minus with.",
        "",
        _bar(["without", "measure", "with", "without", "difference", "95 %", "by seed", "sign"]),
        _bar(["---"] * 8),
        *(
            _bar([one.without, one.measure, f"{one.whole:.3f}", f"{one.less:.3f}", f"{one.difference:+.3f}",
                  f"{one.low:+.3f} to {one.high:+.3f}", ", ".join(f"{seed:+.3f}" for seed in one.seeds), one.sign])
            for one in made
        ),
        "",
    ]  # fmt: skip


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write(found: Found, out: Path) -> None:
    """Write `toy-world.md`, `.json` and `.png` into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    found = plain(found)
    (out / f"{NAME}.md").write_text("\n".join(lines(found)) + "\n", encoding="utf-8")
    (out / f"{NAME}.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    forced = np.mean([seed["full"]["forced"] for seed in _seeds(found)], 0)
    draw(out / f"{NAME}.png", _seeds(found)[0]["full"]["pictures"], forced)
