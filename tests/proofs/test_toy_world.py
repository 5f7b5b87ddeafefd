"""Proof in the toy world, one seed: the told emotion is shown, the mouth follows the sound, experts own emotions.

In full also the control whose labels were shuffled in training.
`python -m perf.toy_proof --seeds 3 --ablations` writes the page of `docs/proofs`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from perf.toy.page import Row, lines, rows, write
from perf.toy_proof import prove
from tests.extent import FULL

pytestmark = pytest.mark.proof
CLOSE = ("identity", "silenced")
"""Rows that one seed may miss by a little: they are printed here, and judged over three seeds in `docs/proofs`."""

Found = Mapping[str, Any]


@pytest.fixture(scope="module")
def found() -> Found:
    return prove([0], ablations=False, variants=("full", "shuffled") if FULL else ("full",))


@pytest.fixture(scope="module")
def measured(found: Found) -> list[Row]:
    return rows(found)


def test_everything_that_must_hold_holds(
    found: Found, measured: list[Row], table: Callable[[str], None], tmp_path: Path
) -> None:
    """Emotion and mouth on persons and words never seen, identity, controls at chance, forced and silenced experts,
    mixtures in order."""
    for line in lines(found):
        if line.startswith("|"):
            table(line)
    write(found, tmp_path)
    assert (tmp_path / "toy-world.png").stat().st_size > 1000
    missed = [row.name for row in measured if row.holds is False]
    assert [name for name in missed if not name.startswith(CLOSE)] == []
    assert sum(row.holds is True for row in measured) >= (7 if FULL else 6)
