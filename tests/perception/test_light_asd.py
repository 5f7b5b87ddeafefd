"""Light-ASD: the published network's own answers, its sound features, its crops, and a file that is something else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from perception.errors import PerceptionError
from perception.light_asd import BACKGROUND, SIDE, LightAsd, cepstra, crop
from tests.perception.conftest import need

FRAMES = 25
# What the authors' program (Junhua-Liao/Light-ASD, ed38c23) and python_speech_features 0.6 say of `mouth` and `tone`.
HEARD = [2.7755, 3.0006, 2.8927, 2.9865, 3.1844, 3.2216, 3.2841, 3.4051, 3.4574, 3.6422, 3.9000, 3.8513, 3.8911,
         3.9466, 4.0681, 4.0424, 4.1137, 4.1295, 4.2879, 4.3099, 3.9162, 3.9531, 3.9835, 3.8652, 3.8359]  # fmt: skip
SEEN = [3.3489, 3.4847, 4.4550, 6.1421, 5.7412, 6.1219, 6.7626, 7.7504, 4.8294, 3.3778, 3.7748, 3.8376, 5.6775,
        8.3474, 6.3254, 6.4064, 7.3363, 6.1764, 3.9461, 3.3029, 3.2882, 3.3239, 4.0226, 4.0462, 2.5335]  # fmt: skip
CEPSTRA = {
    0: [17.274, 21.256, 11.524, 4.92, -1.76, -9.223, -15.448, -21.302, -24.542, -25.914, -23.723, -20.418, -15.863],
    50: [19.426, 5.05, -28.94, -31.477, 0.418, 28.549, 20.014, -13.357, -27.733, -8.323, 17.718, 17.029, -4.344],
    99: [21.157, -13.26, -37.202, 10.787, 28.395, -19.98, -24.654, 21.828, 14.369, -27.63, -11.014, 20.97, 0.338],
}


def mouth() -> np.ndarray:
    """[25, 112, 112] something that opens and shuts in the middle of a picture with texture."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.stack(
        [
            np.clip(
                130
                + 60 * np.sin(x / 9) * np.cos(y / 13)
                - 90 * np.exp(-(((x - 56) / 22) ** 2) - ((y - 62) / (4 + 10 * np.sin(k / 3) ** 2)) ** 2),
                0,
                255,
            )
            for k in range(FRAMES)
        ]
    ).astype(np.uint8)


def tone() -> np.ndarray:
    """1.015 s of a tone that rises and swells."""
    t = np.arange(16_240) / 16_000
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * t)
    return (0.3 * np.sin(2 * np.pi * (200 * t + 900 * t**2)) * swell).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> Iterator[LightAsd]:
    need("light-asd")
    with LightAsd.load() as model:
        yield model


def test_the_cepstra_are_those_of_python_speech_features() -> None:
    found = cepstra(tone())
    assert found.shape == (4 * FRAMES, 13)
    for row, expected in CEPSTRA.items():
        assert found[row] == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 401, 560, 16_000])
def test_any_length_has_cepstra_also_of_silence(samples: int) -> None:
    found = cepstra(np.zeros(samples, np.float32))
    assert found.shape == (1 + max(0, -(-(samples - 400) // 160)), 13)
    assert np.isfinite(found).all()


def test_the_network_answers_as_the_authors_program_does(network: LightAsd) -> None:
    assert network(mouth(), cepstra(tone())) == pytest.approx(HEARD, abs=2e-3)
    assert network(mouth()) == pytest.approx(SEEN, abs=1e-3)


def test_pictures_now_and_sound_later_is_the_same_as_both_at_once(network: LightAsd) -> None:
    kept = network.look(mouth())
    assert kept.shape == (FRAMES, 128) and kept.dtype == np.float32
    assert np.array_equal(network.judge(kept, cepstra(tone())), network(mouth(), cepstra(tone())))


def test_a_still_picture_does_not_speak(network: LightAsd) -> None:
    frozen = np.repeat(mouth()[:1], FRAMES, axis=0)
    assert (network(frozen, cepstra(np.zeros(16_240, np.float32))) < 0).all()


@pytest.mark.parametrize("spoil", ["missing", "extra", "shape", "list"])
def test_a_file_that_holds_something_else_is_refused(spoil: str, tmp_path) -> None:
    import torch

    state = torch.load(need("light-asd"), map_location="cpu", weights_only=True)
    if spoil == "missing":
        del state["lossV.FC.bias"]
    elif spoil == "extra":
        state["lossV.FC.more"] = torch.zeros(2)
    elif spoil == "shape":
        state["model.GRU.gru_forward.bias_ih_l0"] = torch.zeros(3)
    torch.save([1] if spoil == "list" else state, tmp_path / "some.model")
    with pytest.raises(PerceptionError, match="Light-ASD"):
        LightAsd.load(path=tmp_path / "some.model")


def test_a_damaged_file_is_one_sentence(tmp_path) -> None:
    (tmp_path / "some.model").write_bytes(b"PK\x03\x04 this is no archive")
    with pytest.raises(PerceptionError, match=r"some\.model is no state of Light-ASD"):
        LightAsd.load(path=tmp_path / "some.model")


def test_a_crop_shows_the_same_of_a_near_and_of_a_far_face() -> None:
    def picture(scale: float) -> np.ndarray:
        y, x = np.mgrid[: round(600 * scale), : round(600 * scale)] / scale
        return (128 + 100 * np.sin(x / 40) * np.cos(y / 55)).astype(np.uint8)

    small = crop(picture(0.5), (100, 90, 190, 180)).astype(int)
    for scale in (1.0, 2.0, 4.0):
        near = crop(picture(scale), tuple(edge * 2 * scale for edge in (100, 90, 190, 180))).astype(int)
        assert np.abs(near - small).mean() < 2.5


def test_a_crop_is_the_lower_face_and_grey_beside_the_picture() -> None:
    marked = np.full((200, 200, 3), 255, np.uint8)
    found = crop(marked, (-60, 50, 40, 150))
    assert found.shape == (SIDE, SIDE)
    # the square is 70 px wide, from x = -45 and y = 85 on: a share of 45 / 70 lies beside the picture
    edge = np.flatnonzero(found[60] == 255).min()
    assert edge == pytest.approx(45 / 70 * SIDE, abs=1.5)
    assert (found[:, : edge - 2] == BACKGROUND).all()
    assert (crop(marked, (500, 500, 600, 600)) == BACKGROUND).all()
    below = crop(marked[:120], (50, 50, 150, 150))[:, 60]  # the square reaches from y = 85 to 155, the picture to 120
    assert np.flatnonzero(below == BACKGROUND).min() == pytest.approx(35 / 70 * SIDE, abs=1.5)
