"""The frames of a clip as a model sees them: at its frame rate, exactly by time, the square around the face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from media.frame import Frame
    from moee_model.inputs import Square


@dataclass
class SquareFrames:
    """Reads a clip once: frame k is the source's nearest to start + k / fps, round(length x fps) of them.

    Args:
        path: a video file. fps: of the result. size: px of a side.
        box: x0, y0, x1, y1 of the face's square in shares of the picture, of a picture of the size `picture` (px); None
            takes the middle square.

    Attributes:
        start: s, the time of the first frame on the file's clock; known once the first frame was given.
        rect: x0, y0, x1, y1 px of the displayed picture that is shown, as `start`.
        shown: width and height of the displayed picture, as `start`.
    """

    path: Path
    fps: int
    size: int
    box: tuple[float, float, float, float] | None = None
    picture: tuple[int, int] = (1, 1)
    start: Fraction = Fraction(0)
    rect: Square = (0, 0, 0, 0)
    shown: tuple[int, int] = (0, 0)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields [size, size, 3] uint8 RGB.

        Raises:
            MediaError: the file is no video, or the box does not fit its picture.
        """
        from media.decode import Decoder
        from media.sound import nearest
        from moee_model.inputs import squared

        with Decoder(self.path) as decoder:
            frames = iter(decoder)
            here, following = next(frames), next(frames, None)
            base, begin = decoder.time_base, here.pts
            self.start = begin * base
            self.shown = here.width, here.height
            self.rect = self._rect(here)
            count = 0
            held: np.ndarray | None = None
            shown: Frame | None = None
            while following is not None or self._before_end(decoder.report.end_pts, begin, base, count):
                wanted = begin + Fraction(count) / (self.fps * base)
                while following is not None and abs(following.pts - wanted) < abs(here.pts - wanted):
                    here, following = following, next(frames, None)
                if held is not None:  # the last one waits until it is known that the clip lasts that long
                    yield held
                if shown is not here:
                    picture, shown = squared(here.rgb(), self.rect, self.size), here
                held, count = picture, count + 1
            end = decoder.report.end_pts or begin
            if held is not None and count <= max(1, nearest((end - begin) * base * self.fps)):
                yield held

    def _before_end(self, end: int | None, begin: int, base: Fraction, count: int) -> bool:
        from media.sound import nearest

        return count < max(1, nearest(((end or begin) - begin) * base * self.fps))

    def _rect(self, frame: Frame) -> Square:
        from media.pixels import Crop, pixel_rect
        from moee_model.inputs import middle

        if self.box is None:
            return middle(frame.rgb())
        x0, y0, x1, y1 = (min(max(side, 0.0), 1.0) for side in self.box)
        rect = pixel_rect(Crop(x0, y0, x1, y1, *self.picture), frame.width, frame.height)
        return rect.x, rect.y, rect.x + rect.width, rect.y + rect.height
