"""Moving pictures and wordless voices as functions of time: at any rate, cropped, sped up or mirrored."""

from __future__ import annotations

import numpy as np

from media.fingerprint import RATE, SIDE, Fingerprint, PictureFingerprint, sound_fingerprint

STILL = np.random.default_rng(5).normal(128, 40, (6, 6))  # the same studio behind everyone


class Moving:
    """Four soft spots that wander before a still background, each on a path of its own."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rates = rng.uniform(0.2, 2.2, (4, 3, 5))  # Hz, of five sines for x, y and brightness
        self.phases = rng.uniform(0, 2 * np.pi, (4, 3, 5))
        self.homes = rng.uniform(0.25, 0.75, (4, 2))

    def picture(self, time: float, crop: float = 0.0, mirrored: bool = False) -> np.ndarray:
        """[SIDE, SIDE] float32 grey at a time in seconds, `crop` of each side cut off."""
        place = crop + (1 - 2 * crop) * (np.arange(SIDE) + 0.5) / SIDE
        swing = np.sin(2 * np.pi * self.rates * time + self.phases).mean(axis=2)
        grey = np.kron(STILL, np.ones((6, 6)))[np.ix_((place * 36).astype(int), (place * 36).astype(int))]
        for home, (x, y, light) in zip(self.homes, swing, strict=True):
            wide = np.exp(-(((place - home[0] - 0.06 * x) / 0.12) ** 2))
            high = np.exp(-(((place - home[1] - 0.06 * y) / 0.12) ** 2))
            grey = grey + (40 + 8 * light) * np.outer(high, wide)
        return np.clip(grey[:, ::-1] if mirrored else grey, 0, 255).astype(np.float32)

    def fingerprint(
        self,
        seconds: float,
        *,
        start: float = 0.0,
        speed: float = 1.0,
        crop: float = 0.0,
        mirrored: bool = False,
        noise: float = 0.0,
        times: np.ndarray | None = None,
    ) -> Fingerprint:
        """Of the pictures from `start` on, shown `speed` times as fast from time 0; at `times`, else 25 a second."""
        rng = np.random.default_rng(1)
        shown = np.arange(0, seconds, 0.04) if times is None else times
        taker = PictureFingerprint()
        for now, then in zip(shown, [*shown[1:], seconds], strict=True):
            grey = self.picture(start + now * speed, crop, mirrored)
            taker.add(grey + rng.normal(0, noise, grey.shape).astype(np.float32), float(now), float(then))
        return taker.finish()


def speaking(seed: int, seconds: float) -> np.ndarray:
    """[n] float32 at 16 kHz: tones of changing pitch and noise in syllables, with pauses."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    knots = np.arange(0, seconds + 0.15, 0.15)
    sound = np.zeros(count)
    for low, high in ((120, 260), (300, 900), (900, 2400), (2000, 3500)):
        pitch = np.interp(time, knots, rng.uniform(low, high, len(knots)))
        loud = np.interp(time, knots, rng.uniform(0, 1, len(knots)) ** 3)
        sound += loud * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
    return (0.1 * sound + 0.0005 * rng.standard_normal(count)).astype(np.float32)


def sound_of(sound: np.ndarray, first: int = 0) -> Fingerprint:
    """The fingerprint of samples at 16 kHz from sample `first` on."""
    found = sound_fingerprint([(first, sound)])
    assert found is not None
    return found
