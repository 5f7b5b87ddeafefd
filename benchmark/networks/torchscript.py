"""Takes the tensors out of a TorchScript file without running it.

A TorchScript file is a program: a zip archive with code, a pickle of the objects, and the numbers of each tensor. Here
the code is not read at all, and the pickle may name nothing but tensors, their storages, modules and lists, so that a
file can do nothing but hold numbers. `torch.load(weights_only=True)` refuses such files; `torch.jit.load` would run
what modules say about how they are restored.
"""

from __future__ import annotations

import pickle
import zipfile
import zlib
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from perception.errors import PerceptionError
from perception.networks import MOST_BYTES

if TYPE_CHECKING:
    import torch

_LISTS: Final = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")
_TYPES: Final = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "BoolStorage": "bool",
}
_DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, EOFError, OSError, KeyError, IndexError, ValueError,
    TypeError, AttributeError, ImportError, RuntimeError,
)  # fmt: skip


def read_tensors(path: Path, member: str) -> dict[str, torch.Tensor]:
    """Read the parameters and buffers of a TorchScript module.

    Args:
        path: file that `torch.jit.save` wrote.
        member: name of the network, for messages.

    Returns:
        name as the module's `state_dict()` has it -> tensor, in the file's order.

    Raises:
        PerceptionError: the file is damaged, is no TorchScript module, or names something that is no number.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > MOST_BYTES:
                raise PerceptionError(f"{path} is too large for {member}: put its makers' file there.")
            state = dict(_named(_root(archive)))
    except _Forbidden as error:
        raise PerceptionError(
            f"{path} holds more than numbers ({error}), so it is not opened: put {member}'s file there as its makers "
            "publish it."
        ) from error
    except _DAMAGE as error:
        raise PerceptionError(
            f"{path} is damaged or no TorchScript file of {member}: put its makers' file there."
        ) from error
    if not state:
        raise PerceptionError(f"{path} holds no named tensors, as {member} does: put its makers' file there.")
    return state


class _Forbidden(Exception):  # noqa: N818 - what the pickle names, not what the program did
    """Something that a file of numbers has no need to name."""


class _Module:
    """Stands for any module; its attributes are what the file gives it."""


class _Storage:
    """Stands for a kind of storage."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def _root(archive: zipfile.ZipFile) -> _Module:
    names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(names) != 1:
        raise ValueError("no data.pkl")
    folder = names[0].removesuffix("data.pkl")
    root = _Objects(BytesIO(archive.read(names[0])), archive, f"{folder}data/").load()
    if not isinstance(root, _Module):
        raise ValueError("no module")
    return root


class _Objects(pickle.Unpickler):
    """Builds nothing but modules, lists and tensors."""

    def __init__(self, file: BytesIO, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if module == "torch" and name in _TYPES:
            return _Storage(_TYPES[name])
        if module == "torch.jit._pickle" and name in _LISTS:
            return _as_list
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise _Forbidden(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> torch.Tensor:
        import torch

        word, storage, key, _, count = pid
        if word != "storage" or not isinstance(storage, _Storage) or not str(key).isdecimal():
            raise ValueError("no storage")
        dtype: torch.dtype = getattr(torch, storage.kind)
        held = bytearray(self._archive.read(f"{self._folder}{key}"))
        if len(held) != count * dtype.itemsize:
            raise ValueError("a storage of another size")
        return torch.frombuffer(held, dtype=dtype) if count else torch.zeros(0, dtype=dtype)


def _rebuilt(storage: torch.Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Any:
    return storage.as_strided(size, stride, offset)


def _as_list(values: list[Any]) -> list[Any]:
    return list(values)


def _named(module: _Module, prefix: str = "") -> list[tuple[str, torch.Tensor]]:
    """The tensors below a module; the attributes of a module come in the order in which they were set."""
    import torch

    found: list[tuple[str, torch.Tensor]] = []
    for name, value in vars(module).items():
        if isinstance(value, torch.Tensor):
            found.append((f"{prefix}{name}", value))
        elif isinstance(value, _Module):
            found += _named(value, f"{prefix}{name}.")
    return found
