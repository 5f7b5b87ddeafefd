"""Makes a study: everything that decides is written before anybody answers; nothing is written when something fails."""

from __future__ import annotations

import csv
import json
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmark.bundle import code
from benchmark.errors import BenchmarkError
from benchmark.folders import whole
from benchmark.study import store
from benchmark.study.design import pairs, sequences, size, steps
from benchmark.study.material import Material, gathered
from benchmark.study.model import FILE, STUDY_VERSION, Kind, Medium, ProtocolName, Rules, Study, StudyClip
from benchmark.study.questions import QUESTIONS
from benchmark.study.shown import write_picture, write_video
from manifests.files import file_hash, make_folder, write_aside
from manifests.text import nearest, printable

MEDIA: Final = "media"
LINKS: Final = "links.csv"
_URL: Final = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")


@dataclass(frozen=True)
class Wishes:
    """What a study is to be; see `moee study new --help`.

    clips, raters, items, per_item: None where it follows or is the default.
    """

    systems: Sequence[str]
    real: Path | None = None
    clips: int | None = None
    questions: Sequence[str] = ()
    kind: str = "rating"
    ties: bool = False
    raters: int | None = None
    items: int | None = None
    per_item: int | None = None
    checks: int = 2
    seed: int = 0
    title: str = "Talking faces"
    base_url: str = "http://127.0.0.1:8000"


