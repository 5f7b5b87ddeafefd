"""The Ray engine: every item ends, a dead worker or node costs its own items only, and a deadly item is given up."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.engines.item import Finished, Limits, report_progress

ray = pytest.importorskip("ray")

from curation.engines.cluster import RayEngine  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    from curation.engines.cluster import connect

    connect(None, 2)
    yield
    ray.shutdown()


def double(item: int) -> int:
    report_progress(0.5)
    return 2 * item


def double_unless_deadly(item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == 5:
        raise ValueError("five is refused")
    return 2 * item


def die_once(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def loop_for_ever(item: int) -> int:
    while item == 1:
        pass
    return item


def take_memory(gibibytes: int) -> int:
    return len(bytearray(gibibytes << 30))


def by_index(ends: list[Finished]) -> dict[int, Finished]:
    return {end.index: end for end in ends}


def test_every_item_ends_once_with_its_value() -> None:
    ends = list(RayEngine(workers=2).run(double, list(range(30))))
    assert sorted(end.index for end in ends) == list(range(30))
    assert all(end.value == 2 * end.index for end in ends)


def test_a_deadly_item_is_given_up_after_the_cap_and_an_exception_at_once() -> None:
    ends = by_index(list(RayEngine(workers=2, attempts=2).run(double_unless_deadly, list(range(8)))))
    assert sorted(ends) == list(range(8))
    assert (ends[3].attempts, ends[3].value) == (2, None)
    assert ends[3].died and ends[3].died.startswith("crashed, last on ")
    assert isinstance(ends[5].error, ValueError) and ends[5].attempts == 1
    assert all(ends[item].value == 2 * item for item in (0, 1, 2, 4, 6, 7))


def test_an_item_whose_worker_died_is_tried_again(tmp_path: Path) -> None:
    (end,) = RayEngine(workers=1).run(die_once, [str(tmp_path / "died")])
    assert (end.value, end.attempts) == ("alive", 2)


def test_an_item_that_makes_no_progress_is_ended_and_the_others_go_on() -> None:
    ends = by_index(list(RayEngine(workers=2, attempts=2, limits=Limits(stall=1.5)).run(loop_for_ever, [0, 1, 2])))
    assert ends[1].died and ends[1].died.startswith("no progress, last on ")
    assert (ends[0].value, ends[2].value) == (0, 2)


def test_an_item_that_takes_too_much_memory_fails_alone() -> None:
    ends = by_index(list(RayEngine(workers=2, limits=Limits(memory=2 << 30)).run(take_memory, [1, 20, 1])))
    assert isinstance(ends[1].error, MemoryError)
    assert ends[0].value == ends[2].value == 1 << 30


def test_progress_is_told_while_items_run() -> None:
    seen: list[float] = []

    def tick(shares) -> None:
        seen.append(sum(shares))

    list(RayEngine(workers=1).run(slow, [0, 1], tick=tick))
    assert any(0 < share % 1 < 1 for share in seen)
    assert seen[-1] == 2.0


def slow(item: int) -> int:
    for step in range(5):
        time.sleep(0.5)
        report_progress((step + 1) / 10)
    return item
