"""The whole rebuild: read, find, cut and compare source by source, report; running it again goes on."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.errors import CurationError
from curation.fetched import FOLDER
from curation.rebuild import folder, locate, one_source, result
from curation.rebuild.gone import DONE, forget, stones_of, without
from curation.rebuild.locate import Located
from curation.rebuild.one_source import Job
from curation.rebuild.published import Published, read
from curation.rebuild.result import ClipResult, Report, SourceFound
from curation.stages.export import clip_file
from manifests.text import printable

if TYPE_CHECKING:
    from curation.download import Settings
    from curation.engines.item import Engine, Finished
    from manifests.tombstones import Tombstones

PRINTS: Final = ".tmp-fingerprints"
Say = Callable[[str, int, int], None]


@dataclass(frozen=True)
class How:
    """How a rebuild is done.

    Attributes:
        engine: runs the sources.
        settings: how sites are asked.
        sources: folder to take sources from instead of the web, or None.
        verify_only: only look at the clips that are in the folder.
        say: told what is done, how many of how many.
    """

    engine: "Engine"
    settings: "Settings"
    sources: Path | None = None
    verify_only: bool = False
    say: Say = field(default=lambda what, done, total: None)


def rebuild(place: str, out: Path, how: How) -> Report:
    """Make the clips of a published manifest again and compare each with what was published.

    Args:
        place: a folder of the form without media, a manifest's own folder, or `hf:ORG/NAME`.
        out: made if missing; what an earlier run finished stands.
        how: where from, with which engine.

    Returns:
        What became of each clip; the same is written to rebuild.parquet, rebuild.json and the folder's manifest.

    Raises:
        CurationError, ManifestError: nothing that can be rebuilt, or a folder that cannot be used.
        OSError: the disk is full or broken.
    """
    from manifests.files import exclusive

    published = read(place)
    if not how.verify_only:
        folder.check_out(out, published)
    elif not out.is_dir():
        raise CurationError(f"there is no folder {printable(str(out))}: --verify-only looks at clips that are there")
    with exclusive(out):
        stones = stones_of(out)
        published, gone = without(published, stones, out)
        try:
            report = _verified(published, out, how) if how.verify_only else _rebuilt(published, out, how, stones)
            if gone:
                note = f"{gone} clips were taken down here: they are left out and not made again"
                report = replace(report, notes=[note, *report.notes])
        finally:
            shutil.rmtree(out / PRINTS, ignore_errors=True)
        folder.write_report(out, report)
    return report


def _verified(published: Published, out: Path, how: How) -> Report:
    clips = published.clips_of()
    prints = _write_prints(published, out, {source for source, rows in clips.items() if _is_other(out, rows)})
    jobs = [Job(source, out, rows, published.export, prints.get(source)) for source, rows in sorted(clips.items())]
    ended = _work(jobs, how, lambda job, found: None)
    return Report(printable(str(out)), _sorted(ended), worked=len(jobs))


def _is_other(out: Path, rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a file of these clips is there with other bytes, so that the fingerprint is needed."""
    from manifests.files import file_hash

    paths = ((out / clip_file(row["id"]), row["file_sha256"]) for row in rows)
    return any(path.is_file() and file_hash(path).sha256 != sha256 for path, sha256 in paths)


