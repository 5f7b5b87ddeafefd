"""Models that live in another process: who wants one asks here, and gets it, or what speaks to it, unseen.

A process that was told nothing opens its own models. `use` tells it of models that are open elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from perception.embedding import EmbedderFacts, FaceEmbedder
from perception.panel import About, FaceCrop, Looks


class Server(Protocol):
    """A model in another process."""

    def facts(self) -> Any:
        """What `facts_of` says of it."""

    def ask(self, crops: Sequence[np.ndarray]) -> Any:
        """What it says of crops; raises what it raises."""


@dataclass(frozen=True)
class MemberFacts:
    """What is known of an opened member of the emotion panel; see `perception.panel.PixelMember`."""

    about: About
    model_hashes: Mapping[str, str]
    crop: FaceCrop
    stride: int


class ServedMember:
    """A member of the emotion panel whose network runs elsewhere."""

    def __init__(self, facts: MemberFacts, ask: Callable[[Sequence[np.ndarray]], Looks]) -> None:
        self.about, self.crop, self.stride = facts.about, facts.crop, facts.stride
        self.model_hashes = dict(facts.model_hashes)
        self._ask = ask

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        """Judge faces; see `PixelMember.__call__`."""
        return self._ask(crops)


_servers: Mapping[str, Server] = {}


@contextmanager
def use(servers: Mapping[str, Server]) -> Iterator[None]:
    """Inside, these models are asked where they are; by name, as `opened` names them."""
    global _servers
    before, _servers = _servers, servers
    try:
        yield
    finally:
        _servers = before


def opened(name: str, load: Callable[[str], Any]) -> Any:
    """A model: one that speaks to where it is open, or opened here.

    Args:
        name: what kind and which, `embedding/dlib`.
        load: opens it on a device.
    """
    server = _servers.get(name)
    if server is None:
        return load("cpu")
    facts = server.facts()
    if isinstance(facts, EmbedderFacts):
        return FaceEmbedder(server.ask, facts)
    return ServedMember(facts, server.ask)


def facts_of(model: Any) -> EmbedderFacts | MemberFacts:
    """What another process must know of a model to speak for it."""
    if isinstance(model, FaceEmbedder):
        return model.facts
    return MemberFacts(model.about, model.model_hashes, model.crop, model.stride)


def split(said: Any, counts: Sequence[int]) -> list[Any]:
    """What a model said of many crops, as what it said of each group of so many."""
    spans = list(pairwise(np.cumsum([0, *counts])))
    if isinstance(said, Looks):
        return [
            Looks(*(None if part is None else part[low:high] for part in (said.probabilities, said.action_units)))
            for low, high in spans
        ]
    return [said[low:high] for low, high in spans]
