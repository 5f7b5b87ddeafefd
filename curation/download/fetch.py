"""One attempt at one URL: ask the site, fetch the format, verify the file; a typed outcome in every case."""

import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from yt_dlp.networking.exceptions import HTTPError, RequestError, TransportError
from yt_dlp.utils import YoutubeDLError

from curation.download.gate import Gate, Job
from curation.download.ledger import UNFINISHED, covers, from_json, to_json
from curation.download.model import Downloaded, Remote, Settings, Span
from curation.download.outcomes import Verdict, classify, said
from curation.download.partial import Partial
from curation.download.parts import NotInPartsError, fetch_parts
from curation.download.remux import CannotCopyError, copy
from curation.download.session import Session
from curation.download.text import clean_or_none
from curation.download.verify import NotWholeError, verify
from curation.errors import CurationError
from curation.sources.inputs import Facts
from manifests.files import file_hash, write_json

ALLOWED = "refused although private addresses of the list were allowed"
RECORD = "record.json"
MOST_OF_IT = 0.7  # wanted share of a video from which the whole is fetched: it can be resumed


@dataclass(frozen=True)
class Plan:
    """What an attempt fetches: kept on disk beside its partial files."""

    facts: Facts
    duration: float | None
    formats: tuple[Mapping[str, Any], ...]
    page: str

    @property
    def format_id(self) -> str:
        return "+".join(str(one["format_id"]) for one in self.formats)


class Fetcher:
    """A thread's hands: a session, the folder where partial files lie, and the few threads that decode for all."""

    def __init__(self, session: Session, gate: Gate, folder: Path, settings: Settings, checks: Executor) -> None:
        self.session, self.gate, self.folder, self.settings, self.checks = session, gate, folder, settings, checks

    def attempt(self, remote: Remote, probe: bool = False) -> tuple[Downloaded, Verdict | None]:
        """Try once; with `probe` only ask the site and fetch nothing.

        Returns:
            What became of it (an ok file still lies under its unfinished name), and the verdict when it is not ok.
        """
        self.gate.job = job = Job()
        place = self.folder / UNFINISHED / remote.key
        at_media: list[str] = []
        try:
            done = self._asked(remote) if probe else self._fetch(remote, place, at_media)
        except NotWholeError as error:
            shutil.rmtree(place, ignore_errors=True)
            verdict = Verdict("corrupt", True, False, str(error))
        except (YoutubeDLError, RequestError) as error:
            if "No space left" in str(error):
                raise CurationError(
                    f"the disk of {str(self.folder)!r} is full: free some space, then run again"
                ) from None
            refused = bool(at_media) and at_media[-1] != remote.url
            verdict = classify((job.error if "Got error: " in str(error) else None) or error, media_refused=refused)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise CurationError(
                    f"the disk of {str(self.folder)!r} is full: free some space, then run again"
                ) from None
            verdict = Verdict(
                "network", False, False, f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
            )
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError) as error:
            # a fault of an extractor or of ours: it costs this URL only
            verdict = Verdict("unsupported", False, False, f"unexpected {type(error).__name__}: {said(error)}")
        else:
            return replace(done, requests=job.requests, http_status=200), None
        if verdict.permanent and not probe:
            shutil.rmtree(place, ignore_errors=True)
        record = Downloaded(
            remote.url,
            verdict.outcome,
            permanent=verdict.permanent,
            error=verdict.error,
            http_status=verdict.status,
            requests=job.requests,
            retrieved_at=datetime.now(UTC),
            note=ALLOWED if verdict.outcome == "refused-address" and self.settings.allow_private else None,
        )
        return record, verdict

    def _fetch(self, remote: Remote, place: Path, at_media: list[str]) -> Downloaded:
        place.mkdir(parents=True, exist_ok=True)
        if (left := self._left(remote, place)) is not None:
            return left
        plan = _saved(place)
        if plan is None or not _is_whole(plan, place):
            plan = self._fresh_plan(remote.url, place, plan)
            spans, note = self._in_parts(remote, plan, place, at_media)
            if not spans:
                for one, file in zip(plan.formats, _files(plan, place), strict=True):
                    at_media.append(str(one.get("url")))
                    self._download(one, plan, file)
        else:
            spans, note = (), None
        return self._finish(remote, plan, place, spans, note)

    def _asked(self, remote: Remote) -> Downloaded:
        plan = self._plan(remote.url)
        return Downloaded(remote.url, "ok", facts=plan.facts, format_id=plan.format_id, retrieved_at=datetime.now(UTC))

    def _plan(self, url: str) -> Plan:
        info = self.session.extract_info(url, download=False)
        if info is None or info.get("_type", "video") != "video":
            raise YoutubeDLError("Unsupported URL: this is a list of videos: name each of them")
        if info.get("live_status") in ("is_live", "is_upcoming"):
            raise YoutubeDLError("this is live or not yet begun")
        formats = tuple(_format(info, one) for one in info.get("requested_formats") or [info])
        duration = info.get("duration")
        return Plan(_facts(info), float(duration) if duration else None, formats, str(info.get("webpage_url") or url))

    def _fresh_plan(self, url: str, place: Path, before: Plan | None) -> Plan:
        plan = self._plan(url)
        if before is not None and before.format_id != plan.format_id:
            shutil.rmtree(place)
            place.mkdir()
        facts = {name: getattr(plan.facts, name) for name in Facts.__dataclass_fields__}
        content = {"facts": facts, "duration": plan.duration, "formats": list(plan.formats), "page": plan.page}
        write_json(place / "plan.json", json.loads(json.dumps(content, default=str)))
        return plan

    def _download(self, one: Mapping[str, Any], plan: Plan, target: Path) -> None:
        """Fetch a format, going on where a partial file ends, if the file is still the same."""
        if target.is_file():
            return
        partial, job = Partial(target), self.gate.job
        job.resume_with = partial.validator
        if job.resume_with is None:
            partial.drop()  # nothing says whether it is still the same file
        self.gate.look()
        self.session._progress_hooks = [partial.hook(lambda: job.validator)]
        try:
            success, _ = self.session.dl(
                str(target), {**one, "id": "video", "title": "video", "duration": plan.duration}
            )
        except HTTPError as error:
            if error.status != 416 or not partial.is_there:
                raise
            partial.drop()
            raise TransportError("the site does not go on where the partial file ends: it is fetched anew") from None
        finally:
            job.resume_with = None
        if not success:
            raise YoutubeDLError("Did not get any data")

    def _in_parts(
        self, remote: Remote, plan: Plan, place: Path, at_media: list[str]
    ) -> tuple[tuple[Span, ...], str | None]:
        """Only the wanted spans, where the site allows it."""
        if not remote.spans or any(Partial(file).is_there for file in _files(plan, place)):
            return (), None
        wanted = sum((end - start for start, end in remote.spans), Fraction(0))
        if plan.duration and wanted > MOST_OF_IT * Fraction(plan.duration):
            return (), None
        at_media.append(str(plan.formats[0].get("url")))
        try:
            return fetch_parts(self.session, plan.formats, remote.spans, place / "parts.mp4"), None
        except NotInPartsError as error:
            (place / "parts.mp4").unlink(missing_ok=True)
            return (), f"the whole was fetched: {error}"

    def _finish(self, remote: Remote, plan: Plan, place: Path, spans: tuple[Span, ...], note: str | None) -> Downloaded:
        """Join, verify, sync, and give the file the name under which the ledger's line will find it."""
        files = [place / "parts.mp4"] if spans else _files(plan, place)
        file = files[0] if len(files) == 1 else _join(files, place / "joined.mp4")
        verified = self.checks.submit(verify, file, None if spans else plan.duration).result()
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
        written = file_hash(file)
        ready = place / f"ready{_suffix(file)}"
        record = Downloaded(
            remote.url,
            "ok",
            path=self.folder / f"{remote.key}{ready.suffix}",
            facts=plan.facts,
            width=verified.width,
            height=verified.height,
            duration=plan.duration if spans else float(verified.duration) if verified.duration is not None else None,
            bytes=written.bytes,
            sha256=written.sha256,
            format_id=plan.facts.format_id,
            retrieved_at=datetime.now(UTC),
            fetched_spans=spans,
            note=note,
        )
        write_json(place / RECORD, to_json(record))
        file.replace(ready)
        return record

    def _left(self, remote: Remote, place: Path) -> Downloaded | None:
        """A file that a killed run had verified, and only not come to enter in the ledger."""
        try:
            record = from_json((place / RECORD).read_bytes(), self.folder)
        except OSError:
            return None
        ready = None if record is None or record.path is None else place / f"ready{record.path.suffix}"
        if record is None or ready is None or not ready.is_file() or ready.stat().st_size != record.bytes:
            return None
        return record if covers(record, remote) else None


