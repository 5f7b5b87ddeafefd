"""Sound lies on the clock of the pictures, sample by sample, whatever the container does with time."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import sound
from media.audio import RATE, chunks, samples, waveform
from media.errors import MediaError
from media.sound import filled, nearest
from tests.media.clips import lag, true_sound
from tests.media.material import RECIPES, Recipe, recipe

Material = Callable[[str], Path]
AUDIBLE = [r for r in RECIPES if r.sound is not None]


def whole_sound(path: Path, seconds: float = 30.0) -> tuple[int, np.ndarray]:
    pieces = list(chunks(path, seconds=seconds))
    at = pieces[0][0]
    for index, piece in pieces:
        assert index == at
        at += len(piece)
    return pieces[0][0], np.concatenate([piece for _, piece in pieces])


@pytest.mark.parametrize("kind", AUDIBLE, ids=lambda r: r.name)
def test_a_waveform_is_the_slice_of_the_whole_sound(kind: Recipe, material: Material) -> None:
    first, whole = whole_sound(material(kind.name), seconds=0.7)
    rng = np.random.default_rng(5)
    for _ in range(6):
        start = Fraction(int(rng.integers(first - 20000, first + len(whole) + 20000)), RATE) + Fraction(1, 90001)
        end = start + Fraction(int(rng.integers(1, 60000)), 29970)
        heard = waveform(material(kind.name), start, end)
        begin = nearest(start * RATE)
        at = np.arange(begin, begin + nearest((end - start) * RATE)) - first
        inside = (at >= 0) & (at < len(whole))
        wanted = np.where(inside, whole[np.clip(at, 0, len(whole) - 1)], 0)
        assert heard.dtype == np.float32 and heard.shape == wanted.shape
        assert np.abs(heard - wanted).max(initial=0) < 1e-5


@pytest.mark.parametrize("kind", [r for r in AUDIBLE if r.name != "avi_mp3"], ids=lambda r: r.name)
def test_a_sample_is_the_sound_at_its_time_at_the_sources_own_rate(kind: Recipe, material: Material) -> None:
    assert kind.sound is not None
    rate = kind.sound.rate
    start = kind.sound.start if kind.name != "negative_start" else Fraction(-3)
    first = nearest(start * rate) - rate // 3
    heard = np.concatenate([p[0] for _, p in samples(material(kind.name), rate, 1, first, first + 2 * rate)])
    wanted = true_sound(material(kind.name), kind, Fraction(first, rate), 2 * rate, rate)
    assert abs(lag(heard, wanted, rate // 10)) <= (1 if kind.exact else rate / 1000)


def tone(path: Path, rate: int, frequency: float = 440.0, seconds: float = 3.0) -> np.ndarray:
    """A sine in a WAV file, from time zero."""
    wave = np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray((wave[None] * 20000).astype(np.int16), layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
    return wave


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_resampling_keeps_time_to_a_fraction_of_a_sample(rate: int, tmp_path: Path) -> None:
    tone(tmp_path / "tone.wav", rate)
    first, heard = whole_sound(tmp_path / "tone.wav")
    assert (first, len(heard)) == (0, 3 * RATE)
    times = np.arange(len(heard)) / RATE
    middle = slice(RATE // 2, -RATE // 2)
    seen = np.angle(np.sum(heard[middle] * np.exp(-2j * np.pi * 440 * times[middle]))) + np.pi / 2
    assert abs(seen) / (2 * np.pi * 440) < 2e-6
    assert np.abs(heard[middle] - np.sin(2 * np.pi * 440 * times[middle]) * 20000 / 32768).max() < 2e-3


def gapped(path: Path, jumps: dict[int, int], rate: int = 16000, packet: int = 1600) -> np.ndarray:
    """Two seconds of a rising ramp in Matroska PCM; before packet k the clock jumps by jumps[k] samples."""
    ramp = (np.arange(2 * rate) % 20000 + 1).astype(np.int16)
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        stream.time_base = Fraction(1, rate)
        shift = 0
        for k, at in enumerate(range(0, len(ramp), packet)):
            shift += jumps.get(k, 0)
            frame = av.AudioFrame.from_ndarray(ramp[None, at : at + packet], layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, at + shift, Fraction(1, rate)
            container.mux(stream.encode(frame))
    return ramp / 32768


def test_gaps_are_zeros_overlaps_are_trimmed_and_rounding_is_neither(tmp_path: Path) -> None:
    ramp = gapped(tmp_path / "gap.mkv", {5: 800, 10: -480, 15: 16})  # 50 ms gap, 30 ms overlap, 1 ms of rounding
    first, heard = whole_sound(tmp_path / "gap.mkv")
    assert first == 0
    assert np.allclose(heard[:8000], ramp[:8000], atol=1e-4)
    assert not heard[8000:8800].any()
    assert np.allclose(heard[8800:16800], ramp[8000:16000], atol=1e-4)
    assert np.allclose(heard[16800 : 16800 + 7000], ramp[16480 : 16480 + 7000], atol=1e-4)
    assert len(heard) == 32000 + 800 - 480


def test_no_sound_is_silence_or_nothing(material: Material, tmp_path: Path) -> None:
    assert list(chunks(material("no_sound"))) == []
    assert not waveform(material("no_sound"), Fraction(-1), Fraction(1)).any()
    assert waveform(material("no_sound"), Fraction(1), Fraction(1)).shape == (0,)
    with pytest.raises(MediaError):
        waveform(tmp_path / "absent.wav", Fraction(0), Fraction(1))


def test_damaged_packets_are_skipped_and_time_goes_on(material: Material, tmp_path: Path) -> None:
    content = bytearray(material("mpeg1_ps").read_bytes())
    for at in range(len(content) // 3, len(content) // 3 + 20000, 37):
        content[at] ^= 0xFF
    (tmp_path / "damaged.mpg").write_bytes(content)
    kind = recipe("mpeg1_ps")
    assert kind.sound is not None
    first = nearest(Fraction(48600, 90000) * kind.sound.rate) + int(3.2 * kind.sound.rate)
    pieces = samples(tmp_path / "damaged.mpg", kind.sound.rate, 1, first, first + kind.sound.rate // 2)
    heard = np.concatenate([piece[0] for _, piece in pieces])
    start = Fraction(first, kind.sound.rate)
    wanted = true_sound(material("mpeg1_ps"), kind, start, len(heard), kind.sound.rate)
    assert abs(lag(heard, wanted, 4000)) <= kind.sound.rate / 1000


def test_seeking_over_a_far_start_hears_the_same(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    path = material("h264_late")  # 12.5 s of sound
    wanted = waveform(path, Fraction(9), Fraction(11))
    monkeypatch.setattr(sound, "SEEK_BEYOND", 1)
    with sound.SoundReader(path, 1, Fraction(9), Fraction(11)) as reader:
        assert next(reader.blocks())[0] > 8 * 44100
    heard = waveform(path, Fraction(9), Fraction(11))
    assert np.corrcoef(heard, wanted)[0, 1] > 0.999
    assert lag(heard, wanted, 1000) == 0


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=6), st.integers(-40, 40), st.integers(0, 120)
)
def test_filled_is_contiguous_and_exact(parts: list[tuple[int, int]], first: int, count: int) -> None:
    blocks, at = [], 0
    for gap, length in parts:
        at += gap
        blocks.append((at, np.arange(at, at + length, dtype=np.float32)[None] + 1000))
        at += length
    pieces = list(filled(iter(blocks), 1, first, first + count))
    begins = np.cumsum([first] + [p.shape[1] for _, p in pieces])
    assert [index for index, _ in pieces] == list(begins[:-1])
    heard = np.concatenate([p[0] for _, p in pieces]) if pieces else np.zeros(0)
    truth = {int(v) - 1000: v for _, block in blocks for v in block[0]}
    assert list(heard) == [truth.get(i, 0) for i in range(first, first + count)]
