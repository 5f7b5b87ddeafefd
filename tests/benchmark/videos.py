"""Ways to spoil a video of a submission, each in one respect only."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from media.cut import CutOptions, cut
from media.probe import probe


def again(
    source: Path,
    target: Path,
    *,
    fps: int = 25,
    size: tuple[int, int] | None = None,
    seconds: Fraction | None = None,
    audio: bool = True,
    crf: int = 18,
) -> Path:
    """The same video encoded again, in another form."""
    video = probe(source).video
    assert video is not None and video.frames is not None and video.frame_rate is not None
    length = seconds or Fraction(video.frames) / video.frame_rate
    end = round(length / video.time_base)
    cut(source, target, 0, end, CutOptions(Fraction(fps), size=size, audio=audio, crf=crf))
    return target


def uneven(source: Path, target: Path) -> Path:
    """The same packets, every fourth picture shown 10 ms late."""
    fine = {"video_track_timescale": "12800"}
    with av.open(str(source)) as given, av.open(str(target), "w", container_options=fine) as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is None or packet.time_base is None:
                continue
            if packet.stream.type == "video":
                place = round(packet.pts * packet.time_base * 25)
                packet.time_base = Fraction(1, 12800)
                packet.pts = packet.dts = place * 512 + (128 if place % 4 == 2 else 0)
                packet.duration = 512
            packet.stream = streams[packet.stream.index]
            made.mux(packet)
    return target


def with_sound(pictures: Path, sound: Path | None, target: Path, seconds: Fraction | None = None) -> Path:
    """One file's packets of pictures with another's of sound, or without; the sound cut after so many seconds."""
    with av.open(str(pictures)) as seen, av.open(str(target), "w") as made:
        video = made.add_stream_from_template(seen.streams.video[0])
        heard = None if sound is None else av.open(str(sound))
        audio = None if heard is None else made.add_stream_from_template(heard.streams.audio[0])
        for packet in seen.demux(seen.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                made.mux(packet)
        if heard is not None and audio is not None:
            for packet in heard.demux(heard.streams.audio[0]):
                if packet.dts is None or (seconds is not None and packet.pts * packet.time_base >= seconds):
                    continue
                packet.stream = audio
                made.mux(packet)
            heard.close()
    return target
