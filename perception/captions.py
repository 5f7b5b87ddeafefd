"""One sentence on pictures of a face, by a vision-language model of transformers."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception.captioners import CONFIG, HUB_ID, INDEX, WEIGHTS, LocalModel, damaged, find_model, first_line
from perception.errors import PerceptionError

DEVICES = ("auto", "cpu", "cuda")
MAX_NEW_TOKENS = 96
NEEDED = ("torch", "transformers", "PIL")
_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s+[^a-z\s]|\s*$)|[。！？]+[”’」』）]*")
_AROUND = "\"'“”‘’*_`#- "
_MACHINE = re.compile(r"CUDA error|CUBLAS|CUDNN|cuDNN|out of memory|allocate memory|not enough memory")


class MachineError(PerceptionError):
    """The machine failed, not the model or the pictures: memory ran out, or the accelerator; later it may succeed."""


class Captioner:
    """A vision-language model, opened: it takes pictures and a prompt and writes one sentence.

    Decoding is greedy, so that the same pictures give the same sentence on one kind of machine; bfloat16 on an
    accelerator and float32 on a processor may choose other words. Pictures are prepared by transformers' PIL backend
    also where torchvision is installed: it needs none, and torchvision's pixels would differ a little.

    name: the folder's or the repository's; model_hashes: its sha256 by name; noncommercial: None, for its licence is
    not known here; device: "cpu" or "cuda"; max_new_tokens: at most so many are written.
    """

    noncommercial: bool | None = None

    def __init__(self, found: LocalModel, processor: Any, network: Any, device: str, max_new_tokens: int) -> None:
        self._processor = processor
        self.network = network
        self.name = found.name
        self.model_hashes = {found.name: found.sha256}
        self.model = found.model
        self.device = device
        self.max_new_tokens = max_new_tokens

    @classmethod
    def load(
        cls, model: str, device: str = "auto", revision: str | None = None, max_new_tokens: int = MAX_NEW_TOKENS
    ) -> Captioner:
        """Open a model.

        Args:
            model: a folder with safetensors, or a repository of the hub, of any class that transformers'
                AutoModelForImageTextToText knows; code that comes with a model is never run.
            device: "cpu" (float32), "cuda" (bfloat16), or "auto": CUDA where it is.
            revision: branch, tag or commit of a repository.
            max_new_tokens: at most so many are written.

        Raises:
            PerceptionError: the model or a library is missing, damaged or of another kind.
            MachineError: memory ran out, or the accelerator failed.
        """
        place = _device(device)
        found = find_model(model, revision)
        processor = _open_processor(found)
        return cls(found, processor, _open_network(found, place), place, max_new_tokens)

    def __call__(self, pictures: Sequence[np.ndarray], prompt: str) -> str:
        """Write one sentence.

        Args:
            pictures: [H, W, 3] uint8 RGB each, at least one, in order of time.
            prompt: what is asked of them.

        Returns:
            The first sentence, on one line; it ends in "…" where the model was stopped within it.

        Raises:
            PerceptionError: a picture of another kind, more than the model can hold, or no words came.
            MachineError: memory ran out, or the accelerator failed.
        """
        import torch

        inputs = self.inputs(pictures, prompt)
        length = inputs["input_ids"].shape[1]
        try:
            with torch.inference_mode():
                written = self.network.generate(**inputs, max_new_tokens=self.max_new_tokens)[0, length:]
            text = self._processor.decode(written, skip_special_tokens=True)
        except (RuntimeError, ValueError, IndexError, TypeError, MemoryError) as error:
            raise _kind(error)(f"{self.name} could not caption the pictures ({first_line(error)}).") from error
        sentence = first_sentence(text, stopped=len(written) >= self.max_new_tokens)
        if not sentence:
            raise PerceptionError(f"{self.name} wrote no words.")
        return sentence

    def inputs(self, pictures: Sequence[np.ndarray], prompt: str) -> dict[str, Any]:
        """What the network is given: all pictures, then the prompt, in the model's own chat template.

        Raises:
            PerceptionError: a picture of another kind, or more than the model can hold.
            MachineError: memory ran out, or the accelerator failed.
        """
        from PIL import Image

        if not pictures:
            raise PerceptionError(f"{self.name} takes at least one picture.")
        for picture in pictures:
            if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
                raise PerceptionError(
                    f"{self.name} takes pictures [H, W, 3] uint8, not {list(picture.shape)} {picture.dtype}."
                )
        shown = [{"type": "image", "image": Image.fromarray(picture)} for picture in pictures]
        asked = [{"role": "user", "content": [*shown, {"type": "text", "text": prompt}]}]
        try:
            inputs = self._processor.apply_chat_template(
                asked, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
            ).to(self.device)
        except Exception as error:  # the library's own classes, and those of the template
            raise _kind(error)(f"{self.name} does not take the pictures ({first_line(error)}).") from error
        length = inputs["input_ids"].shape[1]
        most = getattr(self.network.config.get_text_config(), "max_position_embeddings", None)
        if most is not None and length + self.max_new_tokens > most:
            raise PerceptionError(f"{self.name} holds {most} tokens, and the pictures and the prompt are {length}.")
        return {name: _as_weights(value, self.network.dtype) for name, value in inputs.items()}


def usable(model: str, revision: str | None = None, device: str = "auto") -> tuple[str, str]:
    """Name and sha256 of the model that `Captioner.load` would open; all but its weights is opened to see that it can.

    Raises:
        PerceptionError: it cannot be opened, and why.
    """
    _device(device)
    found = find_model(model, revision)
    _open_processor(found)
    return found.name, found.sha256


def weight_bytes(model: str, revision: str | None = None) -> int | None:
    """Bytes of a model's safetensors, without asking the hub or reading them; None where they are not all here."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if not HUB_ID.fullmatch(model) or importlib.util.find_spec("huggingface_hub") is None:
            return None
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(model, CONFIG, revision=revision)
        if not isinstance(cached, str):
            return None
        folder = Path(cached).parent
    try:
        named = json.loads((folder / INDEX).read_bytes())["weight_map"] if (folder / INDEX).is_file() else {"": WEIGHTS}
        return sum((folder / name).stat().st_size for name in set(named.values()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # damaged: `find_model` says how


def on_accelerator(device: str = "auto") -> bool:
    """Whether a model would run on CUDA."""
    if device == "cpu" or importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def first_sentence(text: str, stopped: bool = False) -> str:
    """The first sentence of what a model wrote, on one line and without control characters.

    Args:
        text: as it was decoded.
        stopped: whether the model had more to say; a sentence without an end then ends in "…", else in a full stop.

    Returns:
        The sentence, or "" when there are no letters.
    """
    kept = (" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text if letter != "\ufffd")
    line = " ".join("".join(kept).split()).lstrip(_AROUND)
    end = _END.search(line)
    line = line[: end.end()] if end else line.rstrip(_AROUND + ",;:")
    if not any(letter.isalpha() for letter in line):
        return ""
    if end is None:
        return line + ("…" if stopped else ".")
    return line.rstrip(_AROUND) if line.count('"') % 2 else line


def _device(device: str) -> str:
    if device not in DEVICES:
        raise PerceptionError(f"There is no device {device!r}; use {', '.join(map(repr, DEVICES))}.")
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise PerceptionError(f"Captions by a model need {', '.join(absent)}: pip install 'moee[captions]'.")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise PerceptionError("There is no CUDA device here for captions; use device 'cpu' or 'auto'.")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def _open_processor(found: LocalModel) -> Any:
    """Tokenizer, chat template and the pictures' preparation; nothing for videos, which would need torchvision."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING as KNOWN
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    try:
        config = AutoConfig.from_pretrained(found.folder, local_files_only=True, trust_remote_code=False)
        if type(config) not in KNOWN or type(config) not in PROCESSOR_MAPPING:
            raise damaged(found.folder, f"a {config.model_type} does not write text about pictures")
        base: Any = PROCESSOR_MAPPING[type(config)]
        video = inspect.signature(base).parameters.get("video_processor")
        if video is not None and video.default is inspect.Parameter.empty:  # it cannot do without, as SmolVLM
            processor = base.from_pretrained(found.folder, local_files_only=True, trust_remote_code=False)
        else:
            for_pictures: Any = type(base.__name__, (base,), {"get_attributes": classmethod(_without_videos)})
            processor = for_pictures.from_pretrained(
                found.folder, local_files_only=True, trust_remote_code=False, backend="pil"
            )
    except PerceptionError:
        raise
    except Exception as error:  # the library's own classes, one per kind of damage
        raise damaged(found.folder, f"its processor cannot be opened ({first_line(error)})") from error
    if not (processor.chat_template or getattr(processor.tokenizer, "chat_template", None)):
        raise damaged(found.folder, "it has no chat template, so it cannot be asked")
    return processor


def _without_videos(kind: Any) -> list[str]:
    """The parts that a processor is made of, less the one for videos."""
    return [part for part in super(kind, kind).get_attributes() if part != "video_processor"]


def _open_network(found: LocalModel, device: str) -> Any:
    import torch
    from transformers import AutoModelForImageTextToText
    from transformers.utils import logging as loud

    loud.disable_progress_bar()
    loud.set_verbosity_error()
    opened: Any
    try:
        opened = AutoModelForImageTextToText.from_pretrained(
            found.folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.bfloat16 if device == "cuda" else torch.float32,
            output_loading_info=True,
        )
        network, report = opened[0].to(device).eval(), opened[1]
    except Exception as error:  # the library's own classes, one per kind of damage
        if _kind(error) is MachineError:
            raise MachineError(f"{found.name} could not be opened just now ({first_line(error)}).") from error
        raise damaged(found.folder, f"its network cannot be opened ({first_line(error)})") from error
    lacking = sorted(map(str, report["missing_keys"])) + sorted(map(str, report["mismatched_keys"]))
    if lacking:  # the library fills them with random numbers
        raise damaged(found.folder, f"its weights lack {len(lacking)} tensors, such as {lacking[0][:80]}")
    greedy = network.generation_config
    greedy.do_sample, greedy.num_beams, greedy.max_length = False, 1, None
    greedy.temperature = greedy.top_p = greedy.top_k = None
    return network


def _kind(error: BaseException) -> type[PerceptionError]:
    """The class that says whose fault an error is: the machine's, or the model's and the pictures'."""
    import torch

    exhausted = (MemoryError, torch.OutOfMemoryError, torch.AcceleratorError)
    if isinstance(error, exhausted) or (isinstance(error, RuntimeError) and _MACHINE.search(str(error))):
        return MachineError
    return PerceptionError


def _as_weights(value: Any, dtype: Any) -> Any:
    """Pictures in the precision of the weights; tokens and sizes as they are."""
    return value.to(dtype) if hasattr(value, "is_floating_point") and value.is_floating_point() else value
