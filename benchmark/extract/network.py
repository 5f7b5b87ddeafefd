"""Extractors that ask a published network, with its own weights or, marked, with seeded ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final, TypeVar

from benchmark.extract.extractor import Extractor
from benchmark.extract.models import lacking, shared

SEEDED: Final = "seeded"
"""Stands in results' names where a hash stands (`benchmark.results.SEEDED`), and ends extractors' names."""

T = TypeVar("T")


class NetworkExtractor(Extractor):
    """An extractor whose numbers come from networks of `perception.weights`.

    models: their names in the registry.
    gives: feature -> method, as results name it before the `@`.
    packages: that are imported.
    seeded: whether the networks run on seeded weights. The registry makes a twin of each class in which they do; a
        class passes it on to what it opens.
    """

    models: ClassVar[tuple[str, ...]]
    gives: ClassVar[Mapping[str, str]]
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    seeded: ClassVar[bool] = False

    def made_by(self) -> dict[str, str]:
        """Method and weights of each feature: `inception-torchfidelity@6726825d`, or `...@seeded`."""
        if self.seeded:
            return {feature: f"{self.named(method)}@{SEEDED}" for feature, method in self.gives.items()}
        hashes = [found for model in self.models if (found := _sha256(model)) is not None]
        return {feature: self.named(method, *hashes) for feature, method in self.gives.items()}

    def weights(self) -> tuple[str, ...]:
        """The networks; for seeded ones, what the seed stands for."""
        from perception.seeded import seeded_sha256

        if self.seeded:
            return tuple(f"{model}-{SEEDED}@{seeded_sha256(model)}" for model in self.models)
        return tuple(f"{model}@{found}" for model in self.models if (found := _sha256(model)) is not None)

    def missing(self) -> str | None:
        """A package or, unless seeded, a network."""
        return lacking(() if self.seeded else self.models, self.packages, "benchmark")

    def shared(self, key: str, load: Callable[[], T]) -> T:
        """What `load` opens, once per process for this key and kind of weights."""
        return shared(f"{key}-{SEEDED}" if self.seeded else key, load)


def twin(extractor: NetworkExtractor) -> NetworkExtractor:
    """The same extractor on seeded weights: `inception` -> `inception-seeded`."""
    kind = type(extractor)
    made: NetworkExtractor = type(
        f"Seeded{kind.__name__}", (kind,), {"name": f"{kind.name}-{SEEDED}", "seeded": True, "__doc__": kind.__doc__}
    )()
    return made


def _sha256(model: str) -> str | None:
    from perception.weights import model_sha256

    return model_sha256(model)
