"""Ranks of simulated systems: a known order is found, and systems that are equally good are not told apart.

A column counts as right when every rank of it is. All numbers follow from seeds that were set once.
"""

import numpy as np
import pytest

from benchmark.features import Clip, Features
from benchmark.leaderboard.board import board
from benchmark.leaderboard.model import Board
from tests.benchmark.leaderboard.material import entry
from tests.extent import FULL

pytestmark = pytest.mark.proof

DRAWS = 100
MORE = 400 if FULL else 100
PERSONS, CLIPS, FRAMES = 20, 200, 3  # as many clips as the protocols take
MADE_BY = {"mse": "rgb-mse@v1", "expression3dmm": "3ddfa-v2@00000004", "face": "mediapipe-mesh68@64184e22"}
ORDER = (0.0, 0.0, 1.0, 1.0, 2.0, 3.0)  # how bad each system is: two true ties
RANKS = [1, 1, 3, 3, 5, 6]
EQUAL = (1.0,) * 6


def draw(bad: tuple[float, ...], seed: int) -> Board:
    """A board of systems that are so bad, on clips of persons who differ; nothing else makes them differ."""
    truth = np.random.default_rng([seed, 0])
    persons = truth.normal(0, 1.0, (PERSONS, 10))
    takes = truth.normal(0, 0.5, (CLIPS, 10))
    real = [persons[n % PERSONS] + takes[n] + truth.normal(0, 1, (FRAMES, 10)) for n in range(CLIPS)]
    hard = truth.gamma(4, 0.5, CLIPS)  # how hard a clip is, for all systems
    entries = [
        entry(f"system{place}", _system(real, hard, value, np.random.default_rng([seed, 1, place])), ("psnr", "efid"))
        for place, value in enumerate(bad)
    ]
    pages = {one.seal: f"{one.seal}.html" for one in entries}
    return board(("sample", 1, "a" * 64, "b" * 64, ""), entries, "sample", "list-1", pages)


def _system(real: list[np.ndarray], hard: np.ndarray, bad: float, rng: np.random.Generator) -> Features:
    """A mean over clips with skewed errors, and a set that lies so far off in a direction of its own."""
    way = rng.normal(size=10)
    offset = np.sqrt(0.5 + bad) * way / np.linalg.norm(way)
    lost = bad + hard + rng.gamma(1.5, 0.6, CLIPS)
    clips = []
    for n, array in enumerate(real):
        generated = array + offset + rng.normal(0, 0.3, 10) + rng.normal(0, 0.5, array.shape)
        mse = np.full(FRAMES, 255**2 / 10 ** ((34 - lost[n]) / 10))
        clips.append(
            Clip(
                f"clip{n:03}", f"person{n % PERSONS:02}", real={"expression3dmm": array.astype(np.float32)},
                generated={"expression3dmm": generated.astype(np.float32)}, pair={"mse": mse},
            )
        )  # fmt: skip
    return Features(tuple(clips), MADE_BY)


def ranks(found: Board, key: str) -> list[int | None]:
    place = [column.key for column in found.columns].index(key)
    rows = sorted(found.rows, key=lambda row: row.system)
    return [row.cells[place].rank for row in rows]


def test_a_known_order_with_known_ties_is_found(table) -> None:
    boards = [draw(ORDER, seed) for seed in range(DRAWS)]
    for key in ("psnr", "efid"):
        found = [ranks(one, key) for one in boards]
        right = sum(one == RANKS for one in found)
        broken = sum(one[0] != one[1] or one[2] != one[3] for one in found)
        table(f"{key}: {right} of {DRAWS} draws ranked right, a true tie broken in {broken}")
        assert right >= 95 and broken <= 5, key


def test_systems_that_are_all_equally_good_are_not_told_apart(table) -> None:
    boards = [draw(EQUAL, seed) for seed in range(1000, 1000 + MORE)]
    for key in ("psnr", "efid"):
        broken = sum(set(ranks(one, key)) != {1} for one in boards)
        table(f"{key}: any of 15 true ties broken in {broken} of {MORE} draws")
        assert broken <= 0.05 * MORE, key
