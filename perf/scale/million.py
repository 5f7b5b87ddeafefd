"""A manifest of a million clips: select, split, diff, validate and takedown, each in a process of its own."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from perf.scale.rows import Size

ROOT: Final = Path(__file__).resolve().parent.parent.parent
WANTED: Final = {"select": 10, "split": 60, "diff": None, "validate": 60, "takedown": 300}  # seconds
MEMORY: Final = 4.0  # GB
_SAID: Final = ("--reason", "measured", "--yes")
STRICTER: Final = """
extends: talking-head
name: stricter
select: {face_size: {min: 90}, speech_share: {min: 0.5}, face_share: {min: 0.97}, mos_ovr: {min: 0.1}}
"""


@dataclass(frozen=True)
class Took:
    """What a command took.

    Attributes:
        name: of the command.
        status: exit status.
        seconds: of the clock, from start to end of the process.
        core_seconds: of the processor.
        gigabytes: most memory held at once (resident), 1e9 bytes.
        said: the JSON that it printed.
    """

    name: str
    status: int
    seconds: float
    core_seconds: float
    gigabytes: float
    said: dict[str, object]


def measure(folder: Path, size: Size) -> list[Took]:
    """Make two manifests that differ in a few clips, and run the commands on them.

    The takedown, of the person with the most tracks, works on a copy by hard links: it writes no file in place.

    Args:
        folder: on a disk with about 4 GB and two million free names for a million clips; a manifest that a former call
            left there is taken.
        size: clips and persons.
    """
    first, second = folder / "first", folder / "second"
    if not (first / "certificate.json").is_file():
        _apart("from perf.scale.folder import write", f"write(Path({str(first)!r}), {size!r})")
    if not (second / "manifest.json").is_file():
        _apart("from perf.scale.million import alter", f"alter(Path({str(first)!r}), Path({str(second)!r}))")
    (folder / "stricter.yaml").write_text(STRICTER, encoding="utf-8")
    return [
        _run("select", ["manifest", "select", str(first), "--recipe", str(folder / "stricter.yaml")]),
        _run("split", ["manifest", "split", str(first), "--seed", "1"]),
        _run("diff", ["manifest", "diff", str(first), str(second)]),
        _run("validate", ["manifest", "validate", str(first)]),
        _run("takedown", ["takedown", str(linked(first, folder / "copy")), "--identity", most_seen(first), *_SAID]),
    ]


def linked(first: Path, copy: Path) -> Path:
    """A copy of a folder by hard links; a former one is deleted."""
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["cp", "-al", str(first), str(copy)], check=True)  # a million links in seconds
    return copy


def most_seen(root: Path) -> str:
    """The person with the most tracks of a manifest."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    persons = pq.read_table(root / "identities.parquet", columns=["identity"]).column("identity")
    return max(pc.value_counts(persons).to_pylist(), key=lambda row: (row["counts"], row["values"]))["values"]


def alter(first: Path, second: Path) -> None:
    """The same manifest with a measure of every hundredth clip changed and the last hundred clips gone.

    Args:
        first: a manifest.
        second: is made; its tables but `clips` are the first one's own files. `manifests.open` takes it, and it is no
            more than what `diff` reads.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    import manifests
    from manifests.files import read_json, write_aside, write_json
    from manifests.parquet import write_table
    from manifests.schema import SNAPSHOT_TABLES

    clips = manifests.open(first).table("clips")
    clips = clips.slice(0, max(1, clips.num_rows - 100))
    every = pa.array(np.arange(clips.num_rows) % 100 == 0)
    field = clips.schema.field("sync")
    changed = pc.if_else(every, pa.scalar(0.25, field.type), clips.column("sync"))
    clips = clips.set_column(clips.schema.get_field_index("sync"), field, changed)
    second.mkdir(parents=True)
    for table in SNAPSHOT_TABLES:
        if table != "clips":
            (second / f"{table}.parquet").hardlink_to(first / f"{table}.parquet")
    slices = (clips.slice(begin, 65_536) for begin in range(0, clips.num_rows, 65_536))
    aside, written = write_aside(second, "clips", partial(write_table, "clips", slices))
    aside.replace(second / "clips.parquet")
    content = read_json(first / "manifest.json")
    entry = {"sha256": written.sha256, "bytes": written.bytes, "rows": clips.num_rows}
    write_json(second / "manifest.json", content | {"tables": content["tables"] | {"clips": entry}})


def lines(took: Sequence[Took], size: Size) -> list[str]:
    """The table in Markdown."""
    made = [
        f"{size.clips:,} clips of {size.persons:,} persons in {size.sources:,} sources, "
        f"{size.clips // 5:,} tracks with embeddings; made up (perf/scale/rows.py). The files of frames and clips "
        "are short: their number is real, their length is not. A fresh process per command, which reads all files; the "
        "takedown is of the person with the most tracks.",
        "",
        "| `moee` | seconds | wanted | core-seconds | peak memory, GB | wanted | exit |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in took:
        wanted = WANTED[row.name]
        made.append(
            f"| {row.name} | {row.seconds:.1f} | {'' if wanted is None else f'< {wanted}'} | {row.core_seconds:.1f} | "
            f"{row.gigabytes:.2f} | < {MEMORY:g} | {row.status} |"
        )
    return made


def _run(name: str, arguments: Sequence[str]) -> Took:
    with tempfile.TemporaryDirectory() as place:
        file, out = Path(place) / "peak", Path(place) / "out"
        command = [sys.executable, "-m", "perf.scale.watched", str(file), *arguments, "--json"]
        status, seconds, core = _timed(command, out)
        text = out.read_text(encoding="utf-8")
        said = json.loads(text) if text.strip() else {}
        held = int(file.read_text(encoding="ascii")) if file.exists() else 0
    return Took(name, status, seconds, core, held / 1e9, said)


def _timed(command: Sequence[str], out: Path) -> tuple[int, float, float]:
    """Exit status, seconds of the clock and core-seconds of a command; its output goes to a file."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with out.open("wb") as file:
        done = subprocess.run(command, stdout=file, env=environment, cwd=ROOT, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    core = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, time.monotonic() - started, core


def _apart(load: str, call: str) -> None:
    """Do something in a process of its own, so that its memory is not this one's."""
    code = f"from pathlib import Path\nfrom perf.scale.rows import Size\n{load}\n{call}"
    status, _, _ = _timed([sys.executable, "-c", code], Path(os.devnull))
    if status:
        sys.exit(f"the manifest could not be made: {call} ended with {status}")
