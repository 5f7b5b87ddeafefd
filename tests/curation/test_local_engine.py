"""The local engine: every item ends, a dead worker costs its own item only."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from curation.engines.item import Finished, Limits, report_progress
from curation.engines.local import LocalEngine


def double(item: int) -> int:
    report_progress(0.5)
    return 2 * item


def double_unless_deadly(item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 5:
        raise ValueError("five is refused")
    return 2 * item


def die_once(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    return "alive"


def sleep_long(marker: str) -> None:
    Path(marker).write_text(str(os.getpid()))
    time.sleep(600)


def by_index(ends: list[Finished]) -> dict[int, Finished]:
    return {end.index: end for end in ends}


def test_every_item_ends_once_with_its_value() -> None:
    ends = list(LocalEngine(2).run(double, [1, 2, 3, 4]))
    assert {end.index: end.value for end in ends} == {0: 2, 1: 4, 2: 6, 3: 8}


def test_a_killed_worker_and_an_exception_cost_their_own_items_only() -> None:
    ends = by_index(list(LocalEngine(2).run(double_unless_deadly, list(range(8)))))
    assert sorted(ends) == list(range(8))
    assert ends[3].died == "signal 9"
    assert ends[3].attempts == 2
    assert isinstance(ends[5].error, ValueError)
    assert all(ends[item].value == 2 * item for item in (0, 1, 2, 4, 6, 7))


def test_an_item_whose_worker_died_is_tried_again(tmp_path: Path) -> None:
    (end,) = LocalEngine(1).run(die_once, [str(tmp_path / "died")])
    assert (end.value, end.attempts) == ("alive", 2)


def test_workers_end_when_the_run_is_killed(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    program = (
        "from curation.engines.local import LocalEngine\n"
        "from tests.curation.test_local_engine import sleep_long\n"
        f"if __name__ == '__main__': list(LocalEngine(1).run(sleep_long, [{str(marker)!r}]))\n"
    )
    script = tmp_path / "run.py"
    script.write_text(program)
    root = Path(__file__).resolve().parents[2]
    run = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(root)})
    wait_until(lambda: marker.exists() and marker.read_text() != "")
    run.kill()
    run.wait()
    worker = int(marker.read_text())
    wait_until(lambda: not alive(worker))
    assert not alive(worker)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text()


def wait_until(holds: "object", seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def loop_for_ever(item: int) -> int:
    while item == 1:
        pass
    return item


def take_memory(gibibytes: int) -> int:
    return len(bytearray(gibibytes << 30))


def test_an_item_that_makes_no_progress_is_ended_and_the_others_go_on() -> None:
    ends = by_index(list(LocalEngine(2, limits=Limits(stall=1.5)).run(loop_for_ever, [0, 1, 2])))
    assert (ends[1].died, ends[1].attempts) == ("no progress", 2)
    assert (ends[0].value, ends[2].value) == (0, 2)


def test_an_item_that_takes_too_much_memory_fails_alone() -> None:
    ends = by_index(list(LocalEngine(1, limits=Limits(memory=2 << 30)).run(take_memory, [1, 20, 1])))
    assert isinstance(ends[1].error, MemoryError)
    assert ends[0].value == ends[2].value == 1 << 30
