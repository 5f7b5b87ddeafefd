"""The bundle of a rater study: scores, all answers behind them, and the study as it was fixed; it verifies itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from pydantic import BaseModel

from benchmark.bundle import Problem, code, files
from benchmark.bundle.files import DamagedError, plain_file, read_seal
from benchmark.bundle.lines import same
from benchmark.bundle.read import read_model
from benchmark.bundle.tables import read_table, write_table
from benchmark.errors import BenchmarkError
from benchmark.folders import whole
from benchmark.study import ratings
from benchmark.study.model import FILE as STUDY
from benchmark.study.model import STUDY_VERSION, Study
from benchmark.study.ratings import FILE as RATINGS
from benchmark.study.ratings import Answer
from benchmark.study.record import (
    OpinionLine,
    Opinions,
    PreferenceLine,
    RaterLine,
    Scored,
    StrengthLine,
    StudyFacts,
)
from manifests.files import Written, file_hash, write_aside
from manifests.text import printable

__all__ = [
    "OPINIONS", "OpinionBundle", "OpinionLine", "Opinions", "PreferenceLine", "RaterLine", "StrengthLine", "StudyFacts",
    "is_opinions", "load", "verify", "write",
]  # fmt: skip

OPINIONS: Final = "opinions.json"
_FIXED: Final = (OPINIONS, RATINGS, STUDY)
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class OpinionBundle:
    """A study's bundle that was read.

    folder: where it lies.
    opinions: all that opinions.json says.
    """

    folder: Path
    opinions: Opinions

    @property
    def study(self) -> StudyFacts:
        """What was asked about: name, protocol (a name or None), test list (sha256 or None)."""
        return self.opinions.study

    @property
    def scores(self) -> tuple[OpinionLine, ...]:
        """Mean opinion scores per system and question over all clips; none in a study of choices."""
        return self.opinions.scores

    @property
    def alpha(self) -> dict[str, float | None]:
        """Question -> Krippendorff's alpha (ordinal); None where it is undefined."""
        return self.opinions.alpha

    @property
    def excluded(self) -> dict[str, str]:
        """Number of a rater -> why its answers do not count."""
        return self.opinions.excluded

    @property
    def marks(self) -> list[str]:
        """What must be known beside the scores, a clause each."""
        return self.opinions.marks


def is_opinions(folder: Path) -> bool:
    """Whether a folder looks like the bundle of a study."""
    return (folder / OPINIONS).is_symlink() or (folder / OPINIONS).exists()


def load(folder: Path) -> OpinionBundle:
    """Read a bundle of a study; nothing is computed again and no hash is checked (`verify` does).

    Raises:
        BenchmarkError: there is none, it is damaged, or another version of this program wrote it: one sentence.
    """
    _require(folder)
    try:
        read_seal(folder)
        return OpinionBundle(folder, _read(folder, OPINIONS, Opinions))
    except DamagedError as error:
        raise BenchmarkError(f"The bundle {printable(str(folder))} cannot be read: {error}") from error


