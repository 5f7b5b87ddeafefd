"""What training needs of a dataset, computed once: latents, hidden states of speech, text, action units, mouths."""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch

from manifests.text import printable
from moee_model.codec import to_latents
from moee_model.config import ModelConfig
from moee_model.encoders import sound_embedding, text_embedding
from moee_model.errors import ModelError
from moee_model.feature_store import (
    ClipFeatures,
    FeatureSet,
    key_of,
    opened_part,
    part_file,
    read_index,
    sweep,
    whole,
    write_part,
)
from moee_model.mouth_mask import mouth_masks
from moee_model.networks import Networks
from moee_model.speech import CHUNK, CONTEXT, RATE, hidden_states
from moee_model.square_frames import SquareFrames
from moee_model.training_data import NOBODY, Faces, TrainingClip, TrainingData, open_data

_AT_ONCE: Final = 16  # frames that the codec sees at once
_AHEAD: Final = 2  # clips per worker that wait
Note = Callable[[str], None]
Work = Callable[[], None]
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Plan:
    """A clip and the files of its parts, relative to the folder."""

    clip: TrainingClip
    parts: dict[str, str]


def prepare(
    data: str | Path,
    config: ModelConfig,
    networks: Networks,
    out: Path,
    workers: int = 1,
    precision: Literal["fp32", "bf16"] = "fp32",
    note: Note = lambda text: None,
    watch: Watch = lambda what, done, total: None,
) -> FeatureSet:
    """Compute the features of a dataset's clips in the splits train and validation; what is there already is kept.

    A run that was killed goes on where it was. A file is named by what it was made from (the clip, the weights, the
    settings), so other weights never find the old ones. A clip that cannot be used is left out and listed.

    Args:
        data: folder that `moee curate` or `moee publish` wrote, or a published dataset on the hub.
        config: of the model.
        networks: the frozen parts.
        out: folder for the features of this dataset, made if missing; models may share it, datasets may not.
        workers: threads that decode; the networks run in one at a time.
        precision: in which the codec computes.
        note: takes sentences for the user. watch: told what is done, how many of how many.

    Raises:
        ModelError: the dataset cannot be read, holds no splits or no clip to train on; none of its clips can be used;
            the folder holds the features of another dataset.
        ManifestError: the folder cannot be written, or another run is writing it.
    """
    from manifests.files import exclusive

    found = open_data(data)
    with exclusive(out):
        _check_owner(out, found.place)
        if found.unused:
            note(f"{found.unused} clips are in no split for training or validation")
        plans = _plans(found.clips, config, networks, precision)
        left_out = _make_all(found, plans, config, networks, out, workers, precision, watch)
        made = FeatureSet(out, found.place, config, tuple(_listed(plans, left_out, out)), left_out)
        if not made.split("train"):
            why = next(iter(left_out.values()))
            raise ModelError(f"No clip of {printable(str(data))} can be trained on; the first one: {why}")
        made.save()
        gone = sweep(out, {clip.sha256 for clip in found.clips})
    if gone:
        note(f"{gone} files of clips that the dataset no longer holds were removed")
    return made


def _check_owner(out: Path, place: str) -> None:
    held = read_index(out)
    if held is not None and held.get("data") != place:
        raise ModelError(
            f"{printable(str(out))} holds the features of {printable(str(held.get('data')))}: give another folder, or "
            "delete features.json in it if that dataset was moved."
        )


def _plans(clips: Sequence[TrainingClip], config: ModelConfig, networks: Networks, precision: str) -> list[_Plan]:
    hashes = networks.hashes()
    found = []
    for clip in clips:
        shown = [list(clip.box or ()), clip.cropped, list(clip.picture), config.size, config.fps]
        keys = {
            "picture": key_of(shown, precision, hashes["codec"]),
            "sound": key_of(config.fps, config.audio.layers, CHUNK, CONTEXT, hashes["speech"]),
            "face": key_of(shown, config.latent_size, clip.faces, clip.id),
        }
        if clip.caption:
            keys["text"] = key_of(clip.caption, hashes["text"])
        found.append(_Plan(clip, {part: part_file(part, clip.sha256, key) for part, key in keys.items()}))
    return found


