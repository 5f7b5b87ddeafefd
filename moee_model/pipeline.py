"""Image, sound and emotion to a video of any length, window by window."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import DDIMScheduler, DiffusionPipeline
from diffusers.utils import BaseOutput
from torch.nn import functional

from moee_model.audio_attention import AudioProjection
from moee_model.codec import Codec, make_codec, to_latents, to_pixels
from moee_model.config import ModelConfig
from moee_model.denoiser import Denoiser
from moee_model.emotion import NEUTRAL, Emotion
from moee_model.emotion_latents import EmotionToLatents
from moee_model.encoders import make_text, sound_embedding, text_embedding
from moee_model.errors import ModelError
from moee_model.noise import check_scheduler, make_scheduler
from moee_model.reference import ReferenceNet
from moee_model.saved import CONFIG, components, read_config
from moee_model.seeds import generator
from moee_model.speech import Heard, frames_of, make_speech
from moee_model.unet import MoEEUNet

_DECODED: Final = 4  # frames that the codec decodes at once
Emotions = Emotion | Sequence[tuple[float, Emotion]]
"""One emotion, or emotions with the second from which each holds."""


@dataclass
class MoEEOutput(BaseOutput):
    """frames: [n, H, W, 3] uint8."""

    frames: np.ndarray


@dataclass(frozen=True)
class _Told:
    """Per frame of a window: latents [F, T, C], gates [F, 6], learned [F]."""

    latents: torch.Tensor
    gates: torch.Tensor
    learned: torch.Tensor


class MoEEPipeline(DiffusionPipeline):
    """Portrait, speech and an emotion to a talking head.

    Components: the trained parts (`unet`, `reference_net`, `audio_projection`, `emotion_latents`), the frozen ones
    (`codec`, `speech`, `text_encoder`, `tokenizer`) and the one `scheduler` of training and sampling. `settings` is the
    `ModelConfig`, saved beside them as `moee.json`.
    """

    model_cpu_offload_seq = "text_encoder->speech->audio_projection->emotion_latents->reference_net->unet->codec"

    def __init__(
        self,
        unet: MoEEUNet,
        reference_net: ReferenceNet,
        audio_projection: AudioProjection,
        emotion_latents: EmotionToLatents,
        codec: Codec,
        speech: Any,
        text_encoder: Any,
        tokenizer: Any,
        scheduler: DDIMScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(
            unet=unet,
            reference_net=reference_net,
            audio_projection=audio_projection,
            emotion_latents=emotion_latents,
            codec=codec,
            speech=speech,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            scheduler=scheduler,
        )
        self.settings = ModelConfig()

    @classmethod
    def from_denoiser(
        cls,
        denoiser: Denoiser,
        settings: ModelConfig,
        codec: Codec | None = None,
        speech: Any = None,
        text: tuple[Any, Any] | None = None,
    ) -> MoEEPipeline:
        """A pipeline around trained parts; frozen parts that are not given are made from the configuration."""
        encoder, tokenizer = text or make_text(settings.emotion)
        made = cls(
            unet=denoiser.unet,
            reference_net=denoiser.reference_net,
            audio_projection=denoiser.audio_projection,
            emotion_latents=denoiser.emotion_latents,
            codec=codec or make_codec(settings.codec),
            speech=speech or make_speech(settings.audio),
            text_encoder=encoder,
            tokenizer=tokenizer,
            scheduler=make_scheduler(settings.schedule),
        )
        made.settings = settings
        return made

    @property
    def denoiser(self) -> Denoiser:
        """The trained parts, as training calls them."""
        return Denoiser(self.unet, self.reference_net, self.audio_projection, self.emotion_latents)

    def save_pretrained(self, save_directory: str | Path, **settings: Any) -> None:
        """Write all components (safetensors) and `moee.json` into a folder."""
        super().save_pretrained(str(save_directory), safe_serialization=True, **settings)
        text = json.dumps(asdict(self.settings), indent=2)
        (Path(save_directory) / CONFIG).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, place: str | Path, **settings: Any) -> MoEEPipeline:
        """Open a saved pipeline strictly: every weight must be there, of the configured shape, and no other.

        Args:
            place: folder, or `organisation/name` on the hub.
            settings: `torch_dtype`.

        Raises:
            ModelError: one sentence about what is wrong.
        """
        folder, config = read_config(place)
        parts = components(folder, config, **settings)
        check_scheduler(parts["scheduler"], config.schedule)
        made = cls(**parts)
        made.settings = config
        return made

    def __call__(self, *arguments: Any, **settings: Any) -> MoEEOutput:
        """All frames at once; arguments of `stream`."""
        return MoEEOutput(frames=np.concatenate(list(self.stream(*arguments, **settings))))

    def stream(
        self,
        image: np.ndarray,
        waveform: np.ndarray,
        emotion: Emotions = NEUTRAL,
        steps: int = 20,
        guidance: float = 3.5,
        seed: int = 0,
        frames: int | None = None,
    ) -> Iterator[np.ndarray]:
        """The video, a window's frames at a time; memory does not grow with its length.

        Args:
            image: [H, W, 3] uint8 RGB, the square around the face. waveform: [samples] float32, 16 kHz.
            emotion: one, or (second, emotion) pairs, the first at 0.
            steps: of DDIM. guidance: 1: none; the pass without conditions sees reference and motion frames, hears
                nothing and shows no emotion.
            seed: of all noise: the same seed gives the same video. frames: of the video; None: as long as the sound.

        Yields:
            [n, size, size, 3] uint8, at `settings.fps`.

        Raises:
            ModelError: an empty sound or picture, or steps that the schedule does not have.
        """
        sound = torch.from_numpy(np.asarray(waveform, dtype=np.float32)).to(self.device)
        if sound.dim() != 1 or not len(sound):
            raise ModelError("The sound is empty: give at least one frame of 16 kHz mono.")
        if not 1 <= steps <= self.settings.schedule.steps:
            raise ModelError(f"steps is {steps}: it must be between 1 and {self.settings.schedule.steps}.")
        total = frames or frames_of(sound, self.settings.fps)
        heard = Heard(self.speech, sound, total, self.settings.fps, self.settings.audio.layers)
        timeline = self._timeline(emotion, sound)
        reference, features = self._reference(image)
        motion = reference[:, :, None].expand(-1, -1, self.settings.motion_frames, -1, -1)
        for start in range(0, total, self.settings.frames):
            noise = self._noise(seed, start, reference)
            latents = self._window(heard, timeline, features, motion, noise, start, steps, guidance)
            motion = latents[:, :, latents.shape[2] - self.settings.motion_frames :]
            yield self._pictures(latents[0, :, : total - start])

    @torch.inference_mode()
    def _reference(self, image: np.ndarray) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """[1, C, h, w] latents of the portrait and its features."""
        if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ModelError("The image must have three channels (RGB).")
        size = self.settings.size
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self.device, torch.float32).permute(2, 0, 1)[None]
        if pixels.shape[2:] != (size, size):
            pixels = functional.interpolate(pixels, (size, size), mode="bicubic", antialias=True).clamp(0, 255)
        latents = to_latents(self.codec, (pixels / 127.5 - 1).to(self.codec.dtype)).to(self.unet.dtype)
        return latents, self.reference_net.features(latents, self.unet.identity(1))

    def _noise(self, seed: int, start: int, like: torch.Tensor) -> torch.Tensor:
        """[1, C, frames, h, w]; it hangs on seed and place alone."""
        _, channels, height, width = like.shape
        shape = (1, channels, self.settings.frames, height, width)
        return torch.randn(shape, generator=generator(seed, "window", start)).to(like.device, like.dtype)

    @torch.inference_mode()
    def _window(
        self,
        heard: Heard,
        timeline: list[tuple[int, _Told]],
        features: dict[str, torch.Tensor],
        motion: torch.Tensor,
        latents: torch.Tensor,
        start: int,
        steps: int,
        guidance: float,
    ) -> torch.Tensor:
        """[1, C, frames, h, w] clean latents of the window that begins at a frame."""
        clean, count = self.settings.motion_frames, self.settings.frames
        half = self.settings.audio.window // 2
        hidden = heard.span(start - clean - half, start + count + half).to(self.unet.dtype)
        audio, told = self.audio_projection(hidden[None]), _between(timeline, start - clean, start + count)
        twice = guidance != 1
        if twice:  # the first half of the batch goes without sound and emotion
            audio = torch.cat([torch.zeros_like(audio), audio])
            told = _Told(*(torch.stack([part, part]) for part in (told.latents, told.gates, told.learned)))
            told.gates[0], told.learned[0] = 0, False
            features = {name: value.expand(2, -1, -1) for name, value in features.items()}
        else:
            told = _Told(told.latents[None], told.gates[None], told.learned[None])
        self.scheduler.set_timesteps(steps, device=latents.device)
        for step in self.scheduler.timesteps:
            noisy = torch.cat([motion, latents], 2).expand(1 + twice, -1, -1, -1, -1)
            times = torch.cat([step.new_zeros(clean), step.expand(count)])[None].expand(1 + twice, -1)
            said = self.unet(
                noisy, times, features, None, audio, told.latents, told.gates, told.learned, return_dict=False
            )[0][:, :, clean:]  # fmt: skip
            if twice:
                said = said[:1] + guidance * (said[1:] - said[:1])
            latents = self.scheduler.step(said, step, latents, return_dict=False)[0]
        return latents

    @torch.inference_mode()
    def _pictures(self, latents: torch.Tensor) -> np.ndarray:
        """[C, n, h, w] latents to [n, H, W, 3] uint8."""
        parts = latents.transpose(0, 1).to(self.codec.dtype).split(_DECODED)
        pixels = torch.cat([to_pixels(self.codec, part).float().cpu() for part in parts])
        shown = ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return shown.permute(0, 2, 3, 1).contiguous().numpy()

    @torch.inference_mode()
    def _timeline(self, emotion: Emotions, sound: torch.Tensor) -> list[tuple[int, _Told]]:
        """Emotions with the frame from which each holds."""
        pairs = [(0.0, emotion)] if isinstance(emotion, Emotion) else sorted(emotion, key=lambda pair: pair[0])
        if not pairs or pairs[0][0] != 0:
            raise ModelError("The first emotion must hold from second 0.")
        return [(round(second * self.settings.fps), self._told(one, sound)) for second, one in pairs]

    def _told(self, emotion: Emotion, sound: torch.Tensor) -> _Told:
        """What the model is told of one emotion, with one frame."""
        sizes, like = self.settings.emotion, {"device": self.device, "dtype": self.unet.dtype}
        weights = torch.tensor([emotion.weights or (0.0,) * self.settings.moe.experts], **like)
        text, audio, aus = (torch.zeros(1, width, **like) for width in (sizes.text, sizes.audio, sizes.aus))
        if emotion.text is not None:
            text = text_embedding(self.text_encoder, self.tokenizer, [emotion.text]).to(**like)
        if emotion.from_audio:
            audio = sound_embedding(self.speech, sound).to(**like)[None]
        if emotion.aus is not None:
            if len(emotion.aus) != sizes.aus:
                raise ModelError(f"There are {len(emotion.aus)} action units: the model takes {sizes.aus}.")
            aus = torch.tensor([emotion.aus], **like)
        there = (emotion.weights is not None, emotion.text is not None, emotion.from_audio, emotion.aus is not None)
        present = torch.tensor([there], device=self.device)
        return _Told(
            latents=self.emotion_latents(weights, text, audio, aus, present),
            gates=torch.tensor([emotion.gates or (0.0,) * self.settings.moe.experts], **like),
            learned=torch.tensor([emotion.gates is None], device=self.device),
        )


def _between(timeline: list[tuple[int, _Told]], start: int, end: int) -> _Told:
    """What is told from frame to frame; frames before the first have the first."""
    firsts = [first for first, _ in timeline]
    chosen = [timeline[max(0, int(np.searchsorted(firsts, frame, "right")) - 1)][1] for frame in range(start, end)]
    return _Told(
        latents=torch.cat([told.latents for told in chosen]),
        gates=torch.cat([told.gates for told in chosen]),
        learned=torch.cat([told.learned for told in chosen]),
    )
