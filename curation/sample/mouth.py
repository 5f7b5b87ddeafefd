"""The opened mouth: its interior (teeth, dark cavity with a soft edge) and how far speech opens it."""

from dataclasses import dataclass

import numpy as np

from curation.sample.expression import LOWER_INNER, UPPER_INNER, Face

RATE = 16000
_SOFT = 1.6
"""Pixels over which a lip line fades."""


@dataclass(frozen=True)
class Lips:
    """Where each pixel of a still lies relative to its lip lines, pixels.

    Attributes:
        lateral: [H, W] -1 at the left mouth corner of the picture, 1 at the right one.
        under_upper: [H, W] pixels below the inner edge of the upper lip (negative: above).
        under_lower: [H, W] pixels below the inner edge of the lower lip.
    """

    lateral: np.ndarray
    under_upper: np.ndarray
    under_lower: np.ndarray

    @classmethod
    def of(cls, face: Face, width: int, height: int) -> "Lips":
        """Measure every pixel of a picture against the lip lines, extended sideways from the corners."""
        middle, half = (face.points[61] + face.points[291]) / 2, (face.points[291] - face.points[61]) / 2
        length = float(np.linalg.norm(half))
        down = np.array([-half[1], half[0]]) / length
        x, y = np.meshgrid(np.arange(width) - middle[0], np.arange(height) - middle[1])
        lateral = (x * half[0] + y * half[1]) / length**2
        depth = x * down[0] + y * down[1]
        upper, lower = (
            _line(face, indices, middle, half, down, beyond)
            for indices, beyond in ((UPPER_INNER, 0.0), (LOWER_INNER, -0.06 * face.unit))
        )
        return cls(
            lateral.astype(np.float32),
            (depth - np.interp(lateral, *upper)).astype(np.float32),
            (depth - np.interp(lateral, *lower)).astype(np.float32),
        )


def _line(
    face: Face, indices: tuple[int, ...], middle: np.ndarray, half: np.ndarray, down: np.ndarray, beyond: float
) -> tuple[np.ndarray, np.ndarray]:
    points = face.points[[78, *indices, 308]] - middle
    lateral, depth = points @ half / (half @ half), points @ down
    order = np.argsort(lateral)
    place = np.concatenate([[-1.12, -1.0], lateral[order], [1.0, 1.12]])
    value = np.concatenate([[beyond, 0.0], depth[order], [0.0, beyond]])
    keep = np.concatenate([[True], np.diff(np.maximum.accumulate(place)) > 0])
    return place[keep], value[keep]


def above_upper(lips: Lips) -> np.ndarray:
    """[H, W] float32 0..1: what belongs to the upper lip and the face above it."""
    return np.clip(0.5 - lips.under_upper / _SOFT, 0.0, 1.0)


def below_lower(lips: Lips) -> np.ndarray:
    """[H, W] float32 0..1: what belongs to the lower lip and the face below it."""
    return np.clip(0.5 + lips.under_lower / _SOFT, 0.0, 1.0)


def interior(face: Face, lips: Lips, skin: np.ndarray) -> np.ndarray:
    """Paint what lies behind the lips: upper teeth that hang from the upper lip, and a dark cavity.

    Args:
        face: the face's axes.
        lips: its lip lines.
        skin: [3] mean RGB of the cheeks, which says how light and how coloured the still is.

    Returns:
        [H, W, 3] uint8 in the coordinates of the still.
    """
    unit = face.unit
    across = lips.lateral * np.linalg.norm(face.points[291] - face.points[61]) / 2 / unit
    deep = lips.under_upper / unit
    shade = np.clip(1.0 - 0.9 * np.abs(lips.lateral) ** 2.0, 0.0, 1.0)
    red = np.clip((deep - 0.09) / 0.14, 0.0, 1.0) * shade
    cavity = np.stack([38 + 75 * red, 14 + 24 * red, 15 + 26 * red], -1) * (0.55 + 0.45 * shade)[..., None]
    reach = 0.066 * np.sqrt(np.clip(1.0 - (lips.lateral / 0.86) ** 2, 0.0, 1.0))
    gaps = np.exp(-((((across / 0.078 + 0.5) % 1.0 - 0.5) / 0.07) ** 2))
    light = (0.93 - 0.10 * gaps) * (0.35 + 0.65 * shade) * np.clip(0.55 + deep / 0.03, 0.55, 1.0)
    bright = min(1.0, float(skin.mean()) / 165.0)
    enamel = np.array([236.0, 216.0, 190.0]) * bright * light[..., None]
    edge = np.clip(0.5 + (reach - deep) * unit / 2.5, 0.0, 1.0) * (np.abs(lips.lateral) < 0.86)
    picture = cavity + (enamel - cavity) * edge[..., None]
    if np.ptp(skin) < 4:
        picture = np.repeat((picture @ np.array([0.299, 0.587, 0.114]))[..., None], 3, axis=-1)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def opening(waveform: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How far the mouth is open at each time, from the loudness of the voice.

    Args:
        waveform: [n] float32 mono at 16 kHz, sample 0 at time 0.
        times: [t] float64 seconds.

    Returns:
        [t] float64 0..1: the root mean square of 200..4000 Hz over 24 ms, levelled and smoothed without delay.
    """
    envelope = loudness(waveform)
    top = float(np.percentile(envelope[envelope > 0.02 * envelope.max()], 92)) if envelope.max() > 0 else 1.0
    level = np.clip(envelope / top, 0.0, 1.15) ** 0.75
    return np.interp(times, np.arange(len(level)) * 0.005, level)


def loudness(waveform: np.ndarray) -> np.ndarray:
    """[m] smoothed loudness every 5 ms of a 16 kHz waveform, value k centred on sample 80 k."""
    spectrum = np.fft.rfft(waveform.astype(np.float64))
    frequency = np.fft.rfftfreq(len(waveform), 1 / RATE)
    band = np.fft.irfft(np.where((frequency >= 200) & (frequency <= 4000), spectrum, 0), len(waveform))
    power = _smooth(band**2, 0.012 * RATE)[::80]
    return _smooth(np.sqrt(np.maximum(power, 0.0)), 5.0)


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    reach = int(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(values, reach)
    size = len(padded) + 2 * reach
    product = np.fft.rfft(padded, size) * np.fft.rfft(kernel / kernel.sum(), size)
    return np.fft.irfft(product, size)[2 * reach : 2 * reach + len(values)]