def _make_all(
    data: TrainingData,
    plans: list[_Plan],
    config: ModelConfig,
    networks: Networks,
    out: Path,
    workers: int,
    precision: str,
    watch: Watch,
) -> dict[str, str]:
    """Make the missing files of all clips; returns the clips that cannot be used, each with why."""
    maker = _Maker(data, config, networks, out, precision)
    left_out: dict[str, str] = {}
    todo = [plan for plan in plans if not maker.has(plan, "picture", "sound", "text")]
    for number, (plan, why) in enumerate(_run(((plan, partial(maker.clip, plan)) for plan in todo), workers)):
        if why:
            left_out[plan.clip.id] = why
        watch("clips", number + 1, len(todo))
    todo = [plan for plan in plans if plan.clip.id not in left_out and not maker.has(plan, "face")]
    for number, (plan, why) in enumerate(_run(_faces(data, todo, maker), workers)):
        if why:
            left_out[plan.clip.id] = why
        watch("mouths", number + 1, len(todo))
    return dict(sorted(left_out.items()))


def _faces(data: TrainingData, plans: list[_Plan], maker: _Maker) -> Iterator[tuple[_Plan, Work]]:
    """Work on the faces of clips as the dataset gives them, then on the clips without any."""
    waiting = {plan.clip.id: plan for plan in plans}
    for clip, faces in data.faces(set(waiting)):
        plan = waiting.pop(clip, None)
        if plan is not None:
            yield plan, partial(maker.face, plan, faces)
    for plan in waiting.values():
        yield plan, partial(maker.face, plan, NOBODY)


def _run(work: Iterator[tuple[_Plan, Work]], workers: int) -> Iterator[tuple[_Plan, str | None]]:
    """Each piece of work as it ends, in order, with a sentence where its clip cannot be used; a few are ahead."""
    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="features")
    try:
        running: deque[tuple[_Plan, Future[None]]] = deque()
        while True:
            for plan, call in islice(work, max(1, workers) * _AHEAD - len(running)):
                running.append((plan, pool.submit(call)))
            if not running:
                return
            plan, future = running.popleft()
            yield plan, _why(future)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _why(future: Future[None]) -> str | None:
    """What is wrong with a clip; a full disk or a defect of ours is not the clip's fault and is raised."""
    import pyarrow as pa

    from media.errors import MediaError

    try:
        future.result()
    except (_BadClipError, ModelError, MediaError) as error:
        return str(error)
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return f"its file cannot be read ({' '.join(str(error).split())[:200]})."
    return None


class _BadClipError(Exception):
    """A clip that cannot be used, and why."""


