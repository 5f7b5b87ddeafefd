"""What the proofs of the ladder share: real clips curated once, floors and axes climbed once, and the page in docs.

`python -m tests.proofs.ladder DIR` climbs the whole ladder in DIR (about 25 processor minutes) and writes
docs/proofs/ladder.md and .json; the page stays in DIR, as it shows faces of clips that may not be published.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.bundle import Bundle, verify
from benchmark.compare import compare
from benchmark.controls import AXES, CONTROLS
from benchmark.ladder.measure import Climbed, measure
from benchmark.ladder.record import FILE as LADDER
from benchmark.ladder.record import Ladder
from benchmark.ladder.rows import ladder_lines, ladder_table
from benchmark.metrics import metric
from benchmark.protocol import load_protocol
from benchmark.show import ladder_rows
from benchmark.testset import FILE, TestSet, build
from benchmark.testset.files import as_json
from tests.curation.runs import moee

Rungs = Mapping[str, Bundle]
ROOT = Path(__file__).resolve().parents[2]
TALK = ("*grid_man_a*", "*grid_woman*", "*aoc_hdtf*", "*lively*")
MORE_TALK = ("*grid_man_c*", "*may*")
ACTED = ("angry", "happy", "sad")
MORE_ACTED = ("surprised",)
QUICK = ("blur", "audio-shift", "sound-noise")  # other persons and emotions are controls too


def clips(data: Path, folder: Path, full: bool) -> Path:
    """Talkers with sound, labelled by the panel, and acted emotions without, labels given, as one test set.

    Two curated manifests give one test set each; what is scored here is both lists as one.
    """
    protocol = load_protocol("sample")
    parts = {}
    for name, dataset in (("talk", _talk(data, folder, full)), ("acted", _acted(data, folder, full))):
        parts[folder / f"{name}-set"] = build(dataset, protocol, folder / f"{name}-set")
    both = folder / "clips"
    for place, part in parts.items():
        for clip in part.clips:
            for name in (clip.real, clip.reference, clip.audio):
                if name is not None:
                    (both / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(place / name, both / name)
    whole: TestSet = next(iter(parts.values())).model_copy(
        update={
            "clips": sorted((clip for part in parts.values() for clip in part.clips), key=lambda clip: clip.id),
            "made_from": hashlib.sha256("".join(part.made_from for part in parts.values()).encode()).hexdigest(),
            "shortfalls": ["two lists of few clips as one: talkers with sound, acted emotions without"],
        }
    )
    (both / FILE).write_text(as_json(whole))
    return both


def _talk(data: Path, folder: Path, full: bool) -> Path:
    raw = folder / "talk"
    raw.mkdir(parents=True)
    for pattern in (*TALK, *(MORE_TALK if full else ())):
        for path in (data / "videos").glob(f"talk_{pattern}"):
            (raw / path.name).symlink_to(path)
    return curated(raw, folder / "talk-dataset", "talking-head")


def _acted(data: Path, folder: Path, full: bool) -> Path:
    """Clips of MEAD: 2 persons, each with several emotions, without sound."""
    raw = folder / "acted"
    raw.mkdir(parents=True)
    rows = []
    for path in sorted((data / "videos").glob("emotion_mead_*")):
        _, _, person, emotion, level = path.stem.split("_")
        if emotion not in (*ACTED, *(MORE_ACTED if full else ())):
            continue
        (raw / path.name).symlink_to(path)
        rows.append(
            {"file_name": path.name, "dh_actor": person, "dh_emotion": emotion, "given_intensity": int(level[-1])}
        )
    pq.write_table(pa.Table.from_pylist(rows), raw / "metadata.parquet")
    return curated(raw, folder / "acted-dataset", "dh-faceemovid")


def curated(raw: Path, out: Path, recipe: str) -> Path:
    done = moee("curate", raw, "--out", out, "--recipe", recipe, "--workers", "1")
    assert done.status == 0, done.err
    return out


def climbed(data: Path, folder: Path, full: bool, note: Callable[[str], None] = lambda text: None) -> Climbed:
    """Floors and axes: all steps of all axes, or two steps of those that a metric has for its own."""
    place = folder / "clips" if (folder / "clips" / FILE).exists() else clips(data, folder, full)
    kinds = tuple(kind for kind in CONTROLS if full or kind != "blurred")  # blur's own steps are enough
    return measure(
        "sample", place, folder / "rungs", axes=tuple(AXES) if full else QUICK, kinds=kinds,
        steps=None if full else 2, cache=folder / "cache", note=note,
    )  # fmt: skip


def print_rungs(rungs: Rungs, table: Callable[[str], None]) -> None:
    _print(ladder_rows(rungs), table)


def print_ladder(ladder: Ladder, table: Callable[[str], None]) -> None:
    _print(ladder_table(ladder), table)
    for line in ladder_lines(ladder):
        table(line)


def _print(rows: list[tuple[str, ...]], table: Callable[[str], None]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        table("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def better_than_truth(rungs: Rungs) -> list[str]:
    """Columns in which a spoilt copy is better than the ground truth, beyond what chance gives."""
    truth = rungs["ground-truth"]
    return [
        f"{kind}: {line.key}"
        for kind, bundle in rungs.items()
        for line in compare(truth, bundle).lines
        if line.verdict == "b better"
    ]


def value(rungs: Rungs, kind: str, key: str) -> float:
    line = rungs[kind].results.line(key)
    assert line is not None and line.value is not None
    return line.value


def is_worst(rungs: Rungs, kind: str, key: str, among: tuple[str, ...] | None = None) -> bool:
    """Whether a control has the worst value of a metric among all controls, or among these."""
    sign = 1 if metric(key).direction == "lower" else -1
    return max(among or tuple(rungs), key=lambda other: sign * value(rungs, other, key)) == kind


def all_verify(rungs: Rungs) -> None:
    """Every bundle is what it says, and no video was decoded twice."""
    for kind, bundle in rungs.items():
        assert verify(bundle.folder) == [], kind
        assert bundle.results.frames_decoded <= 2 * bundle.results.test_list.clips * 50


def as_markdown(ladder: Ladder, commit: str) -> str:
    """The committed summary: matrix, own axes, false responses."""
    rows = ladder_table(ladder)
    table = ["| " + " | ".join(row) + " |" for row in rows]
    table.insert(1, "|" + "---|" * len(rows[0]))
    own = []
    for found in ladder.metrics:
        cells = [cell for axis in ladder.axes if (cell := ladder.cell(found.key, axis.name)).says == "must"]
        good = ", ".join(f"{cell.axis} {cell.spearman:.2f}" for cell in cells if cell.wrong is None)
        own.append(f"| {found.key} | {good or '-'} | {', '.join(c.axis for c in cells if c.wrong) or '-'} |")
    wrong = [f"| {c.metric} | {c.axis} | {c.wrong} | {c.explanation} |" for c in ladder.wrong]
    steps = [f"| {axis.name} | {axis.does} | {', '.join(axis.says)} |" for axis in ladder.axes]
    machine = f"{ladder.machine['cpu']}, {ladder.machine['cores']} cores"
    return "\n".join(
        [
            "# The sanity ladder on real clips",
            "",
            "Written by `python -m tests.proofs.ladder DIR`; what it means: [ladder.md](../ladder.md). Every number:",
            "[ladder.json](ladder.json). The page that is written with them shows small pictures of the clips, which "
            "may not be published.",
            "",
            f"{ladder.clips} clips of {ladder.persons} persons, 2 s at 256 px (6 talkers with sound, labelled by the "
            f"panel; 2 actors x 4 emotions without sound, labels given); protocol {ladder.protocol}, version "
            f"{ladder.protocol_version}; commit {commit}; {machine}.",
            "",
            "## Steps", "", "| axis | does | steps |", "|---|---|---|", *steps, "",
            "## Spearman's correlation of getting worse with the step", "",
            "m: must answer this axis, n: must not; !: does otherwise.", "", *table, "",
            "## Own axes", "",
            "Answers: worse beyond noise at the grossest step, and Spearman 0.95 or more.", "",
            "| metric | answers | does not |", "|---|---|---|", *own, "",
            "## False responses", "",
            "| metric | axis | found | explanation |", "|---|---|---|---|", *wrong, "",
            "## Left out", "", "| metric | why |", "|---|---|",
            *(f"| {key} | {why} |" for key, why in ladder.left_out.items()), "",
        ]
    )  # fmt: skip


def main(folder: Path) -> None:
    """Climb the whole ladder and write it into docs/proofs."""
    made = climbed(ROOT.parent / "shared" / "data", folder, True, lambda text: print(text, file=sys.stderr, flush=True))
    assert made.ladder is not None
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    target = ROOT / "docs" / "proofs"
    (target / "ladder.md").write_text(as_markdown(made.ladder, commit.stdout.strip()), encoding="utf-8")
    shutil.copyfile(folder / "rungs" / LADDER, target / LADDER)
    print_ladder(made.ladder, print)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
