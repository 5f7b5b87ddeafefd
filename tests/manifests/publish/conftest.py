"""One manifest of real small videos, and the folder that it is published to in each form."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when `datasets` is imported: nothing here asks the hub

from manifests.publish import publish
from tests.manifests.publish.material import films, make

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six kept clips of four persons in three splits, one of them set aside; not to be changed."""
    return make(tmp_path_factory.mktemp("publish") / "dataset", films())


@pytest.fixture
def own_manifest(manifest: Path, tmp_path: Path) -> Path:
    """The same, free to be damaged."""
    return Path(shutil.copytree(manifest, tmp_path / "dataset"))


@pytest.fixture(scope="session")
def hub(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest published in the hub form; not to be changed."""
    folder = tmp_path_factory.mktemp("publish") / "hub"
    publish(manifest, folder)
    return folder


@pytest.fixture(scope="session")
def dh(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest published in the form of DH-FaceEmoVid-150; not to be changed."""
    folder = tmp_path_factory.mktemp("publish") / "dh"
    publish(manifest, folder, form="dh-faceemovid-150")
    return folder


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Any]:
    """`datasets.load_dataset` with its cache in a folder of the test."""
    datasets = pytest.importorskip("datasets", reason="reads what was published: pip install datasets torchcodec")
    datasets.disable_progress_bars()

    def loaded(folder: Path, *arguments: Any, **options: Any) -> Any:
        return datasets.load_dataset(str(folder), *arguments, cache_dir=str(tmp_path / "cache"), **options)

    return loaded


@dataclass(frozen=True)
class Nobody:
    """A user who may enter and read, but not write, `folder`, where a manifest lies."""

    folder: Path
    manifest: Path

    def publishes(self, target: Path, form: str = "hub") -> str:
        """What publishing says to this user; the modules are loaded before the rights are given away."""
        code = f"""
            import os
            import av, threadpoolctl
            import manifests, manifests.certificate, manifests.publish.dh, manifests.publish.hub_card
            from manifests.publish import publish
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                publish({str(self.manifest)!r}, {str(target)!r}, form={form!r})
            except manifests.ManifestError as error:
                print(error)
        """
        arguments = [sys.executable, "-c", textwrap.dedent(code)]
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def nobody(manifest: Path) -> Iterator[Nobody]:
    """Another user, with a copy of the manifest outside pytest's folders, which only their owner may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield Nobody(folder, Path(shutil.copytree(manifest, folder / "dataset")))
