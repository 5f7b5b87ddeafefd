"""The panel's networks: who is here, cheaply; what each is; and each keeps the contract of a member."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import moee_doctor
from perception import members, weights, xception
from perception.errors import PerceptionError
from perception.panel import About, FaceCrop
from tests.perception.test_emotiefflib import Network

NAMES = (
    "fer2013-mini-xception",
    "deepface",
    "emotiefflib/enet_b2_8",
    "emotiefflib/enet_b2_7",
    "emotiefflib/enet_b0_8_best_vgaf",
    "emotiefflib/enet_b0_8_best_afew",
    "libreface",
    "libreface/expression",
    "libreface/action-units",
    "opengraphau/OpenGprahAU-ResNet50_first_stage",
    "opengraphau/OpenGprahAU-ResNet18_first_stage",
)


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder, an empty cache and an empty home."""
    for name in ("weights", "cache", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DEEPFACE_HOME", raising=False)
    return tmp_path / "weights"


def test_without_any_file_there_is_no_network_and_the_registry_s_one_is_missed(nothing: Path) -> None:
    assert members.usable() == ()
    assert members.ABSENT == (xception.MODEL,)
    for name in NAMES:
        with pytest.raises(PerceptionError) as refused:
            members.load(name)
        assert "\n" not in str(refused.value) and ("put" in str(refused.value) or "fetch" in str(refused.value))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_network_is_can_be_known_without_its_file(name: str, nothing: Path) -> None:
    about = members.about(name)
    assert isinstance(about, About) and about.name == name
    assert bool(about.label_set) == bool(about.labels) and bool(about.scale) == bool(about.action_units)
    assert about.labels or about.action_units
    assert about.trained_on and about.licence
    assert len(set(about.action_units)) == len(about.action_units)
    assert about.scale in ("", "intensity", "presence")
    assert about.noncommercial == (name.split("/")[0] in ("emotiefflib", "libreface", "opengraphau"))


def test_its_outputs_are_in_the_order_of_a_known_label_set() -> None:
    emotions = pytest.importorskip("manifests.emotions")
    for name in NAMES:
        about = members.about(name)
        if about.labels:
            known = emotions.label_set(about.label_set)
            assert tuple(known.ours(label) for label in about.labels) == known.classes


@pytest.mark.parametrize("name", ["", "resnet", "facs-mesh", "os", "../xception", "networks"])
def test_another_name_is_refused_in_a_sentence(name: str) -> None:
    for ask in (members.about, members.load):
        with pytest.raises(PerceptionError, match="no network") as refused:
            ask(name)
        assert "\n" not in str(refused.value)


def test_a_file_that_comes_or_changes_is_seen(nothing: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = Network(8, 260).write(nothing / "emotiefflib" / "enet_b2_8.onnx")
    first = members.usable()
    assert [name for name, _ in first] == ["emotiefflib/enet_b2_8"]
    Network(8, 260, seed=9).write(path)
    second = members.usable()
    assert second[0][0] == first[0][0] and second[0][1] != first[0][1]
    path.unlink()
    assert members.usable() == ()


def test_a_network_whose_library_is_missing_is_not_usable(
    nothing: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Network(8, 260).write(nothing / "emotiefflib" / "enet_b2_8.onnx")
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name))
    with caplog.at_level("DEBUG"):
        assert members.usable() == ()
    assert "onnxruntime is not installed" in caplog.text


def test_the_registry_s_network_is_missed_where_its_packages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    if not weights.available(xception.MODEL):
        pytest.skip(f"{xception.MODEL} is not here: moee models fetch {xception.MODEL}")
    assert (members.ABSENT, members.lacks(xception.MODEL)) == ((), ())
    found = importlib.util.find_spec
    for package in ("torch", "h5py"):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, gone=package: None if name == gone else found(name)
        )
        assert xception.MODEL not in dict(members.usable())
        assert (members.ABSENT, members.lacks(xception.MODEL)) == ((xception.MODEL,), (package,))


def test_the_doctor_opens_what_is_here_and_says_why_it_cannot(
    nothing: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    path = Network(8, 260).write(nothing / "emotiefflib" / "enet_b2_8.onnx")

    def finding() -> moee_doctor.Finding:
        return next(each for each in moee_doctor._panel() if each.name == "emotiefflib")

    assert finding().present
    assert finding().detail.startswith("emotiefflib/enet_b2_8: ")
    path.write_bytes(path.read_bytes()[:100])
    moee_doctor._print([finding()])
    said = capsys.readouterr().out
    assert said.startswith("\nemotion panel\n  absent  emotiefflib ")
    assert "emotiefflib/enet_b2_8 is here and cannot be opened: " in said
    assert str(path) in said
    path.unlink()
    assert "is here" not in finding().adds


def test_to_ask_who_is_here_imports_no_network_library() -> None:
    code = (
        "import sys; from perception import members\n"
        "members.usable(); members.ABSENT; [members.about(name) for name in sys.argv[1:]]\n"
        "heavy = {'torch', 'onnxruntime', 'h5py', 'deepface', 'cv2', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, *NAMES], check=True, cwd=Path(weights.__file__).parent.parent)


def test_every_network_of_this_machine_keeps_the_contract() -> None:
    """Real weights where they are: names, hashes, sizes, sums, and refusal of another size."""
    here = members.usable()
    if not here:
        pytest.skip("no network of the panel is on this machine: moee models fetch fer2013-mini-xception")
    for name, sha256 in here:
        member = members.load(name)
        assert member.about == members.about(name)
        assert member.model_hashes == {name: sha256}
        assert isinstance(member.crop, FaceCrop) and member.stride >= 1
        grey = np.full((member.crop.side, member.crop.side, 3), 128, np.uint8)
        looks = member([grey, grey])
        if member.about.labels:
            assert looks.probabilities is not None and looks.probabilities.shape == (2, len(member.about.labels))
            assert np.allclose(looks.probabilities.sum(axis=1), 1, atol=1e-5)
        if member.about.action_units:
            assert looks.action_units is not None and looks.action_units.shape == (2, len(member.about.action_units))
        with pytest.raises(PerceptionError, match="takes crops"):
            member([grey[1:]])
