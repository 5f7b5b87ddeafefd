"""Clips for the local site, made by the test: every picture carries its number."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from curation.download import Settings
from tests.media.material import Recipe, Sound, recipe, render, steady

OPTIONS = {"preset": "ultrafast", "crf": "20", "g": "10", "x264-params": "scenecut=0"}
STEADY_RATE = "open-gop=1:scenecut=0:bitrate=2000:nal-hrd=cbr:vbv-maxrate=2000:vbv-bufsize=500"
RECIPES = (
    Recipe("short", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(50, 512), 512, options=OPTIONS, sound=Sound(2)),
    Recipe("pictures", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(50, 512), 512, options=OPTIONS, sound=None),
    recipe("transport"),
    Recipe(
        "long", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(750, 512), 512, sound=Sound(30), size=(640, 480),
        options={**OPTIONS, "preset": "veryfast", "bf": "2", "x264-params": STEADY_RATE},
        mux_options={"movflags": "faststart"},
    ),
)  # fmt: skip


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`short.mp4` (2 s), `long.mp4` (30 s at 2 Mbit/s, open groups of pictures), pictures and sound apart, a stream."""
    folder = tmp_path_factory.mktemp("clips")
    for each in RECIPES:
        render(folder, each)
    with av.open(str(folder / "short.mp4")) as whole, av.open(str(folder / "sound.m4a"), "w", format="mp4") as out:
        stream = out.add_stream_from_template(whole.streams.audio[0])
        for packet in whole.demux(whole.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return folder


@pytest.fixture
def settings() -> Settings:
    """Quick ones, for a local site."""
    return Settings(
        rate=300,
        burst=20,
        parallel=8,
        allow_private=True,
        timeout_seconds=1.0,
        back_off=0.05,
        attempts=5,
        min_free_bytes=0,
        generic_only=True,
    )
