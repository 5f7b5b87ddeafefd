"""Duplicates: altered copies of real clips beside their originals; nothing here was used to set a threshold."""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from perf.intervals import wilson
from perf.scores import Scores

ALTERED = 20  # clips of which copies are made
SILENT = "expressive_512_woman_many_faces_digital_silence_12s.mp4"
SAME_WAVEFORM = 0.8  # correlation of two recordings' samples; different recordings stay below 0.1
DECLARED = {"lowres_176x144_carphone_clean_4s.mp4", "lowres_176x144_carphone_distorted_4s.mp4"}


def measure(data: Path, altered: int = ALTERED) -> Scores:
    """Find the altered copies of some clips, twenty if nothing is said, among all clips.

    They are the one of digital silence and the first others by the hash of their bytes. Every file is one clip from its
    first frame to its last; the stages are those of `moee curate`.

    Args:
        data: the folder of test material; clips lie in `videos`.
        altered: clips of which copies are made.
    """
    clips = sorted((data / "videos").iterdir())
    chosen = [clip for clip in clips if clip.name == SILENT]
    chosen += sorted((clip for clip in clips if clip.name != SILENT), key=_hash)[: altered - len(chosen)]
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2) as pool:
        jobs = [(clip, number % 2 == 0, Path(folder)) for number, clip in enumerate(chosen)]
        copies = {copy: what for made in pool.map(_copies, jobs) for copy, what in made.items()}
        files = clips + list(copies)
        rows = list(pool.map(_rows, files))
        kinds = dict.fromkeys(clips, ("", ""))
        kinds |= {copy: (kind, original.name) for copy, (kind, original) in copies.items()}
        return score(rows, [kinds[file] for file in files], [file.name for file in files], data / "videos")


def score(
    rows: Sequence[dict[str, Any]], kinds: Sequence[tuple[str, str]], names: Sequence[str], videos: Path
) -> Scores:
    """The table of what was found.

    Args:
        rows: of each file its `source`, `fingerprint` and `clip`.
        kinds: of each file its alteration and the name of its original, both empty for an original.
        names: of each file.
        videos: the folder of the originals.
    """
    from curation.whole.duplicates import Duplicates

    memory = Memory(rows)
    tables = Duplicates(keep="all").run(memory)
    group = {row["id"]: row["duplicate_group"] for row in tables["clips"].to_pylist()}
    of = [group.get(row["clip"]["id"], row["clip"]["id"]) for row in rows]
    at = {name: place for place, name in enumerate(names) if not kinds[place][0]}
    hits: dict[str, list[bool]] = defaultdict(list)
    missed = []
    pairs = {(row["source"], row["other"]) for row in tables["duplicates"].to_pylist()}
    direct = []
    for place, (kind, original) in enumerate(kinds):
        if kind:
            hits[kind].append(of[place] == of[at[original]])
            ends = sorted((rows[place]["source"]["id"], rows[at[original]]["source"]["id"]))
            direct.append(tuple(ends) in pairs)
            if not hits[kind][-1]:
                missed.append(f"missed: {original}, {kind}")
    family = {row["source"]["id"]: kinds[place][1] or names[place] for place, row in enumerate(rows)}
    false, undeclared = _other_pairs(tables["duplicates"], family, videos)
    total = [hit for found in hits.values() for hit in found]
    scores = Scores("Altered copies of real clips, grouped with their original", notes=[*missed, *false, *undeclared])
    for kind, found in [*hits.items(), ("all", total)]:
        low, high = wilson(sum(found), len(found))
        scores.lines.append(f"{kind:<10} {sum(found):>4} of {len(found):>3}   {low:.3f} to {high:.3f} (95 %, Wilson)")
    scores.lines.append(f"matched with the original itself, not by way of another copy: {sum(direct)} of {len(direct)}")
    declared = len({of[at[name]] for name in DECLARED if name in at}) == 1
    scores.lines.append(f"the declared pair is {'one group' if declared else 'NOT found'}")
    scores.lines.append(f"pairs of different clips: {len(false)} false, {len(undeclared)} undeclared but one recording")
    scores.lines += _margins(memory.table("fingerprints"), tables["duplicates"], family, undeclared)
    scores.values = {
        "recall": float(np.mean(total)) if total else 0.0,
        "direct_recall": float(np.mean(direct)) if direct else 0.0,
        "false_pairs": float(len(false)),
        "undeclared_pairs": float(len(undeclared)),
        "declared": float(declared),
    }
    return scores


class Memory:
    """A manifest of one clip per source, in memory (`curation.stage.Whole`)."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        from manifests.schema import table_from_rows

        self._tables = {
            "fingerprints": table_from_rows("fingerprints", [row["fingerprint"] for row in rows]).sort_by("id"),
            "sources": table_from_rows("sources", [row["source"] for row in rows]).sort_by("id"),
            "clips": pa.Table.from_pylist([row["clip"] for row in rows]).sort_by("id"),
        }

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, sorted by id."""
        return self._tables[name].select(list(columns)) if columns is not None else self._tables[name]

    def previous(self, name: str) -> pa.Table | None:
        """Nothing was made before."""
        return None


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copies(job: tuple[Path, bool, Path]) -> dict[Path, tuple[str, Path]]:
    """The six copies of a clip, each with its alteration and original."""
    from perf.alterations import alterations

    clip, keeps_pitch, folder = job
    made = {}
    for kind, alter in alterations(keeps_pitch).items():
        copy = folder / f"{clip.stem}_{kind.replace(' ', '_')}{'.mkv' if kind == 're-muxed' else '.mp4'}"
        alter(clip, copy)
        made[copy] = (kind, clip)
    return made


