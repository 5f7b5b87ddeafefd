"""The same run on a cluster: the same bytes on any engine and nodes, whatever dies; poison costs itself only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.curation.runs import ROOT, Ran, command, moee, real_clips, result_bytes, sample_video
from tests.curation.s3 import Nodes, nodes, s3_server
from tests.extent import FULL

pytestmark = pytest.mark.proof
pytest.importorskip("ray")
pytest.importorskip("moto")

FEW = (
    "talk_360x288_grid_man_a_3s.mpg",
    "talk_512_may_speech_5s.mp4",
    "lowres_176x144_carphone_clean_4s.mp4",
    "talk_360x288_grid_woman_b_3s.mpg",
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short path: Ray's sockets lie below it."""
    made = Path(tempfile.mkdtemp(prefix="mc"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    with s3_server() as environment:
        yield environment


@pytest.fixture(scope="module")
def videos(folder: Path) -> Path:
    """Real clips of many kinds (all 45 with MOEE_PROOFS=full), or rendered ones where those are not."""
    place = folder / "videos"
    place.mkdir()
    real = real_clips()
    if real is None:
        for number, subject in enumerate(("astronaut", "group_1", "group_3", "group_5")):
            sample_video(place / str(number), f"talk {number}.mp4", seconds=2 + number, subject=subject)
        return place
    for file in sorted(real.iterdir()) if FULL else [real / name for name in FEW]:
        shutil.copy(file, place)
    return place


@pytest.fixture(scope="module")
def local(videos: Path, folder: Path) -> dict[str, str]:
    """Bytes of an undisturbed run of this machine with one worker."""
    moee("curate", videos, "--out", folder / "local", "--workers", 1)
    return result_bytes(folder / "local")


def copied(address: str, target: Path, bucket: dict[str, str]) -> Path:
    """What lies at an address, as a folder."""
    script = f"import s3fs; s3fs.S3FileSystem().get({address[5:] + '/'!r}, {f'{target}/'!r}, recursive=True)"
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, **bucket})
    return target


def test_two_workers_and_ray_on_one_node_give_the_same_bytes(
    videos: Path, local: dict[str, str], tmp_path: Path, table
) -> None:
    if FULL:
        moee("curate", videos, "--out", tmp_path / "two", "--workers", 2)
        assert result_bytes(tmp_path / "two") == local
    ran = moee("curate", videos, "--out", tmp_path / "ray", "--workers", 2, "--engine", "ray", "--actors", 1, "--json")
    assert result_bytes(tmp_path / "ray") == local
    table(f"{ran.json['inputs']} inputs, {len(local) - 1} clips: local with 1 worker and Ray on one node, same bytes")


@pytest.fixture(scope="module")
def three(folder: Path, videos: Path, bucket: dict[str, str]) -> Iterator[Nodes]:
    """A head without cores and three nodes with one each; they see neither the videos nor the driver's folder."""
    can_hide = os.geteuid() == 0 and not subprocess.run(["unshare", "--mount", "true"], check=False).returncode
    (folder / "driver").mkdir()
    hidden = (videos, folder / "driver") if can_hide else ()
    env = {**bucket, "PYTHONPATH": f"{ROOT}", "RAY_health_check_failure_threshold": "6"}
    with nodes(folder / "c", (0, 1, 1, 1), env, hidden) as cluster:
        yield cluster


def on(cluster: Nodes, bucket: dict[str, str], folder: Path, videos: Path, out: str) -> list[str]:
    return command(
        *("curate", videos, "--out", out, "--engine", "ray", "--address", cluster.address, "--actors", 1),
        *("--scratch", folder / "driver", "--json"),
    )


def environment(cluster: Nodes) -> dict[str, str]:
    return {**os.environ, **cluster.env}


def ended(run: subprocess.Popen[str]) -> Ran:
    out, err = run.communicate(timeout=900)
    assert "Traceback" not in err, err
    return Ran(run.returncode, out, err)


def wait_for(cluster: Nodes, name: str, known: set[int] = frozenset()) -> list[int]:  # type: ignore[assignment]
    """Process ids of workers that do this, as soon as there are any new ones."""
    until = time.monotonic() + 180
    while time.monotonic() < until:
        found = [pid for pid in cluster.processes(name) if pid not in known]
        if found:
            return found
        time.sleep(0.2)
    raise TimeoutError(name)


