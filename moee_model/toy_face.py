"""The toy world: a drawn face of 16 x 16 grey pixels whose identity, emotion and mouth can be read back exactly.

Identity is size and shade of the head, emotion the height and slant of the brows and the curve of the mouth, speech the
opening of the mouth. The drawing is smooth in all six, so an image is decoded by analysis: the parameters whose drawing
fits it best. No network judges another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from moee_model.batch import EXPERTS
from moee_model.seeds import generator

SIDE: Final = 16
NAMES: Final = ("radius", "shade", "brow_height", "brow_slant", "mouth_curve", "opening")
"""The six parameters in the order of every [..., 6] tensor below."""
RADIUS, SHADE, HEIGHT, SLANT, CURVE, OPENING = range(6)
EMOTION: Final = slice(HEIGHT, OPENING)
LOW: Final = torch.tensor([0.70, 0.0, -1.5, -1.5, -1.5, 0.0], dtype=torch.float64)
HIGH: Final = torch.tensor([0.98, 1.0, 1.5, 1.5, 1.5, 1.0], dtype=torch.float64)
"""The range of each parameter."""
PROTOTYPES: Final = torch.tensor(
    [
        [0.2, 0.0, 1.0],  # happy
        [0.3, 1.0, -0.7],  # sad
        [-0.8, -1.0, -0.3],  # angry
        [-0.9, 0.3, -1.0],  # disgusted
        [0.9, 0.8, 0.2],  # fear
        [1.0, -0.7, -0.1],  # surprised
    ],
    dtype=torch.float64,
)
"""[6, 3] brow height, brow slant and mouth curve of each emotion, in the order of `EXPERTS`; zeros are neutral."""
_EDGE: Final = 14.0  # how sharp edges are, per unit of half the picture's side
_DARK, _LIGHT, _GROUND, _INK = 0.55, 1.0, 0.25, 0.0  # greys


def parameters(radius: float, shade: float, weights: Sequence[float], opening: torch.Tensor) -> torch.Tensor:
    """[n, 6] parameters of a clip.

    Args:
        radius, shade: of the person. weights: of the six emotions; a mixture lies between its prototypes.
        opening: [n] of the mouth, 0..1.
    """
    emotion = torch.tensor(list(weights), dtype=torch.float64) @ PROTOTYPES
    fixed = torch.cat([torch.tensor([radius, shade], dtype=torch.float64), emotion])
    return torch.cat([fixed.expand(len(opening), -1), opening.double()[:, None]], 1)


def render(values: torch.Tensor) -> torch.Tensor:
    """Draw faces.

    Args:
        values: [n, 6] parameters.

    Returns:
        [n, 3, 16, 16] float64 in 0..1; the three colours are the same.
    """
    radius, shade, height, slant, curve, opening = (value[:, None, None] for value in values.double().unbind(1))
    line = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE * 2 - 1
    y, x = line[:, None], line[None, :]
    skin = _DARK + (_LIGHT - _DARK) * shade
    picture = _over(torch.full_like(skin, _GROUND), skin, _soft(radius - torch.sqrt((x / 0.92) ** 2 + y**2)))
    for side in (-1, 1):
        eye = torch.sqrt(((x - side * 0.36) / 1.0) ** 2 + ((y + 0.10) / 1.0) ** 2)
        picture = _over(picture, _INK, _soft(0.10 - eye))
        out = (side * x - 0.36) / 0.22  # -1 at the inner, 1 at the outer end of the brow
        brow = -0.40 - 0.16 * height + 0.16 * slant * out
        picture = _over(picture, _INK, _soft(0.07 - (y - brow).abs()) * _soft(0.24 - (side * x - 0.36).abs()))
    middle = 0.46 + 0.20 * curve * (0.5 - (x / 0.38) ** 2)
    mouth = _soft(0.06 + 0.17 * opening - (y - middle).abs()) * _soft(0.38 - x.abs())
    return _over(picture, _INK, mouth)[:, None].expand(-1, 3, -1, -1)


def _soft(distance: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(_EDGE * distance)


def _over(below: torch.Tensor, colour: torch.Tensor | float, cover: torch.Tensor) -> torch.Tensor:
    return below + (colour - below) * cover


def mouth_mask() -> torch.Tensor:
    """[16, 16] bool: every pixel that any opening and curve of the mouth can colour."""
    line = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE * 2 - 1
    return ((line - 0.46).abs() < 0.5)[:, None] & (line.abs() < 0.55)[None, :]


def decode(images: torch.Tensor, rounds: int = 16) -> torch.Tensor:
    """Read the parameters back: least squares between image and drawing (Levenberg, Marquardt).

    The search begins at the two nearest of 189 drawings and keeps the better end.

    Args:
        images: [n, 3, 16, 16] in 0..1, or uint8 [n, 16, 16, 3].
        rounds: of the search.

    Returns:
        [n, 6] parameters within their ranges.
    """
    if images.dtype == torch.uint8:
        images = images.permute(0, 3, 1, 2) / 255
    wanted = images.double().flatten(1)
    starts = _starts()
    nearest = torch.cdist(wanted, render(starts).flatten(1)).topk(2, largest=False).indices
    ends = [_searched(wanted, starts[nearest[:, k]].clone(), rounds) for k in (0, 1)]
    return torch.where((ends[0][1] <= ends[1][1])[:, None], ends[0][0], ends[1][0])


def _starts() -> torch.Tensor:
    """[189, 6] emotions x openings x sizes x shades."""
    emotions = torch.cat([PROTOTYPES, torch.zeros(1, 3, dtype=torch.float64)])
    axes = [
        torch.tensor(values, dtype=torch.float64) for values in ((0.76, 0.84, 0.92), (0.2, 0.5, 0.8), (0.0, 0.4, 0.8))
    ]
    grid = torch.cartesian_prod(*axes)
    rows = torch.cartesian_prod(torch.arange(len(emotions)), torch.arange(len(grid)))
    chosen = grid[rows[:, 1]]
    return torch.cat([chosen[:, :2], emotions[rows[:, 0]], chosen[:, 2:]], 1)


def _searched(wanted: torch.Tensor, values: torch.Tensor, rounds: int) -> tuple[torch.Tensor, torch.Tensor]:
    """[n, 6] values and [n] squared errors after a search from given values."""
    damping = torch.full((len(values), 1, 1), 1e-2, dtype=torch.float64)
    apart = render(values).flatten(1) - wanted
    error = apart.square().sum(1)
    for _ in range(rounds):
        slopes = torch.stack([_slope(values, number) for number in range(6)], 2)
        normal = slopes.transpose(1, 2) @ slopes
        diagonal = torch.diag_embed(normal.diagonal(dim1=1, dim2=2) + 1e-6)
        step = torch.linalg.solve(normal + damping * diagonal, slopes.transpose(1, 2) @ apart[..., None])[..., 0]
        tried = torch.minimum(torch.maximum(values - step, LOW), HIGH)
        apart_tried = render(tried).flatten(1) - wanted
        error_tried = apart_tried.square().sum(1)
        better = error_tried < error
        values, apart = (
            torch.where(better[:, None], new, old) for new, old in ((tried, values), (apart_tried, apart))
        )  # fmt: skip
        error = torch.where(better, error_tried, error)
        damping = torch.where(better[:, None, None], damping / 3, damping * 4).clamp(1e-9, 1e6)
    return values, error


def _slope(values: torch.Tensor, number: int, width: float = 1e-4) -> torch.Tensor:
    """[n, pixels] change of the drawing with one parameter."""
    up, down = values.clone(), values.clone()
    up[:, number] += width
    down[:, number] -= width
    return (render(up) - render(down)).flatten(1) / (2 * width)


def emotion_of(values: torch.Tensor) -> torch.Tensor:
    """[n] number of the nearest of the six prototypes, for [n, 6] parameters."""
    return torch.cdist(values[:, EMOTION].double(), PROTOTYPES).argmin(1)


def openings(frames: int, seed: int) -> torch.Tensor:
    """[frames] opening of a mouth that speaks: syllables of 5 to 9 frames of different loudness, and short pauses."""
    source = generator(seed, "openings")
    said: list[torch.Tensor] = []
    while sum(map(len, said)) < frames:
        length = int(torch.randint(5, 10, (), generator=source))
        loud = 0.3 + 0.7 * float(torch.rand((), generator=source))
        said.append(loud * torch.sin(torch.linspace(0, torch.pi, length)) ** 2)
        if torch.rand((), generator=source) < 0.3:
            said.append(torch.zeros(int(torch.randint(2, 6, (), generator=source))))
    return torch.cat(said)[:frames]


def sound(opening: torch.Tensor, seed: int, fps: int = 25) -> torch.Tensor:
    """[samples] float32 at 16 kHz: two tones of a voice's own pitch and a little breath, louder with an open mouth."""
    per_frame = 16000 // fps
    times = torch.arange(len(opening) * per_frame)
    place = (times + 0.5) / per_frame - 0.5
    left = place.floor().clamp(0, len(opening) - 1).long()
    right = (left + 1).clamp(max=len(opening) - 1)
    opened = opening[left] + (opening[right] - opening[left]) * (place - left).clamp(0, 1)
    source = generator(seed, "sound")
    turns = 2 * torch.pi * (110 + 90 * float(torch.rand((), generator=source))) * times / 16000
    breath = torch.randn(len(times), generator=source)
    loud = (0.03 + opened) ** 1.3  # the seeded speech network tells this better than a loudness in proportion
    return (loud * (0.5 * torch.sin(turns) + 0.3 * torch.sin(2 * turns) + 0.03 * breath)).float()


def person(seed: int) -> tuple[float, float]:
    """Radius and shade of a person."""
    drawn = torch.rand(2, generator=generator(seed, "person"))
    return 0.74 + 0.20 * float(drawn[0]), 0.05 + 0.9 * float(drawn[1])


def names(numbers: torch.Tensor) -> list[str]:
    """Emotions by name."""
    return [EXPERTS[int(number)] for number in numbers]
