"""One decoded picture with its exact time; pixels are converted only when asked for, once per size."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Geometry:
    """The one picture size of a source: as coded, and the clockwise turn that shows it upright.

    Pictures of another size later in the stream are scaled to this one, so that coordinates mean the same throughout.
    """

    coded_width: int
    coded_height: int
    turn: int  # 0, 90, 180 or 270 degrees clockwise

    @property
    def width(self) -> int:
        """Displayed width in pixels."""
        return self.coded_height if self.turn in (90, 270) else self.coded_width

    @property
    def height(self) -> int:
        """Displayed height in pixels."""
        return self.coded_width if self.turn in (90, 270) else self.coded_height


class Frame:
    """One picture of a source.

    Attributes:
        index: number in presentation order, 0 for the first one given by the decoder.
        pts: time stamp in units of `time_base` (seconds).
        duration: > 0, until the next picture; the last one's is the file's own, else the average.
        corrupt: the decoder found damage in it and concealed it.
        picture: the decoded PyAV frame as coded (not turned).
        shot, faces: filled by consumers for later consumers.
    """

    __slots__ = (
        "_geometry", "_pixels", "_reformatter", "corrupt", "duration", "faces", "index", "picture", "pts", "shot",
        "time_base",
    )  # fmt: skip

    def __init__(
        self,
        picture: VideoFrame,
        index: int,
        pts: int,
        time_base: Fraction,
        geometry: Geometry,
        reformatter: Any = None,
    ) -> None:
        self.picture = picture
        self.index = index
        self.pts = pts
        self.time_base = time_base
        self.duration = 1
        self.corrupt = bool(picture.is_corrupt)
        self.shot: int | None = None
        self.faces: tuple[Any, ...] = ()
        self._geometry = geometry
        self._reformatter = reformatter
        self._pixels: dict[tuple[int, int], np.ndarray] = {}

    @property
    def width(self) -> int:
        """Displayed width in pixels."""
        return self._geometry.width

    @property
    def height(self) -> int:
        """Displayed height in pixels."""
        return self._geometry.height

    @property
    def turn(self) -> int:
        """Degrees clockwise from the decoded picture to the displayed one."""
        return self._geometry.turn

    @property
    def coded_size(self) -> tuple[int, int]:
        """(width, height) in pixels before turning; a picture of another size is scaled to it."""
        return self._geometry.coded_width, self._geometry.coded_height

    def rgb(self) -> np.ndarray:
        """The displayed picture: [height, width, 3] uint8 RGB, C-contiguous, cached; treat it as read-only."""
        return self._converted(self.width, self.height)

    def scaled(self, long_side: int) -> np.ndarray:
        """The displayed picture with its longer side at most `long_side` pixels, never enlarged, aspect kept.

        Args:
            long_side: > 0, pixels.

        Returns:
            [h, w, 3] uint8 RGB, C-contiguous, cached per size; treat it as read-only.
        """
        longest = max(self.width, self.height)
        if long_side <= 0:
            raise ValueError("long_side must be positive")
        if longest <= long_side:
            return self.rgb()
        width = max(1, (self.width * long_side * 2 + longest) // (2 * longest))
        height = max(1, (self.height * long_side * 2 + longest) // (2 * longest))
        return self._converted(width, height)

    def _converted(self, width: int, height: int) -> np.ndarray:
        cached = self._pixels.get((width, height))
        if cached is None:
            cached = self._pixels[width, height] = self._convert(width, height)
        return cached

    def _convert(self, width: int, height: int) -> np.ndarray:
        import numpy as np
        from av.video.reformatter import Interpolation, VideoReformatter

        if self._reformatter is None:
            self._reformatter = VideoReformatter()
        lying = self.turn in (90, 270)
        coded = (height, width) if lying else (width, height)
        same_size = coded == (self.picture.width, self.picture.height)
        exact = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
        pixels = self._reformatter.reformat(
            self.picture,
            width=coded[0],
            height=coded[1],
            format="rgb24",
            interpolation=Interpolation.BILINEAR if same_size else exact,
            threads=1,
        ).to_ndarray()
        if self.turn:
            pixels = np.rot90(pixels, k=-self.turn // 90)
        return np.ascontiguousarray(pixels)