def test_a_killed_worker_actor_and_node_of_three_cost_their_running_sources_only(
    three: Nodes, bucket: dict[str, str], folder: Path, videos: Path, local: dict[str, str], table
) -> None:
    out = "s3://data/killed"
    run = subprocess.Popen(
        on(three, bucket, folder, videos, out),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(three),
    )
    try:
        worker = wait_for(three, "_call")[0]
        time.sleep(3.0)
        os.kill(worker, signal.SIGKILL)
        actor = wait_for(three, "Host")[0]
        os.kill(actor, signal.SIGKILL)
        wait_for(three, "_call", {worker})
        time.sleep(2.0)
        on_node = sum(title.startswith("_call") for title in three.kill(three.nodes[3]))
        ran = ended(run)
    finally:
        run.kill()
    again = ran.json["attempts"] - ran.json["sources_worked"]
    table(
        f"killed: a worker, an actor, a node of three; {ran.json['inputs']} inputs, "
        f"{ran.json['sources_worked']} sources worked on in {ran.json['attempts']} attempts: {again} done again, "
        f"{on_node} were at work on the node"
    )
    # a source that waits for an actor gives its core away meanwhile: the node may have worked on more than one
    assert again <= 1 + on_node, "the worker's source and the node's"
    synced = copied(out, folder / "killed", bucket)
    assert result_bytes(synced) == local
    assert moee("manifest", "validate", synced).status == 0


def test_a_killed_driver_is_run_again_and_only_running_sources_are_done_again(
    three: Nodes, bucket: dict[str, str], folder: Path, videos: Path, local: dict[str, str], table
) -> None:
    out = "s3://data/driver"
    run = subprocess.Popen(
        on(three, bucket, folder, videos, out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(three),
        start_new_session=True,
    )
    finished: set[str] = set()
    until = time.monotonic() + 300
    while not finished and time.monotonic() < until:
        time.sleep(1.0)
        finished = heads(out, bucket)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    time.sleep(3.0)  # a worker that was sending its last results may end
    finished = heads(out, bucket)
    again = subprocess.run(
        on(three, bucket, folder, videos, out), capture_output=True, text=True, env=environment(three), check=False
    )
    ran = Ran(again.returncode, again.stdout, again.stderr)
    synced = copied(out, folder / "driven", bucket)
    frames = {row["id"]: row["frames"] for row in pq.read_table(synced / "sources.parquet").to_pylist()}
    left = sum(count for source, count in frames.items() if source not in finished)
    table(
        f"driver killed with {len(finished)} of {len(frames)} sources done; the rerun decoded "
        f"{ran.json['frames']['analysis_decoded']} of {sum(frames.values())} frames"
    )
    assert 0 < len(finished) < len(frames)
    assert ran.json["frames"]["analysis_decoded"] == left, "what was finished is not analysed again"
    assert result_bytes(synced) == local


def heads(out: str, bucket: dict[str, str]) -> set[str]:
    """Ids of the sources whose results are committed."""
    import s3fs

    store = s3fs.S3FileSystem(
        key=bucket["AWS_ACCESS_KEY_ID"],
        secret=bucket["AWS_SECRET_ACCESS_KEY"],
        endpoint_url=bucket["AWS_ENDPOINT_URL"],
        client_kwargs={"region_name": bucket["AWS_DEFAULT_REGION"]},
        use_listings_cache=False,
    )
    return {Path(name).stem for name in store.find(f"{out[5:]}/heads")}


@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.full)])
def test_poison_is_quarantined_after_the_cap_and_all_others_are_done(
    engine: str, videos: Path, tmp_path: Path, table
) -> None:
    place = tmp_path / "in"
    place.mkdir()
    good = sorted(videos.iterdir())[0]
    shutil.copy(good, place / f"good{good.suffix}")
    for number, name in enumerate(("segfault", "hungry", "endless")):
        (place / f"{name}{good.suffix}").write_bytes(good.read_bytes() + bytes([number]))
    env = {"PYTHONPATH": f"{Path(__file__).parent / 'poison'}:{ROOT}"}
    done = subprocess.run(
        command(
            *("curate", place, "--out", tmp_path / "out", "--engine", engine, "--workers", 2, "--json"),
            *("--attempts", 2, "--stall", 20, "--max-memory", 6),
        ),
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
    )
    ran = Ran(done.returncode, done.stdout, done.stderr)
    for source in ran.json["sources"]:
        table(f"{engine}: {source['name']}: {source['status']} {source['error'] or source['reasons']}")
        if not source["name"].startswith("good"):
            assert source["status"] == "failed" and source["error"].startswith("quarantined: ")
    assert ran.source(f"good{good.suffix}")["status"] != "failed"
    assert "2 times" in ran.source(f"segfault{good.suffix}")["error"]
    assert "no progress" in ran.source(f"endless{good.suffix}")["error"]
    assert "memory" in ran.source(f"hungry{good.suffix}")["error"]
    rerun = moee("curate", place, "--out", tmp_path / "out", "--json")
    assert rerun.json["attempts"] == 0, "poison is not tried again unasked"
    cured = moee("curate", place, "--out", tmp_path / "out", "--json", "--retry", "quarantined")
    assert cured.json["failed"] == 0 and cured.json["attempts"] == 3
