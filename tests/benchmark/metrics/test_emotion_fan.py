"""The literature's accuracy, by hand on a few clips, and E-FID in its 64 coefficients."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmark.features import Clip
from benchmark.metrics import NotApplicable, metric
from manifests.emotions import EMOTIONS
from tests.benchmark.metrics.material import features, one

KEY = "emotion-fan-accuracy"
BLANK = np.full((1, 8), np.nan)


def said(name: str) -> np.ndarray:
    """Probabilities whose likeliest class is `name`."""
    found = np.full((1, 8), 0.05)
    found[0, EMOTIONS.index(name)] = 0.65
    return found


def clip(
    name: str, label: str | None, answer: np.ndarray, truth: str = "happy", face: Sequence[int] = (1, 1, 1, 1)
) -> Clip:
    """The panel would always say sad, which must not matter."""
    real = {"emotion-fan": said(truth), "emotion": said("sad"), "face": np.ones(4, np.uint8)}
    generated = {"emotion-fan": answer, "emotion": said("sad"), "face": np.array(face, np.uint8)}
    return Clip(name, name, label, None, None, real, generated)


def test_a_clip_is_right_when_the_classifier_s_first_choice_is_its_label() -> None:
    found = metric(KEY).compute(features([clip("a", "happy", said("happy")), clip("b", "fear", said("happy"))]))
    assert found.per_clip == {"a": 1, "b": 0} and found.value == 0.5 and found.n == 2
    assert found.details["ceiling"] == 0.5 and found.details["chance"] == 0.5
    assert found.details["per_emotion"] == {"fear": {"value": 0, "n": 1}, "happy": {"value": 1, "n": 1}}
    assert found.name == "emotion-fan-accuracy/emotion-fan-net@0123abcd/v1"


def test_frames_without_a_face_and_clips_without_a_video_are_wrong() -> None:
    half = clip("a", "happy", said("happy"), face=(1, 0, 0, 1))
    none = clip("b", "happy", BLANK, face=(0, 0, 0, 0))
    broken = replace(clip("c", "happy", said("happy")), generated={}, failure="c has no video.")
    found = metric(KEY).compute(features([half, none, broken, clip("d", "happy", said("happy"))]))
    assert found.per_clip == {"a": 0.5, "b": 0, "c": 0, "d": 1}
    assert found.details["failed_clips"] == 1 and found.details["confusion"]["counts"][0][-1] == 2.5


def test_clips_without_a_label_do_not_count() -> None:
    assert metric(KEY).compute(features([clip("a", None, BLANK), clip("b", "sad", said("sad"))])).per_clip == {"b": 1}
    with pytest.raises(NotApplicable, match="labelled with an emotion"):
        metric(KEY).compute(features([clip("a", None, said("happy"))]))


def test_expressions_in_64_coefficients_are_as_far_apart_as_their_means_and_spreads() -> None:
    """Coefficients that are shifted by 1 in 64 dimensions, and twice as wide: 64 + sum (2 s - s)^2 of the sample."""
    rng = np.random.default_rng(0)
    real = [rng.normal(0, 1, (50, 64)) for _ in range(6)]
    centre = np.concatenate(real).mean(axis=0)
    found = metric("efid-deep3d").compute(
        one("expression-deep3d", *[(rows, centre + 1 + 2 * (rows - centre)) for rows in real])
    )
    spread = np.cov(np.concatenate(real), rowvar=False).trace()
    assert found.value == pytest.approx(64 + spread) and found.details["dimensions"] == 64
    assert found.details["rows"] == 300 and found.name == "efid-deep3d/expression-deep3d-net@0123abcd/v1"


def test_frames_without_a_face_are_left_out_of_the_set_and_counted() -> None:
    rng = np.random.default_rng(1)
    rows = [rng.normal(0, 1, (40, 64)) for _ in range(6)]
    holed = [np.where(np.arange(40)[:, None] == 7, np.nan, own) for own in rows]
    found = metric("efid-deep3d").compute(one("expression-deep3d", *zip(rows, holed, strict=True)))
    assert found.details["rows_without_face"] == 6 and found.details["rows"] == 6 * 39
    assert found.value > 0
