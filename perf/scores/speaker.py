"""Whose mouth makes the sound that is heard: own sound against other clips', closed mouths, silence, and the lag.

Nothing is fitted to these clips: no weights, no thresholds. The signals and their filter are those of the field (see
`perception.speaking`); the square root that compresses the flux was taken because it does best on clips that
talking-head models made (`generated/`; on the clips here no compression gives an AUC of 0.92, a logarithm 0.94). The
constant bias of the lag comes from the rendered sample alone, so that no real clip had a part in the constant that
GRID's lags are judged with; the sample's own lags are judged with that of its other videos too.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from perception.flux import Flux
from perception.mouth import STILL, Mouth, motion
from perception.speaking import BIAS_MS, LIKELY, MAX_LAG, Synchrony, offscreen, synchrony
from perf.intervals import auc, auc_interval, wilson
from perf.scores import Scores

TALKING = ("talk_*", "avoffset_*", "expressive_512_child_*")  # one person who talks, with sound (INDEX.md)
OTHER_FILE = {"edtalk_mouth_source_256_silent.mp4": "edtalk_mouth_source.wav"}  # its sound is another file
CLOSED = ("still_*",)  # a mouth that stays shut
MADE = ("gen_dreamtalk_english_neutral_256_*", "gen_edtalk_RD_*", "gen_edtalk_lip_*")  # `generated/`: only for STILL
LISTENER = "bad_two_faces.mp4"  # of the sample: the right face listens
LONG = 5.0  # s
GRID_WITHIN, SAMPLE_WITHIN = 80.0, 40.0  # ms
SHIFTS = tuple(float(shift) for shift in np.linspace(-400, 400, 14))  # ms: no multiples of the sound's 10 ms steps
SAME_SOUND = 0.5  # correlation of two waveforms at their best lag: one recording in two files
PIECE = 300  # steps: closed mouths are judged in pieces of 3 s, the length of a GRID clip
ANY_TIME = ((0.0, 1e6),)


@dataclass(frozen=True)
class Seen:
    """One face of a file and the file's sound.

    file: its name; left: where the face's middle lies, share of the width.
    mouth, sound: on the file's clock; scores: Light-ASD's log odds.
    wave: float32, 16 kHz, from sample `first` of the file's clock on.
    """

    file: str
    left: float
    mouth: Mouth
    sound: Flux
    scores: np.ndarray
    wave: np.ndarray
    first: int

    @property
    def seconds(self) -> float:
        return len(self.mouth.height) / 100


def look(path: Path, sound: Path | None = None) -> list[Seen]:
    """Decode a file once through the stages of curation and give its confirmed faces, the longest first."""
    from curation.stage import PixelStage, SourceWork
    from curation.stages.clip_rows import SourceTables
    from curation.stages.faces import Faces
    from curation.stages.probe import Probe
    from curation.stages.shots import Shots
    from curation.stages.speaking import track_views
    from curation.stages.speaking_pixels import Mouths
    from manifests.schema import empty
    from media.audio import chunks
    from media.decode import feed
    from perception.flux import flux

    work = SourceWork("s_0", path.name, path, path.name, "", path.stat().st_size, path.parent, sound=sound)
    stages: tuple[PixelStage, ...] = (Probe(), Shots(), Faces(), Mouths())
    for stage in stages:
        if stage.run(work) is not None:
            return []
    consumers = [stage.consumer(work) for stage in stages]
    work.report = feed(path, consumers)
    for consumer in consumers:
        for name, table in consumer.finish(work.report).items():
            work.add(name, table)
    work.add("speech", empty("speech"))
    tables = SourceTables(work)
    views = track_views(work, tables)
    heard = list(chunks(sound or path))
    wave = np.concatenate([np.zeros(0, np.float32), *(piece for _, piece in heard)])
    first = heard[0][0] if heard else 0
    found = []
    for track in sorted(tables.tracks, key=lambda track: -track.row["frames"]):
        view = views[track.row["id"]]
        left = float(np.median(track.boxes[:, [0, 2]].mean(axis=1))) / tables.width
        found.append(Seen(path.name, left, view.mouth, flux(heard), view.scores, wave, first))
    return found


def looks(files: Sequence[tuple[Path, Path | None]]) -> dict[str, list[Seen]]:
    """`look` at each file, a process per core; each file's faces by its name."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from manifests.processes import usable_cores

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    order = sorted(files, key=lambda file: -file[0].stat().st_size)
    with ProcessPoolExecutor(min(usable_cores(), len(order)), mp_context=get_context("spawn")) as pool:
        found = list(pool.map(look, *zip(*order, strict=True)))
    return {path.name: faces for (path, _), faces in sorted(zip(order, found, strict=True), key=lambda pair: pair[0])}


