"""Light-ASD: whether a mouth in a face crop moves as if it spoke; it does not tell whose sound is heard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perception import weights
from perception.errors import PerceptionError
from perception.picture import luma

if TYPE_CHECKING:
    import torch

MODEL = "light-asd"
SIDE = 112  # px of a crop
FPS = 25  # crops per second
CEPSTRA = 13  # per 10 ms of sound: four for each crop
SOUND_STEP = 160  # samples at 16 kHz
MEAN, DEVIATION = 0.4161, 0.1688  # of the grey values 0..1 that the network was trained on
BACKGROUND = 110  # grey beside the picture, as in training
EPSILON = 1e-3  # of the network's batch normalisation
_WINDOW, _FFT, _FILTERS, _LIFTER, _EMPHASIS = 400, 512, 26, 22, 0.97


def mouth_region(box: tuple[float, float, float, float]) -> tuple[float, float, float]:
    """The square of a picture that the network sees of a face.

    Training cropped 1.4 times the face's longer side, moved down by 0.4 of half that side, and kept the middle half.

    Args:
        box: x0, y0, x1, y1 px.

    Returns:
        Its left edge, its upper edge and its side, px.
    """
    half = max(box[2] - box[0], box[3] - box[1]) / 2
    centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return centre_x - 0.7 * half, centre_y - 0.3 * half, 1.4 * half


def crop(picture: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Cut the network's picture of a face.

    Args:
        picture: [H, W, 3] uint8 RGB, or [H, W] uint8 grey.
        box: of the face, x0, y0, x1, y1 px.

    Returns:
        [112, 112] uint8.
    """
    import cv2

    x0, y0, side = mouth_region(box)
    scale = side / SIDE
    left, top = max(0, int(np.floor(x0)) - 1), max(0, int(np.floor(y0)) - 1)
    right, bottom = max(0, int(np.ceil(x0 + side)) + 1), max(0, int(np.ceil(y0 + side)) + 1)
    inside = np.ascontiguousarray(picture[top:bottom, left:right])
    if not inside.size:
        return np.full((SIDE, SIDE), BACKGROUND, np.uint8)
    if inside.ndim == 3:
        inside = luma(inside)
    height, width = inside.shape
    if scale >= 2:  # one sample in several pixels would miss some of a large face: average first
        step = int(scale)
        size = (max(1, width // step), max(1, height // step))
        inside = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
    across, down = inside.shape[1] / width, inside.shape[0] / height
    sampling = np.array(  # pixel centres of the crop -> pixel centres of `inside`
        [
            [scale * across, 0, (x0 - left + scale / 2) * across - 0.5],
            [0, scale * down, (y0 - top + scale / 2) * down - 0.5],
        ]
    )
    return cv2.warpAffine(
        inside,
        sampling,
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=BACKGROUND,
    )


def cepstra(sound: np.ndarray) -> np.ndarray:
    """Mel-frequency cepstra as python_speech_features has them by default: 25 ms every 10 ms, 26 filters, lifter 22.

    The first of the 13 is the logarithm of the energy; there is no window function, and samples count as 16-bit.

    Args:
        sound: float32 mono [n] at 16 kHz, -1..1.

    Returns:
        [1 + ceil((n - 400) / 160), 13] float32, at least one row.
    """
    from scipy.fft import dct

    samples = np.rint(np.asarray(sound, np.float64) * 32768).clip(-32768, 32767)
    samples = np.append(samples[:1], samples[1:] - _EMPHASIS * samples[:-1])
    count = 1 + max(0, -(-(len(samples) - _WINDOW) // SOUND_STEP))
    samples = np.pad(samples, (0, (count - 1) * SOUND_STEP + _WINDOW - len(samples)))
    frames = samples[np.arange(count)[:, None] * SOUND_STEP + np.arange(_WINDOW)]
    power = np.abs(np.fft.rfft(frames, _FFT, axis=1)) ** 2 / _FFT
    least = np.finfo(np.float64).eps
    bands = power @ _mel_filters().T
    rows = dct(np.log(np.where(bands == 0, least, bands)), type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    rows *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / _LIFTER)
    energy = power.sum(axis=1)
    rows[:, 0] = np.log(np.where(energy == 0, least, energy))
    return rows.astype(np.float32)


def _mel_filters(rate: int = 16_000) -> np.ndarray:
    """[26, 257] triangles, evenly spaced in mel from 0 Hz to half the rate, corners at whole bins."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, _FILTERS + 2) / 2595) - 1)
    corner = np.floor((_FFT + 1) * hertz / rate)
    bins = np.arange(_FFT // 2 + 1)
    filters = np.zeros((_FILTERS, len(bins)))
    for number in range(_FILTERS):
        low, middle, high = corner[number : number + 3]
        rising, falling = (bins >= low) & (bins < middle), (bins >= middle) & (bins < high)
        filters[number, rising] = (bins[rising] - low) / (middle - low)
        filters[number, falling] = (high - bins[falling]) / (high - middle)
    return filters


class LightAsd:
    """The network of Liao et al. (2023), 1.03 million parameters, with its batch normalisation folded into the weights.

    Use it as a context manager or call `close`. `model_hashes` is its sha256 by name.
    """

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        """Take the published state; raises PerceptionError when a tensor is missing or is left over."""
        import torch

        torch.set_num_threads(1)
        reader = _State(state)
        self._visual = [_Block(reader, f"model.visualEncoder.block{n}", "s") for n in (1, 2, 3)]
        self._sound = [_Block(reader, f"model.audioEncoder.block{n}", "m") for n in (1, 2, 3)]
        self._forward, self._backward = (reader.gru(f"model.GRU.gru_{way}") for way in ("forward", "backward"))
        self._both, self._seen = (reader.linear(f"{head}.FC") for head in ("lossAV", "lossV"))
        reader.done()
        self.model_hashes = {MODEL: weights.entry(MODEL).sha256}

    @classmethod
    def load(cls, device: str = "cpu", path: Path | None = None) -> LightAsd:
        """Open the network.

        Args:
            device: only "cpu".
            path: the checked file; None takes the registry's.

        Raises:
            PerceptionError: the model or PyTorch is missing, or the file holds something else.
        """
        if device != "cpu":
            raise PerceptionError(f"Light-ASD runs on the processor here, not on {device!r}: load it with 'cpu'.")
        path = path or weights.find(MODEL)
        try:
            import torch
        except ImportError as error:
            raise PerceptionError(f"Light-ASD cannot be loaded ({error}); run `make setup`.") from error
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, ValueError, OSError) as error:
            raise PerceptionError(f"{path.name} is no state of Light-ASD; fetch it again.") from error
        return cls(state)

    def __call__(self, crops: np.ndarray, sound: np.ndarray | None = None) -> np.ndarray:
        """Judge the frames of one span of one face.

        Args:
            crops: [T, 112, 112] uint8, 25 a second, T >= 1.
            sound: [at least 4 T, 13] `cepstra` of the same span; None asks the head for pictures alone, which judges
                each frame by its neighbours and not by the whole span.

        Returns:
            [T] float32: the logarithm of the odds that the face speaks in the frame; above 0 means that it does.
        """
        return self.judge(self.look(crops), sound)

    def look(self, crops: np.ndarray) -> np.ndarray:
        """What the network keeps of the pictures, so that the sound may come later: [T, 128] float32.

        Args:
            crops: [T, 112, 112] uint8.
        """
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            grey = torch.from_numpy(np.ascontiguousarray(crops)).float()
            x = ((grey / 255 - MEAN) / DEVIATION)[:, None].to(memory_format=torch.channels_last)
            for number, block in enumerate(self._visual):
                x = block.pictures(x, stride=2 if number == 0 else 1)
                if number < 2:
                    x = functional.max_pool2d(x, 3, stride=2, padding=1)
            return x.amax(dim=(2, 3)).numpy()

    def judge(self, seen: np.ndarray, sound: np.ndarray | None = None) -> np.ndarray:
        """Judge frames by what `look` kept of them; arguments and result as of `__call__`."""
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(seen)
            weight, bias = self._seen if sound is None else self._both
            if sound is not None:
                x = self._mix(x + self._hear(torch.from_numpy(sound[: 4 * len(seen)])))
            found = x @ weight.T + bias
            return (found[:, 1] - found[:, 0]).numpy()

    def _hear(self, rows: torch.Tensor) -> torch.Tensor:
        """[4 T, 13] cepstra -> [T, 128]."""
        from torch.nn import functional

        x = rows.T[None, None]
        for number, block in enumerate(self._sound):
            x = block.sound(x)
            if number < 2:
                x = functional.max_pool2d(x, (1, 3), stride=(1, 2), padding=(0, 1))
        return x.mean(dim=2)[0].T

    def _mix(self, x: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        x = functional.gelu(self._forward(x[None])[0])
        x = functional.gelu(self._backward(x.flip(1))[0])
        return x.flip(1)[0]

    def close(self) -> None:
        """Free the network."""
        self._visual, self._sound = [], []

    def __enter__(self) -> LightAsd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _State:
    """The published tensors, each taken once: what is left over or missing is an error."""

    def __init__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise PerceptionError("The file is no state of Light-ASD; fetch it again.")
        self._left = dict(state)

    def take(self, name: str) -> torch.Tensor:
        if name not in self._left:
            raise PerceptionError(f"Light-ASD's state has no {name}; fetch the file again.")
        return self._left.pop(name).float()

    def convolution(self, block: str, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """A convolution with the batch normalisation after it: weight and bias."""
        norm = f"{block}.bn_{name}"
        weight, mean = self.take(f"{block}.{name}.weight"), self.take(f"{norm}.running_mean")
        variance = self.take(f"{norm}.running_var")
        scale = self.take(f"{norm}.weight") / (variance + EPSILON).sqrt()
        bias = self.take(f"{norm}.bias") - mean * scale
        self.take(f"{norm}.num_batches_tracked")
        return weight * scale.reshape(-1, *[1] * (weight.dim() - 1)), bias

    def linear(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        return self.take(f"{name}.weight"), self.take(f"{name}.bias")

    def gru(self, name: str) -> Any:
        import torch

        layer = torch.nn.GRU(128, 128, batch_first=True)
        parts = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        try:
            layer.load_state_dict({part: self.take(f"{name}.{part}") for part in parts})
        except RuntimeError as error:
            raise PerceptionError(f"Light-ASD's {name} has another shape; fetch the file again.") from error
        return layer.eval()

    def done(self) -> None:
        if self._left:
            raise PerceptionError(f"Light-ASD's state holds more than the network: {min(self._left)}.")


class _Block:
    """Two paths of kernel size 3 and 5, each over space (or frequency) and then over time, summed and mixed."""

    def __init__(self, state: _State, name: str, first: str) -> None:
        import torch

        self.paths = []
        for size in (3, 5):
            (space, space_bias), (time, time_bias) = (
                state.convolution(name, f"{kind}_{size}") for kind in (first, "t")
            )
            if first == "s":  # a picture's kernel [.., 1, k, k] and a kernel over time [.., k, 1, 1]
                space, time = space.squeeze(2), time.squeeze(4)
            self.paths.append((space, space_bias, time, time_bias, size // 2))
        weight, bias = state.convolution(name, "last")
        self.last = (weight.reshape(weight.shape[0], -1, 1, 1), bias)
        if first == "s":
            self.paths = [
                (s.to(memory_format=torch.channels_last), a, t.to(memory_format=torch.channels_last), b, reach)
                for s, a, t, b, reach in self.paths
            ]

    def pictures(self, x: torch.Tensor, stride: int) -> torch.Tensor:
        """[T, C, H, W] -> [T, D, H / stride, W / stride], channels last."""
        from torch.nn.functional import conv2d

        total: Any = None
        for space, space_bias, time, time_bias, reach in self.paths:
            seen = conv2d(x, space, space_bias, stride=stride, padding=reach).relu_()
            frames, channels, height, width = seen.shape
            # the same memory as one picture of T rows, a column for each place: the kernel over time runs down it
            line = seen.permute(0, 2, 3, 1).reshape(1, frames, height * width, channels).permute(0, 3, 1, 2)
            moved = conv2d(line, time, time_bias, padding=(reach, 0)).relu_()
            total = moved if total is None else total.add_(moved)
        mixed = conv2d(total, *self.last).relu_()
        return mixed.permute(0, 2, 3, 1).reshape(frames, height, width, -1).permute(0, 3, 1, 2)

    def sound(self, x: torch.Tensor) -> torch.Tensor:
        """[1, C, F, T] -> [1, D, F, T]."""
        from torch.nn.functional import conv2d

        total: Any = 0
        for space, space_bias, time, time_bias, reach in self.paths:
            heard = conv2d(x, space, space_bias, padding=(reach, 0)).relu()
            total = conv2d(heard, time, time_bias, padding=(0, reach)).relu() + total
        return conv2d(total, *self.last).relu()
