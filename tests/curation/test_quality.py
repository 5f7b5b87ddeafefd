"""The stages `quality` and `sound` on a rendered portrait: every column measured, replayed faces give the same rows."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manifests
from manifests.measures import MEASURES
from manifests.schema import measured
from perception import weights
from perception.errors import PerceptionError
from tests.curation.runs import moee, sample_video

NAMES = [field.name for field in MEASURES]
OPTIONAL = {
    "niqe": ("niqe",),
    "palm-detection": ("hands",),
    "hand-landmark": ("hands",),
    "dnsmos": ("mos_sig", "mos_bak", "mos_ovr"),
    "light-asd": ("moving_mouth",),
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking portrait of the embedded sample."""
    return sample_video(tmp_path_factory.mktemp("raw"), "talk.mp4", seconds=4).parent


@pytest.fixture(scope="module")
def done(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("done") / "out"
    assert moee("curate", raw, "--out", out, "--workers", 1).status == 0
    return out


def row(out: Path) -> dict[str, Any]:
    (found,) = manifests.open(out).all_clips.to_dict("records")
    return found


def test_every_measure_can_be_bounded_and_is_null_where_it_is_not_known() -> None:
    for field in MEASURES:
        assert measured()[field.name]
        assert field.nullable
        assert field.metadata[b"unit"]


def test_every_column_is_measured_and_lies_where_it_must(done: Path) -> None:
    clip = row(done)
    missing = {name for model, names in OPTIONAL.items() if not weights.available(model) for name in names}
    missing.add("speakers")  # no diarization here
    assert {name for name in NAMES if math.isnan(clip[name])} == missing
    assert clip["short_side"] == min(clip["source_width"], clip["source_height"])
    source = manifests.open(done).sources.iloc[0]
    assert clip["video_kbps"] == pytest.approx(source["bytes"] * 8 / 1000 / clip["seconds"], rel=0.05)
    assert 0 < clip["face_brightness"] < 255
    for share in ("face_clipped", "occlusion", "text", "logo", "audio_clipping", "music_tones"):
        assert 0 <= clip[share] <= 1, share
    assert abs(clip["yaw"]) < 20
    assert -60 < clip["loudness"] < 0


def test_new_settings_of_quality_decode_again_but_find_no_face_again(raw: Path, done: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "closer.yaml"
    recipe.write_text("name: closer\nstages:\n  quality: {every: 3}\nselect: {}\n")
    shutil.copytree(done, tmp_path / "again")
    again = moee("curate", raw, "--out", tmp_path / "again", "--workers", 1, "--json", "--recipe", recipe)
    fresh = moee("curate", raw, "--out", tmp_path / "fresh", "--workers", 1, "--json", "--recipe", recipe)
    assert (again.status, fresh.status) == (0, 0)
    frames = again.json["frames"]
    assert frames["analysis_decoded"] == frames["source"]
    assert (tmp_path / "again" / "clips.parquet").read_bytes() == (tmp_path / "fresh" / "clips.parquet").read_bytes()
    ran = manifests.open(tmp_path / "again").outcomes.set_index("stage").frames_decoded
    assert ran["quality"] == frames["source"]


def test_missing_optional_models_leave_null_columns_and_a_key_that_says_so(
    raw: Path, done: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache" / "weights"
    cache.mkdir(parents=True)
    try:
        for name in ("blazeface-full", "blazeface-short", "face-mesh"):
            shutil.copy(weights.fetch(name), cache / weights.entry(name).file)
    except PerceptionError as error:
        pytest.skip(f"a model cannot be had here: {error}")
    (tmp_path / "empty").mkdir()
    env = {"MOEE_WEIGHTS": str(tmp_path / "empty"), "MOEE_CACHE": str(tmp_path / "cache")}
    ran = moee("curate", raw, "--out", tmp_path / "out", "--workers", 1, env=env)
    assert ran.status == 0, ran.err
    clip = row(tmp_path / "out")
    assert all(math.isnan(clip[name]) for names in OPTIONAL.values() for name in names)
    assert not math.isnan(clip["loudness"])
    outcomes = manifests.open(tmp_path / "out").outcomes
    models = {stage: list(names) for stage, names in zip(outcomes.stage, outcomes.models, strict=True)}
    assert models["quality"] == ["niqe@absent", "palm-detection@absent", "hand-landmark@absent"]
    assert models["sound"] == ["dnsmos@absent"]


def test_head_motion_is_in_face_widths_per_second() -> None:
    from curation.stages.quality_columns import head_motion

    seconds = np.arange(50) / 25
    left = 40 * seconds  # 40 px a second
    boxes = np.stack([left, np.zeros(50), left + 80, np.full(50, 80)], axis=1)
    assert head_motion(boxes, seconds) == pytest.approx(0.5)
    assert head_motion(boxes[:2], seconds[:2]) is None


def test_the_sound_of_a_clip_is_that_of_its_span() -> None:
    from curation.stages.quality_columns import sound_columns
    from curation.stages.sound import sound_rows
    from curation.stages.spans import Span
    from manifests.schema import table_from_rows

    sound = np.zeros(64_000, np.float32)
    sound[32_000:] = 0.25 * np.sign(np.sin(np.arange(32_000) / 5))
    sound[33_000:33_080] = 1
    rows = sound_rows(iter([(0, sound)]), 16_000, iter([(0, sound)]), 16_000, None)
    table = table_from_rows("sound", [{"source": "s"} | row for row in rows])
    silent, loud = (sound_columns(table, Span(first, first + 32_000)) for first in (0, 32_000))
    assert (silent["loudness"], silent["music_tones"], silent["audio_clipping"]) == (None, None, 0)
    assert loud["loudness"] == pytest.approx(-12, abs=1.5)
    assert loud["audio_clipping"] == pytest.approx(80 / 32_000)
    assert sound_columns(table.slice(0, 0), Span(0, 16_000))["loudness"] is None
