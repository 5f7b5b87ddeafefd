"""Optional models that a run has to do without: one sentence for each, said once at its beginning."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from curation.stage import Stage

ABSENT = "@absent"  # how a stage's key says it, and with it the outcomes
UNUSABLE = "@unusable"  # its files are here and cannot be opened just now
FILES = "perception.weights"


def missing(stages: Iterable[Stage]) -> list[str]:
    """What the user should know of the models of these stages: one sentence for each that is absent or damaged.

    A stage with a method `notes() -> tuple[str, ...]` says it in its own words; one with `why(name) -> str` says why a
    model cannot be opened.
    """
    return list(dict.fromkeys(sentence for stage in stages for sentence in _of(stage)))


def say_it_once() -> None:
    """Keep this process from logging it as well: files are looked at in every process and for every source."""
    logging.getLogger("perception").setLevel(logging.ERROR)


def _of(stage: Stage) -> Iterator[str]:
    own = getattr(stage, "notes", None)
    if own is not None:
        yield from own()
        return
    with _heard() as records:
        models = stage.models()
    for record in records:
        if record.name != FILES:  # those of the registry get a sentence that says what goes without
            yield record.getMessage()
    for model in models:
        if model.endswith(ABSENT):
            yield _sentence(stage, model.removesuffix(ABSENT))
        elif model.endswith(UNUSABLE):
            yield _unusable(stage, model.removesuffix(UNUSABLE))


def _sentence(stage: Stage, name: str) -> str:
    from perception import weights

    known = {entry.name: entry for entry in weights.entries()}
    if name == "insightface":
        places = "$MOEE_WEIGHTS/insightface/, $INSIGHTFACE_HOME/models/ and ~/.insightface/models/"
        return f"insightface is not here, no pack of it lies in {places}: clips get no identity"
    if name not in known:
        return f"{name} of the stage {stage.name} is not here: its columns stay empty (see moee doctor)"
    with _heard():
        found = weights.status(known[name])
    how = f"{known[name].without} (moee models fetch {name})"
    if found.damaged:
        return f"{name} is not used, {found.damaged[0]} is not the pinned file (size or sha256 differ): {how}"
    if found.path is not None:  # its file is here: what opens it is not
        from perception import members

        packages = members.lacks(name)
        lacks = f"{' and '.join(packages) or 'a package that it needs'} {'are' if len(packages) > 1 else 'is'}"
        return f"{name} is not used, {lacks} not installed: {known[name].without} (see moee doctor)"
    return f"{name} is not here: {how}"


def _unusable(stage: Stage, name: str) -> str:
    """A model whose files are here, and which cannot be opened."""
    why = getattr(stage, "why", None)
    reason = " ".join((why(name) if why else "").split()).rstrip(".")
    return f"{name} of the stage {stage.name} is here and cannot be opened, clips go without it: " + (
        reason or "see moee doctor"
    )


@contextmanager
def _heard() -> Iterator[list[logging.LogRecord]]:
    """Collect what perception would log of its files."""
    records: list[logging.LogRecord] = []
    logger, listener = logging.getLogger("perception"), _Listener(records)
    before = logger.level, logger.propagate
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.addHandler(listener)
    try:
        yield records
    finally:
        logger.removeHandler(listener)
        level, logger.propagate = before
        logger.setLevel(level)  # not by assignment: loggers remember what is enabled


class _Listener(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.WARNING)
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
