"""The colours of the emotions stand out from the page and from each other, also for eyes that miss one kind of cone."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from curation.report.document import TEMPLATES
from manifests import pages
from manifests.emotions import EMOTIONS

# Machado, Oliveira and Fernandes 2009, full severity, on linear RGB.
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
WHITE = np.array([0.9505, 1.0, 1.089])
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(colour: np.ndarray) -> np.ndarray:
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in XYZ @ colour / WHITE)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def palettes(style: Path, key: str) -> list[dict[str, str]]:
    """Light, dark as the system says, dark as chosen (and print) of a style."""
    text = style.read_text(encoding="utf-8")
    blocks = re.findall(r":root[^{}]*\{([^{}]*--" + key + r"[^{}]*)\}", text)
    return [dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block)) for block in blocks]


def test_both_ways_to_a_dark_page_and_paper_have_the_same_colours() -> None:
    light, system, chosen, paper = palettes(TEMPLATES / "expressions.css", "angry")
    assert system == chosen and {name: light[name] for name in EMOTIONS} == {name: paper[name] for name in EMOTIONS}


@pytest.mark.parametrize("theme", [0, 1])
def test_curves_stand_out_from_their_ground(theme: int) -> None:
    grounds, colours = (
        palettes(pages.HERE / "page.css", "paper")[theme],
        palettes(TEMPLATES / "expressions.css", "angry")[theme],
    )
    for name in EMOTIONS:
        for ground in ("paper", "soft"):
            high, low = sorted((float(XYZ[1] @ linear(c)) for c in (colours[name], grounds[ground])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 3, (name, ground)


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("eyes", EYES)
def test_no_two_emotions_look_alike(theme: int, eyes: str) -> None:
    colours = palettes(TEMPLATES / "expressions.css", "angry")[theme]
    seen = {name: lab(np.clip(np.array(EYES[eyes]) @ linear(colours[name]), 0, 1)) for name in EMOTIONS}
    for one, two in combinations(EMOTIONS, 2):
        assert np.linalg.norm(seen[one] - seen[two]) > 20, (one, two)
