"""What is heard: how well the main face's mouth fits the sound, and what listeners would say of the sound."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from benchmark.extract.extractor import Blank, Extractor, Shown, Watch
from benchmark.extract.faces import Faces, MainFace, landmark_model
from benchmark.extract.models import lacking, shared


class MouthAudio(Extractor):
    """The mouth's opening against the onsets of the sound (`perception.speaking`), without a network.

    Gives [1, 5]: correlation at its peak; how much later the sound comes, ms; that peak in standard deviations of
    unrelated sounds; how often chance gives as much; and 1 where both signals of the mouth agree on the lag and chance
    is unlikely. NaN where the mouth is not seen, or neither mouth nor sound ever changes.
    """

    name: ClassVar[str] = "mouth_audio"
    reads: ClassVar[tuple[str, ...]] = (Faces.name,)
    timed: ClassVar[bool] = True
    blank: ClassVar[Blank] = "anywhere"

    def made_by(self) -> dict[str, str]:
        """The landmarks that show the mouth."""
        return {"mouth_audio": self.named("mouth-flux", landmark_model()[1])}

    def missing(self) -> str | None:
        """SciPy."""
        return lacking((), ("scipy",), "benchmark")

    def sight(self, watch: Watch) -> _MouthAudio:
        """Nothing is seen beyond the landmarks."""
        return _MouthAudio(watch)


class _MouthAudio:
    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def see(self, frame: Shown) -> None:
        """The landmarks are enough."""

    def finish(self) -> dict[str, np.ndarray]:
        from perception.flux import flux
        from perception.mouth import measure, on_grid
        from perception.speaking import synchrony

        if not self.watch.has_sound:
            return {}
        main: MainFace = self.watch.left[Faces.name]
        mouth = on_grid(measure(np.array(self.watch.seconds)[main.frames], main.points))
        match = synchrony(mouth, flux([(0, self.watch.sound)]))
        if match is None:
            return {"mouth_audio": np.full((1, 5), np.nan)}
        best = match.height
        known = float(match.lag_ms is not None)
        return {"mouth_audio": np.array([[best.peak, best.lag_ms, best.margin, best.chance, known]])}


class Opinions(Extractor):
    """DNSMOS P.835: opinion of the speech, of what is behind it, and of both, 1..5; the mean of the windows."""

    name: ClassVar[str] = "dnsmos"
    timed: ClassVar[bool] = True

    def made_by(self) -> dict[str, str]:
        """The network."""
        from perception.dnsmos import MODEL
        from perception.weights import entry

        return {"dnsmos": self.named(MODEL, entry(MODEL).sha256)}

    def weights(self) -> tuple[str, ...]:
        """The network."""
        from perception.dnsmos import MODEL
        from perception.weights import entry

        return (f"{MODEL}@{entry(MODEL).sha256}",)

    def missing(self) -> str | None:
        """onnxruntime or the network."""
        from perception.dnsmos import MODEL

        return lacking((MODEL,), ("onnxruntime",), "audio")

    def sight(self, watch: Watch) -> _Opinions:
        """Nothing is seen; the sound is judged at the end."""
        return _Opinions(watch)


class _Opinions:
    def __init__(self, watch: Watch) -> None:
        from perception.dnsmos import MODEL, Dnsmos

        self.watch = watch
        self.network = shared(MODEL, Dnsmos.load) if watch.has_sound else None

    def see(self, frame: Shown) -> None:
        """Only the sound counts."""

    def finish(self) -> dict[str, np.ndarray]:
        if self.network is None:
            return {}
        opinions = list(self.network.opinions([(0, self.watch.sound)]))
        scores = [(opinion.signal, opinion.background, opinion.overall) for opinion in opinions]
        return {"dnsmos": np.array(scores, np.float64).mean(axis=0, keepdims=True)}
