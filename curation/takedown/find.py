"""Finds what a request removes: its sources, the tracks of its persons, their clips, and copies of the same footage."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from curation.errors import CurationError
from curation.takedown.scope import Scope, Span
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_SOURCE: Final = re.compile(r"s_[0-9a-f]{16}")
_PERSON: Final = re.compile(r"i_[0-9a-f]{16}")
_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_MOST: Final = 1 << 24  # bytes of a list


@dataclass(frozen=True)
class Request:
    """Whom or what to remove.

    Attributes:
        sources: ids, addresses or names of sources.
        uploaders: as the table `sources` names them.
        identities: ids of persons.
        reason: why, in a few words without a name: it is kept.
    """

    sources: tuple[str, ...] = ()
    uploaders: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    reason: str = ""


def read_list(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sources and persons of a list: a line each, an id of a source or a person, an address, or a name; # comments.

    Raises:
        CurationError: it cannot be read, or names nothing.
    """
    name = printable(str(path))
    try:
        if path.stat().st_size > _MOST:
            raise CurationError(f"{name} is larger than 16 MiB: give a list with a line for each source or person")
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise CurationError(f"the list {name} cannot be read: give a text file with an id or address a line") from error
    wanted = [line for line in lines if line and not line.startswith("#")]
    if not wanted:
        raise CurationError(f"the list {name} names nothing: give an id or address a line")
    persons = tuple(line for line in wanted if _PERSON.fullmatch(line))
    return tuple(line for line in wanted if not _PERSON.fullmatch(line)), persons


def find(manifest: "Manifest", request: Request) -> Scope:
    """Everything that goes.

    Raises:
        CurationError: the request names something that the manifest does not hold.
    """
    return _Search(manifest, request).run()


