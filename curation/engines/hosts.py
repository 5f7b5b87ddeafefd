"""Models in actors of their own: many sources share one copy on a GPU, and fill its batches together.

An actor that dies is started again and asked again by Ray; what it says depends on nothing but the crops.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

BATCH: Final = 32  # crops that a model is asked about at once, from as many sources as it takes
ASKERS: Final = 128  # sources that may wait for an actor; each with one question of at most `BATCH` small crops


class Host:
    """The actor: it holds one model."""

    def __init__(self, load: Callable[[str], Any], device: str) -> None:
        from perception.serving import facts_of

        self._model = load(device)
        self._facts = facts_of(self._model)
        self._questions: queue.Queue[tuple[Sequence[np.ndarray], Future[Any]]] = queue.Queue()
        threading.Thread(target=self._answer, daemon=True).start()

    def facts(self) -> Any:
        return self._facts

    def ask(self, crops: Sequence[np.ndarray]) -> Any:
        """Called in as many threads as there are askers; each waits for its own answer."""
        answer: Future[Any] = Future()
        self._questions.put((crops, answer))
        return answer.result()

    def _answer(self) -> None:
        while True:
            asked = [self._questions.get()]
            while sum(len(crops) for crops, _ in asked) < BATCH:
                try:
                    asked.append(self._questions.get_nowait())
                except queue.Empty:
                    break
            self._answer_together(asked)

    def _answer_together(self, asked: list[tuple[Sequence[np.ndarray], Future[Any]]]) -> None:
        """One batch for all; where it fails each question fails or not by itself."""
        from perception.serving import split

        try:
            said = self._model([crop for crops, _ in asked for crop in crops])
            answers = split(said, [len(crops) for crops, _ in asked])
        except Exception as error:
            if len(asked) > 1:
                for one in asked:
                    self._answer_together([one])
            else:
                asked[0][1].set_exception(error)
            return
        for (_, answer), part in zip(asked, answers, strict=True):
            answer.set_result(part)


@dataclass(frozen=True)
class Hosted:
    """A model that may live in actors: load(device), and the share of a GPU that it takes (0: it uses none)."""

    load: Callable[[str], Any]
    gpus: float = 0.0


def start(models: Mapping[str, Hosted], actors: int, gpus: float) -> dict[str, list[Any]]:
    """Start actors, each with one model.

    Args:
        models: by name.
        actors: for each model; 0: one per GPU for models that use one, none for the others.
        gpus: that the cluster has.

    Returns:
        Name -> handles, to be given to workers.
    """
    import ray

    handles: dict[str, list[Any]] = {}
    for name, model in models.items():
        share = model.gpus if gpus else 0.0
        options = {"num_cpus": 0, "num_gpus": share, "max_restarts": -1, "max_task_retries": -1}
        actor: Any = ray.remote(**options, max_concurrency=ASKERS)(Host)  # type: ignore[call-overload]
        count = actors or (int(gpus) if share else 0)
        handles[name] = [actor.remote(model.load, "cuda" if share else "cpu") for _ in range(count)]
    return {name: found for name, found in handles.items() if found}


@contextmanager
def served(hosts: Mapping[str, Sequence[Any]], index: int) -> Iterator[None]:
    """Inside, this worker asks the actors; sources are dealt out among those of a model."""
    from perception.serving import use

    with use({name: _Asker(handles[index % len(handles)]) for name, handles in hosts.items() if handles}):
        yield


class _Asker:
    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def facts(self) -> Any:
        return _facts(self._handle)

    def ask(self, crops: Sequence[np.ndarray]) -> Any:
        import ray
        from ray.exceptions import RayTaskError

        try:
            return ray.get(self._handle.ask.remote(list(crops)))
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None


@cache
def _facts(handle: Any) -> Any:
    import ray

    return ray.get(handle.facts.remote())