def _join(files: Sequence[Path], target: Path) -> Path:
    from media.container import open_media
    from media.errors import MediaError

    try:
        with open_media(files[0]) as pictures, open_media(files[1]) as sound:
            copy([pictures, sound], target)
    except (CannotCopyError, MediaError, ValueError, OSError) as error:
        raise NotWholeError(f"pictures and sound came apart and cannot be joined: {error}") from None
    return target


def _format(info: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """What the downloader needs of a format, free of objects that JSON cannot hold."""
    keys = ("url", "ext", "protocol", "format_id", "http_headers", "fragments", "fragment_base_url", "manifest_url")
    kept = {key: one[key] for key in keys if one.get(key) is not None}
    kept.setdefault("http_headers", info.get("http_headers") or {})
    kept["downloader_options"] = one.get("downloader_options") or {}
    if isinstance(kept.get("fragments"), Sequence) is False:
        kept.pop("fragments", None)
    return kept


def _facts(info: Mapping[str, Any]) -> Facts:
    return Facts(
        title=clean_or_none(info.get("title")),
        uploader=clean_or_none(info.get("uploader") or info.get("channel"), 300),
        licence=clean_or_none(info.get("license"), 300),
        upload_date=clean_or_none(info.get("upload_date"), 20),
        language=clean_or_none(info.get("language"), 40),
        format_id=clean_or_none(info.get("format_id"), 100),
    )


def _saved(place: Path) -> Plan | None:
    try:
        row = json.loads((place / "plan.json").read_bytes())
        return Plan(Facts(**row["facts"]), row["duration"], tuple(row["formats"]), row["page"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(plan: Plan, place: Path) -> list[Path]:
    return [place / _name(number, one) for number, one in enumerate(plan.formats)]


def _is_whole(plan: Plan, place: Path) -> bool:
    """Whether a killed run had fetched every file and only not come to verify them."""
    files = _files(plan, place)
    for file in files:
        Partial(file).name_if_whole()
    return all(file.is_file() for file in files)


def _name(number: int, one: Mapping[str, Any]) -> str:
    ext = str(one.get("ext") or "")
    return f"{number}.{ext if ext.isascii() and ext.isalnum() and len(ext) < 8 else 'media'}"


def _suffix(file: Path) -> str:
    return file.suffix if file.suffix not in ("", ".part") else ".media"
