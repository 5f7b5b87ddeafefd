"""`moee bench parity` whole: the public programs give what ours gives on the same frames, clips, sounds and weights."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.parity import parity
from benchmark.parity.environment import environment
from benchmark.parity.rows import COMPARISONS
from tests.extent import FULL

pytestmark = pytest.mark.proof


def real_videos() -> Path | None:
    """The folder of real clips, where it is here."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("MOEE_TEST_DATA", default)) / "videos"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="module")
def public() -> Path:
    """The interpreter that has the public programs."""
    try:
        python = environment()
    except BenchmarkError as error:
        pytest.skip(str(error))
    return python.parent.parent


def test_every_public_program_gives_what_ours_gives(public: Path, tmp_path: Path, table: Callable[[str], None]) -> None:
    """40 frames and 4 clips of real videos where they are here (200 and 20 in full), else 16 and 4 of the sample."""
    real = real_videos()
    frames, clips = ((200, 20) if FULL else (40, 4)) if real else (16, 4)
    found = parity(real, frames=frames, clips=clips, env=public, out=tmp_path / "parity.md", note=table)
    for row in found.rows:
        table(f"{row.part}, {row.what}, {row.by}: {row.difference} (allowed {row.tolerance:g}) {row.verdict}")
    assert {row.verdict for row in found.rows} == {"equal"} and len(found.rows) == len(COMPARISONS)
    assert found.equal
    text = (tmp_path / "parity.md").read_text()
    assert f"{len(found.rows)} of {len(found.rows)} comparisons are equal" in text
    assert str(real) not in text and str(tmp_path) not in text


def test_the_environment_has_its_own_programs_and_this_ones_torch(public: Path) -> None:
    """So that a difference is the programs' and not that of two versions of PyTorch."""
    import torch

    asked = ("torch", "pytorch_fid", "torchmetrics")
    code = f"import importlib.util as u; print(*(u.find_spec(name).origin for name in {asked}), sep='\\n')"
    said = subprocess.run([public / "bin" / "python", "-Ic", code], check=True, capture_output=True, text=True)
    shared, *own = said.stdout.splitlines()
    assert shared == torch.__file__
    assert len(own) == 2 and all(Path(origin).is_relative_to(public) for origin in own)


def test_without_a_package_index_there_is_one_sentence_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(BenchmarkError, match=r"^The public programs cannot be installed; is there a package index\?"):
        environment()
    assert not list((tmp_path / "benchmark" / "parity").iterdir())