def new(folder: Path, wishes: Wishes, note: Callable[[str], None] = lambda text: None) -> Study:
    """Make a study in a new folder: study.json, media/, answers.sqlite, links.csv.

    Args:
        folder: absent or empty.
        wishes: what it is to be.
        note: takes sentences for the user.

    Raises:
        BenchmarkError: something is missing or does not fit; nothing is written then: one sentence.
    """
    kind = _kind(wishes)
    material = gathered(wishes.systems, wishes.real, wishes.clips, wishes.seed)
    if kind == "choice" and len(material.videos) < 2:
        raise BenchmarkError("A choice is between systems: give at least two.")
    questions = _questions(wishes.questions, material, note)
    systems, count = tuple(material.videos), len(material.clips)
    treatments = len(systems) if kind == "rating" else len(pairs(len(systems)))
    found = size(treatments, count, wishes.raters, wishes.items, wishes.per_item)
    rated = sequences(treatments, count, found, wishes.seed)
    videos = {(system, clip): system * count + clip for system in range(len(systems)) for clip in range(count)}
    order = steps(kind, rated, videos, len(systems), wishes.checks, wishes.seed)
    notes = _notes(material, found.per_item, treatments * count)
    for sentence in notes:
        note(sentence)
    testset = material.testset
    with whole(folder, "study") as aside:
        make_folder(aside / MEDIA)
        study = Study(
            study_version=STUDY_VERSION, title=printable(wishes.title), kind=kind, ties=wishes.ties,
            questions=questions, systems=systems,
            protocol=None if testset is None else ProtocolName(
                name=testset.protocol, version=testset.protocol_version, sha256=testset.protocol_sha256
            ),
            test_list=testset.sha256 if testset else None, list_clips=len(testset.clips) if testset else None,
            clips=_clips(material, questions, aside / MEDIA),
            media=_media(material, questions, aside / MEDIA, note),
            per_item=found.per_item, seed=wishes.seed, rules=Rules(), sequences=order, notes=notes, code=code(),
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        _write(aside, study, wishes.base_url.rstrip("/"))
    return study


def _kind(wishes: Wishes) -> Kind:
    if not _URL.fullmatch(wishes.base_url):
        raise BenchmarkError(
            f"--base-url {printable(wishes.base_url)} is no address such as https://study.example.org."
        )
    if wishes.seed < 0 or wishes.checks < 0:
        raise BenchmarkError("--seed and --checks take 0 or more.")
    if wishes.kind not in ("rating", "choice"):
        raise BenchmarkError(f"There is no kind {printable(wishes.kind)}: --kind takes rating or choice.")
    if wishes.ties and wishes.kind == "rating":
        raise BenchmarkError("--ties belongs to --kind choice.")
    return "rating" if wishes.kind == "rating" else "choice"


def _questions(asked: Sequence[str], material: Material, note: Callable[[str], None]) -> tuple[str, ...]:
    """The questions in their usual order; all that the material allows where none was named."""
    unknown = next((key for key in asked if key not in QUESTIONS), None)
    if unknown is not None:
        raise BenchmarkError(f"There is no question {printable(unknown)}: {nearest(unknown, QUESTIONS)}.")
    without = [clip for clip in material.clips if clip not in material.labels]
    chosen = [key for key in QUESTIONS if key in (asked or QUESTIONS)]
    if "emotion" in chosen and without:
        said = "no emotion was asked for" + (f" in {printable(without[0])}" if material.testset else "")
        if asked:
            raise BenchmarkError(
                f"The question emotion needs the emotion of every clip, and {said}: give --real TESTSET."
            )
        chosen.remove("emotion")
        note(f"the question emotion is left out: {said}")
    return tuple(chosen)


def _notes(material: Material, per_item: tuple[int, int], items: int) -> tuple[str, ...]:
    notes = []
    testset = material.testset
    if per_item[0] != per_item[1]:
        notes.append(f"the {items} items are seen by {per_item[0]} or {per_item[1]} raters each")
    if testset is not None and len(testset.clips) > len(material.clips):
        notes.append(f"{len(material.clips)} of the {len(testset.clips)} clips of the list were rated")
    if testset is not None:
        notes += [f"smaller list: {sentence}" for sentence in testset.shortfalls]
    return tuple(notes)


def _clips(material: Material, questions: tuple[str, ...], media: Path) -> tuple[StudyClip, ...]:
    made = []
    for clip in material.clips:
        token = None
        if "identity" in questions and clip in material.pictures:
            token = secrets.token_hex(16)
            write_picture(material.pictures[clip], media / f"{token}.png")
        made.append(StudyClip(id=clip, label=material.labels.get(clip), picture=token))
    return tuple(made)


def _media(
    material: Material, questions: tuple[str, ...], media: Path, note: Callable[[str], None]
) -> tuple[Medium, ...]:
    made: list[Medium] = []
    for system, videos in material.videos.items():
        note(f"{system}: {len(material.clips)} videos")
        for clip in material.clips:
            token = secrets.token_hex(16)
            shown = write_video(videos[clip], media / f"{token}.mp4")
            if "lip-sync" in questions and not shown.sound:
                raise BenchmarkError(
                    f"{printable(str(videos[clip]))} has no sound, which the question lip-sync needs: name other "
                    "questions with --question."
                )
            made.append(
                Medium(
                    system=system, clip=clip, token=token, source_sha256=file_hash(videos[clip]).sha256,
                    sha256=file_hash(media / f"{token}.mp4").sha256, seconds=shown.seconds,
                )
            )  # fmt: skip
    return tuple(made)


def _write(folder: Path, study: Study, base_url: str) -> None:
    text = json.dumps(study.model_dump(mode="json"), ensure_ascii=True, allow_nan=False).encode() + b"\n"
    aside, written = write_aside(folder, FILE, lambda file: file.write(text))
    aside.rename(folder / FILE)
    links = store.create(folder / store.FILE, study.raters, written.sha256)
    handle = os.open(folder / LINKS, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("rater", "link"))
        rows.writerows((number, f"{base_url}/r/{secret}") for number, secret in enumerate(links, start=1))
        file.flush()
        os.fsync(file.fileno())


def load(folder: Path) -> tuple[Study, str]:
    """Read a study; returns it and the sha256 of its file.

    Raises:
        BenchmarkError: there is none, it is damaged, or of another version: one sentence.
    """
    from pydantic import ValidationError

    place = printable(str(folder))
    try:
        raw = (folder / FILE).read_bytes()
        version = json.loads(raw).get("study_version")
        if version != STUDY_VERSION:
            raise BenchmarkError(f"The study in {place} has version {version}, this program reads {STUDY_VERSION}.")
        return Study.model_validate_json(raw), file_hash(folder / FILE).sha256
    except OSError as error:
        raise BenchmarkError(f"There is no study in {place}: make one with moee study new.") from error
    except (ValidationError, ValueError, AttributeError) as error:
        raise BenchmarkError(f"{FILE} in {place} is damaged: restore it.") from error
