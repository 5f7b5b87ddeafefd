"""Action units: one displacement at a time is drawn on the sample's portraits, and its own unit should move most.

A face at rest and the same face with one action at its full amount; what is counted is the change of every unit's
intensity. Printed for the landmarks with blendshapes, and for the 468 points of the mesh alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from perception.action_units import COUNT, NUMBERS
from perf.scores import Scores
from perf.scores.expressions_clips import share

if TYPE_CHECKING:
    from perception.landmarks import FaceMesh

ACTIONS = {  # of `curation.sample.expression.ACTIONS`, each with its unit; the rest of them only shape an open mouth
    "brow_inner_up": 1,
    "brow_outer_up": 2,
    "brow_down": 4,
    "brow_together": 4,
    "lid_wide": 5,
    "cheek_raise": 6,
    "squint": 7,
    "nose_wrinkle": 9,
    "upper_lip_raise": 10,
    "corner_up": 12,
    "corner_down": 15,
    "pucker": 18,
    "lip_stretch": 20,
    "lip_press": 24,
    "jaw_open": 26,
    "lid_close": 43,
}
SIDE = 384  # px, as most of the sample's videos
FRAMES = 25  # of the track, at rest and with the action
MODELS = {"face-landmarker": "blendshapes", "face-mesh": "mesh"}


def measure() -> Scores:
    """Draw, find landmarks, and compare, with each landmark model that is here."""
    from perception import weights

    scores = Scores("Action units: change from rest when one displacement is drawn")
    pictures = dict(_pictures())
    for model, key in MODELS.items():
        if weights.available(model):
            matrix(scores, key, changes(pictures, model))
        else:
            scores.notes.append(f"{model} is not here: no matrix of it")
    return scores


def changes(pictures: dict[str, list[np.ndarray]], model: str) -> np.ndarray:
    """The change of each unit's intensity, [portraits, actions, COUNT]; NaN where a face was not found.

    Args:
        pictures: of each portrait the face at rest, then one with each action.
        model: of the landmarks.
    """
    from perception.faces import FaceDetector
    from perception.landmarks import FaceLandmarker

    found = []
    with FaceDetector.load("short") as detector, FaceLandmarker.load(model=model) as landmarker:
        for row in pictures.values():
            boxes = detector(row[:1])[0]
            meshes = [landmarker([picture], [boxes[0].box])[0] if boxes else None for picture in row]
            found.append([change(meshes[0], mesh) for mesh in meshes[1:]])
    return np.array(found)


def change(rest: FaceMesh | None, moved: FaceMesh | None) -> np.ndarray:
    """What a track of a second at rest and a second with an action says of every unit, [COUNT]: action less rest."""
    from perception.facs_blendshapes import raw_blendshapes
    from perception.facs_geometry import raw_geometry
    from perception.facs_track import read_track

    if rest is None or moved is None:
        return np.full(COUNT, np.nan)
    order = np.repeat([0, 1], FRAMES)
    mesh = raw_geometry(np.stack([rest.points, moved.points]))[order]
    shapes = None
    if rest.blendshapes is not None and moved.blendshapes is not None:
        shapes = raw_blendshapes(np.stack([rest.blendshapes, moved.blendshapes]))[order]
    units = read_track(mesh, shapes).units
    return np.asarray(units[-1] - units[0], np.float64)


def matrix(scores: Scores, key: str, moved: np.ndarray) -> None:
    """Print one matrix and count how often an action's own unit rose most.

    Args:
        key: `blendshapes` or `mesh`.
        moved: [portraits, actions, COUNT].
    """
    mean, units = np.nanmean(moved, axis=0), list(ACTIONS.values())
    counts = {
        "rises most": [rises_most(row, unit) for row, unit in zip(mean, units, strict=True)],
        "moves most, also down": [moves_most(row, unit) for row, unit in zip(mean, units, strict=True)],
        "rises most by its own action": [best_action(mean, unit) == unit for unit in units],
        "rises most, each portrait alone": [
            rises_most(row, unit) for one in moved for row, unit in zip(one, units, strict=True)
        ],
    }
    for what, flags in counts.items():
        scores.lines.append(f"{key + ': own unit ' + what:<50} {share(sum(flags), len(flags))}")
    scores.lines.append(f"{'action':<16} {'own':>3} " + "".join(f"{number:>5}" for number in NUMBERS))
    for place, (name, unit) in enumerate(ACTIONS.items()):
        cells = "".join(_cell(value, number == unit) for value, number in zip(mean[place], NUMBERS, strict=True))
        scores.lines.append(f"{name:<16} {unit:>3} {cells}{'' if counts['rises most'][place] else '   not first'}")
    scores.values |= {
        f"units_{key}": float(np.mean(counts["rises most"])),
        f"units_{key}_either": float(np.mean(counts["moves most, also down"])),
        f"units_{key}_column": float(np.mean(counts["rises most by its own action"])),
        f"units_{key}_single": float(np.mean(counts["rises most, each portrait alone"])),
    }


def rises_most(change: np.ndarray, unit: int) -> bool:
    """Whether a unit rose, and no other one rose further; [COUNT]. Two at the end of the scale rose equally."""
    own = change[NUMBERS.index(unit)]
    return bool(own > 0 and own >= np.nanmax(change) - 1e-6)


def moves_most(change: np.ndarray, unit: int) -> bool:
    """Whether a unit rose, and no other one moved further either way: lids that open also tighten less; [COUNT]."""
    return rises_most(np.abs(change), unit) and bool(change[NUMBERS.index(unit)] > 0)


def best_action(change: np.ndarray, unit: int) -> int:
    """The unit of the action that raises a unit most; [actions, COUNT]."""
    return list(ACTIONS.values())[int(np.nanargmax(change[:, NUMBERS.index(unit)]))]


def _cell(value: float, own: bool) -> str:
    return f"{value:5.1f}" if own or abs(value) >= 0.05 else "    ."


def _pictures() -> Iterator[tuple[str, list[np.ndarray]]]:
    from curation.sample.faces import PORTRAITS
    from curation.sample.puppet import Puppet

    for portrait in PORTRAITS:
        puppet = Puppet(portrait, SIDE, SIDE)
        yield portrait, [puppet.frame({}), *(puppet.frame({action: 1.0}) for action in ACTIONS)]
