"""EmotiEffLib's networks (A. V. Savchenko, formerly HSEmotion): EfficientNets that tell the emotions of AffectNet.

Their ONNX files are looked for in `emotiefflib/` of the weights folder, or in the folder itself; of several, the first
of `FILES` is the member. They are run by ONNX Runtime; the library itself is not needed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception.errors import PerceptionError
from perception.networks import checked_crops, installed, local_file, normalised, on_processor, sha256
from perception.panel import About, FaceCrop, Looks
from perception.quiet import native_logs_hidden

log = logging.getLogger(__name__)

FAMILY = "emotiefflib"
FILES = {  # in the order of preference: how many emotions, and the side of the picture in px
    "enet_b2_8.onnx": (8, 260),
    "enet_b2_7.onnx": (7, 260),
    "enet_b0_8_best_vgaf.onnx": (8, 224),
    "enet_b0_8_best_afew.onnx": (8, 224),
}
LABELS = {
    8: ("Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise"),
    7: ("Anger", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise"),
}
SCALE = 1.0
"""Its makers cut the box of MTCNN without a margin; the box around the landmarks is the nearest that is at hand. Theirs
is squeezed to a square and this one is a square already, so cheeks have more room in it."""


class EmotiEffLib:
    """A network, opened: judges faces one at a time on one thread; see `perception.panel.PixelMember`."""

    def __init__(self, path: Path) -> None:
        """Open an ONNX file that bears one of the published names.

        Raises:
            PerceptionError: ONNX Runtime is missing, or the file is damaged or another network.
        """
        self.about = about(f"{FAMILY}/{path.stem}")
        self.model_hashes = {self.about.name: sha256(path) or ""}
        count, side = FILES[path.name]
        self.crop = FaceCrop(side, SCALE)
        self.stride = 12
        self._session = _session(path, self.about.name)
        fed, given = self._session.get_inputs(), self._session.get_outputs()
        shapes = [node.shape for node in (*fed, *given)]
        numbers = all(node.type == "tensor(float)" for node in (*fed, *given))
        if len(fed) != 1 or len(given) != 1 or not numbers or shapes[0][1:] != [3, side, side] or len(shapes[1]) != 2:
            raise PerceptionError(
                f"{path} takes {shapes[0]} and gives {shapes[-1]} instead of [n, 3, {side}, {side}] and [n, {count}]: "
                f"put its makers' {path.name} there."
            )
        self._input = fed[0].name
        self._path = path
        self._judge(np.zeros((side, side, 3), np.uint8))  # an output of another width shows only now

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        """Judge faces; see `PixelMember.__call__`."""
        found = np.empty((len(crops), len(self.about.labels)), np.float32)
        for place, crop in enumerate(checked_crops(crops, self.crop.side, self.about.name)):
            found[place] = self._judge(crop)
        return Looks(found)

    def _judge(self, crop: np.ndarray) -> np.ndarray:
        try:
            logits = np.asarray(self._session.run(None, {self._input: normalised(crop)})[0], np.float64)
        except Exception as error:  # onnxruntime's own classes, one per kind of damage
            raise PerceptionError(
                f"{self._path} cannot judge a picture ({_short(error)}): put it there again."
            ) from error
        if logits.shape != (1, len(self.about.labels)):
            raise PerceptionError(
                f"{self._path} gives {list(logits.shape)} for one face instead of [1, {len(self.about.labels)}]: "
                f"put its makers' {self._path.name} there."
            )
        raised = np.exp(logits[0] - logits[0].max())
        return raised / raised.sum()


def usable() -> tuple[str, str] | None:
    """Name and sha256 of the preferred network that is here, or None; nothing heavy is imported."""
    path = _file()
    if path is None or not installed(("onnxruntime",), FAMILY):
        return None
    hashed = sha256(path)
    return (f"{FAMILY}/{path.stem}", hashed) if hashed is not None else None


def about(name: str) -> About:
    """What is known of a network without opening it; raises PerceptionError where there is none of that name."""
    stem = name.removeprefix(f"{FAMILY}/")
    if f"{stem}.onnx" not in FILES:
        known = ", ".join(f"{FAMILY}/{Path(file).stem}" for file in FILES)
        raise PerceptionError(f"There is no network {name!r} of EmotiEffLib in the panel; there are {known}.")
    count, _ = FILES[f"{stem}.onnx"]
    return About(
        name=f"{FAMILY}/{stem}",
        label_set=f"EmotiEffLib-{count}",
        labels=LABELS[count],
        trained_on="AffectNet (440,000 faces of the web; given out for research only)",
        licence="Apache-2.0",
        noncommercial=True,
    )


def load(name: str, device: str = "cpu") -> EmotiEffLib:
    """Open a network; raises PerceptionError when its file is not here, is damaged, or is another network."""
    known = about(name)
    on_processor(device, known.name)
    file = f"{known.name.removeprefix(f'{FAMILY}/')}.onnx"
    path = local_file((f"{FAMILY}/{file}", file))
    if path is None:
        raise PerceptionError(f"{file} is not here: put it into {FAMILY}/ of the folder that MOEE_WEIGHTS names.")
    return EmotiEffLib(path)


def _file() -> Path | None:
    return local_file(place for file in FILES for place in (f"{FAMILY}/{file}", file))


def _session(path: Path, name: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise PerceptionError(f"{name} cannot be loaded ({error}); run `pip install 'moee[emotion]'`.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        data = path.read_bytes()  # as bytes it cannot name further files to be read beside it
        with native_logs_hidden():
            return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, one per kind of damage
        raise PerceptionError(f"{path} is no readable ONNX file ({_short(error)}): put it there again.") from error


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
