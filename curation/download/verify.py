"""A finished file counts only when it holds pictures from beginning to end and lasts as long as it says."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

FIRST = 8  # pictures decoded at the beginning
SLACK = Fraction(2)  # s by which a duration may differ, or 3 % if that is more: sites round, sound may last longer


class NotWholeError(Exception):
    """The file is no whole video; the message is one sentence."""


@dataclass(frozen=True)
class Verified:
    """What a whole file is: px as displayed, and s."""

    width: int
    height: int
    duration: Fraction | None


def verify(path: Path, announced: float | None = None) -> Verified:
    """Look at a file's streams, at every packet, and decode its beginning and its end.

    Args:
        path: the file.
        announced: s, as the site said, or None.

    Raises:
        NotWholeError: it is no video, cut off, damaged at an end, or not as long as announced.
    """
    from media.errors import MediaError
    from media.probe import probe

    try:
        facts = probe(path)
    except MediaError as error:
        raise NotWholeError(f"what came is no media file: {error}") from None
    if facts.video is None:
        raise NotWholeError("what came holds no pictures")
    declared = facts.duration
    try:
        end = _walk(path)
        _decode_ends(path)
    except MediaError as error:
        raise NotWholeError(f"the file cannot be decoded: {error}") from None
    if declared is not None and end is not None and declared - end > _slack(declared):
        raise NotWholeError(f"the file is cut off: it holds {float(end):.1f} s of {float(declared):.1f} s")
    if announced and declared is not None and abs(declared - Fraction(announced)) > _slack(Fraction(announced)):
        raise NotWholeError(f"the file lasts {float(declared):.1f} s and the site announced {announced:.1f} s")
    return Verified(facts.video.width, facts.video.height, declared)


def _slack(seconds: Fraction) -> Fraction:
    return max(SLACK, seconds * Fraction(3, 100))


def _walk(path: Path) -> Fraction | None:
    """Read all packets; returns the s from the first moment of the file to the end of its longest stream."""
    import av

    from media.container import main_audio, main_video, open_media
    from media.errors import MediaError

    ends: list[Fraction] = []
    starts: list[Fraction] = []
    with open_media(path) as container:
        streams = [s for s in (main_video(container), main_audio(container)) if s is not None]
        try:
            for packet in container.demux(streams):
                if packet.pts is None or packet.size == 0:
                    continue
                if packet.is_corrupt:
                    raise MediaError("a packet is cut off")
                starts.append(packet.pts * packet.time_base)
                ends.append((packet.pts + (packet.duration or 0)) * packet.time_base)
                starts, ends = [min(starts)], [max(ends)]
        except av.FFmpegError as error:
            raise MediaError(f"reading stops in the middle ({error.strerror})") from None
    return max(ends) - min(Fraction(0), *starts) if ends else None


def _decode_ends(path: Path) -> None:
    from media.decode import Decoder
    from media.probe import probe

    with Decoder(path) as frames:
        seen = sum(1 for _ in islice(frames, FIRST))
    if not seen:
        raise NotWholeError("not one picture can be decoded")
    video = probe(path).video
    if video is None or not video.duration_pts:
        return
    last = (video.start_pts or 0) + max(0, video.duration_pts - int(Fraction(1, 2) / video.time_base))
    with Decoder(path, start_pts=last) as frames:
        for _ in frames:
            pass
        if frames.report.decode_errors or "truncated" in frames.report.flags:
            raise NotWholeError("the end of the file cannot be decoded")
