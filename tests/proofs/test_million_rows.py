"""A manifest of a million clips: select, split, diff and validate answer, within 4 GB each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perf.scale.million import MEMORY, WANTED, measure
from perf.scale.rows import Size

pytestmark = pytest.mark.proof

SIZE = Size(1_000_000, 5_000)


@pytest.mark.full
def test_a_million_clips_are_selected_split_compared_and_checked_within_4_gb(
    tmp_path: Path, table: Callable[[str], None]
) -> None:
    for took in measure(tmp_path, SIZE):
        wanted = WANTED[took.name]
        table(
            f"{took.name}: {took.seconds:.1f} s{f' (wanted < {wanted})' if wanted else ''}, "
            f"{took.core_seconds:.1f} core-seconds, peak {took.gigabytes:.2f} GB"
        )
        assert took.status == 0 and took.gigabytes < MEMORY, took.name
        if took.name == "split":
            shared = took.said["shared"]
            assert isinstance(shared, dict)
            assert shared["identities"] == shared["given_identities"] == shared["duplicate_clips"] == 0
        if took.name == "validate":
            assert took.said["sound"] is True