def other_sound(mouth: Mouth, other: Seen) -> Flux:
    """Another clip's sound laid under a mouth, repeated where it is shorter: both pairs are equally long."""
    steps = np.arange(-MAX_LAG - 20, len(mouth.height) + MAX_LAG + 20)
    start = other.mouth.first - other.sound.first
    return Flux(mouth.first + int(steps[0]), other.sound.values[(start + steps) % len(other.sound.values)])


def same_sound(one: Seen, other: Seen) -> bool:
    """Whether two files hold one recording."""
    from scipy.signal import fftconvolve

    a, b = (seen.wave.astype(np.float64) for seen in (one, other))
    if not a.any() or not b.any():
        return False
    size = np.sqrt((a @ a) * (b @ b))
    return bool(np.abs(fftconvolve(a, b[::-1])).max() / size > SAME_SOUND)


def margin(match: Synchrony | None) -> float:
    """The score of a pair; no match is no evidence."""
    return match.height.margin if match else 0.0


def measure(data: Path, sample: Path | None = None, made: bool = True, every: int = 1) -> Scores:
    """Judge the talking clips of the test material and the rendered sample.

    Args:
        data: the test material (`videos/`, `audio/`, `generated/`).
        sample: a rendered sample; None renders one.
        made: also look at clips that talking-head models made; they tell where a constant comes from, no more.
        every: of the sample's videos of one speaker, one in so many.
    """
    from curation.sample import render_sample

    scores = Scores("Who speaks: outer lip height against spectral flux, nothing fitted")
    with TemporaryDirectory() as folder:
        if sample is None:
            sample = Path(folder)
            render_sample(sample)
        rows = _truth(sample)
        truth = [row for row in rows if row["kind"] == "good"][::every]
        truth += [row for row in rows if row["kind"] == "two_faces"]
        videos = data / "videos"
        files: list[tuple[Path, Path | None]]
        files = [(path, None) for pattern in (*TALKING, *CLOSED) for path in sorted(videos.glob(pattern))]
        files += [(videos / name, data / "audio" / sound) for name, sound in OTHER_FILE.items()]
        files += [(path, None) for pattern in MADE if made for path in sorted((data / "generated").glob(pattern))]
        files += [(sample / row["file"], None) for row in truth]
        seen = looks([(path, sound) for path, sound in files if path.is_file()])
    real = [path.name for pattern in TALKING for path in sorted(videos.glob(pattern))] + list(OTHER_FILE)
    talking = [seen[name][0] for name in real if seen.get(name)]
    closed = [seen[path.name][0] for pattern in CLOSED for path in sorted(videos.glob(pattern))]
    _own_sound(scores, talking)
    _rejected(scores, talking, closed, seen)
    _grid(scores, talking)
    _sample(scores, truth, seen)
    _origins(scores, truth, seen)
    return scores


def _truth(sample: Path) -> list[dict]:
    from curation.sample.truth import read_truth

    return read_truth(sample).to_pylist()


def _own_sound(scores: Scores, talking: list[Seen]) -> None:
    excluded = {pair for pair in combinations(range(len(talking)), 2) if same_sound(*(talking[i] for i in pair))}
    scores.notes += [f"one recording, no pair: {talking[a].file} and {talking[b].file}" for a, b in sorted(excluded)]
    own, others, told = [], [], []
    scores.lines.append(
        f"{'clip':<51} {'s':>5} {'sync':>5} {'margin':>6} {'chance':>6} {'lag ms':>7} {'best other':>10}"
    )
    for place, clip in enumerate(talking):
        match = synchrony(clip.mouth, clip.sound)
        matches = [
            synchrony(clip.mouth, other_sound(clip.mouth, other))
            for number, other in enumerate(talking)
            if number != place and (min(place, number), max(place, number)) not in excluded
        ]
        own.append(margin(match))
        others.append([margin(found) for found in matches])
        told += [found for found in matches if found]
        lag = "none" if match is None or match.lag_ms is None else f"{match.lag_ms:.0f}"
        chance = match.height.chance if match else 1.0
        peak = match.height.peak if match else 0.0
        scores.lines.append(
            f"{clip.file:<51} {clip.seconds:5.1f} {peak:5.2f} {own[-1]:6.2f} {chance:6.3f} {lag:>7} "
            f"{max(others[-1]):10.2f}"
        )
    long = [place for place, clip in enumerate(talking) if clip.seconds > LONG]
    for name, chosen in (("all", list(range(len(own)))), ("long", long)):
        mine, theirs = [own[place] for place in chosen], [others[place] for place in chosen]
        value, (low, high) = auc(mine, [score for row in theirs for score in row]), auc_interval(mine, theirs)
        scores.values |= {f"auc_{name}": value, f"auc_{name}_low": low, f"auc_{name}_high": high}
        scores.lines.append(
            f"own sound against others, {name}: {len(chosen)} clips, {sum(map(len, theirs))} pairs, "
            f"AUC {value:.3f} [{low:.3f}, {high:.3f}]"
        )
    gated = [match for match in (synchrony(clip.mouth, clip.sound) for clip in talking) if match]
    for name, found in (("own", gated), ("others", told)):
        share, both = np.mean([m.lag_ms is not None for m in found]), np.mean([m.agreed for m in found])
        scores.values[f"lag_told_{name}"] = float(share)
        scores.lines.append(f"a lag is told of {share:.2f} ({name} sound); two signals agree in {both:.2f}")


