"""From decoded pictures to what the encoder takes: upright, cropped, scaled, yuv420p in limited range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from media.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame

    from media.frame import Frame

_MPEG, _JPEG = 1, 2  # AVColorRange: limited, full
_RGB_SPACES = 0  # AVCOL_SPC_RGB
_BT709 = 1
_UNKNOWN = 2  # "unspecified" in colour space, primaries and transfer alike
_ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True)
class Crop:
    """A rectangle of the displayed picture in [0, 1], with the size of the picture that it was measured on (pixels)."""

    x0: float
    y0: float
    x1: float
    y1: float
    source_width: int
    source_height: int


@dataclass(frozen=True)
class Rect:
    """A rectangle in pixels, all even: what 4:2:0 can hold without moving its colour."""

    x: int
    y: int
    width: int
    height: int


def pixel_rect(crop: Crop | None, width: int, height: int) -> Rect:
    """The even pixel rectangle of a crop in a displayed picture of width x height; all of it (made even) without one.

    Raises:
        MediaError: the crop is empty, outside [0, 1] or measured on a picture of another shape.
    """
    if width < 2 or height < 2:
        raise MediaError("The picture is too small to encode: it needs at least 2 x 2 pixels.")
    if crop is None:
        return Rect(0, 0, width // 2 * 2, height // 2 * 2)
    if not (0 <= crop.x0 < crop.x1 <= 1 and 0 <= crop.y0 < crop.y1 <= 1):
        raise MediaError("The crop is not a rectangle inside the picture: give 0 <= x0 < x1 <= 1 and the same for y.")
    measured = crop.source_width / max(1, crop.source_height)
    if abs(measured / (width / height) - 1) > _ASPECT_TOLERANCE:
        raise MediaError(
            f"The crop was measured on a {crop.source_width}x{crop.source_height} picture and this one is "
            f"{width}x{height}: measure it on this source."
        )
    x, w = _even_span(crop.x0, crop.x1, width)
    y, h = _even_span(crop.y0, crop.y1, height)
    return Rect(x, y, w, h)


def _even_span(low: float, high: float, size: int) -> tuple[int, int]:
    """(even start, even length) nearest to [low, high] of `size`; equal fractions of one size give equal lengths."""
    length = min(size // 2 * 2, max(2, 2 * round((high - low) * size / 2)))
    start = min(size // 2 * 2 - length, 2 * round(low * size / 2))
    return max(0, start), length


@dataclass(frozen=True)
class Colour:
    """AVFrame colour tags of the encoded stream (space, primaries, transfer); its range is always limited."""

    space: int
    primaries: int
    transfer: int


class Preparer:
    """Makes every picture of one clip ready for the encoder, in the same way.

    Args:
        crop: rectangle of the displayed picture, or None.
        size: (width, height) of the result, both even, or None for the crop's own.
    """

    def __init__(self, crop: Crop | None, size: tuple[int, int] | None) -> None:
        if size is not None and (min(size) < 2 or size[0] % 2 or size[1] % 2):
            raise MediaError("The size of a clip must be two even numbers of pixels: change the width or the height.")
        self._crop, self._size = crop, size
        self._to_yuv: Any = None
        self._to_size: Any = None

    def prepare(self, frame: Frame) -> VideoFrame:
        """A new yuv420p picture without the source's side data, type or time stamp."""
        planes = _upright(self._yuv420p(frame), frame.turn)
        rect = pixel_rect(self._crop, frame.width, frame.height)
        if (rect.width, rect.height) != (frame.width, frame.height) or frame.width % 2 or frame.height % 2:
            planes = _cropped(planes, rect)
        return self._scaled(picture_of(planes))

    def _yuv420p(self, frame: Frame) -> VideoFrame:
        from av.video.reformatter import VideoReformatter

        picture = frame.picture
        width, height = frame.coded_size
        full = picture.color_range == _JPEG or picture.format.name.startswith("yuvj") or picture.format.is_rgb
        if not full and picture.format.name == "yuv420p" and (picture.width, picture.height) == (width, height):
            return picture
        self._to_yuv = self._to_yuv or VideoReformatter()
        space = _BT709 if picture.format.is_rgb else None
        return self._to_yuv.reformat(
            picture,
            width=width,
            height=height,
            format="yuv420p",
            dst_colorspace=space,
            src_color_range=_JPEG if full else _MPEG,
            dst_color_range=_MPEG,
            interpolation=_exact_filter(),
            threads=1,
        )

    def _scaled(self, picture: VideoFrame) -> VideoFrame:
        from av.video.reformatter import VideoReformatter

        if self._size is None or self._size == (picture.width, picture.height):
            return picture
        self._to_size = self._to_size or VideoReformatter()
        return self._to_size.reformat(
            picture, width=self._size[0], height=self._size[1], interpolation=_exact_filter(), threads=1
        )


def colour_of(picture: VideoFrame) -> Colour:
    """The colour tags that the encoded stream carries: the source's, or BT.709 where the source is RGB."""
    if picture.format.is_rgb:
        return Colour(_BT709, _BT709, _BT709)
    space = picture.colorspace if picture.colorspace != _RGB_SPACES else _UNKNOWN
    return Colour(int(space), int(picture.color_primaries), int(picture.color_trc))


def planes_of(picture: VideoFrame) -> list[np.ndarray]:
    """The planes of a picture, [h, w] uint8 each, views of its own memory."""
    return _upright(picture, 0)


def picture_of(planes: list[np.ndarray]) -> VideoFrame:
    """A new yuv420p picture with these planes: luma [h, w], chroma [h/2, w/2] twice, uint8, h and w even."""
    from av.video.frame import VideoFrame

    height, width = planes[0].shape
    picture = VideoFrame(width, height, "yuv420p")
    for plane, pixels in zip(picture.planes, planes, strict=True):
        _rows(plane)[: pixels.shape[0], : pixels.shape[1]] = pixels
    return picture


def _exact_filter() -> int:
    from av.video.reformatter import Interpolation

    return int(Interpolation.LANCZOS | Interpolation.ACCURATE_RND | Interpolation.BITEXACT)


def _upright(picture: VideoFrame, turn: int) -> list[np.ndarray]:
    """The three planes [h, w] uint8, turned for display."""
    import numpy as np

    planes = []
    for plane in picture.planes:
        rows = _rows(plane)[: plane.height, : plane.width]
        planes.append(np.rot90(rows, k=-turn // 90) if turn else rows)
    return planes


def _cropped(planes: list[np.ndarray], rect: Rect) -> list[np.ndarray]:
    luma, *chroma = planes
    x, y, w, h = rect.x, rect.y, rect.width, rect.height
    return [luma[y : y + h, x : x + w]] + [c[y // 2 : (y + h) // 2, x // 2 : (x + w) // 2] for c in chroma]


def _rows(plane: Any) -> np.ndarray:
    """A plane's own memory, [lines, bytes per line] uint8; lines may be longer than the picture is wide."""
    import numpy as np

    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
