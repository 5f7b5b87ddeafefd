"""What faces say, for reports: labels, members, action units and doubts of many clips, and frames of one clip."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from manifests.emotions import COMPOUNDS, EMOTIONS
from manifests.parquet import write_table
from manifests.schema import landmark_units, list_column, table_from_columns
from perception.action_units import COUNT, stored
from perception.pose import UPRIGHT_FACE
from tests.curation.report.whole import with_columns

MEMBERS = ("facs-blendshapes", "facs-mesh", "deepface")
DOUBTS = ("members-disagree", "two-emotions", "weak", "something-new")


def expressions_over(clips: pa.Table, random: np.random.Generator) -> pa.Table:
    """The clips with made labels: nine of ten are judged, one of eight is a compound, one of five doubtful."""
    count = clips.num_rows
    panel = shares(random, count, len(EMOTIONS))
    order = np.argsort(-panel, axis=1)
    first, second = order[:, 0], order[:, 1]
    judged, compound = random.random(count) < 0.9, random.random(count) < 0.125
    named = {frozenset(both): name for name, both in COMPOUNDS.items()}
    both = np.array(
        [
            [named.get(frozenset((EMOTIONS[i], EMOTIONS[j])), "other-compound") for j in range(len(EMOTIONS))]
            for i in range(len(EMOTIONS))
        ]
    )
    others = [np.where(random.random(count) < 0.7, first, random.integers(0, 8, count)) for _ in MEMBERS]
    likely = np.concatenate([0.2 * panel + 0.8 * np.eye(8)[other] for other in others], axis=1)
    doubtful = np.where(judged & (random.random(count) < 0.2), random.integers(1, 3, count), 0)
    codes = random.integers(0, len(DOUBTS) - 1, count)
    flat = [DOUBTS[code + step] for code, many in zip(codes.tolist(), doubtful.tolist(), strict=True)
            for step in range(many)]  # fmt: skip
    emotion, names = np.array(EMOTIONS), np.array(EMOTIONS)
    firsts = np.stack([names[other] for other in others], axis=1).reshape(-1)
    changed: dict[str, Any] = {
        "emotion": pa.array(emotion[first], mask=~judged),
        "second_emotion": pa.array(emotion[second], mask=~(judged & compound)),
        "compound": pa.array(both[first, second], mask=~(judged & compound)),
        "ambiguous": _lists(doubtful, pa.array(flat, pa.string()), judged),
        "emotions": list_column(panel.round(2), judged, pa.float32()),
        "members": _lists(judged * len(MEMBERS), pa.array(list(MEMBERS) * int(judged.sum()), pa.string()), judged),
        "member_emotions": _lists(
            judged * len(MEMBERS), pa.array(firsts[np.repeat(judged, len(MEMBERS))].tolist(), pa.string()), judged
        ),
        "member_probabilities": list_column(likely.round(2), judged, pa.float32()),
        "action_units": list_column((5 * random.random((count, COUNT))).round(1), judged, pa.float32()),
        "action_unit_frames": list_column(random.random((count, COUNT)).round(2), judged, pa.float32()),
        "emotion_entropy": pa.array(
            -(panel * np.log2(np.maximum(panel, 1e-9))).sum(axis=1).astype(np.float32), mask=~judged
        ),
    }
    return with_columns(clips, changed)


def shares(random: np.random.Generator, rows: int, width: int) -> np.ndarray:
    """[rows, width] that add up to 1."""
    found = random.random((rows, width)) ** 3
    return found / found.sum(axis=1, keepdims=True)


def _lists(lengths: np.ndarray, items: pa.Array, valid: np.ndarray) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), items, mask=pa.array(~valid))


def curves(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """[frames, 8] probabilities that move from happy to surprised, and [frames, 22] intensities of action units."""
    way = np.linspace(0, 1, frames)[:, None]
    happy, surprised = (np.eye(8)[EMOTIONS.index(name)] for name in ("happy", "surprised"))
    panel = 0.15 / 8 + 0.85 * ((1 - way) * happy + way * surprised)
    waves = 2.5 + 2.5 * np.sin(np.arange(COUNT)[None] + 12 * way)
    return panel, waves * np.linspace(1, 0.1, COUNT)[None]


def mesh(turn: float, width: int, height: int) -> np.ndarray:
    """[468, 3] px: a made face whose points lie on an ellipse, the known ones where they belong, turned a little."""
    angle = np.arange(468) * 2.399963
    radius = np.sqrt((np.arange(468) + 0.5) / 468)
    points = np.stack([radius * np.cos(angle), 1.3 * radius * np.sin(angle), np.zeros(468)], axis=1)
    for point, place in UPRIGHT_FACE.items():
        points[point] = (2 * place[0], -2 * place[1], place[2])
    points[:, 0] += turn * 0.3
    size = min(width, height)
    return (points * [size / 5, size / 5, 1] + [width / 2, height / 2, 0]).astype(np.float32)


def frames_of(root: Path, clip: dict[str, Any], ticks: int = 1) -> None:
    """Write the files of frames of a clip's source; the caller names them in manifest.json.

    Every 25th frame has no face; a few frames of the track lie before and after the clip, and another track beside it.
    """
    numbers = np.arange(max(clip["start_frame"] - 5, 0), clip["end_frame"] + 5)
    pts = clip["start_pts"] + (numbers - clip["start_frame"]) * ticks
    count, size = len(numbers), (clip["source_width"], clip["source_height"])
    points = np.stack([landmark_units(mesh(float(np.sin(n / 9)), *size), *size) for n in numbers])
    same = {"source": [clip["source"]] * count, "track": [clip["track"]] * count, "frame": numbers, "pts": pts}
    sides = {side: np.full(count, 10.0) for side in ("x0", "y0", "x1", "y1")}
    yaw = 30 * np.sin(numbers / 9)
    seen = (numbers - clip["start_frame"]) % 25 != 7
    made = {
        "frames": {**same, "state": ["meshed"] * count, **sides, "yaw": yaw,
                   "landmarks": list_column(points, seen, pa.int16())},
    }  # fmt: skip
    panel, units = curves(count)
    made["expressions"] = {
        **same,
        "action_units": list_column(stored(units), np.ones(count, bool), pa.uint8()),
        "emotions": list_column(np.rint(panel * 65535), seen, pa.uint16()),
    }
    for table, columns in made.items():
        (root / table).mkdir(exist_ok=True)
        with (root / table / f"{clip['source']}.parquet").open("wb") as file:
            others = {**columns, "track": ["t_0"] * count}
            write_table(table, [table_from_columns(table, columns), table_from_columns(table, others)], file)
