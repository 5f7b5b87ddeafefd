"""Reads clips and sources back with PyAV alone, without the code under test."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path

import av
import numpy as np

from tests.media.material import Recipe, noise, read_counter


@dataclass(frozen=True)
class Packet:
    """Time of one packet in ticks of its stream."""

    pts: int
    dts: int
    duration: int


@dataclass(frozen=True)
class Clip:
    """What a reader sees in a file."""

    numbers: list[int]  # counters of the pictures in order
    times: list[int]
    time_base: Fraction
    pictures: list[Packet]
    sounds: list[Packet]
    rate: int
    sound: np.ndarray  # [n], of the first channel, from `sound_start`
    sound_start: int  # pts of its first sample in 1 / rate


def read_clip(path: Path, edit_lists: bool = True) -> Clip:
    """Everything in a clip, with its edit lists honoured or ignored."""
    options = {} if edit_lists else {"ignore_editlist": "1"}
    pictures, sounds = packets(path, "video", options), packets(path, "audio", options)
    with av.open(str(path), container_options=options) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        numbers = [read_counter(frame.to_ndarray(format="gray")) for frame in frames]
        times, base = [frame.pts for frame in frames], stream.time_base
    heard = _heard(path, options)
    return Clip(numbers, times, base, pictures, sounds, *heard)


def packets(path: Path, kind: str, options: dict[str, str] | None = None) -> list[Packet]:
    """The packets of the first stream of a kind, in file order."""
    with av.open(str(path), container_options=options or {}) as container:
        streams = [s for s in container.streams if s.type == kind][:1]
        if not streams:
            return []
        return [Packet(p.pts, p.dts, p.duration) for p in container.demux(streams[0]) if p.size]


def _heard(path: Path, options: dict[str, str]) -> tuple[int, np.ndarray, int]:
    with av.open(str(path), container_options=options) as container:
        if not container.streams.audio:
            return 0, np.zeros(0, np.float32), 0
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        sound = np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.zeros(0, np.float32)
        return stream.rate, sound, frames[0].pts if frames else 0


def true_times(path: Path, recipe: Recipe) -> tuple[list[int], Fraction]:
    """(pts of each numbered picture, time base): as rendered, or as the container's packets say in display order."""
    with av.open(str(path)) as container:
        base = container.streams.video[0].time_base
    if recipe.exact:
        assert base == recipe.time_base
        return list(recipe.times), base
    return sorted(packet.pts for packet in packets(path, "video")), base


def true_sound(path: Path, recipe: Recipe, start: Fraction, count: int, rate: int) -> np.ndarray:
    """[count] samples that must be heard from `start` seconds of the source's clock on, at the source's own rate."""
    assert recipe.sound is not None and recipe.sound.rate == rate
    times, base = true_times(path, recipe)
    shift = times[0] * base - recipe.times[0] * recipe.time_base  # a muxer's constant delay, the same for both streams
    first = floor((start - shift - recipe.sound.start) * rate + Fraction(1, 2))
    whole = noise(rate)[: int(recipe.sound.seconds * rate)]
    wanted = np.arange(first, first + count)
    inside = (wanted >= 0) & (wanted < len(whole))
    return np.where(inside, whole[np.clip(wanted, 0, len(whole) - 1)], 0.0)


def lag(heard: np.ndarray, wanted: np.ndarray, most: int) -> int:
    """Samples by which `heard` comes after `wanted`, by cross-correlation within +-most."""
    count = min(len(heard), len(wanted))
    size = 1 << (count + most).bit_length() + 1
    product = np.fft.rfft(heard[:count], size) * np.conj(np.fft.rfft(wanted[:count], size))
    likeness = np.fft.irfft(product, size)
    shifts = np.arange(-most, most + 1)
    return int(shifts[np.argmax(likeness[shifts])])
