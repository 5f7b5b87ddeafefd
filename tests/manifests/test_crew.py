"""Who looks at files: beside this process for many of them, here for few, and here when the others die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from manifests.checks.crew import MANY, Crew


def where(number: int) -> tuple[int, int]:
    """The number, and the process that looked."""
    return number, os.getpid()


def only_here(home: int, number: int) -> int:
    """The number after it; any process but `home` is killed."""
    if os.getpid() != home:
        os.kill(os.getpid(), signal.SIGKILL)
    return number + 1


def test_few_files_are_looked_at_here() -> None:
    with Crew(2) as crew:
        crew.gather(MANY - 1)
        assert crew.ask(where, 7).answer() == (7, os.getpid())


def test_many_files_are_looked_at_beside() -> None:
    with Crew(2) as crew:
        crew.gather(MANY)
        found = [asked.answer() for asked in [crew.ask(where, number) for number in range(20)]]
    assert [number for number, _ in found] == list(range(20))
    assert os.getpid() not in {process for _, process in found}


def test_a_process_that_is_killed_costs_a_second_look() -> None:
    with Crew(2) as crew:
        crew.gather(MANY)
        asked = [crew.ask(only_here, os.getpid(), number) for number in range(20)]
        assert [one.answer() for one in asked] == list(range(1, 21))
        assert crew.ask(only_here, os.getpid(), 20).answer() == 21


KILLED = """
import time
from manifests.checks.crew import MANY, Crew
if __name__ == "__main__":
    crew = Crew(2)
    crew.gather(MANY)
    for asked in [crew.ask(time.sleep, 0.2) for _ in range(4)]:
        asked.answer()
    print("up", flush=True)
    time.sleep(60)
"""


def test_a_command_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(KILLED)
    root = str(Path(__file__).parents[2])
    run = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}
    )
    assert run.stdout is not None and run.stdout.readline() == b"up\n"
    started = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait()
    until = time.monotonic() + 30
    while (left := [one for one in started if one.is_running()]) and time.monotonic() < until:
        time.sleep(0.1)
    for one in left:
        one.kill()
    assert len(started) >= 2 and not left
