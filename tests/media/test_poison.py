"""Whatever a file is, reading it ends: something decodes, or one clear sentence says why not."""

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from media.audio import chunks, waveform
from media.cut import CutOptions, cut
from media.decode import Decoder
from media.errors import MediaError
from media.probe import probe
from tests.media.test_decode import fast_start

Material = Callable[[str], Path]
ROOT = Path(__file__).resolve().parents[2]
LONGEST = 20  # seconds that one poisoned file may take


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """Turn a hang into a failure."""

    def stop(signum: int, frame: object) -> None:
        raise TimeoutError("reading a poisoned file did not end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST * 6)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def assert_one_sentence(error: MediaError, path: Path) -> None:
    message = str(error)
    assert message.endswith(".") and message.count(". ") == 0 and "\n" not in message
    assert len(message) < 200 and str(path) not in message and "Traceback" not in message and "av." not in message


def read_everything(path: Path, target: Path) -> int:
    """Frames that decode, having tried all of the package on the file; any error but MediaError is a failure."""
    frames = 0
    start = end = 0
    for attempt in (lambda: probe(path), lambda: list(chunks(path)), lambda: waveform(path, Fraction(0), Fraction(2))):
        try:
            attempt()
        except MediaError as error:
            assert_one_sentence(error, path)
    try:
        with Decoder(path) as decoder:
            for frame in decoder:
                frame.scaled(64)
                frames += 1
            report = decoder.report
        assert report.start_pts is not None and report.end_pts is not None
        start, end = report.start_pts, report.end_pts
    except MediaError as error:
        assert_one_sentence(error, path)
    try:
        cut(path, target, start, max(end, start + 1), CutOptions(preset="ultrafast"))
        assert frames > 0
    except MediaError as error:
        assert_one_sentence(error, path)
        assert frames == 0 or not target.exists()
    return frames


@pytest.mark.parametrize("name", ["fast_start", "h264_vfr", "mpeg1_ps", "transport", "avi_mp3"])
def test_truncated_at_twenty_places(name: str, material: Material, tmp_path: Path) -> None:
    source = fast_start(material("h264_25"), tmp_path / "fast.mp4") if name == "fast_start" else material(name)
    content = source.read_bytes()
    rng = random.Random(name)
    decoded = []
    for place in sorted(rng.sample(range(len(content)), 20)):
        part = tmp_path / f"part{source.suffix}"
        part.write_bytes(content[:place])
        decoded.append(read_everything(part, tmp_path / "clip.mp4"))
        (tmp_path / "clip.mp4").unlink(missing_ok=True)
    assert decoded[-1] > 0
    assert decoded[-1] >= decoded[0]


def test_random_damage(material: Material, tmp_path: Path) -> None:
    rng = random.Random(7)
    for name in ("h264_open_gop", "h264_vfr", "hevc_30", "mpeg1_ps", "mpeg4_16khz", "transport", "avi_mp3"):
        content = bytearray(material(name).read_bytes())
        for _ in range(3):
            for _ in range(40):
                content[rng.randrange(len(content))] = rng.randrange(256)
            path = tmp_path / f"damaged{material(name).suffix}"
            path.write_bytes(content)
            read_everything(path, tmp_path / "clip.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mpg", ".txt", ".m3u8", ".png", ""])
def test_what_is_not_media_is_refused_with_one_sentence(suffix: str, material: Material, tmp_path: Path) -> None:
    rng = random.Random(suffix)
    other = material("transport")
    contents = [
        b"",
        b"\x00",
        rng.randbytes(100_000),
        b"This is text.\n" * 500,
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:{other}\n#EXT-X-ENDLIST\n".encode(),
        f"ffconcat version 1.0\nfile {other}\n".encode(),
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        b"1\n00:00:00,000 --> 00:00:01,000\nHello\n\n" * 20,
        b"\x1b[31m" + b"ANSI art " * 1000,
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
        b"RIFF\xff\xff\xff\xffAVI LIST",
        b"\x1aE\xdf\xa3" + bytes(200),
    ]
    for number, content in enumerate(contents):
        path = tmp_path / f"poison{number}{suffix}"
        path.write_bytes(content)
        with pytest.raises(MediaError) as caught:
            probe(path)
        assert_one_sentence(caught.value, path)
        assert read_everything(path, tmp_path / "clip.mp4") == 0


def test_a_wrong_extension_or_an_odd_name_changes_nothing(material: Material, tmp_path: Path) -> None:
    content = material("no_sound").read_bytes()
    names = [
        "video.txt", "video.png", "video%03d.png", "video.m3u8", "-", "-i", "concat:a|b", "http:x.mp4", "pipe:0",
        "a\nb.mp4", "quote\"'.mp4", "smile\N{GRINNING FACE}.mp4", "fd:", "file:x", "*.mp4", "a\\b.mp4", "%n%s.mp4",
        "lavfi:testsrc", os.fsdecode(b"bytes\xff\xfe.mp4"),
    ]  # fmt: skip
    for name in names:
        path = tmp_path / name
        path.write_bytes(content)
        assert read_everything(path, tmp_path / "clip.mp4") == 60, name
    (tmp_path / "folder").mkdir()
    assert read_everything(tmp_path / "folder" / ".." / "video.txt", tmp_path / "clip.mp4") == 60


def test_folders_pipes_devices_and_absent_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path, tmp_path / "pipe.mp4", Path("/dev/zero"), tmp_path / "absent.mp4", Path("a\0b.mp4")):
        with pytest.raises(MediaError) as caught:
            probe(path)
        assert_one_sentence(caught.value, path)


def test_a_file_without_rights_is_refused(material: Material, tmp_path: Path) -> None:
    path = tmp_path / "locked.mp4"
    path.write_bytes(material("no_sound").read_bytes())
    path.chmod(0)
    if os.geteuid() != 0:
        with pytest.raises(MediaError, match="may not be read"):
            probe(path)
        return
    code = (
        "import os, sys\nfrom pathlib import Path\nimport av\nfrom media.errors import MediaError\n"
        "from media.probe import probe\nos.setgid(65534)\nos.setuid(65534)\n"
        "try:\n    probe(Path(sys.argv[1]))\nexcept MediaError as error:\n    print(error)\n"
    )
    for folder in [tmp_path, *tmp_path.parents]:
        if folder == Path(tempfile.gettempdir()) or folder == folder.parent:
            break
        folder.chmod(folder.stat().st_mode | 0o011)
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "The file may not be read: give this user the right to read it."


def test_nothing_is_printed_by_the_libraries(material: Material, tmp_path: Path) -> None:
    part = tmp_path / "part.mpg"
    part.write_bytes(material("mpeg1_ps").read_bytes()[:30000])
    code = (
        "import sys\nfrom pathlib import Path\nfrom media.cut import cut\nfrom media.decode import feed\n"
        "report = feed(Path(sys.argv[1]), [])\n"
        "cut(Path(sys.argv[1]), Path(sys.argv[2]), report.start_pts, report.end_pts)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(part), str(tmp_path / "clip.mp4")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (result.stdout, result.stderr) == ("", "")
