"""The files of deploy/slurm under a real Slurm: the same results as on one machine, and nothing left behind."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.curation.runs import moee, result_bytes, sample_video
from tests.proofs.slurm import ROOT, SCRIPTS, Slurm, cluster

pytestmark = pytest.mark.proof

SUBJECTS = ("astronaut", "group_1", "group_3", "group_5")
NODES = ("--nodes", 2, "--cpus-per-task", 2, "--mem", "3G")
Table = Callable[[str], None]


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """Two nodes of two processors."""
    with cluster() as started:
        yield started


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the embedded sample: four talking portraits."""
    folder = tmp_path_factory.mktemp("videos")
    for number, subject in enumerate(SUBJECTS):
        sample_video(folder, f"talk {number}.mp4", seconds=2.5, subject=subject)
    return folder


@pytest.fixture(scope="module")
def local(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `moee curate` makes of them on this machine, without a cluster."""
    out = tmp_path_factory.mktemp("local") / "out"
    assert moee("curate", videos, "--out", out).status == 0
    assert len(result_bytes(out)) == 1 + len(SUBJECTS)
    return out


def no_process_is_left(slurm: Slurm, *jobs: str) -> bool:
    """Whether the jobs' processes are gone, at once or within Slurm's own time to clean up."""
    until = time.monotonic() + 15
    while any(slurm.processes(job) for job in jobs) and time.monotonic() < until:
        time.sleep(0.3)
    left = [process for job in jobs for process in slurm.processes(job)]
    assert not left, [Path(f"/proc/{process}/cmdline").read_bytes() for process in left]
    return True


@pytest.fixture(scope="module")
def ten_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preset tiny with ten steps in two stages, whose batches two processes can share."""
    config = yaml.safe_load((ROOT / "moee_model" / "presets" / "tiny.yaml").read_text())
    stages = [{**stage, "warmup": 2, "batch": 2} for stage in config["train"]["stages"][:2]]
    config["train"] |= {"stages": [{**stages[0], "steps": 6}, {**stages[1], "steps": 4}], "checkpoint_every": 5}
    path = tmp_path_factory.mktemp("preset") / "ten.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def trained(ten_steps: Path, local: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `moee train` makes of them on this machine, without a cluster."""
    out = tmp_path_factory.mktemp("trained") / "out"
    ran = moee("train", ten_steps, "--data", local, "--out", out, env={"OMP_NUM_THREADS": "1"})
    assert ran.status == 0, ran.err
    assert len(losses(out)) == 10
    return out


def losses(out: Path) -> list[float]:
    """The loss of every step."""
    return [json.loads(line)["loss"] for line in (out / "scalars.jsonl").read_text().splitlines()]


def nothing_is_left(slurm: Slurm, *jobs: str) -> bool:
    """Whether the jobs' processes and Ray's folders are gone."""
    return no_process_is_left(slurm, *jobs) and not any(scratch(job).exists() for job in jobs)


def scratch(job: str) -> Path:
    """Where a job's Ray keeps its files on every node."""
    return Path(f"/tmp/ray-{job}")


def test_curation_with_ray_across_two_nodes_gives_the_bytes_of_a_local_run(
    slurm: Slurm, videos: Path, local: Path, tmp_path: Path, table: Table
) -> None:
    job = slurm.run(SCRIPTS / "curate.sbatch", videos, "--out", tmp_path / "out", options=NODES)
    assert (job.state, job.status) == ("COMPLETED", 0), job.log
    assert "Ray: 2 of 2 nodes, 4 CPUs" in job.log
    assert result_bytes(tmp_path / "out") == result_bytes(local)
    assert nothing_is_left(slurm, job.number)
    table(f"curate.sbatch on 2 nodes: {len(result_bytes(local)) - 1} clips and clips.parquet as local, byte for byte")


@pytest.mark.full
def test_an_array_without_ray_joins_to_the_bytes_of_a_local_run_and_does_nothing_twice(
    slurm: Slurm, videos: Path, local: Path, tmp_path: Path, table: Table
) -> None:
    out, log = tmp_path / "out", tmp_path / "join.log"
    array = slurm.submit(
        SCRIPTS / "curate-array.sbatch", videos, "--out", out, options=("--array", "0-1"), log=tmp_path / "%a.log"
    )
    joined = slurm.submit(
        SCRIPTS / "curate-join.sbatch", videos, "--out", out, options=("--dependency", f"afterany:{array}"), log=log
    )
    job = slurm.wait(joined, log)
    assert (job.state, job.status) == ("COMPLETED", 0), job.log
    assert all((tmp_path / f"{task}.log").is_file() for task in range(2))
    assert "analysis decoded nothing" in job.log
    assert "exports decoded 0" in job.log
    assert result_bytes(out) == result_bytes(local)
    assert moee("manifest", "validate", out).status == 0
    table("array of 2 and its join: as local, byte for byte; the join decoded nothing again")


def test_training_on_one_node_gives_the_losses_and_weights_of_a_direct_run_bit_for_bit(
    slurm: Slurm, ten_steps: Path, local: Path, trained: Path, tmp_path: Path, table: Table
) -> None:
    out = tmp_path / "out"
    job = slurm.run(SCRIPTS / "train.sbatch", ten_steps, "--data", local, "--out", out, options=("--nodes", 1))
    assert (job.state, job.status) == ("COMPLETED", 0), job.log
    assert (out / "scalars.jsonl").read_bytes() == (trained / "scalars.jsonl").read_bytes()
    weights = sorted(path.relative_to(trained) for path in trained.glob("model/**/*.safetensors"))
    assert len(weights) > 3
    assert [path for path in weights if (out / path).read_bytes() != (trained / path).read_bytes()] == []
    assert no_process_is_left(slurm, job.number)
    table(f"train.sbatch, 10 steps on 1 node: losses and {len(weights)} weight files as a direct run, bit for bit")


@pytest.mark.full
def test_training_on_two_nodes_gives_the_losses_of_one(
    slurm: Slurm, ten_steps: Path, local: Path, trained: Path, tmp_path: Path, table: Table
) -> None:
    arguments = (ten_steps, "--data", local, "--out", tmp_path / "out", "--features", trained / "features")
    job = slurm.run(SCRIPTS / "train.sbatch", *arguments, options=("--nodes", 2))
    assert (job.state, job.status) == ("COMPLETED", 0), job.log
    apart = [abs(a - b) for a, b in zip(losses(tmp_path / "out"), losses(trained), strict=True)]
    state = json.loads(next((tmp_path / "out").glob("checkpoints/*/state.json")).read_text())
    assert any(name.startswith("rng-1") for name in json.dumps(state).split('"')), "two processes took part"
    assert max(apart) <= 1e-5
    assert no_process_is_left(slurm, job.number)
    table(f"train.sbatch, 10 steps on 2 nodes: losses at most {max(apart):.1e} from one process's")


@pytest.mark.full
def test_two_jobs_on_one_node_each_have_a_ray_of_their_own(slurm: Slurm, tmp_path: Path) -> None:
    program = tmp_path / "who.py"
    program.write_text(
        "import json, os, ray, time\n"
        "ray.init()\n"
        "here = ray.remote(lambda: (time.sleep(3), os.environ['SLURM_JOB_ID'])[1])\n"
        "print('WHO', json.dumps([len(ray.nodes()), ray.get(here.remote()), time.time()]))\n"
    )
    options = ("--nodes", 1, "--cpus-per-task", 1, "--mem", "1G", "--nodelist", "node1")
    logs = [tmp_path / f"{number}.log" for number in range(2)]
    numbers = [slurm.submit(SCRIPTS / "ray.sbatch", "python", program, options=options, log=log) for log in logs]
    jobs = [slurm.wait(number, log) for number, log in zip(numbers, logs, strict=True)]
    for job in jobs:
        assert job.state == "COMPLETED", job.log
        (said,) = [line for line in job.log.splitlines() if line.startswith("WHO")]
        assert json.loads(said.removeprefix("WHO"))[:2] == [1, job.number]
    starts, ends = zip(*(_times(slurm, number) for number in numbers), strict=True)
    assert max(starts) < min(ends), "they ran at the same time"
    assert nothing_is_left(slurm, *numbers)


def _times(slurm: Slurm, number: str) -> tuple[str, str]:
    facts = slurm.facts(number)
    return facts["StartTime"], facts["EndTime"]


def test_a_jobs_status_is_its_commands_and_a_command_that_is_missing_is_said(slurm: Slurm) -> None:
    options = ("--nodes", 1, "--cpus-per-task", 1, "--mem", "1G")
    assert slurm.run(SCRIPTS / "ray.sbatch", "bash", "-c", "exit 7", options=options).status == 7
    job = slurm.run(SCRIPTS / "ray.sbatch", options=options)
    assert (job.status, "usage: with-ray.sh COMMAND" in job.log) == (2, True)
    job = slurm.run(SCRIPTS / "curate-array.sbatch", "v", "--out", "s3://b/p", options=("--array", "0-0"))
    assert (job.status, "a bucket takes curate.sbatch" in job.log) == (2, True)
    job = slurm.run(SCRIPTS / "curate-join.sbatch", "v", "--out", "nowhere")
    assert (job.status, "run curate-array.sbatch first" in job.log) == (2, True)


@pytest.mark.full
def test_a_job_that_was_put_back_into_the_queue_goes_on_from_what_is_finished(
    slurm: Slurm, videos: Path, local: Path, tmp_path: Path, table: Table
) -> None:
    out, log = tmp_path / "out", tmp_path / "requeued.log"
    options = ("--nodes", 1, "--cpus-per-task", 1, "--mem", "3G")
    number = slurm.submit(SCRIPTS / "curate.sbatch", videos, "--out", out, options=options, log=log)
    _wait_for_heads(out, 1)
    slurm.ask("scontrol", "requeue", number)
    assert no_process_is_left(slurm, number)
    finished = len(list(out.glob("heads/*/s_*")))
    slurm.ask("scontrol", "update", f"JobId={number}", "StartTime=now")  # without Slurm's pause after a requeue
    job = slurm.wait(number, log)
    assert (job.state, slurm.facts(number)["Restarts"]) == ("COMPLETED", "1"), job.log
    assert result_bytes(out) == result_bytes(local)
    table(f"requeued with {finished} of {len(SUBJECTS)} sources finished: as local, byte for byte")


def _wait_for_heads(out: Path, number: int) -> None:
    until = time.monotonic() + 200
    while len(list(out.glob("heads/*/s_*"))) < number:
        assert time.monotonic() < until, "no source was finished"
        time.sleep(0.2)


@pytest.mark.full
def test_a_worker_node_that_dies_does_not_end_the_job(videos: Path, local: Path, tmp_path: Path, table: Table) -> None:
    out, log = tmp_path / "out", tmp_path / "lost.log"
    with cluster() as slurm:
        number = slurm.submit(SCRIPTS / "curate.sbatch", videos, "--out", out, options=NODES, log=log)
        _wait_for_heads(out, 1)
        lost = _kill_node(slurm, number, "node2")
        job = slurm.wait(number, log)
        assert (job.state, job.status) == ("COMPLETED", 0), job.log
        assert slurm.facts(number)["Restarts"] == "0"
        assert result_bytes(out) == result_bytes(local)
        assert no_process_is_left(slurm, number)
        shutil.rmtree(scratch(number), ignore_errors=True)  # the lost node's; it could not clean up
    table(f"a node killed in mid-run (slurmd and {lost} processes): the job ended well, as local, byte for byte")


def _kill_node(slurm: Slurm, number: str, node: str) -> int:
    """SIGKILL for all that a node runs: its slurmd, the step's daemon, its raylet and workers."""
    processes = [
        process
        for process in slurm.processes(number)
        if f"\0SLURMD_NODENAME={node}\0".encode() in b"\0" + Path(f"/proc/{process}/environ").read_bytes()
    ]
    parents = {int(_status(process, "PPid")) for process in processes}
    steps = [parent for parent in parents if _status(parent, "Name") == "slurmstepd"]
    assert processes
    assert steps
    slurm.nodes[node].kill()
    for process in [*steps, *processes]:
        os.kill(process, signal.SIGKILL)
    return len(processes)


def _status(process: int, field: str) -> str:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{field}:"))
