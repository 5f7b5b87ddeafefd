"""The extractors by name, which of them this machine can run, and which give a feature."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.errors import BenchmarkError
from benchmark.extract.contract import Available
from benchmark.extract.deep3d import Expression64
from benchmark.extract.emotion import Emotion
from benchmark.extract.emotion_fan import FrameAttention
from benchmark.extract.expression import Expression
from benchmark.extract.extractor import Extractor, closure
from benchmark.extract.faces import Faces
from benchmark.extract.i3d import I3dStyleGanV, I3dVideoGpt
from benchmark.extract.identity import Identity
from benchmark.extract.inception import AllFrames, FourFrames, FourFramesCleanFid, FourFramesPytorchFid
from benchmark.extract.lpips import PerceptualDistance
from benchmark.extract.network import NetworkExtractor, twin
from benchmark.extract.pixels import Pixels, SquaredError, StructuralSimilarity
from benchmark.extract.resnet3d import VideoResnet
from benchmark.extract.sound import MouthAudio, Opinions
from benchmark.extract.sync import Sync, SyncCrops
from manifests.text import nearest, printable

NETWORKS: tuple[NetworkExtractor, ...] = (
    AllFrames(),
    FourFrames(),
    FourFramesPytorchFid(),
    FourFramesCleanFid(),
    I3dStyleGanV(),
    I3dVideoGpt(),
    VideoResnet(),
    PerceptualDistance(),
    Sync(),
    Expression64(),
    FrameAttention(),
)
"""Those that ask published networks; each has a twin that runs on seeded weights."""
EXTRACTORS: tuple[Extractor, ...] = (
    Faces(),
    Identity(),
    Emotion(),
    Expression(),
    MouthAudio(),
    Opinions(),
    Pixels(),
    SquaredError(),
    StructuralSimilarity(),
    SyncCrops(),
    *NETWORKS,
    *map(twin, NETWORKS),
)
"""All there are; what is read comes before what reads it."""


def extractors() -> dict[str, Extractor]:
    """All of them by name, in order."""
    return {extractor.name: extractor for extractor in EXTRACTORS}


def available() -> tuple[Available, ...]:
    """Every extractor, those that cannot run on this machine too; no network is opened."""
    known = extractors()
    found = []
    for name, extractor in known.items():
        made_by = extractor.made_by()
        missing = next((why for other in closure([name], known) if (why := known[other].missing())), None)
        found.append(Available(name, tuple(made_by), extractor.of, {} if missing else made_by, missing))
    return tuple(found)


def require(names: Sequence[str]) -> None:
    """Check that these extractors can run here.

    Raises:
        BenchmarkError: one is unknown, or its weights or library are missing: says how to get it.
    """
    known = extractors()
    for name in names:
        if name not in known:
            raise BenchmarkError(f"There is no extractor {printable(name)}: {nearest(name, list(known))}")
    for name in closure(names, known):
        why = known[name].missing()
        if why:
            raise BenchmarkError(f"The extractor {name} cannot run here: {why}")


def one_of_each(names: Sequence[str]) -> None:
    """Check that no two of these extractors give one feature.

    Raises:
        BenchmarkError: a network was named with published and with seeded weights.
    """
    known = extractors()
    gives: dict[str, str] = {}
    for name in names:
        for feature in known[name].made_by():
            if gives.setdefault(feature, name) != name:
                raise BenchmarkError(f"{gives[feature]} and {name} both give {feature}: choose one of them.")


def extractors_for(features: Sequence[str], seeded: bool = False) -> tuple[str, ...]:
    """The extractors that give these features, in the registry's order.

    Args:
        features: names as metrics need them.
        seeded: take published networks on seeded weights.

    Raises:
        BenchmarkError: no extractor gives one of them.
    """
    known = {
        name: extractor
        for name, extractor in extractors().items()
        if not isinstance(extractor, NetworkExtractor) or extractor.seeded == seeded
    }
    gives = {feature: name for name, extractor in known.items() for feature in extractor.made_by()}
    for feature in features:
        if feature not in gives:
            raise BenchmarkError(f"No extractor gives {printable(feature)}: {nearest(feature, list(gives))}")
    wanted = {gives[feature] for feature in features}
    return tuple(name for name in known if name in wanted)
