"""A model that is missing, cut off or of the wrong hash: one sentence, the rest goes on and the result says so."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manifests
from curation.missing import missing
from curation.stages.embeddings import Embeddings
from curation.stages.speech import Speech
from perception import weights
from perception.errors import PerceptionError
from tests.curation.runs import moee, sample_video
from tests.perception.speakers import configure

pytestmark = pytest.mark.proof

NEEDED = ("blazeface-full", "blazeface-short", "face-mesh")
STAGES = {  # optional model -> the stage that says so, and the columns of a clip that stay empty
    "dlib-face": ("embeddings", ("identity",)),
    "light-asd": ("mouths", ("moving_mouth",)),
    "niqe": ("quality", ("niqe",)),
    "palm-detection": ("quality", ("hands",)),
    "hand-landmark": ("quality", ("hands",)),
    "fer2013-mini-xception": ("emotions", ("emotion_agreement",)),  # the mesh alone is left
    "dnsmos": ("sound", ("mos_sig", "mos_bak", "mos_ovr")),
}
MEASURED = ("face_sharpness", "occlusion", "loudness", "speech_share", "sync", "mouth_motion", "yaw")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_video(tmp_path_factory.mktemp("raw"), "talk.mp4", seconds=3).parent


@pytest.fixture(scope="module")
def needed() -> dict[str, Path]:
    try:
        return {name: weights.fetch(name) for name in NEEDED}
    except PerceptionError as error:
        pytest.skip(f"a model cannot be had here: {error}")


def spoil(data: bytes, how: str) -> bytes:
    half = len(data) // 2
    return data[:half] if how == "cut off" else data[:half] + bytes([data[half] ^ 0xFF]) + data[half + 1 :]


def spoil_registry(folder: Path, how: str) -> None:
    """Put the optional models of the registry there, spoilt: real ones where this machine has them."""
    for name in STAGES:
        entry = weights.entry(name)
        data = weights.find(name).read_bytes() if weights.available(name) else bytes(entry.bytes)
        (folder / entry.file).write_bytes(spoil(data, how))


def spoil_pyannote(folder: Path, how: str) -> None:
    """A pipeline's folder with one bad file; the others are whole, if made up."""
    import torch

    for role in ("segmentation", "embedding"):
        (folder / role).mkdir(parents=True)
        held = {"pyannote.audio": {"architecture": {"module": "pyannote.audio.models.made_up"}}, "w": torch.zeros(999)}
        torch.save(held, folder / role / "pytorch_model.bin")
    (folder / "plda").mkdir()
    for name in ("xvec_transform", "plda"):
        np.savez(folder / "plda" / f"{name}.npz", mu=np.zeros(3))
    configure(folder)
    bad = folder / "embedding" / "pytorch_model.bin"
    bad.write_bytes(spoil(bad.read_bytes(), how))


def machine(folder: Path, needed: dict[str, Path], how: str) -> dict[str, str]:
    """A machine on which every optional model is so; its environment."""
    cache, own = folder / "cache" / "weights", folder / "weights"
    cache.mkdir(parents=True)
    own.mkdir()
    for name, path in needed.items():
        shutil.copy(path, cache / weights.entry(name).file)
    if how != "missing":
        spoil_registry(cache, how)
        spoil_pyannote(own / "pyannote" / "mine", how)
        pack = own / "insightface" / "buffalo_l"
        pack.mkdir(parents=True)  # a network of the published name, or of another one
        (pack / ("w600k_r50.onnx" if how == "changed" else "network.onnx")).write_bytes(b"\xff" * 999)
    return {
        "MOEE_WEIGHTS": str(own),
        "MOEE_CACHE": str(folder / "cache"),
        "INSIGHTFACE_HOME": str(folder / "nothing"),
        "HF_HOME": str(folder / "nothing"),
    }


@pytest.mark.parametrize("how", ["missing", "cut off", "changed"])
def test_a_run_goes_on_without_every_optional_model(
    raw: Path, needed: dict[str, Path], tmp_path: Path, how: str, table: Callable[[str], None]
) -> None:
    env = machine(tmp_path, needed, how)
    recipe = tmp_path / "recipe.yaml"
    named = tmp_path / "weights" / "pyannote" / "mine"
    recipe.write_text(f"name: bare\nstages:\n  speech: {{diarization: '{named}'}}\nselect: {{}}\n")
    out = tmp_path / "out"
    ran = moee("curate", raw, "--out", out, "--workers", 2, "--json", "--recipe", recipe, env=env)
    assert ran.status == 0, ran.err
    assert ran.json["clips"] == 1
    lines = ran.err.splitlines()
    spoken = {name: [line for line in lines if line.startswith(f"{name} is not ")] for name in STAGES}
    spoken["pyannote"] = [line for line in lines if str(named) in line]
    if how != "missing":
        spoken["insightface"] = [line for line in lines if str(tmp_path / "weights" / "insightface") in line]
    for name, sentences in spoken.items():
        assert len(sentences) == 1, f"{name}: {ran.err}"
    assert sorted(ran.json["missing"]) == sorted(sentence for said in spoken.values() for sentence in said)
    table(f"{how}: {len(spoken)} models, one sentence each")
    check_result(out)
    assert moee("manifest", "validate", out).status == 0


def check_result(out: Path) -> None:
    """The outcomes name what was absent, its columns are null, everything else is measured."""
    opened = manifests.open(out)
    models: dict[str, list[str]] = {}
    for stage, names in zip(opened.outcomes.stage, opened.outcomes.models, strict=True):
        models.setdefault(stage, []).extend(names)
    (clip,) = opened.all_clips.to_dict("records")
    for name, (stage, columns) in STAGES.items():
        assert f"{name}@absent" in models[stage]
        assert all(empty(clip[column]) for column in columns), name
    assert models["speech"][0] == "pyannote@absent"
    speech = opened.table("speech").to_pylist()
    assert speech
    assert {(row["speaker"], row["model"]) for row in speech} == {(None, "voice-activity")}
    assert opened.table("embeddings").num_rows == 0
    assert clip["status"] == "kept"
    assert not [column for column in MEASURED if empty(clip[column])]


def empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def test_a_pack_or_pipeline_that_is_asked_for_by_name_and_missing_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path / "nothing"))
    stages = (Embeddings(model="insightface"), Speech(diarization=str(tmp_path / "gone")))
    assert [stage.models()[0] for stage in stages] == ["insightface@absent", "pyannote@absent"]
    first, second = missing(stages)
    assert first.startswith("insightface ")
    assert str(tmp_path / "gone") in second
