"""A network is filled from the published file, whole and strictly, or from the seed; anything else is one sentence."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from perception import weights  # noqa: E402
from perception.errors import PerceptionError  # noqa: E402
from perception.opening import opened, parameters  # noqa: E402
from perception.seeded import seeded_state  # noqa: E402

ENTRY = """
[[model]]
name = "tiny"
title = "a tiny network"
file = "tiny.pth"
bytes = {bytes}
sha256 = "{sha256}"
licence = "MIT"
noncommercial = false
purpose = "is tested"
without = "nothing is tested"
needed_by = ["tests"]
sources = [ {{ local = ["tiny.pth"] }}, {{ url = "https://example.invalid/tiny.pth" }} ]
"""


def network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "tiny.pth"


def register(monkeypatch: pytest.MonkeyPatch, file: Path, pinned: bool) -> None:
    content = file.read_bytes() if pinned else b""
    registry = file.with_name("weights.toml")
    registry.write_text(ENTRY.format(bytes=len(content), sha256=hashlib.sha256(content).hexdigest() if pinned else ""))
    monkeypatch.setattr(weights, "REGISTRY", registry)


def test_a_published_file_is_loaded_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = seeded_state(network(), seed=5)
    torch.save(state, file)
    register(monkeypatch, file, pinned=True)
    found = opened(network(), "tiny")
    assert all(torch.equal(found.state_dict()[name], state[name]) for name in state)
    assert not found.training and not any(parameter.requires_grad for parameter in found.parameters())
    assert parameters(found) == 3 * 4 * 9 + 4 + 8


def test_names_may_be_translated(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = seeded_state(network(), seed=5)
    torch.save({f"net.{name}": tensor for name, tensor in state.items()} | {"more": torch.zeros(1)}, file)
    register(monkeypatch, file, pinned=True)
    rename = lambda found: {name[4:]: tensor for name, tensor in found.items() if name.startswith("net.")}  # noqa: E731
    assert torch.equal(opened(network(), "tiny", rename=rename).state_dict()["0.weight"], state["0.weight"])
    with pytest.raises(PerceptionError, match=r"0\.bias is missing and 6 more"):
        opened(network(), "tiny")


def test_another_file_of_that_name_is_refused_in_one_sentence(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(seeded_state(network()), file)
    register(monkeypatch, file, pinned=True)
    whole = file.read_bytes()
    for content in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(content)
        with pytest.raises(PerceptionError, match="is not the file of the model tiny") as caught:
            opened(network(), "tiny")
        assert "moee models fetch tiny" in str(caught.value) and "https://example.invalid/tiny.pth" in str(caught.value)
        assert "\n" not in str(caught.value)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code ran')",)


@pytest.mark.parametrize("kind", ["code", "torch code", "cut", "empty", "text", "other"])
def test_a_file_without_a_published_checksum_is_read_as_numbers_or_refused(
    kind: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "code":
        file.write_bytes(pickle.dumps(_Evil()))
    elif kind == "torch code":
        torch.save({"0.weight": _Evil()}, file)
    elif kind == "cut":
        torch.save(seeded_state(network()), file)
        file.write_bytes(file.read_bytes()[:-300])
    elif kind == "text":
        file.write_text("<html>not found</html>")
    elif kind == "other":
        torch.save({"weight": torch.zeros(3)}, file)
    else:
        file.write_bytes(b"")
    register(monkeypatch, file, pinned=False)
    with pytest.raises(PerceptionError) as caught:
        opened(network(), "tiny")
    assert "\n" not in str(caught.value) and "tiny" in str(caught.value)


def test_a_model_without_a_checksum_is_named_by_its_file_and_never_fetched(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, file, pinned=False)
    assert weights.model_sha256("tiny") is None
    with pytest.raises(PerceptionError, match=r"not on this machine; put tiny\.pth from https://example\.invalid"):
        weights.find("tiny")
    with pytest.raises(PerceptionError, match="no checksum"):
        weights.fetch("tiny")
    torch.save(seeded_state(network()), file)
    assert weights.model_sha256("tiny") == hashlib.sha256(file.read_bytes()).hexdigest()
    opened(network(), "tiny")


def test_seeded_weights_need_no_file(file: Path) -> None:
    one = opened(network(), "a name that nobody registered", seeded=True)
    assert torch.equal(one.state_dict()["0.weight"], seeded_state(network())["0.weight"])
