"""Diarization by the real library on a local pipeline of seeded weights; what its turns say means nothing."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import shutil
import socket
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from perception.diarize import Diarizer, whole
from perception.errors import PerceptionError
from perception.pipelines import HUB, fetch_pipeline, find_pipeline, read_pipeline
from tests.perception.speakers import configure, conversation, local_pipeline


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_pipeline(tmp_path_factory.mktemp("pipelines") / "made-up")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(original, tmp_path / "made-up"))


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights, nothing of the hub in the cache, no token; the weights folder."""
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "weights"


def test_the_real_library_runs_a_local_pipeline_to_the_end(original: Path) -> None:
    diarizer = Diarizer.load(original)
    sound = conversation(3)
    turns = diarizer.turns([(-160, sound[:1000]), (840, sound[1000:])])
    assert turns
    assert all(-160 <= turn.start < turn.end <= len(sound) - 160 for turn in turns)
    assert [(turn.start, turn.end, turn.speaker) for turn in turns] == sorted(
        (turn.start, turn.end, turn.speaker) for turn in turns
    )
    for speaker in {turn.speaker for turn in turns}:
        own = [turn for turn in turns if turn.speaker == speaker]
        assert all(a.end < b.start for a, b in itertools.pairwise(own))
    assert diarizer.turns([]) == diarizer.turns([(0, np.zeros(32_000, np.float32))]) == []
    assert diarizer.model == f"made-up@{diarizer.model_hashes['made-up'][:12]}"


def test_chunks_are_joined_where_they_were_split() -> None:
    sound = conversation(0.5)
    first, joined = whole([(-7, sound[:100]), (93, sound[100:])])
    assert first == -7
    assert np.array_equal(joined, sound)


def test_chunks_with_a_gap_or_two_channels_are_refused() -> None:
    with pytest.raises(PerceptionError, match="without gaps"):
        whole([(0, np.zeros(10, np.float32)), (11, np.zeros(10, np.float32))])
    with pytest.raises(PerceptionError, match="mono"):
        whole([(0, np.zeros((2, 10), np.float32))])


def test_the_hash_is_that_of_the_configuration_and_every_file(folder: Path) -> None:
    before = read_pipeline(folder)
    assert sorted(before.files) == ["embedding", "plda", "segmentation", "xvec_transform"]
    hashes = {before.sha256}
    configure(folder, embedding_exclude_overlap=False)
    hashes.add(read_pipeline(folder).sha256)
    np.savez(folder / "plda" / "plda.npz", mu=np.zeros(3))
    hashes.add(read_pipeline(folder).sha256)
    assert len(hashes) == 3


@pytest.mark.parametrize("file", ["segmentation/pytorch_model.bin", "embedding/pytorch_model.bin", "plda/plda.npz"])
@pytest.mark.parametrize("how", ["missing", "truncated", "changed"])
def test_a_pipeline_with_a_bad_file_is_not_used(folder: Path, file: str, how: str) -> None:
    place = folder / file
    data = bytearray(place.read_bytes())
    if how == "missing":
        place.unlink()
    elif how == "truncated":
        place.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 0xFF
        place.write_bytes(data)
    with pytest.raises(PerceptionError, match=r"made-up' is not used: .+"):
        read_pipeline(folder)


def test_a_configuration_that_names_anything_else_is_not_used(folder: Path) -> None:
    def refused(said: str) -> None:
        with pytest.raises(PerceptionError, match=said):
            read_pipeline(folder)

    configure(folder, segmentation="pyannote/segmentation-3.0")
    refused("no file here")
    configure(folder, token="hf_x")
    refused("'token'")
    configure(folder, clustering="OracleClustering")
    refused("OracleClustering")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    for name in ("subprocess.Popen", "pyannote.audio.pipelines.SpeechSeparation", None):
        config["pipeline"]["name"] = name
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        refused("not pyannote.audio.pipelines.SpeakerDiarization")
    for text in ("{", "[]", "pipeline: 3", "!!python/object/apply:os.getcwd []"):
        (folder / "config.yaml").write_text(text)
        refused("is not used")
    (folder / "config.yaml").unlink()
    refused("cannot be read")


class _Payload:
    """Unpickled, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_checkpoint_with_code_in_it_never_runs(folder: Path, tmp_path: Path) -> None:
    place = folder / "embedding" / "pytorch_model.bin"
    spoiled = tmp_path / "spoiled"
    with zipfile.ZipFile(place) as old, zipfile.ZipFile(spoiled, "w") as new:
        for item in old.infolist():
            payload = pickle.dumps({"state_dict": _Payload(tmp_path / "ran")}, 2)
            new.writestr(item.filename, payload if item.filename.endswith("data.pkl") else old.read(item))
    place.write_bytes(spoiled.read_bytes())
    with pytest.raises(PerceptionError, match="no plain checkpoint"):
        Diarizer.load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_that_names_a_class_of_another_package_is_not_used(folder: Path) -> None:
    import torch

    architecture = {"module": "os", "class": "getcwd"}
    torch.save({"pyannote.audio": {"architecture": architecture}}, folder / "embedding" / "pytorch_model.bin")
    with pytest.raises(PerceptionError, match="class of another package"):
        read_pipeline(folder)


def test_a_whole_pipeline_that_the_library_cannot_open_is_one_sentence(folder: Path) -> None:
    np.savez(folder / "plda" / "plda.npz", mu=np.zeros(3))
    with pytest.raises(PerceptionError, match=r"cannot be opened by pyannote.audio \(KeyError"):
        Diarizer.load(folder)


def test_a_pipeline_is_found_in_the_weights_folder_then_in_the_hubs_cache(folder: Path, empty_machine: Path) -> None:
    assert find_pipeline() is None
    with pytest.raises(PerceptionError, match="No diarization pipeline is on this machine"):
        Diarizer.load()
    cache = empty_machine.parent / "hub" / f"models--{HUB.replace('/', '--')}"
    cached = Path(shutil.copytree(folder, cache / "snapshots" / ("0" * 40)))
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0" * 40)
    assert find_pipeline() == cached
    assert read_pipeline(cached).name == "speaker-diarization-community-1"
    assert fetch_pipeline() == cached, "what is whole in the cache is not asked for"
    here = Path(shutil.copytree(folder, empty_machine / "pyannote" / "b"))
    assert find_pipeline() == here


def test_without_a_token_the_hub_is_not_asked(empty_machine: Path) -> None:
    with pytest.raises(PerceptionError, match="set HF_TOKEN"):
        fetch_pipeline()


def _hub(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> socket.socket:
    """A hub on the loopback that takes one connection and answers so, or never."""
    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        f"http://127.0.0.1:{server.getsockname()[1]}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # other tests of this process may set it
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = server.accept()
                held.append(peer)
                if answer:
                    peer.recv(65_536)
                    peer.sendall(answer)
                    peer.close()

    held: list[socket.socket] = []
    threading.Thread(target=serve, daemon=True).start()
    return server


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"", "timed out"), (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "answers 403")],
)
def test_a_hub_that_refuses_or_never_answers_is_one_sentence(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, said: str
) -> None:
    with _hub(monkeypatch, answer), pytest.raises(PerceptionError, match=said):
        fetch_pipeline(timeout=0.5)
