"""Captions through the real classes of transformers, on a seeded Qwen2.5-VL of a few weights."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from perception.captioners import BESIDE, find_model, read_model
from perception.captions import Captioner, MachineError, first_sentence, usable, weight_bytes
from perception.errors import PerceptionError
from tests.perception import tiny_captioner

pytest.importorskip("transformers", reason="transformers is not installed: pip install 'moee[captions]'")
PROMPT = "What does the face say?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_captioner.make(tmp_path_factory.mktemp("models") / "tiny-qwen")


@pytest.fixture(scope="module")
def captioner(made: Path) -> Captioner:
    return Captioner.load(str(made), device="cpu", max_new_tokens=32)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, which may be asked; the cache's folder."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


def pictures(count: int = 5, seed: int = 0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.integers(0, 256, (4 * 28, 3 * 28, 3), dtype=np.uint8) for _ in range(count)]


def test_the_same_seed_writes_the_same_sentence_and_another_seed_another(captioner: Captioner, tmp_path: Path) -> None:
    said = captioner(pictures(), PROMPT)
    assert said == captioner(pictures(), PROMPT)
    again = tiny_captioner.make(tmp_path / "again")
    assert said == Captioner.load(str(again), device="cpu", max_new_tokens=32)(pictures(), PROMPT)
    other = tiny_captioner.make(tmp_path / "other", seed=1)
    assert said != Captioner.load(str(other), device="cpu", max_new_tokens=32)(pictures(), PROMPT)
    assert said == " ".join(said.split())
    assert said.isprintable()
    assert said[-1] in ".!?…"


def test_it_is_the_real_model_and_its_pictures_need_no_torchvision(captioner: Captioner) -> None:
    assert type(captioner.network).__name__ == "Qwen2_5_VLForConditionalGeneration"
    assert type(captioner._processor.image_processor).__name__ == "Qwen2VLImageProcessorPil"
    assert type(captioner._processor).__name__ == "Qwen2_5_VLProcessor"
    assert captioner.noncommercial is None


@pytest.mark.parametrize("count", [1, 5])
def test_every_picture_reaches_the_model(captioner: Captioner, count: int) -> None:
    import torch

    shown = pictures(count)
    inputs = captioner.inputs(shown, PROMPT)
    image = captioner.network.config.image_token_id
    assert (inputs["input_ids"] == image).sum() == count * 4 * 3  # one token per 28 x 28 px
    assert inputs["image_grid_thw"].tolist() == [[1, 8, 6]] * count

    def logits(given: list[np.ndarray]) -> torch.Tensor:
        with torch.inference_mode():
            return captioner.network(**captioner.inputs(given, PROMPT)).logits[0, -1]

    before = logits(shown)
    assert torch.equal(before, logits(shown))
    for place in range(count):
        changed = [255 - picture if at == place else picture for at, picture in enumerate(shown)]
        assert not torch.allclose(before, logits(changed)), f"picture {place} does not matter"


def test_the_prompt_reaches_the_model(captioner: Captioner) -> None:
    tokens = captioner.inputs(pictures(), PROMPT)["input_ids"][0]
    assert PROMPT in captioner._processor.decode(tokens)


def test_pictures_of_another_kind_and_too_many_are_refused(captioner: Captioner) -> None:
    for wrong in ([], [np.zeros((4, 4), np.uint8)], [np.zeros((4, 4, 3), np.float32)], [np.zeros((0, 4, 3), np.uint8)]):
        with pytest.raises(PerceptionError, match="takes"):
            captioner(wrong, PROMPT)
    with pytest.raises(PerceptionError, match="does not take the pictures"):
        captioner([np.zeros((1, 4000, 3), np.uint8)], PROMPT)  # beyond the aspect that the model allows
    with pytest.raises(PerceptionError, match="holds 4096 tokens"):
        captioner(pictures(400), PROMPT)


def test_a_model_that_writes_nothing_is_an_error(captioner: Captioner, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = captioner.network.generation_config.eos_token_id
    monkeypatch.setattr(captioner.network.generation_config, "forced_eos_token_id", stop)
    monkeypatch.setattr(captioner, "max_new_tokens", 1)
    with pytest.raises(PerceptionError, match="wrote no words"):
        captioner(pictures(), PROMPT)


@pytest.mark.parametrize(
    ("text", "stopped", "sentence"),
    [
        ("A man smiles. He laughs.", False, "A man smiles."),
        ("  A man\n smiles\x1b[31m,\u202e 0.5 wide!  Then", True, "A man smiles [31m, 0.5 wide!"),
        ('"She frowns."', False, "She frowns."),
        ("**She frowns**", False, "She frowns."),
        ("She frowns e.g. at him", True, "She frowns e.g. at him…"),
        ("她笑了。然后哭了。", False, "她笑了。"),
        ('She said "no!" Then left.', False, 'She said "no!"'),
        ("...", False, ""),
        ("\ufffd\x00 \n", True, ""),
    ],
)
def test_only_the_first_sentence_is_kept_and_it_is_clean(text: str, stopped: bool, sentence: str) -> None:
    assert first_sentence(text, stopped) == sentence


def failures() -> list[tuple[BaseException, type[PerceptionError]]]:
    import torch

    return [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), MachineError),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), MachineError),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), MachineError),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), MachineError),
        (MemoryError(), MachineError),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), PerceptionError),
        (ValueError("Image features and image tokens do not match"), PerceptionError),
    ]


def test_a_machine_that_fails_is_told_from_a_model_that_does(
    captioner: Captioner, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    for error, kind in failures():

        def fail(*given: object, error: BaseException = error, **named: object) -> None:
            raise error

        places = [(captioner.network, "generate", lambda: captioner(pictures(), PROMPT))]
        places.append((captioner._processor, "apply_chat_template", lambda: captioner(pictures(), PROMPT)))
        kinds = transformers.AutoModelForImageTextToText
        places.append((kinds, "from_pretrained", lambda: Captioner.load(str(made), device="cpu")))
        for owner, name, ask in places:
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, fail)
                with pytest.raises(PerceptionError) as caught:
                    ask()
            assert type(caught.value) is kind, (name, error)
            assert "\n" not in str(caught.value)


def test_weights_are_measured_without_opening_them(folder: Path) -> None:
    size = (folder / "model.safetensors").stat().st_size
    assert weight_bytes(str(folder)) == size
    (folder / "consolidated.safetensors").write_bytes(b"x" * 100)  # the same weights in another form
    assert weight_bytes(str(folder)) == size
    index = folder / "model.safetensors.index.json"
    named = {"a": "model.safetensors", "b": "model.safetensors", "c": "consolidated.safetensors"}
    index.write_text(json.dumps({"weight_map": named}))
    assert weight_bytes(str(folder)) == size + 100
    for wrong in ("[]", "{", '{"weight_map": 3}', '{"weight_map": {"a": "gone"}}', '{"weight_map": {"a": 3}}'):
        index.write_text(wrong)
        assert weight_bytes(str(folder)) is None


# -- which models are taken -----------------------------------------------------------------------


def test_pickled_weights_are_refused(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(PerceptionError, match=r"only pytorch_model\.bin: pickled weights may hold code"):
        Captioner.load(str(folder))


def test_an_index_cannot_name_pickles_or_files_elsewhere(folder: Path) -> None:
    for name in ("pytorch_model.bin", "../tiny-qwen/model.safetensors"):
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        with pytest.raises(PerceptionError, match="no safetensors file in it"):
            find_model(str(folder))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "m-2.safetensors"}}))
    with pytest.raises(PerceptionError, match=r"it holds no m-2\.safetensors"):
        find_model(str(folder))


def test_weights_in_several_files_are_opened(folder: Path, captioner: Captioner) -> None:
    from safetensors.torch import load_file, save_file

    held = load_file(folder / "model.safetensors")
    named = {name: f"model-{place % 2 + 1}-of-2.safetensors" for place, name in enumerate(held)}
    for file in set(named.values()):
        save_file({name: held[name] for name in held if named[name] == file}, folder / file, {"format": "pt"})
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": named}))
    split = Captioner.load(str(folder), device="cpu", max_new_tokens=32)
    assert split(pictures(), PROMPT) == captioner(pictures(), PROMPT)
    assert split.model_hashes != captioner.model_hashes


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-64]), "is damaged"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "is damaged"),
        (lambda f: (f / "config.json").unlink(), "holds no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "it is no JSON"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "it is no JSON"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "does not write text about pictures"),
        (lambda f: (f / "config.json").write_text('{"model_type": "never-seen"}'), "processor cannot be opened"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "processor cannot be opened"),
        (lambda f: (f / "preprocessor_config.json").unlink(), "processor cannot be opened"),
        (lambda f: (f / "chat_template.jinja").unlink(), "no chat template"),
    ],
)
def test_a_damaged_model_is_one_sentence_before_its_weights_are_opened(folder: Path, spoil: object, said: str) -> None:
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(PerceptionError, match=said) as caught:
        usable(str(folder))
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape_or_fewer_are_refused(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    held = load_file(folder / "model.safetensors")
    lost = next(name for name in held if name.endswith("mlp.gate_proj.weight"))
    save_file({name: held[name] for name in held if name != lost}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(PerceptionError, match="its weights lack 1 tensors"):
        Captioner.load(str(folder))
    save_file(held | {lost: held[lost][:, :-1].clone()}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(PerceptionError, match="cannot be opened"):
        Captioner.load(str(folder))


def test_code_that_comes_with_a_model_is_not_run(folder: Path) -> None:
    (folder / "evil.py").write_text("raise SystemExit('run')\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForImageTextToText": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(PerceptionError, match="processor cannot be opened"):
        usable(str(folder))


def test_the_hash_changes_with_every_file_that_matters(folder: Path) -> None:
    before = read_model(folder).sha256
    (folder / "README.md").write_text("words")
    assert read_model(folder).sha256 == before
    seen = {before}
    for pattern in (*BESIDE, "*.safetensors"):
        for file in sorted(folder.glob(pattern)):
            if file.suffix == ".json":
                file.write_text(file.read_text() + "\n")
            elif file.suffix == ".safetensors":
                held = bytearray(file.read_bytes())
                held[-1] ^= 1
                file.write_bytes(held)
            else:
                file.write_text(file.read_text() + " ")
            seen.add(read_model(folder).sha256)
    changed = [file for pattern in (*BESIDE, "*.safetensors") for file in folder.glob(pattern)]
    assert len(changed) >= 6
    assert len(seen) == 1 + len(changed)


def test_devices_that_are_not_here_are_refused(made: Path) -> None:
    import torch

    with pytest.raises(PerceptionError, match="no device 'tpu'"):
        usable(str(made), device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(PerceptionError, match="no CUDA device"):
            usable(str(made), device="cuda")
        assert Captioner.load(str(made)).device == "cpu"


# -- the hub --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["/no/such/folder", "./none", "a/b/c", "a b", ""])
def test_what_is_no_folder_and_no_name_of_the_hub_is_refused(name: str, tmp_path: Path, no_hub: Path) -> None:
    with pytest.raises(PerceptionError, match="no such folder"):
        find_model(name or "\n")


def test_offline_the_hub_is_not_asked(no_hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PerceptionError, match=r"HF_HUB_OFFLINE is set.*not in the hub's cache"):
        find_model("someone/tiny-qwen")


@pytest.mark.parametrize("answers", [False, True])
def test_a_hub_that_cannot_be_reached_is_one_sentence(tmp_path: Path, answers: bool) -> None:
    """In a process of its own, as HF_ENDPOINT is read once; a hub that takes the connection and stays silent too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not answers:
            server.close()
        code = (
            "from perception.captioners import find_model\n"
            "try: find_model('a/b', timeout=0.5)\n"
            "except Exception as error: print(type(error).__name__, error)"
        )
        unset = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
        own = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(tmp_path)}
        run = subprocess.run([sys.executable, "-c", code], env=unset | own, capture_output=True, text=True, timeout=60)
    assert run.stdout.startswith("PerceptionError The hub did not give the vision-language model a/b (")
    assert run.stdout.count("\n") == 1
    assert "not in the hub's cache" in run.stdout


