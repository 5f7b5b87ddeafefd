"""The figure of the proof: faces that the model made beside the drawn truth, a mixture, a spoken sequence, a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from moee_model.batch import EXPERTS
from moee_model.emotion import NEUTRAL, Emotion, parse
from moee_model.pipeline import MoEEPipeline
from moee_model.toy_face import openings, parameters, person, render, sound
from moee_model.toy_source import LENGTH, portrait
from perf.toy.batched import Wanted, videos
from perf.toy.measure import GUIDANCE, HELD_OUT, STEPS

WHO: Final = HELD_OUT + 1
WORDS: Final = HELD_OUT + 31
SPOKEN: Final = 14  # frames
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
PAIRS: Final = (("happy", "surprised"), ("sad", "angry"), ("disgusted", "fear"))
_ZOOM: Final = 4
_GAP: Final = 6


def shown(made: MoEEPipeline) -> dict[str, np.ndarray]:
    """Pictures of the finished model: a frame of every emotion and of neutral, and one spoken sequence."""
    asked: list[Emotion] = [*(parse(name) for name in EXPERTS), NEUTRAL]
    faces = videos(made, [_wanted(one) for one in asked], 4, STEPS, GUIDANCE)
    spoken = videos(made, [_wanted(parse("happy"))], SPOKEN, STEPS, GUIDANCE)[0]
    return {"faces": np.stack([video[-1] for video in faces]), "spoken": spoken}


def mixtures(made: MoEEPipeline) -> dict[str, np.ndarray]:
    """Pictures of pairs of emotions mixed by the gate, [pairs, shares, 16, 16, 3]."""
    asked = [_wanted(_mixed(pair, share)) for pair in PAIRS for share in SHARES]
    frames = np.stack([video[-1] for video in videos(made, asked, 4, STEPS, 1.0)])
    return {"mixtures": frames.reshape(len(PAIRS), len(SHARES), *frames.shape[1:])}


def _mixed(pair: tuple[str, str], share: float) -> Emotion:
    named = dict(zip(pair, (1 - share, share), strict=True))
    a, b, c, d, e, f = (named.get(name, 0.0) for name in EXPERTS)
    return Emotion((a, b, c, d, e, f), (a, b, c, d, e, f))


def _wanted(emotion: Emotion) -> Wanted:
    image = ((portrait(WHO) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return Wanted(image, sound(openings(LENGTH, WORDS), WORDS).numpy(), emotion, WORDS)


def _drawn(weights: Sequence[float], opening: torch.Tensor) -> np.ndarray:
    """[n, 16, 16, 3] the truth beside what the model made."""
    picture = render(parameters(*person(WHO), weights, opening))
    return (picture * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def draw(path: Path, pictures: dict[str, Any], matrix: np.ndarray) -> None:
    """Write the figure.

    Args:
        path: of the PNG. pictures: of `shown` and `mixtures`. matrix: [6, 6] share of emotion j under expert i.
    """
    import cv2

    opening = openings(LENGTH, WORDS)
    eye = [[float(place == number) for place in range(6)] for number in range(7)]
    truth = np.concatenate([_drawn(weights, opening[3:4]) for weights in eye])
    made = {name: np.asarray(value, np.uint8) for name, value in pictures.items()}
    rows = [
        _row("drawn", truth, [*EXPERTS, "neutral"]),
        _row("made", made["faces"], []),
        *(
            _row(f"{one[0]} to {one[1]}", strip, [f"{share:g}" for share in SHARES] if not number else [])
            for number, (one, strip) in enumerate(zip(PAIRS, made["mixtures"], strict=True))
        ),
        _row("happy, drawn", _drawn(eye[0], opening[:SPOKEN]), [str(frame) for frame in range(SPOKEN)]),
        _row("happy, made", made["spoken"], []),
        _heat(matrix),
    ]
    wide = max(row.shape[1] for row in rows)
    sheet = np.concatenate(
        [np.pad(row, ((0, _GAP), (0, wide - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    )
    written, data = cv2.imencode(".png", sheet[..., ::-1])
    if written:
        path.write_bytes(data.tobytes())


def _row(name: str, frames: np.ndarray, heads: Sequence[str]) -> np.ndarray:
    tiles = [np.kron(frame, np.ones((_ZOOM, _ZOOM, 1), np.uint8)) for frame in frames]
    tiles = [np.pad(tile, ((0, 0), (0, _GAP), (0, 0)), constant_values=255) for tile in tiles]
    body = np.concatenate([_label(name, 16 * _ZOOM, 150), *tiles], 1)
    if not heads:
        return body
    cells = [_label(head, 16, 16 * _ZOOM + _GAP) for head in heads]
    top = np.concatenate([_label("", 16, 150), *cells], 1)
    return np.concatenate([np.pad(top, ((0, 0), (0, body.shape[1] - top.shape[1]), (0, 0)), constant_values=255), body])


def _label(text: str, high: int, wide: int) -> np.ndarray:
    import cv2

    cell = np.full((high, wide, 3), 255, np.uint8)
    cv2.putText(cell, text, (2, high // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def _heat(matrix: np.ndarray) -> np.ndarray:
    """Rows: the expert that is forced; columns: the emotion that is seen."""
    rows = [
        np.concatenate(
            [_label("expert forced", 16, 150), *(_label(name, 16, 16 * _ZOOM + _GAP) for name in EXPERTS)], 1
        )
    ]
    for name, shares in zip(EXPERTS, matrix, strict=True):
        cells = [_label(name, 28, 150)]
        for share in shares:
            cell = _label(f"{share:.2f}", 28, 16 * _ZOOM)
            tint = np.array([255, 255 - 140 * share, 255 - 200 * share])
            tinted = np.minimum(cell, tint).astype(np.uint8)
            cells.append(np.pad(tinted, ((0, 0), (0, _GAP), (0, 0)), constant_values=255))
        rows.append(np.concatenate(cells, 1))
    return np.concatenate(rows)
