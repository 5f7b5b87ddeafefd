"""The page of the toy world's proof says what was measured, whatever it is."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moee_model.batch import EXPERTS
from perf.toy.page import bootstrap, differences, lines, rows, write
from perf.toy_proof import main

VIDEOS = 48


def control(emotion: float = 1.0, mouth: float = 0.95) -> dict[str, Any]:
    """A share of right emotions, a correlation; persons always right."""
    right = [number < round(emotion * VIDEOS) for number in range(VIDEOS)]
    return {"emotion": right, "mouth": [mouth] * VIDEOS, "radius": 0.01, "shade": 0.02, "who": [True] * VIDEOS}


def seed() -> dict[str, Any]:
    """What a good seed finds."""
    pairs = [(a, b) for number, a in enumerate(EXPERTS) for b in EXPERTS[number + 1 :]]
    faces = np.zeros((7, 16, 16, 3), np.uint8)
    full = {
        "control": control(),
        "null": control(1 / 6),
        "silent": control(mouth=0.01),
        "compounds": [True] * 16,
        "forced": (0.9 * np.eye(6) + 0.1 / 6).tolist(),
        "forced_videos": 72,
        "ablated": (1 - np.eye(6)).tolist(),
        "whole": [1.0] * 6,
        "mixtures": [{"first": a, "second": b, "places": [0.2, 0.5, 0.8], "ordered": True} for a, b in pairs],
        "pictures": {
            "faces": faces,
            "spoken": np.zeros((14, 16, 16, 3), np.uint8),
            "mixtures": np.zeros((3, 5, 16, 16, 3)),
        },
    }
    other = {"control": control(), "forced": np.eye(6).tolist()}
    return {"full": full, "shuffled": {"control": control(0.2)}, "output-gate": other}


def found(*seeds: dict[str, Any]) -> dict[str, Any]:
    run = {"date": "2026-11-28", "commit": "abc", "command": "python -m perf.toy_proof", "seconds": 61,
           "processor": "a processor", "versions": {"torch": "2"}}  # fmt: skip
    return {"run": run, "seeds": dict(enumerate(seeds))}


def failing(made: dict[str, Any]) -> list[str]:
    return [row.name for row in rows(made) if row.holds is False]


def test_a_good_seed_holds_everything_and_every_row_has_a_chance_level() -> None:
    made = rows(found(seed(), seed()))
    assert failing(found(seed())) == []
    assert all(row.chance and row.low <= row.value <= row.high + 1e-9 and len(row.seeds) == 2 for row in made)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("told emotion is seen", ("full", "control", "emotion"), [True] * 40 + [False] * 8),
        ("mouth follows", ("full", "control", "mouth"), [0.8] * VIDEOS),
        ("radius of the head", ("full", "control", "radius"), 0.03),
        ("shade", ("full", "control", "shade"), 0.15),
        ("told neutral", ("full", "null", "emotion"), [True] * VIDEOS),
        ("shuffled", ("shuffled", "control", "emotion"), [True] * VIDEOS),
        ("no sound", ("full", "silent", "mouth"), [0.5] * VIDEOS),
        ("own emotion is the commonest", ("full", "forced"), np.roll(np.eye(6), 1, 1).tolist()),
        ("silenced experts", ("full", "ablated"), np.zeros((6, 6)).tolist()),
        (
            "mixtures",
            ("full", "mixtures"),
            [{"first": "a", "second": "b", "places": [0.2, 0.1, 0.8], "ordered": False}] * 15,
        ),
        ("gate at the output", ("output-gate", "forced"), np.ones((6, 6)).tolist()),
    ],
)
def test_what_fails_is_said(name: str, path: tuple[str, ...], value: Any) -> None:
    bad = seed()
    place = bad
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (said,) = failing(found(bad))
    assert name in said
    assert any("**no**" in line and said in line for line in lines(found(bad)))


def test_a_bad_seed_is_not_hidden_by_good_ones() -> None:
    bad = copy.deepcopy(seed())
    bad["full"]["forced"] = np.roll(np.eye(6), 1, 1).tolist()
    assert failing(found(seed(), seed(), bad)) == ["experts whose own emotion is the commonest (of 6)"]


def test_an_ablation_is_printed_with_sign_and_interval_whatever_it_is() -> None:
    one = seed() | {
        "no-experts": {"control": control(1 / 6), "compounds": [False] * 16},
        "no-global-gate": {"control": control(1.0), "compounds": [True] * 16},
        "no-masked-sampling": {"control": control(1.0, 0.99), "compounds": [True] * 16},
    }
    made = {(row.without.split(" (")[0], row.measure): row for row in differences(found(one))}
    worse = made["no experts", "the told emotion is seen"]
    assert worse.sign == "worse without" and worse.difference == pytest.approx(1 / 6 - 1) and worse.high < 0
    assert made["no global gate", "the told emotion is seen"].sign == "no difference seen"
    assert made["no masked noisy emotion sampling", "mouth follows the sound"].sign == "better without"
    assert sum("worse without" in line for line in lines(found(one))) == 2
    assert differences(found(seed())) == []


def test_the_interval_of_a_mean_holds_it_and_narrows_with_more_items() -> None:
    items = np.random.default_rng(1).normal(0.5, 0.1, 400)
    low, high = bootstrap(items[:40].tolist())
    less, more = bootstrap(items.tolist())
    assert low < items[:40].mean() < high and more - less < high - low


def test_the_page_is_written_again_from_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    write(found(seed()), tmp_path / "one")
    made = tmp_path / "one" / "toy-world.json"
    assert json.loads(made.read_text())["seeds"]["0"]["full"]["forced_videos"] == 72
    monkeypatch.setattr("sys.argv", ["toy_proof", "--from", str(made), "--out", str(tmp_path / "two")])
    main()
    for name in ("toy-world.md", "toy-world.png", "toy-world.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "toy-world.md").read_text() == capsys.readouterr().out
