"""Rebuilt from the form without media with sources on a web site: every clip is reported rightly; the bounds, measured.

Untouched sources give the same bytes; dead links are missing with their reason, a source coded again at lower quality
is equivalent, one replaced by another video has drifted. What copies and other recordings measure stands below.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.rebuild.compare import PICTURE_BOUND, SOUND_BOUND, Compared, Prints, compare
from curation.rebuild.one_source import _found
from curation.rebuild.result import STATUSES
from manifests.validate import validate
from tests.curation.download.server import Site, serving
from tests.curation.rebuild.conftest import without_media
from tests.curation.rebuild.material import Film, coded_again, film, manifest_of
from tests.curation.runs import real_clips
from tests.extent import FULL
from tests.hub_server import HubServer

pytestmark = pytest.mark.proof
ROOT = Path(__file__).resolve().parents[2]
COMMAND = "import typer; from curation.rebuild.cli import rebuild; typer.run(rebuild)"
MEASURED = None if FULL else 12  # clips that are coded again
REBUILT = None if FULL else 20  # sources of the manifest
SAME = (  # one recording in two files: declared by its name, and found by its sound
    {"lowres_176x144_carphone_clean_4s", "lowres_176x144_carphone_distorted_4s"},
    {"talk_512_aoc_hdtf_speech_8s", "talk_590_aoc_other_clip_speech_5s"},
)


@dataclass(frozen=True)
class World:
    """A site with sources, what was published of them, and which of them are in which state."""

    site: Site
    bare: Path
    manifest: Path
    dead: set[str]
    worse: str
    other: str


def sources(folder: Path) -> list[Path]:
    """Real clips, the smaller ones first, else films made here; at least ten."""
    real = real_clips()
    if real is not None:
        return sorted((path for path in real.iterdir() if path.is_file()), key=lambda path: path.stat().st_size)
    folder.mkdir()
    return [film(folder / f"film{seed}.mp4", seed) for seed in range(10)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Sources on a site: one in ten is gone, one was coded again, one was replaced by another video."""
    base = tmp_path_factory.mktemp("rebuild")
    files = sources(base / "films")[:REBUILT]
    served = base / "served"
    served.mkdir()
    for path in files:
        (served / path.name).write_bytes(path.read_bytes())
    voiced = [path for path in files if path.name.startswith(("talk", "film"))]
    worse = voiced[-1]
    other, *rest = [path for path in files if path != worse]
    dead = [path.name for path in rest[:: max(1, len(rest) // (len(files) // 10))]][: len(files) // 10]
    with serving(served) as site:
        ways = {name: ("404", "410")[number % 2] for number, name in enumerate(dead)}
        films = [
            Film(path, f"{site.url}/{ways.get(path.name, 'ok')}/1/{path.name}", ((0.2, 2.4), (0.6, 2.8)))
            for path in files
        ]
        manifest = manifest_of(base / "dataset", films)
        bare = without_media(manifest, base / "bare")
        site.clips[worse.name] = coded_again(worse, base / "worse.mp4").read_bytes()
        site.clips[other.name] = worse.read_bytes()
        yield World(site, bare, manifest, set(dead), worse.name, other.name)


def command(world: World, out: Path) -> list[str]:
    """`moee rebuild` as a process of its own."""
    arguments = [str(world.bare), "--out", str(out), "--allow-private", "--rate", "200", "--workers", "1", "--json"]
    return [sys.executable, "-c", COMMAND, *arguments]


def environment() -> dict[str, str]:
    """Without a proxy between here and the site."""
    return {**os.environ, "no_proxy": "*", "PYTHONPATH": str(ROOT)}


def run(world: World, out: Path) -> "subprocess.CompletedProcess[str]":
    """To its end."""
    return subprocess.run(command(world, out), capture_output=True, text=True, env=environment(), check=False)


@pytest.fixture(scope="module")
def rebuilt(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run to the end leaves; some clips are not as they were, so it ends with 1."""
    out = tmp_path_factory.mktemp("again") / "out"
    done = run(world, out)
    assert done.returncode == 1, done.stderr
    return out


def test_every_clip_is_reported_rightly(world: World, rebuilt: Path, table: Callable[[str], None]) -> None:
    names = {
        row["id"]: row["name"].rsplit("/", 1)[-1] for row in pq.read_table(rebuilt / "sources.parquet").to_pylist()
    }
    rows = pq.read_table(rebuilt / "rebuild.parquet").to_pylist()
    said = json.loads((rebuilt / "rebuild.json").read_text())
    counts = ", ".join(f"{said[status]} {status}" for status in STATUSES)
    table(f"{len(names)} sources, {len(rows)} clips: {counts}; missing because {said['missing_because']}")
    for row in rows:
        name = names[row["source"]]
        ended = (row["status"], row["reason"])
        if name in world.dead:
            assert ended == ("missing", "removed"), name
        elif name == world.worse:
            table(f"coded again, {name}: pictures {row['picture']}, sound {row['sound']}")
            assert ended == ("equivalent", None), row
        elif name == world.other:
            table(f"another video, {name}: pictures {row['picture']}, sound {row['sound']}")
            assert ended == ("drifted", None), row
        else:
            assert ended == ("identical", None), row
            clip = f"clips/{row['clip']}.mp4"
            assert (rebuilt / clip).read_bytes() == (world.manifest / clip).read_bytes()
    problems = validate(rebuilt)  # of what the site changed, the bytes that were published are not here: said, no more
    changed = {source for source, name in names.items() if name in (world.worse, world.other)}
    assert {(problem.check, problem.where.split(" ")[-1]) for problem in problems} == {
        ("provenance", source) for source in changed
    }


def test_what_is_gone_for_good_is_not_asked_again(world: World, rebuilt: Path) -> None:
    before = sum(one.path.startswith(("/404/", "/410/")) for one in world.site.log)
    assert run(world, rebuilt).returncode == 1
    assert sum(one.path.startswith(("/404/", "/410/")) for one in world.site.log) == before


def test_killed_at_any_moment_it_goes_on_and_ends_the_same(world: World, rebuilt: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for wanted in (1, 4):
        started = subprocess.Popen(
            command(world, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
            start_new_session=True,
        )  # fmt: skip
        while started.poll() is None and len(list((out / "rebuilt").glob("s_*.json"))) < wanted:
            time.sleep(0.05)
        assert started.poll() is None
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    (out / "rebuilt" / ".tmp-1-ab-s_1.json").write_text("{")  # as a kill in mid-writing leaves it
    done = run(world, out)
    assert done.returncode == 1, done.stderr
    alive = len(world.site.clips) - len(world.dead)
    assert json.loads(done.stdout)["sources_worked"] <= alive - 4
    for name in ("rebuild.parquet", "clips.parquet", "manifest.json"):
        assert (out / name).read_bytes() == (rebuilt / name).read_bytes(), name
    assert list(out.rglob(".tmp-*")) == [], "what a kill left unfinished is gone"
    assert {path.name for path in (out / "clips").iterdir()} == {path.name for path in (rebuilt / "clips").iterdir()}


@pytest.fixture(scope="module")
def prints(test_data: Path) -> dict[Path, Prints]:
    """What happens in every real clip."""
    return {path: _found(path, None).prints for path in sorted((test_data / "videos").iterdir())}


def spans(found: Prints) -> list[tuple[float, float]]:
    """The first and, of longer clips, the last three seconds."""
    start, end = float(found.picture.steps[0]) / 8, float(found.picture.steps[-1] + 1) / 8
    return [(start, min(start + 3, end)), *([(end - 3, end)] if end - start > 6 else [])]


def test_no_other_recording_lies_within_the_bounds(prints: dict[Path, Prints], table: Callable[[str], None]) -> None:
    found: list[tuple[Compared, str, str]] = []
    for one, other in permutations(prints, 2):
        if {one.stem, other.stem} not in SAME:
            found += [(compare(prints[one], prints[other], *span), one.stem, other.stem) for span in spans(prints[one])]
    for what in ("picture", "sound"):
        nearest = min((each for each in found if getattr(each[0], what) is not None), key=lambda e: getattr(e[0], what))
        table(f"nearest other recording by {what}: {getattr(nearest[0], what):.3f} ({nearest[1]}, {nearest[2]})")
    assert len(found) > 1000
    assert [each for each in found if each[0].equivalent] == []


@pytest.mark.parametrize(("scale", "crf", "rate"), [(0.75, 28, 48_000), (0.5, 33, 32_000)])
def test_copies_at_lower_quality_are_equivalent(
    scale: float, crf: int, rate: int, prints: dict[Path, Prints], tmp_path: Path, table: Callable[[str], None]
) -> None:
    small = sorted(prints, key=lambda path: path.stat().st_size)
    found = []
    for path in small[:: max(1, len(small) // (MEASURED or len(small)))][:MEASURED]:
        again = _found(coded_again(path, tmp_path / "again.mp4", scale=scale, crf=crf, rate=rate), None).prints
        found += [(compare(prints[path], again, *span), path.stem) for span in spans(prints[path])]
    for what, bound in (("picture", PICTURE_BOUND), ("sound", SOUND_BOUND)):
        far = sorted(value for each, _ in found if (value := getattr(each, what)) is not None)
        line = f"median {far[len(far) // 2]:.3f}, largest {far[-1]:.3f}, bound {bound}"
        table(f"copies at {scale} of the size, crf {crf}, {rate // 1000} kbit/s, by {what}: {line}, {len(far)} spans")
    alike = sum(each.equivalent for each, _ in found)
    lost = sorted({name for each, name in found if not each.equivalent})
    table(f"equivalent: {alike} of {len(found)} spans; not: {', '.join(lost) or 'none'}")
    assert alike >= (0.95 if scale > 0.5 else 0.8) * len(found)


def test_what_was_published_to_the_hub_without_media_is_rebuilt_from_there(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    films = [
        Film(film(tmp_path / "films" / f"{name}.mp4", seed), f"/nowhere/{name}.mp4") for seed, name in enumerate("ab")
    ]
    manifest = manifest_of(tmp_path / "dataset", films)
    with HubServer(tmp_path / "hub") as hub:
        env = {**environment(), **hub.env(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        publish = [sys.executable, "-m", "moee_cli", "publish", str(manifest), "--to", "hf:org/films"]
        done = subprocess.run(
            [*publish, "--media", "none", "--allow", "unlicensed"],
            capture_output=True, text=True, env=env, cwd=ROOT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not [name for name in hub.files("org/films") if name.endswith((".mp4", ".m4a"))]
        rebuild = [
            sys.executable,
            "-c",
            COMMAND,
            "hf:org/films",
            "--sources",
            str(tmp_path / "films"),
            "--workers",
            "1",
        ]
        done = subprocess.run(
            [*rebuild, "--out", str(tmp_path / "again")], capture_output=True, text=True, env=env, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "4 clips: 4 identical" in done.stdout
    done = subprocess.run(  # the hub is gone: what is in its cache is taken
        [*rebuild, "--out", str(tmp_path / "later")], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "later" / "rebuild.parquet").read_bytes() == (
        tmp_path / "again" / "rebuild.parquet"
    ).read_bytes()
