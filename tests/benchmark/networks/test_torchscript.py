"""TorchScript files give up their tensors and nothing else; what could do more than hold numbers is not opened."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmark.networks.torchscript import read_tensors  # noqa: E402
from perception.errors import PerceptionError  # noqa: E402
from tests.benchmark.networks.scripts import Holder, Odd, scripted  # noqa: E402
from tests.perception.networks import Touches  # noqa: E402

STATE: dict[str, np.ndarray] = {
    "first.conv3d.weight": np.random.default_rng(0).normal(size=(4, 3, 2, 2, 2)).astype(np.float32),
    "first.conv3d.bias": np.arange(4, dtype=np.float32),
    "first.bn.num_batches_tracked": np.array(7),
    "second.0.small": np.arange(6, dtype=np.float16).reshape(2, 3),
    "second.0.large": np.arange(3, dtype=np.float64),
}


def test_tensors_are_those_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    scripted(STATE, path)
    found = read_tensors(path, "x")
    assert list(found) == list(torch.jit.load(str(path)).state_dict()) == list(STATE)
    for name, value in STATE.items():
        assert found[name].numpy().dtype == value.dtype and np.array_equal(found[name].numpy(), value)


def test_views_and_other_attributes_are_understood(tmp_path: Path) -> None:
    torch.jit.script(Odd().eval()).save(str(tmp_path / "x.pt"))
    found = read_tensors(tmp_path / "x.pt", "x")
    assert found["part"].tolist() == [[4, 7], [5, 8], [6, 9]] and found["other"].tolist() == list(range(12, 24))


def refused(path: Path) -> str:
    with pytest.raises(PerceptionError) as caught:
        read_tensors(path, "the network")
    said = str(caught.value)
    assert "\n" not in said and "the network" in said and str(path) in said
    return said


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    scripted(STATE, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "damaged" in refused(path)


def test_a_file_of_weights_that_is_no_program_is_refused(tmp_path: Path) -> None:
    torch.save({name: torch.from_numpy(value) for name, value in STATE.items()}, tmp_path / "x.pt")
    assert "no TorchScript file" in refused(tmp_path / "x.pt")


def test_a_program_without_tensors_is_refused(tmp_path: Path) -> None:
    torch.jit.script(Holder()).save(str(tmp_path / "x.pt"))
    assert "no named tensors" in refused(tmp_path / "x.pt")


def archive(path: Path, objects: bytes, storage: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w") as held:
        held.writestr("x/data.pkl", objects)
        held.writestr("x/data/0", storage)
    return path


def test_code_in_the_pickle_is_not_run(tmp_path: Path) -> None:
    objects = pickle.dumps(Touches(tmp_path / "touched"), protocol=2)
    assert "holds more than numbers" in refused(archive(tmp_path / "x.pt", objects))
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    "name", ["os system", "builtins eval", "torch load", "torch.storage _load_from_bytes", "copyreg _reconstructor"]
)
def test_no_other_name_than_those_of_numbers_is_looked_up(name: str, tmp_path: Path) -> None:
    module, _, function = name.partition(" ")
    said = refused(archive(tmp_path / "x.pt", f"\x80\x02c{module}\n{function}\n.".encode("latin1")))
    assert f"({module}.{function})" in said


def tensor(count: int, size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> bytes:
    """A pickle of a module with one tensor that says this of itself."""

    def number(value: int) -> bytes:
        return b"J" + int(value).to_bytes(4, "little", signed=True)

    def row(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    held = b"((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpu" + number(count) + b"tQ"
    built = b"ctorch._utils\n_rebuild_tensor_v2\n" + held + number(offset) + row(size) + row(stride) + b"\x89}tR"
    return b"\x80\x02c__torch__\nM\n)\x81}U\x01w" + built + b"sb."


@pytest.mark.parametrize(
    ("count", "size", "stride", "offset"),
    [
        (3, (4,), (1,), 0),
        (4, (5,), (1,), 0),
        (4, (2,), (1,), 3),
        (4, (2, 2), (4, 1), 0),
        (4, (2,), (1,), -1),
        (4, (-1,), (1,), 0),
    ],
)
def test_a_tensor_that_is_not_within_its_storage_is_refused(
    count: int, size: tuple[int, ...], stride: tuple[int, ...], offset: int, tmp_path: Path
) -> None:
    numbers = np.arange(4, dtype=np.float32).tobytes()
    good = archive(tmp_path / "good.pt", tensor(4, (2, 2), (2, 1)), numbers)
    assert read_tensors(good, "x")["w"].tolist() == [[0, 1], [2, 3]]
    assert "damaged" in refused(archive(tmp_path / "x.pt", tensor(count, size, stride, offset), numbers))


def test_a_module_within_itself_is_refused(tmp_path: Path) -> None:
    objects = b"\x80\x02c__torch__\nM\n)\x81q\x00}U\x01wh\x00sb."
    assert "damaged" in refused(archive(tmp_path / "x.pt", objects))


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(STATE, tmp_path / "x.pt")
    monkeypatch.setattr("benchmark.networks.torchscript.MOST_BYTES", 1000)
    assert "too large" in refused(tmp_path / "x.pt")


def test_anything_may_be_pickled_as_an_attribute_of_a_holder(tmp_path: Path) -> None:
    """A name that Python itself would ask for on restoring an object does no harm: it is an attribute, and no more."""
    held: dict[str, Any] = {"__setstate__": 1, "__class__": 2}
    objects = b"\x80\x02c__torch__\nM\n)\x81" + pickle.dumps(held, protocol=2)[2:-1] + b"b."
    assert "no named tensors" in refused(archive(tmp_path / "x.pt", objects))
