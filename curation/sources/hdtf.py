"""HDTF's annotation files as inputs: a URL or local file per video, its exact spans and their normalised crops.

Four files per subset (RD, WDA, WRA), one line each, parts separated by spaces, the first part with `.mp4` except in the
first file (github.com/MRzzm/HDTF; Zhang et al., CVPR 2021):

    <subset>_video_url.txt       name, URL
    <subset>_annotion_time.txt   name, mm:ss-mm:ss of clip 0, of clip 1, ...
    <subset>_crop_wh.txt         name_clip, left, width, top, height in px
    <subset>_resolution.txt      name, height of the stream that the boxes were made for (absent: 720)
    <subset>_crop_ratio.txt      name_clip, zoom of a square around the landmarks: the other way to crop, see `zoomed`
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from curation.errors import CurationError
from curation.sources.inputs import Input, Label, printable
from curation.sources.walk import Note, quiet, videos

SUBSETS = ("RD", "WDA", "WRA")
HEIGHT = 720  # the boxes fit the 720p stream where no file says otherwise (MRzzm/HDTF issue 2)
_RUNGS = (144, 240, 360, 480, 720, 1080, 1440, 2160)  # YouTube's heights of 16:9 pictures
_TIME = re.compile(r"(?:(\d+):)?(\d{1,3}):([0-5]?\d(?:\.\d+)?)")


@dataclass(frozen=True)
class Lines:
    """The files of one subset by name of video or clip; each value is the rest of its line.

    Attributes:
        crops: None where the file is missing: then no clip has a box, else a clip without one is set aside.
    """

    subset: str
    urls: dict[str, list[str]]
    times: dict[str, list[str]]
    crops: dict[str, list[str]] | None
    heights: dict[str, list[str]]
    ratios: dict[str, list[str]]
    twice: tuple[str, ...]


def list_inputs(folders: Sequence[Path], out: Path, only: str | None = None, note: Note = quiet) -> list[Input]:
    """Every video that HDTF's annotations name, and every line that fits no other as a failed input.

    A video that lies in one of the folders as `<subset>_<name>.<suffix>` (or `<subset>/<name>.<suffix>`) is taken from
    there; any other is to be downloaded.

    Args:
        folders: with the annotation files in one of them (or in its HDTF_dataset/), videos anywhere below them.
        out: the manifest's folder, left out.
        only: one subset, or None for all that are there.
        note: told of local videos that no annotation names.

    Raises:
        CurationError: no annotation file is there, or one cannot be read.
    """
    gone = next((folder for folder in folders if not folder.is_dir()), None)
    if gone is not None:
        raise CurationError(f"{printable(gone)!r} is no folder: give the folder with HDTF's annotation files")
    places = [place for folder in folders for place in (folder, folder / "HDTF_dataset")]
    wanted = [only] if only else list(SUBSETS)
    found = [(place, subset) for subset in wanted for place in places if _file(place, subset, "video_url").is_file()]
    if not found:
        raise CurationError(
            f"{printable(folders[0])!r} holds none of HDTF's annotation files ({wanted[0]}_video_url.txt, ...): "
            "give the folder HDTF_dataset of github.com/MRzzm/HDTF"
        )
    local = _local_files(folders, out)
    read_files = [read(place, subset) for place, subset in found]
    inputs = [item for lines in read_files for item in _subset(lines, local)]
    guessed = [name for lines in read_files if lines.crops for name in lines.times if not _height(lines, name)]
    if guessed:
        note(
            f"no stream height is given for {len(guessed)} videos, taken as {HEIGHT}, such as {', '.join(guessed[:3])}"
        )
    stray = sorted(set(local.values()) - {item.path for item in inputs if item.path})
    if stray:
        first = ", ".join(printable(path.name) for path in stray[:3])
        note(f"{len(stray)} local videos that no annotation of HDTF names were left out, such as {first}")
    return inputs


def read(folder: Path, subset: str) -> Lines:
    """The annotation files of one subset, as they are.

    Raises:
        CurationError: the file of URLs or of time stamps is missing, or one is not text.
    """
    twice: list[str] = []
    urls, times, crops, heights, ratios = (
        _table(_file(folder, subset, kind), kind in ("video_url", "annotion_time"), twice)
        for kind in ("video_url", "annotion_time", "crop_wh", "resolution", "crop_ratio")
    )
    return Lines(subset, urls or {}, times or {}, crops, heights or {}, ratios or {}, tuple(twice))


def _file(folder: Path, subset: str, kind: str) -> Path:
    return folder / f"{subset}_{kind}.txt"


def _table(path: Path, needed: bool, twice: list[str]) -> dict[str, list[str]] | None:
    if not path.is_file() and not needed:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # one of the published files begins with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise CurationError(f"the HDTF file {printable(path.name)!r} cannot be read ({error})") from None
    table: dict[str, list[str]] = {}
    for parts in (line.split() for line in lines):
        if parts and parts[0].removesuffix(".mp4") in table:
            twice.append(f"{path.name}: {parts[0]}")
        elif parts:
            table[parts[0].removesuffix(".mp4")] = parts[1:]
    return table


def _local_files(folders: Sequence[Path], out: Path) -> dict[str, Path]:
    """Local videos by `<subset>_<name>`."""
    files: dict[str, Path] = {}
    for path in (item.path for item in videos(folders, out, quiet) if item.path and not item.error):
        files.setdefault(path.stem, path)
        if path.parent.name in SUBSETS:
            files.setdefault(f"{path.parent.name}_{path.stem}", path)
    return files


def _subset(lines: Lines, local: dict[str, Path]) -> Iterator[Input]:
    subset = lines.subset
    for entry in lines.twice:
        yield _failed(f"{subset} {entry}", "the name stands twice in that file: remove one of its lines")
    for name, rest in lines.urls.items():
        video = f"{subset}_{name}"
        if name not in lines.times:
            yield _failed(video, f"{subset}_annotion_time.txt has no line for it: nothing says which part to take")
            continue
        labels, problems = _labels(lines, name)
        yield from (_failed(clip, sentence) for clip, sentence in problems)
        path = local.get(video)
        if not labels:
            if not problems:
                yield _failed(video, f"its line in {subset}_annotion_time.txt has no time stamps")
        elif path is None and len(rest) != 1:
            yield _failed(video, f"its line in {subset}_video_url.txt is not a name and a URL")
        elif path is None:
            yield Input(None, video, url=rest[0], labels=labels)
        else:
            yield Input(path, printable(path.name), labels=labels)
    yield from _unmatched(lines)


def _unmatched(lines: Lines) -> Iterator[Input]:
    """Lines of the other files whose video or clip nobody names."""
    subset = lines.subset
    for name in lines.times:
        if name not in lines.urls:
            yield _failed(f"{subset}_{name}", f"{subset}_video_url.txt has no line for it, so nothing can be fetched")
    for clip in lines.crops or {}:
        name, _, index = clip.rpartition("_")
        known = index.isdigit() and int(index) < len(lines.times.get(name, ()))
        if not known:
            yield _failed(f"{subset}_{clip}", f"{subset}_crop_wh.txt has a box for it, but it has no time stamps")


def _failed(name: str, error: str) -> Input:
    return Input(None, printable(name), error)


def _labels(lines: Lines, name: str) -> tuple[tuple[Label, ...], list[tuple[str, str]]]:
    """The labels of a video, and what is wrong with each clip that has none: its name and one sentence."""
    labels, problems = [], []
    for index, stamp in enumerate(lines.times[name]):
        clip = f"{name}_{index}"
        try:
            start, end = span(stamp)
            crop, size = _crop(lines, name, clip)
        except ValueError as error:
            problems.append((f"{lines.subset}_{clip}", str(error)))
            continue
        who = person(lines.subset, name)
        labels.append(Label("hdtf", start, end, crop, size, identity=who, take=str(index)))
    return tuple(labels), problems


def span(stamp: str) -> tuple[Fraction, Fraction]:
    """`00:20-01:35` as exact seconds.

    Raises:
        ValueError: it is not two times, or they are the wrong way round.
    """
    first, dash, last = stamp.partition("-")
    times = [_TIME.fullmatch(part) for part in (first, last)]
    if not dash or None in times:
        raise ValueError(f"its time stamps {printable(stamp)!r} are not of the form mm:ss-mm:ss")
    start, end = (
        int(time[1] or 0) * 3600 + int(time[2]) * 60 + Fraction(time[3]) for time in times if time is not None
    )
    if end <= start:
        raise ValueError(f"its time stamps {printable(stamp)!r} end before they begin")
    return Fraction(start), Fraction(end)


def person(subset: str, name: str) -> str | None:
    """Who speaks: in WDA and WRA the name without its number; RD's names are numbers of videos, not of people."""
    return None if subset == "RD" else name.rstrip("0123456789") or None