def _rows(path: Path) -> dict[str, Any]:
    """A file's rows of `sources`, `fingerprints` and `clips`, one clip for the whole file."""
    from curation.stage import SourceWork
    from curation.stages.fingerprints import Fingerprints
    from curation.stages.probe import Probe
    from manifests.schema import make_id
    from media.decode import feed

    work = SourceWork(make_id("source", path.name), path.name, path, path.name, "", path.stat().st_size, path.parent)
    stages = (Probe(), Fingerprints())
    for stage in stages:
        stage.run(work)
    consumers = [stage.consumer(work) for stage in stages]
    work.report = feed(path, consumers)
    tables = {name: table for one in consumers for name, table in one.finish(work.report).items()}
    source = tables["sources"].to_pylist()[0]
    clip = {
        "id": make_id("clip", work.id),
        "source": work.id,
        **{name: source[name] for name in ("start_pts", "end_pts", "time_base_num", "time_base_den")},
        **{f"crop_{side}": None for side in ("x0", "y0", "x1", "y1")},
        "source_width": source["width"],
        "source_height": source["height"],
        "status": "kept",
    }
    return {"source": source, "fingerprint": tables["fingerprints"].to_pylist()[0], "clip": clip}


def _same(one: str, other: str) -> bool:
    """Whether two clips are one clip or the declared pair."""
    return one == other or {one, other} == DECLARED


def _other_pairs(found: pa.Table, family: dict[str, str], videos: Path) -> tuple[list[str], list[str]]:
    """Pairs of clips that are not declared: false ones, and those whose sound is the same to the sample."""
    pairs = defaultdict(list)
    for row in found.to_pylist():
        one, other = sorted((family[row["source"]], family[row["other"]]))
        if not _same(one, other):
            pairs[one, other].append(row)
    false: list[str] = []
    undeclared: list[str] = []
    for (one, other), parts in sorted(pairs.items()):
        best = max(parts, key=lambda row: row["score"])
        agree = waveform_agreement(videos / one, videos / other)
        text = f"{one} and {other} ({best['how']}, score {best['score']:.2f}; waveforms agree {agree:.3f})"
        (undeclared if agree >= SAME_WAVEFORM else false).append(
            f"{'one recording, not declared' if agree >= SAME_WAVEFORM else 'false'}: {text}"
        )
    return false, undeclared


def waveform_agreement(one: Path, other: Path) -> float:
    """Correlation of two files' sound at the best shift, 0 where one has none: not by fingerprints."""
    from media.audio import chunks

    sounds = [np.concatenate([np.zeros(0, np.float32), *(piece for _, piece in chunks(path))]) for path in (one, other)]
    if min(len(sound) for sound in sounds) < 16_000:
        return 0.0
    size = 1 << int(np.ceil(np.log2(len(sounds[0]) + len(sounds[1]))))
    spectra = [np.fft.rfft(sound, size) for sound in sounds]
    shift = int(np.argmax(np.abs(np.fft.irfft(spectra[0] * np.conj(spectra[1]), size))))
    shift -= size if shift > size // 2 else 0
    a, b = sounds[0][max(0, shift) :], sounds[1][max(0, -shift) :]
    length = min(len(a), len(b))
    energy = float(np.linalg.norm(a[:length]) * np.linalg.norm(b[:length]))
    return abs(float(a[:length] @ b[:length])) / energy if energy > 0 and length >= 16_000 else 0.0


def _margins(
    fingerprints: pa.Table, found: pa.Table, family: dict[str, str], undeclared: Sequence[str]
) -> Iterator[str]:
    """How sure copies are, and the surest of other pairs, by pictures and by sound alone."""
    from curation.whole.copies import FeatureRows
    from media.candidates import candidates
    from media.matching import CERTAIN, SCORE, matches

    ids = fingerprints.column("id").to_pylist()
    yield f"sure from a score of {SCORE} and a certainty of {CERTAIN} standard deviations:"
    kind: Literal["picture", "sound"]
    for kind in ("picture", "sound"):
        features = FeatureRows(fingerprints, kind)
        same, others = [], [(0.0, 0.0, "", "")]
        for (i, j), seeds in sorted(candidates(features).items()):
            best = next(iter(matches(features[i], features[j], seeds, most=1)), None)
            one, other = sorted((family[ids[i]], family[ids[j]]))
            if best is not None and _same(one, other):
                same.append(best.certainty)
            elif best is not None and not any(one in text and other in text for text in undeclared):
                others.append((best.certainty, best.score, one, other))
        low = np.percentile(same, [0, 5, 50]) if same else np.zeros(3)
        surest = max(others)
        yield (
            f"  {kind}: pairs of copies {low[0]:.1f} (least), {low[1]:.1f} (5th percentile), {low[2]:.1f} (median) of "
            f"{len(same)}; of {len(others) - 1} other candidates at most {surest[0]:.1f} (score {surest[1]:.2f}: "
            f"{surest[2]}, {surest[3]})"
        )
