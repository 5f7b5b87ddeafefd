"""What a training began with and was trained on is written beside its model, by name and hash, without any place."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from moee_model import lineage
from moee_model.errors import ModelError


@dataclass(frozen=True)
class Clip:
    id: str
    licence: str | None = None


@dataclass(frozen=True)
class Data:
    place: str
    clips: tuple[Clip, ...]


def weights(folder: Path, name: str = "diffusion_pytorch_model.safetensors") -> bytes:
    folder.mkdir(parents=True)
    content = folder.name.encode() * 100
    (folder / name).write_bytes(content)
    return content


def test_weights_are_noted_by_name_and_hash_and_clips_by_licence(tmp_path: Path) -> None:
    place = tmp_path / "home" / "stable-diffusion-v1-5"
    content, out = weights(place / "unet"), tmp_path / "run"
    lineage.begin(out, {"unet": str(place)})
    clips = tuple(
        Clip(f"c{n}", said) for n, said in enumerate(["CC-BY-4.0", "CC-BY-4.0", " mit ", None, "", "Unknown"])
    )
    data: Any = Data(str(tmp_path / "home" / "dataset"), (*clips, Clip("not-used", "GPL-3.0")))
    written = lineage.trained_on(out, data, clips)  # type: ignore[arg-type]
    assert written is not None and written == (out / "lineage.json").read_bytes()
    assert str(tmp_path) not in written.decode()
    file = {"name": "diffusion_pytorch_model.safetensors", "bytes": len(content)}
    file["sha256"] = hashlib.sha256(content).hexdigest()
    assert json.loads(written) == {
        "began_with": {"unet": {"name": "stable-diffusion-v1-5", "files": [file]}},
        "dataset": None,
        "clips": 6,
        "licences": {"CC-BY-4.0": 2, "mit": 1},
        "unlicensed": 3,
    }
    assert lineage.trained_on(out, data, clips) == written, "a rerun says the same"  # type: ignore[arg-type]


def test_a_run_without_public_weights_says_so_and_one_that_nobody_noted_says_nothing(tmp_path: Path) -> None:
    data: Any = Data("org/dataset", ())
    assert lineage.trained_on(tmp_path / "old", data, []) is None
    lineage.begin(tmp_path / "run", {})
    written = lineage.trained_on(tmp_path / "run", data, [])
    assert written is not None
    found = json.loads(written)
    assert (found["began_with"], found["dataset"], found["clips"]) == ({}, "org/dataset", 0)


def test_weights_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder or file"):
        lineage.begin(tmp_path / "run", {"motion": str(tmp_path / "nowhere")})
