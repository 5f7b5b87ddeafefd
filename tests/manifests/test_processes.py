"""How many workers a machine carries: a container's quota of processors and memory counts, not the machine's."""

from pathlib import Path

import pytest

from manifests import processes


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container on 64 cores, without a limit."""
    monkeypatch.setattr(processes, "CGROUP", tmp_path)
    monkeypatch.setattr(processes.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    return tmp_path


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 64), ("200000 100000", 2), ("250000 100000", 3), ("10000 100000", 1), ("9900000 100000", 64)],
)
def test_a_quota_of_processors_is_kept_to(container: Path, quota: str, cores: int) -> None:
    (container / "cpu.max").write_text(quota + "\n")
    assert processes.usable_cores() == cores


def test_as_many_workers_as_fit_into_the_memory_of_a_container(container: Path) -> None:
    (container / "memory.max").write_text("8589934592\n")
    (container / "memory.current").write_text("1073741824\n")
    assert processes.usable_memory() <= 7 << 30
    assert processes.default_workers(2 << 30) <= 3
    assert processes.default_workers(1 << 40) == 1


def test_without_any_such_limit_it_is_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "CGROUP", tmp_path / "absent")
    assert processes.usable_cores() >= 1 and processes.usable_memory() > 0