def speaks(mouth: Mouth, sound: Flux) -> bool:
    """The rule that a recipe would write: offscreen at most 0.5, dubbed at most 0.1; what is null fails."""
    still = offscreen(mouth, ANY_TIME)
    match = synchrony(mouth, sound)
    return still is not None and still <= 0.5 and match is not None and match.height.chance <= LIKELY


def _rejected(scores: Scores, talking: list[Seen], closed: list[Seen], seen: dict[str, list[Seen]]) -> None:
    listener = max(seen.get(LISTENER, []), key=lambda face: face.left, default=None)
    shut = [(face.file, piece) for face in [*closed, *filter(None, [listener])] for piece in pieces(face.mouth)]
    frozen = [
        (clip.file, Mouth(clip.mouth.first, clip.mouth.height * 0 + 0.3, clip.mouth.area * 0)) for clip in talking
    ]
    with_sound = [(mouth, other_sound(mouth, other)) for _, mouth in [*shut, *frozen] for other in talking]
    kept = sum(speaks(mouth, sound) for mouth, sound in with_sound)
    still = [offscreen(mouth, ANY_TIME) for mouth, _ in with_sound]
    muted = sum(speaks(clip.mouth, Flux(clip.sound.first, clip.sound.values * 0)) for clip in talking)
    own = sum(speaks(clip.mouth, clip.sound) for clip in talking)
    low, high = wilson(own, len(talking))
    against = [margin(synchrony(mouth, other_sound(mouth, other))) for _, mouth in shut for other in talking]
    score = auc([margin(synchrony(clip.mouth, clip.sound)) for clip in talking], against)
    moving = [float(np.mean(clip.scores > 0)) for clip in talking if len(clip.scores)]
    quiet = [float(np.mean(face.scores > 0)) for face in [*closed, *filter(None, [listener])] if len(face.scores)]
    scores.values |= {
        "closed_pairs": len(with_sound),
        "closed_kept": kept,
        "closed_least_offscreen": float(min(value or 0.0 for value in still)),
        "muted_kept": muted,
        "own_kept": own / len(talking),
        "auc_closed": score,
    }
    scores.lines += [
        f"closed mouths ({len(shut)} pieces of 3 s, {len(frozen)} frozen) under {len(talking)} voices: "
        f"{kept} of {len(with_sound)} said to speak; offscreen at least {min(value or 0.0 for value in still):.2f}",
        f"own sound against closed mouths: AUC {score:.3f}",
        f"muted: {muted} of {len(talking)} said to speak",
        f"own sound: {own} of {len(talking)} said to speak [{low:.2f}, {high:.2f}]",
    ]
    if moving and quiet:
        scores.values |= {"moving_mouth_least": min(moving), "moving_mouth_closed": max(quiet)}
        scores.lines.append(
            f"moving_mouth (Light-ASD): {len(moving)} talking clips median {np.median(moving):.2f}, least "
            f"{min(moving):.2f}; {len(quiet)} closed at most {max(quiet):.2f}; AUC {auc(moving, quiet):.3f}"
        )


def pieces(mouth: Mouth) -> list[Mouth]:
    """Whole pieces of 3 s."""
    starts = range(mouth.first, mouth.last - PIECE + 1, PIECE)
    return [mouth.between(start, start + PIECE) for start in starts]