def _crop(
    lines: Lines, name: str, clip: str
) -> tuple[tuple[float, float, float, float] | None, tuple[int, int] | None]:
    """The clip's normalised box and the size of the picture that it was made for."""
    if lines.crops is None:
        return None, None
    if clip not in lines.crops:
        raise ValueError(
            f"{lines.subset}_crop_wh.txt has no box for it: the authors left it out, and so does this recipe"
        )
    numbers = lines.crops[clip]
    if len(numbers) != 4 or not all(number.isdecimal() for number in numbers):
        raise ValueError(f"its line in {lines.subset}_crop_wh.txt is not four whole numbers: left, width, top, height")
    left, width, top, height = map(int, numbers)
    size = picture(_height(lines, name))
    if not (width and height and left + width <= size[0] and top + height <= size[1]):
        box = f"{width}x{height} at {left},{top}"
        raise ValueError(f"its box of {box} lies outside the {size[0]}x{size[1]} picture it was made for")
    return (left / size[0], top / size[1], (left + width) / size[0], (top + height) / size[1]), size


def _height(lines: Lines, name: str) -> int:
    """Of the stream that a video's boxes were made for; 0 when the file does not say."""
    line = lines.heights.get(name, [])
    return int(line[0]) if len(line) == 1 and line[0].isdecimal() else 0