def write(folder: Path, study: Study, answers: Sequence[Answer]) -> OpinionBundle:
    """Score a study and write its bundle whole or not at all; one that lies there is replaced.

    Args:
        folder: absent, empty, or a study's bundle.
        study: as it was fixed.
        answers: of all raters.

    Raises:
        BenchmarkError: nobody answered, or the folder cannot be written or holds something else.
    """
    from benchmark.study.opinions import computed

    if not answers:
        raise BenchmarkError("Nobody has answered yet: there is nothing to score.")
    blind = study.blind()
    scored = computed(blind, answers)
    opinions = Opinions(
        **dict(scored), study_version=STUDY_VERSION, study=facts(blind), code=code(),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    contents = {
        OPINIONS: _json(opinions),
        STUDY: _json(blind),
        RATINGS: partial(write_table, ratings.table(blind, answers)),
    }
    with whole(folder, "bundle", frozenset({*_FIXED, files.SEAL}), OPINIONS) as aside:
        written = {name: _write(aside / name, content) for name, content in contents.items()}
        _write(aside / files.SEAL, lambda file: file.write(files.sealed(written)))
    return OpinionBundle(folder, opinions)


def facts(study: Study) -> StudyFacts:
    """What a bundle says of its study."""
    protocol = study.protocol
    return StudyFacts(
        name=study.title, kind=study.kind, protocol=protocol.name if protocol else None,
        protocol_version=protocol.version if protocol else None, protocol_sha256=protocol.sha256 if protocol else None,
        test_list=study.test_list, systems=study.systems, questions=study.questions, clips=len(study.clips),
    )  # fmt: skip


def _json(content: BaseModel) -> Any:
    text = json.dumps(content.model_dump(mode="json"), indent=1, ensure_ascii=True, allow_nan=False)
    return lambda file: file.write(text.encode() + b"\n")


def _write(path: Path, content: Any) -> Written:
    def write(file: BinaryIO) -> None:
        content(file)

    aside, written = write_aside(path.parent, "file", write)
    aside.rename(path)
    return written


def verify(folder: Path) -> list[Problem]:
    """Check every byte of a study's bundle, then compute every score from its answers; empty when all is as written.

    Raises:
        BenchmarkError: the folder is not the bundle of a study at all.
    """
    _require(folder)
    changed = _bytes(folder)
    named = {problem.file for problem in changed}
    try:
        study, said = _read(folder, STUDY, Study), _read(folder, OPINIONS, Opinions)
        answers = ratings.answers(study, read_table(folder, RATINGS))
    except DamagedError as error:
        return changed if error.file in named else [*changed, Problem(error.file, None, str(error))]
    return changed + [problem for problem in _numbers(study, answers, said) if problem.file not in named]


def _numbers(study: Study, answers: Sequence[Answer], said: Opinions) -> list[Problem]:
    """What opinions.json says and study and answers do not give."""
    from benchmark.study.opinions import computed

    if said.study != facts(study):
        return [Problem(OPINIONS, None, f"{OPINIONS} says another thing of the study than {STUDY}.")]
    try:
        found = computed(study, answers)
    except Exception as error:  # a stranger's answers: whatever the arithmetic stumbles over is a defect of the bundle
        return [Problem(RATINGS, None, f"{RATINGS} gives no scores: {type(error).__name__}.")]
    return [
        Problem(None, name, f"{name}: {OPINIONS} says {_shown(was)}{where}, the answers give {_shown(now)}.")
        for name in Scored.model_fields
        for where, was, now in [_difference(getattr(said, name), getattr(found, name))]
        if where is not None
    ]


def _difference(said: Any, found: Any, where: str = "") -> tuple[str | None, Any, Any]:
    """Where two values differ first by more than another processor's arithmetic; None where they do not."""
    if isinstance(said, BaseModel) and isinstance(found, BaseModel):
        said, found = dict(said), dict(found)
    if isinstance(said, dict) and isinstance(found, dict):
        pairs = [(f"{where}.{key}", said.get(key), found.get(key)) for key in {**said, **found}]
    elif isinstance(said, list | tuple) and isinstance(found, list | tuple) and len(said) == len(found):
        pairs = [(f"{where}[{place}]", *pair) for place, pair in enumerate(zip(said, found, strict=True))]
    else:
        return (None if same(said, found) else f" ({where.lstrip('.')})" if where else "", said, found)
    for place, was, now in pairs:
        different = _difference(was, now, place)
        if different[0] is not None:
            return different
    return None, said, found


def _shown(value: Any) -> str:
    text = "nothing" if value is None else printable(repr(value))
    return text if len(text) <= 80 else text[:77] + "..."


def _bytes(folder: Path) -> list[Problem]:
    """Files that changed, are missing, are extra, or are no plain files; one problem each."""
    there, odd = files.listing(folder)
    problems = [Problem(name, None, sentence) for name, sentence in odd.items()]
    try:
        listed = read_seal(folder)
    except DamagedError as error:
        return [*problems, *([] if error.file in odd else [Problem(error.file, None, str(error))])]
    for name in sorted({*listed, *there, *_FIXED}.difference(odd)):
        sentence = _of_file(folder, name, there, listed)
        if sentence is not None:
            problems.append(Problem(name, None, f"{printable(name)} {sentence}"))
    return problems


def _of_file(folder: Path, name: str, there: Sequence[str], listed: dict[str, Written]) -> str | None:
    if name not in there:
        return "is missing."
    if name not in listed or name not in _FIXED:
        return "is extra: the bundle was written without it."
    try:
        changed = file_hash(plain_file(folder, name)) != listed[name]
    except OSError as error:
        return f"cannot be read: {error.strerror or error}."
    return "was changed: it is not as bundle.json describes it." if changed else None


def _require(folder: Path) -> None:
    if not folder.is_dir() or not is_opinions(folder):
        raise BenchmarkError(
            f"There is no bundle of a study in {printable(str(folder))}: name a folder that moee study score wrote."
        )


def _read(folder: Path, name: str, kind: type[Model]) -> Model:
    return read_model(folder, name, kind, "study_version", STUDY_VERSION)