class _Hub(http.server.BaseHTTPRequestHandler):
    """A hub of one model."""

    folder: Path
    asked: list[str]
    protocol_version = "HTTP/1.1"
    commit = "5" * 40

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def do_GET(self, body: bool = True) -> None:
        path = self.path.split("?")[0]
        self.asked.append(f"{self.command} {path}")
        if path.startswith("/api/models/someone/tiny-qwen/tree/"):
            listed = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": self._tag(file)}
                for file in sorted(self.folder.iterdir())
            ]
            self._send(json.dumps(listed).encode(), {}, body)
        elif path.startswith("/api/models/someone/tiny-qwen"):
            files = [{"rfilename": file.name} for file in sorted(self.folder.iterdir())]
            self._send(
                json.dumps({"id": "someone/tiny-qwen", "sha": self.commit, "siblings": files}).encode(), {}, body
            )
        elif path.startswith("/someone/tiny-qwen/resolve/") and (self.folder / path.split("/")[-1]).is_file():
            file = self.folder / path.split("/")[-1]
            self._send(file.read_bytes(), {"ETag": f'"{self._tag(file)}"', "X-Repo-Commit": self.commit}, body)
        else:
            self._send(b"", {}, body, 404)

    def _tag(self, file: Path) -> str:
        data = file.read_bytes()
        return hashlib.sha256(data).hexdigest() if file.suffix == ".safetensors" else hashlib.sha1(data).hexdigest()

    def _send(self, data: bytes, headers: dict[str, str], body: bool, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(made: Path, no_hub: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub on the loopback that holds the model `someone/tiny-qwen`; what it was asked."""
    asked: list[str] = []
    handler = type("Handler", (_Hub,), {"folder": made, "asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        place = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", place)
        template = f"{place}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield asked
        server.shutdown()


def test_a_model_is_fetched_from_the_hub_once_and_then_found_without_it(
    hub: list[str], made: Path, captioner: Captioner
) -> None:
    found = find_model("someone/tiny-qwen")
    assert any(line.startswith("GET") and line.endswith("model.safetensors") for line in hub)
    assert found.name == "someone/tiny-qwen"
    assert found.sha256 == read_model(made).sha256  # the sha256 that the hub states is that of the file's bytes
    hub.clear()
    opened = Captioner.load("someone/tiny-qwen", device="cpu", max_new_tokens=32)
    assert hub == []
    assert opened.model == found.model
    assert opened(pictures(), PROMPT) == captioner(pictures(), PROMPT)


def test_a_name_that_the_hub_does_not_know_is_one_sentence(hub: list[str]) -> None:
    with pytest.raises(PerceptionError, match="it answers 404"):
        find_model("someone/else")


def test_a_download_that_was_cut_off_is_gone_on_with(hub: list[str], made: Path) -> None:
    found = find_model("someone/tiny-qwen")
    (found.folder / "model.safetensors").unlink()
    assert find_model("someone/tiny-qwen").sha256 == found.sha256