def picture(height: int) -> tuple[int, int]:
    """Width and height of the stream that the boxes of a video were made for.

    Only the height is published. The width is that of YouTube's 16:9 step of that height, or of the next one above: a
    picture wider than 16:9 keeps the step's width and loses height (1280x714).

    Args:
        height: px; 0 when it is not known, which is taken as 720.
    """
    height = height or HEIGHT
    step = next((rung for rung in _RUNGS if rung >= height), height)
    return round(step * 16 / 9 / 2) * 2, height


def zoomed(points: np.ndarray, zoom: float, width: int, height: int) -> tuple[float, float, float, float]:
    """HDTF's other crop: the square around all landmarks of a clip, enlarged by its `crop_ratio`.

    It needs a clip's landmarks, so it cannot be a label; which landmarks the authors used, and how they round, is not
    published, so the result is near theirs and not equal.

    Args:
        points: [frames, points, 2] px of the displayed picture.
        zoom: the clip's number in `<subset>_crop_ratio.txt`.
        width: of the displayed picture, px.
        height: likewise.

    Returns:
        x0, y0, x1, y1 in [0, 1] of width and height; square in pixels, moved and shrunk to lie inside the picture.
    """
    flat = points.reshape(-1, points.shape[-1])[:, :2]
    low, high = flat.min(axis=0), flat.max(axis=0)
    side = min(float((high - low).max()) * zoom, width, height)
    left, top = np.clip((low + high) / 2 - side / 2, 0, (width - side, height - side))
    return float(left / width), float(top / height), float((left + side) / width), float((top + side) / height)


def ratios(folder: Path, subset: str, warn: Callable[[str], None] = lambda text: None) -> dict[str, float]:
    """The zoom of each clip (`<name>_<index>`) for `zoomed`; a line that is no number is told to `warn`."""
    found = {}
    for clip, rest in read(folder, subset).ratios.items():
        try:
            (found[clip],) = map(float, rest)
        except ValueError:
            warn(f"{subset}_crop_ratio.txt: the line of {printable(clip)} is not a name and a number")
    return found