def _grid(scores: Scores, talking: Iterable[Seen]) -> None:
    matches = [synchrony(clip.mouth, clip.sound) for clip in talking if "grid" in clip.file]
    lags = [match.lag_ms if match else None for match in matches]
    hits = sum(lag is not None and abs(lag) <= GRID_WITHIN for lag in lags)
    scores.values |= {"grid_clips": len(lags), "grid_hits": hits}
    told = ", ".join("none" if lag is None else f"{lag:.0f}" for lag in lags)
    scores.lines.append(f"lag on GRID (truth 0): {told} ms; {hits} of {len(lags)} within {GRID_WITHIN:.0f} ms")


def _sample(scores: Scores, truth: list[dict], seen: dict[str, list[Seen]]) -> None:
    """Shift the sound of each speaker of the sample by known amounts."""
    errors, outside = [], []
    faces = _speakers(truth, seen)
    raw = [(face.file, synchrony(face.mouth, face.sound), truth_ms) for face, truth_ms in faces]
    biases = {
        name: [m.height.lag_ms - late + BIAS_MS["height"] for n, m, late in raw if m and n != name]
        for name, _, _ in raw
    }
    for face, truth_ms in faces:
        left_out = BIAS_MS["height"] - float(np.median(biases[face.file]))
        for shift in SHIFTS:
            match = synchrony(face.mouth, shifted(face, shift))
            lag = match.lag_ms if match else None
            errors.append(np.inf if lag is None else abs(lag - truth_ms - shift))
            outside.append(np.inf if lag is None else abs(lag + left_out - truth_ms - shift))
    for name, found in (("sample", errors), ("sample_left_out", outside)):
        hits = int(np.sum(np.array(found) <= SAMPLE_WITHIN))
        low, high = wilson(hits, len(found))
        what = "bias of the other videos" if name == "sample_left_out" else "stored bias"
        scores.values |= {f"{name}_share": hits / len(found)}
        scores.lines.append(
            f"lag on the sample, {len(faces)} faces x {len(SHIFTS)} shifts of -400..400 ms, {what}: "
            f"{hits} of {len(found)} within {SAMPLE_WITHIN:.0f} ms [{low:.3f}, {high:.3f}], median error "
            f"{np.median(found):.0f} ms"
        )


def shifted(face: Seen, milliseconds: float) -> Flux:
    """The flux of a file's sound when all of it comes later by some ms, to the sample."""
    from perception.flux import flux

    return flux([(face.first + round(milliseconds * 16), face.wave)])


def _speakers(truth: list[dict], seen: dict[str, list[Seen]]) -> list[tuple[Seen, float]]:
    """The sample's faces that speak, and how late their sound is, ms."""
    found = []
    for row in truth:
        faces = seen.get(row["file"], [])
        if row["kind"] == "two_faces":  # the left one
            faces = [min(faces, key=lambda face: face.left)] if faces else []
        found += [(face, float(row["audio_offset_ms"])) for face in faces]
    return found


def _origins(scores: Scores, truth: list[dict], seen: dict[str, list[Seen]]) -> None:
    """Print what the stored constants come from."""
    speakers = _speakers(truth, seen)
    for name in ("height", "area"):
        off = [
            getattr(match, name).lag_ms + BIAS_MS[name] - late
            for match, late in ((synchrony(face.mouth, face.sound), late) for face, late in speakers)
            if match and getattr(match, name)
        ]
        scores.values[f"bias_{name}"] = float(np.median(off))
        scores.lines.append(
            f"bias of the {name} on the sample: median {np.median(off):.1f} ms ({min(off):.0f}..{max(off):.0f}, "
            f"{len(off)} faces); stored {BIAS_MS[name]:.0f}"
        )
    made = [faces[0] for name, faces in seen.items() if name.startswith("gen_") and faces]
    talk = [np.nanpercentile(motion(face.mouth), 10) for face in [*(face for face, _ in speakers), *made]]
    listener = max(seen.get(LISTENER, []), key=lambda face: face.left, default=None)
    quiet = np.nan if listener is None else np.nanmedian(motion(listener.mouth))
    scores.lines.append(
        f"mouth motion over 1 s: the sample's listener {quiet:.1f} (median); speakers of the sample and made clips "
        f"exceed {min(talk):.1f} in nine tenths of the time; stored limit {STILL:.0f}"
    )


def main() -> None:
    """Print the table."""
    data = Path(os.environ.get("MOEE_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    sample = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    scores = measure(data, sample)
    print(scores.title, *scores.lines, *scores.notes, scores.values, sep="\n")


if __name__ == "__main__":
    main()
