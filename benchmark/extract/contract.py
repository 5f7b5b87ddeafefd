"""What is asked of the extraction and what it gives: settings, pairs of videos, facts of a video, all features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    from benchmark.bundle import DeviceFacts

Side = Literal["real", "generated"]


@dataclass(frozen=True)
class Settings:
    """What every pair of a run is held to.

    fps: frames per second.
    frames: of every video, unless its pair says otherwise.
    width, height: of every picture, px.
    extractors: names of `benchmark.extract.available()`; what these read is run with them.
    """

    fps: Fraction
    frames: int
    width: int
    height: int
    extractors: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """The two videos of a clip; they may be one file.

    clip: id, unique in a run.
    real, generated: files.
    frames: of this clip's videos, where it is shorter than the others; None takes that of the settings.
    """

    clip: str
    real: Path
    generated: Path
    frames: int | None = None


@dataclass(frozen=True)
class VideoFacts:
    """What a file is, whatever it is compared with.

    sha256, bytes: of the file.
    frames: pictures in it: decoded ones, or as the container declares them where nothing was decoded (None: unknown).
    width, height: px as displayed.
    fps: frames per second, exact; None where the pictures' time stamps are not all within 1 ms of k / fps after the
        first one's. Where nothing was decoded, the container's average.
    first_seconds: time stamp of the first picture; None where unknown.
    sound_seconds: length of the sound, s, as declared; 0 without sound.
    has_sound: whether there is a sound stream.
    picture_digest: sha256 over all decoded pictures (RGB, as displayed, with their size), hex; None where nothing was
        decoded.
    flags: what the decoder complained of (`media.decode.DecodeReport.flags`).
    """

    sha256: str
    bytes: int
    frames: int | None
    width: int
    height: int
    fps: Fraction | None
    first_seconds: Fraction | None
    sound_seconds: Fraction
    has_sound: bool
    picture_digest: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Available:
    """An extractor of this machine.

    name: as `Settings.extractors` takes it.
    features: that it gives.
    of: `video` (of each side) or `pair`.
    made_by: feature -> extractor and weights, as results are named by; empty where it is missing.
    missing: why it cannot run here and how to get it, one sentence; None where it can.
    """

    name: str
    features: tuple[str, ...]
    of: Literal["video", "pair"]
    made_by: Mapping[str, str]
    missing: str | None = None


@dataclass
class Extraction:
    """All features of a run.

    videos: (clip, side) -> features and facts. A clip with an error may lack its features, not its facts where the
        file could be read.
    pairs: clip -> features of both videos held against each other.
    made_by: feature -> extractor and weights, as results are named by.
    weights: model -> sha256, of all that the run's extractors rest on.
    errors: clip -> one sentence that names it, for clips that cannot be scored.
    frames_decoded: pictures that were decoded in this run.
    decodes: sha256 of a file -> how often it was decoded in this run: once, except a video that is in
        more than 31 pairs.
    devices: machines that made something in this run, sorted.
    opened: models that this run needed, sorted; none where the cache had everything.
    cached: extractor -> results taken from the cache; `facts` counts those of files.
    made: extractor -> results made in this run.
    seconds: extractor -> processor seconds spent, and `decode`.
    """

    videos: dict[tuple[str, Side], tuple[dict[str, np.ndarray], VideoFacts]] = field(default_factory=dict)
    pairs: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    made_by: dict[str, str] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    frames_decoded: int = 0
    decodes: dict[str, int] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    devices: tuple[DeviceFacts, ...] = ()
    cached: dict[str, int] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