@dataclass
class _Search:
    manifest: "Manifest"
    request: Request
    sources: set[str] = field(default_factory=set)
    tracks: set[str] = field(default_factory=set)
    given: set[tuple[str, str]] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)  # addresses that the manifest does not hold, never to be fetched

    def run(self) -> Scope:
        self.rows = self.manifest.table(
            "sources", ["id", "name", "origin", "sha256", "sound_sha256", "uploader"]
        ).to_pylist()
        self._sources()
        self._persons()
        self._clips()
        return self._scope()

    # -- what is named ----------------------------------------------------------------------------

    def _sources(self) -> None:
        places: dict[str, list[str]] = {}
        for row in self.rows:
            for word in {row["id"], row["origin"], row["name"]}:
                places.setdefault(word, []).append(row["id"])
            if row["uploader"] is not None and row["uploader"] in self.request.uploaders:
                self.sources.add(row["id"])
        known = {row["uploader"] for row in self.rows}
        for uploader in self.request.uploaders:
            if uploader not in known:
                raise CurationError(f"no source was published by {printable(uploader)!r}: see the column uploader")
        for word in self.request.sources:
            if word in places:
                self.sources.update(places[word])
            elif _URL.match(word):
                self.urls.add(word)
            else:
                raise CurationError(
                    f"there is no source {printable(word)!r}: give its id (s_...), its address or its name as "
                    "`sources.parquet` has them"
                )

    def _persons(self) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self.request.identities:
            return
        wanted = pa.array(sorted(self.request.identities), pa.string())
        table = self.manifest.table("identities", ["id", "identity"])
        table = table.filter(pc.is_in(table.column("identity"), value_set=wanted))
        found = set(table.column("identity").to_pylist())
        for person in self.request.identities:
            if person not in found:
                raise CurationError(
                    f"there is no person {printable(person)!r}: give an id (i_...) of `identities.parquet`, or a "
                    "picture of the person with --image"
                )
        self.tracks.update(table.column("id").to_pylist())
        clips = self.manifest.table("clips", ["identity", "dataset", "given_identity"])
        clips = clips.filter(pc.is_in(clips.column("identity"), value_set=wanted))
        clips = clips.filter(pc.and_(clips.column("dataset").is_valid(), clips.column("given_identity").is_valid()))
        for row in clips.group_by(["dataset", "given_identity"]).aggregate([]).to_pylist():
            self.given.add((row["dataset"], row["given_identity"]))

    # -- what hangs on it -------------------------------------------------------------------------

    def _clips(self) -> None:
        """Follow copies and names until nothing is added, then what shows the person beside somebody else."""
        names = ["id", "source", "track", "dataset", "given_identity", "duplicate_group", "start_frame", "end_frame"]
        self.table = self.manifest.table("clips", [*names, "status", "file", "file_sha256"])
        count = -1
        while count != len(self.tracks) + len(self.sources):
            count = len(self.tracks) + len(self.sources)
            self.own = self._own()
            rows = self.table.select(["source", "track"]).filter(self.own).to_pylist()
            self.tracks.update(row["track"] for row in rows if row["track"] and row["source"] not in self.sources)
        self.spans = self._spans()
        self.shared = self._beside() & ~self.own
        self._emptied()

    def _own(self) -> np.ndarray:
        """[clips] bool: of the sources, of the tracks, of the names, and what shows the same as one of them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from curation.takedown.scope import named

        sources = pa.array(sorted(self.sources), pa.string())
        tracks = pa.array(sorted(self.tracks), pa.string())
        own = pc.is_in(self.table.column("source"), value_set=sources)
        own = pc.or_(own, pc.is_in(self.table.column("track"), value_set=tracks))
        if self.given:
            scope = Scope(given=frozenset(self.given))
            own = pc.or_(own, named(self.table, "dataset", "given_identity", scope))
        groups = pc.unique(self.table.column("duplicate_group").filter(own)).drop_null()
        same = pc.is_in(self.table.column("duplicate_group"), value_set=groups)
        same = pc.and_(same, self.table.column("duplicate_group").is_valid())
        return np.asarray(pc.or_(own, same))

    def _spans(self) -> dict[str, tuple[Span, ...]]:
        """Where removed tracks are, and clips without a track, in sources that are not named as a whole."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = ["source", "start_frame", "end_frame", "start_pts", "end_pts", "time_base_num", "time_base_den"]
        tracks = self.manifest.table("tracks", ["id", *names])
        tracks = tracks.filter(pc.is_in(tracks.column("id"), value_set=pa.array(sorted(self.tracks), pa.string())))
        clips = self.manifest.table("clips", ["track", *names]).filter(pa.array(self.own))
        spans: dict[str, list[Span]] = {}
        for row in [*tracks.to_pylist(), *clips.filter(clips.column("track").is_null()).to_pylist()]:
            if row["source"] not in self.sources:
                tick = row["time_base_num"] / row["time_base_den"]
                span = Span(row["start_frame"], row["end_frame"], row["start_pts"] * tick, row["end_pts"] * tick)
                spans.setdefault(row["source"], []).append(span)
        return {source: tuple(found) for source, found in spans.items()}

    def _beside(self) -> np.ndarray:
        """[clips] bool: those whose frames show a removed person, whoever they are of."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = np.zeros(self.table.num_rows, bool)
        touched = pc.is_in(self.table.column("source"), value_set=pa.array(sorted(self.spans), pa.string()))
        places = np.flatnonzero(np.asarray(touched))
        rows = self.table.select(["source", "start_frame", "end_frame"]).take(pa.array(places)).to_pylist()
        for place, row in zip(places, rows, strict=True):
            spans = self.spans[row["source"]]
            found[place] = any(s.start_frame < row["end_frame"] and row["start_frame"] < s.end_frame for s in spans)
        return found

    def _emptied(self) -> None:
        """A shared source of which no kept clip stays goes whole."""
        import pyarrow as pa
        import pyarrow.compute as pc

        stays = np.asarray(pc.equal(self.table.column("status"), "kept")) & ~(self.own | self.shared)
        alive = set(pc.unique(self.table.column("source").filter(pa.array(stays))).to_pylist())
        self.sources |= self.spans.keys() - alive
        self.spans = {source: spans for source, spans in self.spans.items() if source in alive}
        touched = self.sources | self.spans.keys()
        contents = {row["sha256"] for row in self.rows if row["id"] in touched and row["sha256"]}
        self.sources |= {row["id"] for row in self.rows if row["sha256"] in contents and row["id"] not in touched}
        rest = pc.is_in(self.table.column("source"), value_set=pa.array(sorted(self.sources), pa.string()))
        self.own = self.own | np.asarray(rest)
        self.shared = self.shared & ~self.own

    # -- the answer -------------------------------------------------------------------------------

    def _scope(self) -> Scope:
        import pyarrow as pa

        gone = self.table.filter(pa.array(self.own | self.shared))
        files = {
            row["id"]: row["file_sha256"]
            for row in gone.select(["id", "file_sha256"]).to_pylist()
            if row["file_sha256"] is not None
        }
        shared = self.table.column("id").filter(pa.array(self.shared)).to_pylist()
        return Scope(
            sources=frozenset(self.sources),
            tracks=frozenset(self.tracks),
            clips=frozenset(gone.column("id").to_pylist()),
            shared=frozenset(shared),
            identities=self._identities(),
            given=frozenset(self.given),
            spans=self.spans,
            values=self._values(files, gone.column("id").to_pylist()),
            files=files,
        )

    def _identities(self) -> frozenset[str]:
        """Persons of whom no track stays."""
        import pyarrow.compute as pc

        from curation.takedown.scope import gone_rows

        scope = Scope(sources=frozenset(self.sources), tracks=frozenset(self.tracks))
        table = self.manifest.table("identities", ["id", "source", "identity"])
        gone = gone_rows("identities", table, scope)
        went = set(pc.unique(table.column("identity").filter(gone)).to_pylist())
        left = set(pc.unique(table.column("identity").filter(pc.invert(gone))).to_pylist())
        return frozenset(went - left) | frozenset(self.request.identities)

    def _values(self, files: dict[str, str], clips: list[str]) -> dict[str, tuple[str, ...]]:
        """What becomes tombstones; clips and tracks too, so that caches that are named later can be asked for them."""
        from manifests.tombstones import given_name

        values: dict[str, set[str]] = {"url": set(self.urls), "uploader": set(self.request.uploaders)}
        values["identity"] = set(self.request.identities)
        values["given"] = {given_name(dataset, name) for dataset, name in self.given}
        values |= {"source": set(), "content": set(files.values()), "part": set()}
        values |= {"clip": set(clips), "track": set(self.tracks)}
        for row in self.rows:
            whole = row["id"] in self.sources
            if not whole and row["id"] not in self.spans:
                continue
            values["source" if whole else "part"].add(row["id"])
            if _URL.match(row["origin"]):
                values["url"].add(row["origin"])
            if whole:
                values["content"].update(sha256 for sha256 in (row["sha256"], row["sound_sha256"]) if sha256)
        return {kind: tuple(sorted(found)) for kind, found in values.items() if found}
