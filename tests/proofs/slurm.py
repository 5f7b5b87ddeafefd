"""A real Slurm on this one machine, with a folder and ports of its own: munged, slurmctld and a slurmd per node."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPTS: Final = ROOT / "deploy" / "slurm"
PROGRAMS: Final = ("setpriv", "munged", "slurmctld", "slurmd", "sbatch", "scontrol", "scancel")
ENDED: Final = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY")

FATE: Final = ("setpriv", "--pdeathsig", "TERM")  # the daemons go with the tests' process, however that ends

# linuxproc and the plugins "none" need no systemd, cgroups or database; config_overrides believes the CPUs below.
CONFIG: Final = """
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket.d/socket
SlurmctldPort={control}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SlurmdTimeout=15
KillWait=10
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Job:
    """How a job ended: its state and exit status as Slurm says them, and what it printed."""

    number: str
    state: str
    status: int
    log: str


@dataclass
class Slurm:
    """A running cluster; `nodes` are the processes of its nodes, by name."""

    folder: Path
    nodes: dict[str, "subprocess.Popen[bytes]"]

    @property
    def env(self) -> dict[str, str]:
        """What its clients and jobs need: this cluster, this environment's programs, one thread per process."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        left = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "RAY_"))}
        return {**left, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path, "OMP_NUM_THREADS": "1"}

    def ask(self, *command: object) -> str:
        """What a client program prints; it must succeed."""
        done = subprocess.run([*map(str, command)], env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def submit(self, script: Path, *arguments: object, options: Sequence[object] = (), log: Path) -> str:
        """Submit a job; gives its number."""
        return self.ask("sbatch", "--parsable", "--output", log, "--chdir", self.folder, *options, script, *arguments)

    def wait(self, number: str, log: Path, seconds: float = 400) -> Job:
        """Wait until a job has ended; one that does not is ended, and the test fails with its log."""
        until = time.monotonic() + seconds
        while (found := self.facts(number))["JobState"] not in ENDED:
            if time.monotonic() > until:
                self.ask("scancel", number)
                pytest.fail(f"job {number} did not end: {found}\n{_text(log)}")
            time.sleep(0.5)
        return Job(number, found["JobState"], int(found["ExitCode"].split(":")[0]), _text(log))

    def run(self, script: Path, *arguments: object, options: Sequence[object] = ()) -> Job:
        """Submit a job and wait for its end."""
        log = self.folder / f"{script.stem}-{time.monotonic_ns()}.log"
        return self.wait(self.submit(script, *arguments, options=options, log=log), log)

    def facts(self, number: str) -> dict[str, str]:
        """What Slurm says of a job."""
        return dict(re.findall(r"(\w+)=(\S*)", self.ask("scontrol", "--oneliner", "show", "job", number)))

    def processes(self, number: str) -> list[int]:
        """The processes on this machine that belong to a job, wherever they hang in the process tree."""
        mark = f"\0SLURM_JOB_ID={number}\0".encode()
        conf = f"\0SLURM_CONF={self.folder}/slurm.conf\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = b"\0" + (process / "environ").read_bytes()
            except OSError:
                continue
            if mark in environment and conf in environment:
                found.append(int(process.name))
        return found


@contextmanager
def cluster(nodes: int = 2, cpus: int = 2) -> Iterator[Slurm]:
    """A cluster of so many nodes with so many processors each; skips where Slurm cannot run, ends all it started."""
    if os.geteuid() != 0:
        pytest.skip("a Slurm of its own needs root: its daemons start jobs for users")
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        pytest.skip(f"no {missing[0]}: apt-get install slurm-wlm munge")
    folder = Path(tempfile.mkdtemp(prefix="moee-slurm-"))  # short, and open to munge's user, unlike pytest's folders
    folder.chmod(0o755)
    started: list[subprocess.Popen[bytes]] = []
    slurm = Slurm(folder, {})
    try:
        _configure(folder, nodes, cpus)
        started.append(_munged(folder))
        started.append(_daemon(folder, "slurmctld"))
        for number in range(1, nodes + 1):
            slurm.nodes[f"node{number}"] = _daemon(folder, "slurmd", "-N", f"node{number}")
        started += slurm.nodes.values()
        _until_idle(slurm, nodes)
        yield slurm
    finally:
        _end(slurm, started)
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder: Path, nodes: int, cpus: int) -> None:
    ports = _free_ports(nodes + 1)
    host = socket.gethostname().split(".")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    lines = [
        f"NodeName=node{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[number]} CPUs={cpus} "
        f"RealMemory={memory}"
        for number in range(1, nodes + 1)
    ]
    config = CONFIG.format(name=folder.name, host=host, folder=folder, control=ports[0], nodes="\n".join(lines))
    (folder / "slurm.conf").write_text(config)
    (folder / "state").mkdir()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _munged(folder: Path) -> "subprocess.Popen[bytes]":
    user = pwd.getpwnam("munge")
    for name, mode in (("munge", 0o700), ("munge.socket.d", 0o755)):
        (folder / name).mkdir(mode=mode)
        os.chown(folder / name, user.pw_uid, user.pw_gid)
        (folder / name).chmod(mode)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    os.chown(key, user.pw_uid, user.pw_gid)
    files = {"socket": folder / "munge.socket.d" / "socket", "key-file": key}
    files |= {f"{kind}-file": folder / "munge" / kind for kind in ("pid", "log", "seed")}
    options = [f"--{option}={path}" for option, path in files.items()]
    with (folder / "munged.out").open("wb") as out:
        return subprocess.Popen(
            [*FATE, "munged", "--foreground", *options],
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=(),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _daemon(folder: Path, *command: str) -> "subprocess.Popen[bytes]":
    with (folder / f"{command[-1]}.out").open("wb") as out:
        return subprocess.Popen(
            [*FATE, *command, "-D", "-f", str(folder / "slurm.conf")],
            stdout=out,
            stderr=out,
            env={**Slurm(folder, {}).env, "PATH": os.environ["PATH"]},
            start_new_session=True,
        )


def _until_idle(slurm: Slurm, nodes: int) -> None:
    until = time.monotonic() + 60
    idle = ""
    while time.monotonic() < until:
        done = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format", "%t"], env=slurm.env, capture_output=True, text=True
        )
        idle = done.stdout + done.stderr
        if done.stdout.split() == ["idle"] * nodes:
            return
        time.sleep(0.3)
    logs = "\n".join(f"{log.name}: {_text(log)[-2000:]}" for log in sorted(slurm.folder.glob("*.out")))
    pytest.fail(f"Slurm did not start: {idle}\n{logs}")


def _end(slurm: Slurm, started: Sequence["subprocess.Popen[bytes]"]) -> None:
    """End the jobs as a user would, then the daemons, then whatever carries the cluster's mark still."""
    if len(started) > 1:
        subprocess.run(["scancel", "--user", "root"], env=slurm.env, capture_output=True, timeout=60, check=False)
        until = time.monotonic() + 20
        while time.monotonic() < until and _running(slurm):
            time.sleep(0.3)
    for process in reversed(started):
        process.terminate()
    for process in started:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for left in _running(slurm):
        with _gone():
            os.kill(left, signal.SIGKILL)


def _running(slurm: Slurm) -> list[int]:
    """Processes of any job of this cluster, and the step daemons above them."""
    mark = f"SLURM_CONF={slurm.folder}/slurm.conf\0".encode()
    daemons = ("munged", "slurmctld", "slurmd", "slurmscriptd")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with _gone():
            if mark in (process / "environ").read_bytes() and (process / "comm").read_text().strip() not in daemons:
                found.append(int(process.name))
    return found


@contextmanager
def _gone() -> Iterator[None]:
    """A process may end while one looks at it."""
    try:
        yield
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