class _Maker:
    """Makes the files of one clip; its methods are called from several threads."""

    def __init__(self, data: TrainingData, config: ModelConfig, networks: Networks, out: Path, precision: str) -> None:
        self._data, self._config, self._networks, self._out, self._precision = data, config, networks, out, precision
        self._lock = threading.Lock()  # the speech network is changed while it listens, and the device is one

    def has(self, plan: _Plan, *parts: str) -> bool:
        """Whether these parts of a clip are there, as far as it has them."""
        return all(whole(self._out / plan.parts[part]) for part in parts if part in plan.parts)

    def clip(self, plan: _Plan) -> None:
        """Make what comes from the clip's file and its caption."""
        from manifests.files import file_hash

        if not self.has(plan, "picture", "sound"):
            with self._data.file(plan.clip) as path:
                if not path.is_file():
                    raise _BadClipError("its file is missing: run the command again that made the dataset.")
                if file_hash(path).sha256 != plan.clip.sha256:
                    raise _BadClipError("its file is not the one that the dataset names: make the dataset again.")
                self._from_file(plan, path)
        if "text" in plan.parts and not self.has(plan, "text"):
            self._write(plan, "text", {"text": self._text(plan.clip.caption or "")})

    def _from_file(self, plan: _Plan, path: Path) -> None:
        from media.audio import source_sound

        if source_sound(path) is None:
            raise _BadClipError("it has no sound.")
        if not self.has(plan, "picture"):
            frames = self._frames(plan.clip, path)
            latents = self._latents(frames)
            shown = torch.tensor([*_shares(frames), float(frames.start)], dtype=torch.float64)
            self._write(plan, "picture", {"latents": latents, "shown": shown})
        if not self.has(plan, "sound"):
            frames_made, _, start = self._shown(plan)
            self._write(plan, "sound", self._sound(path, Fraction(start), frames_made))

    def _shown(self, plan: _Plan) -> tuple[int, list[float], float]:
        """Frames of a clip, what they show in shares of its picture, and the second of the first on its clock."""
        with opened_part(self._out / plan.parts["picture"]) as file:
            *rect, start = file.get_tensor("shown").tolist()
            return file.get_slice("latents").get_shape()[0], rect, start

    def _frames(self, clip: TrainingClip, path: Path) -> SquareFrames:
        box = None if clip.cropped else clip.box
        return SquareFrames(path, self._config.fps, self._config.size, box, clip.picture)

    def _latents(self, frames: SquareFrames) -> torch.Tensor:
        """[T, C, h, w] float16."""
        made, source = [], iter(frames)
        while pictures := list(islice(source, _AT_ONCE)):
            pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
            with self._lock, torch.inference_mode():
                made.append(self._encoded(pixels))
        latents = torch.cat(made)
        if not torch.isfinite(latents).all():
            raise ModelError(
                f"{printable(str(frames.path))}: the codec gives numbers that are none; set precision fp32."
            )
        return latents

    def _encoded(self, pixels: torch.Tensor) -> torch.Tensor:
        codec, device = self._networks.codec, self._networks.device
        shown = pixels.to(device).float() / 127.5 - 1
        with torch.autocast(device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            return to_latents(codec, shown).to(torch.float16).cpu()

    def _sound(self, path: Path, start: Fraction, frames: int) -> dict[str, torch.Tensor]:
        from media.audio import waveform

        sound = torch.from_numpy(waveform(path, start, start + Fraction(frames, self._config.fps), RATE))
        network, device = self._networks.speech, self._networks.device
        with self._lock:
            hidden = hidden_states(network, sound.to(device), frames, self._config.fps, self._config.audio.layers)
            emotion = sound_embedding(network, sound.to(device))
        return {"hidden": hidden.to(torch.float16).cpu(), "emotion": emotion}

    def _text(self, caption: str) -> torch.Tensor:
        with self._lock:
            return text_embedding(self._networks.text_encoder, self._networks.tokenizer, [caption])[0]

    def face(self, plan: _Plan, faces: Faces | Exception) -> None:
        """Make the masks of the mouth, and keep the action units."""
        if isinstance(faces, Exception):
            raise _BadClipError(f"its frames cannot be read ({' '.join(str(faces).split())[:200]}).")
        frames, shown, start = self._shown(plan)
        rect = _pixels(plan.clip, shown)
        times = start + np.arange(frames) / self._config.fps
        side = self._config.latent_size
        made = {"mouth": torch.from_numpy(mouth_masks(faces.seconds, faces.points, times, rect, side))}
        if faces.aus is not None:
            made["aus"] = torch.from_numpy(faces.aus)
        self._write(plan, "face", made)

    def _write(self, plan: _Plan, part: str, tensors: dict[str, Any]) -> None:
        write_part(self._out / plan.parts[part], {name: tensor.contiguous() for name, tensor in tensors.items()})


def _shares(frames: SquareFrames) -> list[float]:
    """What is shown, in shares of the file's picture."""
    (x0, y0, x1, y1), (width, height) = frames.rect, frames.shown
    return [x0 / width, y0 / height, x1 / width, y1 / height]


def _pixels(clip: TrainingClip, shown: list[float]) -> tuple[float, float, float, float]:
    """What is shown of the source's picture, px: of the whole of it, or of the part that the clip's file is."""
    width, height = clip.picture
    left, top, right, bottom = 0.0, 0.0, float(width), float(height)
    if clip.cropped and clip.box is not None:
        from media.pixels import Crop, pixel_rect

        cut = pixel_rect(Crop(*clip.box, width, height), width, height)
        left, top, right, bottom = cut.x, cut.y, cut.x + cut.width, cut.y + cut.height
    x0, y0, x1, y1 = shown
    across, down = right - left, bottom - top
    return left + x0 * across, top + y0 * down, left + x1 * across, top + y1 * down


def _listed(plans: list[_Plan], left_out: dict[str, str], out: Path) -> Iterator[ClipFeatures]:
    for plan in plans:
        clip = plan.clip
        if clip.id in left_out:
            continue
        with opened_part(out / plan.parts["picture"]) as file:
            frames = file.get_slice("latents").get_shape()[0]
        yield ClipFeatures(
            clip.id, clip.sha256, clip.split, clip.person, clip.names, clip.label, frames, plan.parts
        )  # fmt: skip
