"""What a system hands in, before and after its videos are decoded: every clip there, in form, its own, and no copy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.systems import System, shown
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.protocol import Protocol
    from benchmark.testset import TestClip, TestSet
    from media.probe import SourceFacts

SUFFIXES: Final = (".mp4", ".mov", ".mkv", ".webm", ".avi")
_SHORT_SOUND: Final = Fraction(1, 2)  # s by which the sound may end before the picture
_COPY_MSE: Final = 255.0**2 / 10**3.8
"""38 dB: x264 at crf 18 leaves 41 dB of real clips, reenactment of a face reaches 25 to 30."""
_COPY_SHARE: Final = 0.5  # of the frames


@dataclass
class Submission:
    """The videos of one system.

    videos: clip id -> its file, for clips without an error so far.
    errors: clip id -> one sentence that names the clip.
    notes: sentences on what was left alone.
    """

    videos: dict[str, Path] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def refuse(self, clip: str, why: str) -> None:
        """A clip's video is not fit to be scored; the first reason stays."""
        self.refuse_said(clip, f"{printable(clip)}: {why}")

    def refuse_said(self, clip: str, sentence: str) -> None:
        """As `refuse`, with a sentence that names the clip already."""
        self.videos.pop(clip, None)
        self.errors.setdefault(clip, sentence)


def gather(
    folder: Path, testset: TestSet, protocol: Protocol, system: System, unmade: Mapping[str, str] | None = None
) -> Submission:
    """Find the videos of a system and check what their containers say; nothing is decoded but a first picture.

    Args:
        folder: holds a file `<clip id>` with one of `SUFFIXES` for every clip of the list.
        unmade: clip -> why there is none.

    Raises:
        BenchmarkError: the folder cannot be read.
    """
    found = _files(folder)
    submission = Submission()
    for clip_id, why in (unmade or {}).items():
        submission.refuse(clip_id, why)
    for clip in testset.clips:
        files = found.pop(clip.id, [])
        if not files:
            submission.refuse(clip.id, f"there is no video for it: put {clip.id}.mp4 into {printable(str(folder))}.")
        elif len(files) > 1:
            names = shown(path.name for path in files)
            submission.refuse(clip.id, f"there is more than one video for it ({names}): leave one.")
        else:
            _check_form(submission, clip, files[0], protocol)
    if found:
        submission.notes.append(f"not in the test list and left alone: {shown(sorted(found))}")
    _check_same_files(submission, testset, system)
    return submission


def _files(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                found[path.stem].append(path)
    except OSError as error:
        raise BenchmarkError(
            f"The videos in {printable(str(folder))} cannot be read: {error.strerror or error}; name the folder that "
            "holds one video per clip of the test list."
        ) from error
    return found


def _check_form(submission: Submission, clip: TestClip, path: Path, protocol: Protocol) -> None:
    from media.errors import MediaError
    from media.probe import probe

    try:
        why = _form(probe(path), clip, protocol)
    except MediaError as error:
        why = f"its file {printable(path.name)} is no video: {error}"
    if why:
        submission.refuse(clip.id, why)
    else:
        submission.videos[clip.id] = path


def _form(facts: SourceFacts, clip: TestClip, protocol: Protocol) -> str | None:
    """Why a container's facts do not fit, or None."""
    video, form = facts.video, protocol.clip
    if video is None:
        return "its file holds no pictures: give a video."
    if [video.width, video.height] != form.size:
        width, height = form.size
        return f"its pictures are {video.width}x{video.height} px where {protocol.name} asks for {width}x{height}."
    if video.frame_rate is not None and abs(video.frame_rate / form.fps - 1) > Fraction(1, 1000):
        return f"it has {float(video.frame_rate):g} frames per second where {protocol.name} asks for {form.fps}."
    if video.frames is not None and video.frames != clip.frames:
        return f"it has {video.frames} frames where its ground truth has {clip.frames}."
    if clip.sound and facts.audio is None:
        return "it has no sound, and its ground truth has: mux the sound that the system was given."
    if clip.sound and facts.audio is not None and facts.audio.duration_pts is not None:
        seconds = facts.audio.duration_pts * facts.audio.time_base
        if seconds < clip.frames / form.fps - _SHORT_SOUND:
            return f"its sound lasts {float(seconds):.2f} s of {float(clip.frames / form.fps):.2f} s."
    return None


def _check_same_files(submission: Submission, testset: TestSet, system: System) -> None:
    """Bytes of another clip's video, or of a ground truth."""
    from manifests.files import file_hash

    hashes = {clip: file_hash(path).sha256 for clip, path in submission.videos.items()}
    truths = {clip.sha256: clip.id for clip in testset.clips}
    if not system.may_copy:
        for clip, sha256 in hashes.items():
            if sha256 in truths:
                submission.refuse(clip, f"its file is the ground truth of {truths[sha256]}, byte for byte.")
    if not system.control:  # controls show one clip under several names
        left = {clip: sha for clip, sha in hashes.items() if clip in submission.videos}
        _refuse_same(submission, left, "file", testset)


def _refuse_same(submission: Submission, digests: Mapping[str, str], what: str, testset: TestSet) -> None:
    """Two clips must not show the same, unless their ground truths do."""
    truth = {clip.id: clip.sha256 for clip in testset.clips}
    first: dict[str, str] = {}
    for clip in sorted(digests):
        other = first.setdefault(digests[clip], clip)
        if other != clip and truth[other] != truth[clip]:
            submission.refuse(clip, f"its {what} is that of {other} again: every clip needs a video of its own.")


def check_pictures(
    submission: Submission, digests: Mapping[str, str], mse: Mapping[str, np.ndarray], testset: TestSet, system: System
) -> None:
    """Refuse what only decoded pictures show: another clip's pictures, and the ground truth's.

    Args:
        digests: clip id -> hash over its decoded pictures.
        mse: clip id -> mean squared difference to the ground truth, per frame (0..255 squared).
    """
    known = {clip: digest for clip, digest in digests.items() if clip in submission.videos}
    if not system.may_copy:
        for clip, errors in mse.items():
            if clip in submission.videos and len(errors) and float((errors < _COPY_MSE).mean()) > _COPY_SHARE:
                submission.refuse(clip, "its pictures are the ground truth's, encoded again: give what was generated.")
    if not system.control:
        _refuse_same(submission, known, "picture", testset)


def refusal(errors: Iterable[str], clips: int) -> str:
    """The sentence with which a run ends that scores nothing."""
    said = list(errors)
    if len(said) == 1:
        return f"{said[0]} Nothing was scored; --allow-failures counts such a clip as the worst score."
    return (
        f"{len(said)} of {clips} clips are not fit to be scored, the first: {said[0]} Nothing was scored; "
        "--allow-failures counts such clips as the worst score."
    )
