"""A place in shared storage has one driver: a live lock is respected, a dead one is taken over."""

import json
import socket
import subprocess
import sys
import threading

import pytest

from curation.errors import CurationError
from curation.storage import lease
from curation.storage.bucket import Bucket


@pytest.fixture
def bucket(s3: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.3)
    monkeypatch.setattr(lease, "STALE_SECONDS", 3.0)
    return Bucket(f"s3://data/{request.node.name}")


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_the_second_driver_is_refused_with_host_and_process(bucket: Bucket) -> None:
    with (
        lease.held(bucket),
        pytest.raises(CurationError, match=rf"pid \d+ on {socket.gethostname()}"),
        lease.held(bucket),
    ):
        pass
    assert bucket.read(lease.NAME) is None


def test_the_lock_of_a_process_that_is_gone_is_taken_at_once(bucket: Bucket) -> None:
    bucket.write(lease.NAME, json.dumps({"host": socket.gethostname(), "pid": dead_process(), "run": "x"}).encode())
    with lease.held(bucket):
        pass


def test_the_lock_of_another_machine_is_taken_when_it_goes_stale(bucket: Bucket) -> None:
    bucket.write(lease.NAME, json.dumps({"host": "elsewhere", "pid": 1, "run": "x", "beat": 7}).encode())
    with lease.held(bucket) as mine:
        mine.check()


def test_the_lock_of_another_machine_that_is_kept_is_respected(bucket: Bucket) -> None:
    end = threading.Event()

    def keep() -> None:
        beat = 0
        while not end.wait(0.2):
            beat += 1
            said = {"host": "elsewhere", "pid": 1, "run": "x", "beat": beat}
            bucket.write(lease.NAME, json.dumps(said).encode())

    bucket.write(lease.NAME, json.dumps({"host": "elsewhere", "pid": 1, "run": "x", "beat": 0}).encode())
    other = threading.Thread(target=keep)
    other.start()
    try:
        with pytest.raises(CurationError, match="pid 1 on elsewhere"), lease.held(bucket):
            pass
    finally:
        end.set()
        other.join()


def test_who_lost_the_lock_stops(bucket: Bucket) -> None:
    with lease.held(bucket) as mine:
        bucket.write(lease.NAME, json.dumps({"host": "elsewhere", "pid": 1, "run": "other"}).encode())
        assert mine.lost.wait(5.0)
        with pytest.raises(CurationError, match="another run has taken over"):
            mine.check()
    assert json.loads(bucket.read(lease.NAME) or b"{}")["run"] == "other", "the other's lock stays"