def _rebuilt(published: Published, out: Path, how: How, stones: "Tombstones") -> Report:
    from manifests.files import ASIDE
    from media.cut import UNFINISHED

    for name in (DONE, "clips"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for left in (out / "clips").glob(UNFINISHED):
        left.unlink(missing_ok=True)
    for left in (path for place in (out, out / DONE) for path in place.iterdir()):
        if ASIDE.match(left.name) and left.is_file():
            left.unlink(missing_ok=True)
    located = _refused(_locate(published, out, how), out, stones)
    origins = {row["id"]: row["origin"] for row in published.sources()}
    folder.add_to_link_rot(out, [one.found for one in located.values()], origins, stones)
    clips = published.clips_of()
    ended: list[ClipResult] = []
    for source, rows in clips.items():
        one = located[source]
        if one.path is None:
            ended += one_source.missing(source, rows, one.found.outcome, one.found.error)
            forget(out, source, [row["id"] for row in rows])
    jobs, stood = _to_do(published, out, clips, located)
    ended += stood

    def keep(job: Job, found: list[ClipResult]) -> None:
        _write_done(out, job, _key(job, located[job.source].found), found)

    ended += _work(jobs, how, keep)
    folder.write_manifest(out, published, ended)
    sources = sorted((one.found for one in located.values()), key=lambda one: one.source)
    return Report(printable(str(out)), _sorted(ended), sources, len(jobs), _notes(sources))


def _locate(published: Published, out: Path, how: How) -> dict[str, Located]:
    rows = published.sources()
    web = [row for row in rows if locate.is_address(row["origin"])]
    local = [row for row in rows if not locate.is_address(row["origin"])]
    if how.sources is not None:
        found = locate.in_folder(rows, how.sources)
    else:
        found = (
            locate.on_the_web(web, out, how.settings, lambda done, total: how.say("fetched", done, total))
            if web
            else []
        )
        found += locate.where_they_lay(local) if published.own else [_without_folder(row) for row in local]
    return {one.found.source: one for one in found}


def _refused(located: dict[str, Located], out: Path, stones: "Tombstones") -> dict[str, Located]:
    """Files that turn out to be what was taken down, under another address or name, are not looked at."""
    from curation.takedown.gate import TAKEN_DOWN
    from manifests.files import file_hash

    if not len(stones):
        return located
    refused = {}
    for source, one in located.items():
        if one.path is not None and stones.has("content", file_hash(one.path).sha256):
            if one.path.is_relative_to(out / FOLDER):
                one.path.unlink()
            located_not = replace(one.found, outcome=TAKEN_DOWN, same=None, error="what is there now was taken down")
            refused[source] = Located(located_not)
    return {**located, **refused}


def _without_folder(row: dict[str, Any]) -> Located:
    note = "it was a local file: name the folder where it is with --sources DIR"
    return Located(SourceFound(row["id"], row["name"], result.NOT_FOUND, format_id=row["format_id"], error=note))


def _to_do(
    published: Published, out: Path, clips: dict[str, list[dict[str, Any]]], located: dict[str, Located]
) -> tuple[list[Job], list[ClipResult]]:
    """The sources that must be worked on, and what an earlier run found of the others."""
    here = {source: one for source, one in sorted(located.items()) if one.path is not None and source in clips}
    jobs, stood = [], []
    for source, one in here.items():
        job = Job(source, out, clips[source], published.export, None, one.path, one.sound, one.found.same is True)
        done = _read_done(out, job, _key(job, one.found))
        if done is None:
            jobs.append(job)
        else:
            stood += done
    prints = _write_prints(published, out, {job.source for job in jobs if not job.same})
    return [Job(**{**vars(job), "prints": prints.get(job.source)}) for job in jobs], stood


def _write_prints(published: Published, out: Path, wanted: set[str]) -> dict[str, Path]:
    """A small file for each fingerprint that a process will need."""
    from manifests.parquet import write_table
    from manifests.schema import conform

    place = out / PRINTS
    shutil.rmtree(place, ignore_errors=True)
    if not wanted:
        return {}
    place.mkdir(parents=True)
    paths = {}
    for source, row in published.fingerprints(wanted):
        paths[source] = place / f"{source}.parquet"
        with paths[source].open("wb") as file:
            write_table("fingerprints", [conform("fingerprints", row)], file)
    return paths


def _work(jobs: Sequence[Job], how: How, keep: Callable[[Job, list[ClipResult]], None]) -> list[ClipResult]:
    """Run the jobs; one that crashes costs itself only."""
    ended: list[ClipResult] = []
    for number, end in enumerate(how.engine.run(one_source.work, jobs)):
        job = jobs[end.index]
        if isinstance(end.error, OSError) and end.error.errno in one_source.DISK:
            raise end.error  # the disk: no fault of the source
        if end.error is None and end.died is None:
            keep(job, end.value)
            ended += end.value
        else:
            ended += one_source.missing(job.source, job.clips, result.CRASHED, _how_it_ended(end))
            if not how.verify_only:
                forget(job.out, job.source, [row["id"] for row in job.clips])
        how.say("sources", number + 1, len(jobs))
    return ended


def _how_it_ended(end: "Finished") -> str:
    if end.died is not None:
        return f"its process ended ({end.died})"
    said = " ".join(str(end.error).split())[:200]
    return printable(f"unexpected {type(end.error).__name__}: {said}")


def _key(job: Job, found: SourceFound) -> str:
    """Changes when anything that a source's clips are made from may have changed."""
    from manifests.files import file_hash

    bytes_now = None if found.same or job.path is None else file_hash(job.path).sha256
    decisive = [one_source.VERSION, list(job.clips), job.export.model_dump(mode="json"), found.same, bytes_now]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _write_done(out: Path, job: Job, key: str, clips: Sequence[ClipResult]) -> None:
    from manifests.files import write_json

    write_json(out / DONE / f"{job.source}.json", {"key": key, "clips": [asdict(clip) for clip in clips]})


def _read_done(out: Path, job: Job, key: str) -> list[ClipResult] | None:
    """What an earlier run found, if it was of the same and every file that it made is still whole."""
    from manifests.errors import ManifestError
    from manifests.files import file_hash, read_json

    try:
        content = read_json(out / DONE / f"{job.source}.json")
        clips = [ClipResult(**row) for row in content["clips"]]
        whole = content["key"] == key and all(
            file_hash(out / clip_file(clip.clip)).sha256 == clip.file_sha256 for clip in clips if clip.here
        )
    except (OSError, ManifestError, KeyError, TypeError):
        return None
    return clips if whole else None


def _sorted(clips: Sequence[ClipResult]) -> list[ClipResult]:
    return sorted(clips, key=lambda clip: clip.clip)


def _notes(sources: Sequence[SourceFound]) -> list[str]:
    other = sum(
        one.format_id is not None and one.format_id_now is not None and one.format_id_now != one.format_id
        for one in sources
    )
    return [f"{other} sources were fetched in another stream than the published one"] if other else []
