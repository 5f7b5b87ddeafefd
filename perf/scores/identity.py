"""Who is who on real clips: error rates of identity embeddings over thresholds, and what clustering makes of them.

Nothing is fitted here. The threshold comes from dlib's own clustering example (`perception.embedding.SAME_PERSON`), the
number of frames per track is the stage's default, and the alignment is dlib's. Tracks shorter than a clip may be by the
default recipe are listed apart: no clip is made of them.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from perf.intervals import wilson
from perf.scores import Scores

THRESHOLDS = (0.40, 0.45, 0.50, 0.55, 0.60, 0.65)
CLIP = 2.0  # s, the least length of a clip by the default recipe

# Who is seen, from the "Same person" line of the material's INDEX.md and its file names; a file that is not named here
# shows one person who is in no other file (checked by eye). An image lists its faces from left to right.
SAME = {
    "emotion_mead_M030_": "M030",
    "emotion_mead_W009_": "W009",
    "talk_512_aoc_": "aoc",
    "talk_590_aoc_": "aoc",
    "talk_450_obama_": "obama",
    "lowres_176x144_carphone_": "carphone",
    "fr_obama": "obama",
    "fr_biden": "biden",
    "fr_two_people": "obama biden",
    "deepface_img16": "deepface_img16",
    "deepface_img17": "deepface_img16",
}
# Several people whose names nobody wrote down: they are in no other clip, and two faces of one frame differ; whether
# two tracks of one such file are one person is not known, and not counted.
CROWDS = ("crowd_", "multishot_", "twopeople_", "multiface")
# Persons who may be in both files: nobody wrote it down, so such pairs are not counted.
UNSURE = (("multiface", "deepface_img12"),)


@dataclass(frozen=True)
class Look:
    """A face as it was embedded.

    file: its name; person: who it is, or the file's name and a number where nobody knows.
    known: whether `person` can be compared with other faces of the same file.
    start, end: frames of the track; all faces of an image have (0, 1).
    seconds: of the track; an image has as many as one likes.
    size: shorter side of the face box, px.
    """

    file: str
    person: str
    known: bool
    start: int
    end: int
    seconds: float
    size: float
    vector: np.ndarray

    @property
    def label(self) -> str:
        """For people: the file and, in a crowd, when."""
        return self.file if self.known else f"{self.file} from frame {self.start} ({self.size:.0f} px)"


def measure(data: Path, curated: Path | None = None) -> Scores:
    """Embed every face of `data/videos` and `data/images`, as a curation does, and score pairs and clusters.

    Args:
        data: the folder of test material.
        curated: what `moee curate` made of these videos with dlib's network; None embeds them here.
    """
    from perception.embedding import FaceEmbedder

    embedder = FaceEmbedder.load("dlib")
    videos = _curated(curated) if curated else _videos(sorted((data / "videos").iterdir()))
    looks = [*videos, *_images(sorted((data / "images").iterdir()))]
    clips = [look for look in looks if look.seconds >= CLIP]
    same, different = _pairs(clips)
    scores = Scores(f"identity: {embedder.name}, {len(clips)} faces, {len(same)} same and {len(different)} other pairs")
    scores.values["same_pairs"] = len(same)
    _rates(np.array(same), np.array(different), scores)
    _clusters(clips, embedder.same_person, scores)
    torn, merged = judge(looks, labels(looks, embedder.same_person))
    scores.lines.append(
        f"with the {len(looks) - len(clips)} tracks under {CLIP:.0f} s, which make no clip, at "
        f"{embedder.same_person:.2f}: {len(torn)} persons torn, {len(merged)} false merges"
    )
    return scores


def _rates(same: np.ndarray, different: np.ndarray, scores: Scores) -> None:
    for name, found in (("same", same), ("different", different)):
        low, middle, high = np.percentile(found, [1, 50, 99])
        scores.lines.append(
            f"{name:9} median {middle:.2f}, 1st percentile {low:.2f}, 99th {high:.2f}, n = {len(found)}"
        )
    scores.lines.append(
        "threshold   missed (95 % interval)      false (95 % interval); pairs share faces: intervals are too narrow"
    )
    for threshold in THRESHOLDS:
        missed, false = int((same > threshold).sum()), int((different <= threshold).sum())
        cells = []
        for hits, of in ((missed, len(same)), (false, len(different))):
            low, high = wilson(hits, of)
            cells.append(f"{100 * hits / of:5.1f} % ({100 * low:4.1f}..{100 * high:4.1f})")
        scores.lines.append(f"{threshold:.2f}        {cells[0]}       {cells[1]}")
        scores.values[f"missed_{threshold:.2f}"] = missed / len(same)
        scores.values[f"false_{threshold:.2f}"] = false / len(different)


def _clusters(looks: Sequence[Look], chosen: float, scores: Scores) -> None:
    near = (round(chosen - 0.02, 2), chosen, round(chosen + 0.02, 2))  # how much hangs on the choice
    for threshold in sorted({*THRESHOLDS, *near}):
        torn, merged = judge(looks, labels(looks, threshold))
        chosen_here = ", the default" if threshold == chosen else ""
        scores.lines.append(
            f"average linkage at {threshold:.2f}{chosen_here}: {len(torn)} persons torn, {len(merged)} false merges"
        )
        if threshold == chosen:
            scores.values |= {"torn": len(torn), "false_merges": len(merged), "threshold": chosen}
            scores.notes += [f"torn: {name}" for name in torn] + [f"false merge: {name}" for name in merged]


def labels(looks: Sequence[Look], threshold: float) -> np.ndarray:
    """The cluster of each face; faces of one frame are kept apart."""
    from perception.clusters import cluster

    apart = [(a, b) for a, b in combinations(range(len(looks)), 2) if _together(looks[a], looks[b])]
    return cluster(np.stack([look.vector for look in looks]), threshold, cannot=apart)


def judge(looks: Sequence[Look], found: np.ndarray) -> tuple[list[str], list[str]]:
    """Persons that lie in more than one cluster, and each person too many in a cluster, by name.

    Args:
        looks: [n].
        found: [n] clusters.

    Returns:
        Names of torn persons; for each cluster of k persons k - 1 merges, the largest person is named first.
    """
    persons = sorted({look.person for look in looks if look.known})
    torn = [
        person
        for person in persons
        if len({int(c) for c, look in zip(found, looks, strict=True) if look.person == person and look.known}) > 1
    ]
    merged = []
    for number in np.unique(found):
        groups: list[list[Look]] = []
        for look in (look for look, c in zip(looks, found, strict=True) if c == number):
            home = next((group for group in groups if all(_may_be_one(look, other) for other in group)), None)
            if home is None:
                groups.append([look])
            else:
                home.append(look)
        groups.sort(key=lambda group: (-len(group), group[0].file))
        merged += [f"{groups[0][0].label} with {group[0].label}" for group in groups[1:]]
    return torn, merged


def _pairs(looks: Sequence[Look]) -> tuple[list[float], list[float]]:
    """Distances of the pairs that are known to be one person, and of those known to be two."""
    same: list[float] = []
    different: list[float] = []
    for a, b in combinations(looks, 2):
        if _unsure(a, b) or (a.file == b.file and not _together(a, b) and not a.known):
            continue
        one = a.person == b.person and a.known and b.known and not _together(a, b)
        (same if one else different).append(float(np.linalg.norm(a.vector - b.vector)))
    return same, different


def _together(a: Look, b: Look) -> bool:
    return a.file == b.file and a.start < b.end and b.start < a.end


def _unsure(a: Look, b: Look) -> bool:
    return any(
        {a.file.startswith(x), b.file.startswith(x)} == {True, False}
        and {a.file.startswith(y), b.file.startswith(y)} == {True, False}
        for x, y in UNSURE
    )


def _may_be_one(a: Look, b: Look) -> bool:
    if a.known and b.known:
        return a.person == b.person
    return _unsure(a, b) or (a.file == b.file and not _together(a, b))


def _person(file: str, place: int) -> tuple[str, bool]:
    if file.startswith(CROWDS):
        return f"{file}/{place}", False
    for start, person in SAME.items():
        if file.startswith(start):
            return person.split()[place if " " in person else 0], True
    return file, True


# --- embedding --------------------------------------------------------------------------------------------------------


def _videos(paths: Sequence[Path]) -> list[Look]:
    """All tracks that a curation would embed; a process per core."""
    found: dict[Path, list[Look]] = {}
    longest_first = sorted(paths, key=lambda path: -path.stat().st_size)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(_tracks, path): path for path in longest_first}
        for done in as_completed(running):
            found[running[done]] = done.result()
            print(f"identity: {len(found)}/{len(paths)} {running[done].name}", file=sys.stderr, flush=True)
    return [look for path in paths for look in found[path]]


def _tracks(path: Path) -> list[Look]:
    """One clip through the stages that embed its faces."""
    from curation.stage import SourceWork
    from curation.stages.embeddings import Embeddings
    from curation.stages.faces import Faces
    from curation.stages.shots import Shots
    from media.decode import feed

    os.environ["OMP_NUM_THREADS"] = "1"
    work = SourceWork("s_0", path.name, path, str(path), "0" * 64, 0, path.parent)
    consumers = [stage.consumer(work) for stage in (Shots(), Faces(), Embeddings(model="dlib"))]
    report = feed(path, consumers)
    for consumer in consumers:
        for name, table in consumer.finish(report).items():
            work.add(name, table)
    return _looks(path.name, work.tables["tracks"].to_pylist(), work.tables["embeddings"].to_pylist())


def _curated(out: Path) -> list[Look]:
    """All tracks that a curation embedded."""
    import manifests

    opened = manifests.open(out)
    rows = {name: opened.table(name).to_pylist() for name in ("sources", "tracks", "embeddings")}
    looks: list[Look] = []
    for source in sorted(rows["sources"], key=lambda row: row["name"]):
        tracks = [row for row in rows["tracks"] if row["source"] == source["id"]]
        inside = {row["id"] for row in tracks}
        looks += _looks(source["name"], tracks, [row for row in rows["embeddings"] if row["id"] in inside])
    return looks


def _looks(file: str, tracks: Sequence[dict], embeddings: Sequence[dict]) -> list[Look]:
    """The faces of a file from its rows of `tracks` and `embeddings`."""
    at, looks = {row["id"]: row for row in tracks}, []
    for place, row in enumerate(embeddings):
        track = at[row["id"]]
        person, known = _person(file, place)
        span = (track["start_frame"], track["end_frame"])
        ticks = track["end_pts"] - track["start_pts"]
        seconds = ticks * track["time_base_num"] / track["time_base_den"]
        vector = np.array(row["vector"])
        looks.append(Look(file, person, known, *span, seconds, track["face_size"], vector))
    return looks


def _images(paths: Sequence[Path]) -> list[Look]:
    """All faces with landmarks, from left to right."""
    import cv2

    from perception.boxes import side
    from perception.embedding import FaceEmbedder
    from perception.faces import FaceDetector
    from perception.landmarks import FaceLandmarker

    embedder, looks = FaceEmbedder.load("dlib"), []
    with FaceDetector.load("full") as full, FaceDetector.load("short") as short, FaceLandmarker.load() as landmarker:
        for path in paths:
            rgb = cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB)
            faces = sorted(full([rgb])[0] or short([rgb])[0], key=lambda face: face.box)
            for place, face in enumerate(faces):
                (mesh,) = landmarker([rgb], [face.box])
                if mesh is not None:
                    vector = embedder([embedder.crop(rgb, mesh.points)])[0]
                    person, known = _person(path.name, place)
                    looks.append(Look(path.name, person, known, 0, 1, float("inf"), side(face.box), vector))
    return looks
