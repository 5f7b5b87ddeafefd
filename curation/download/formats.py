"""Which of a site's formats to fetch: what decodes well first, then the highest up to the wanted height."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PROTOCOLS = (
    "http",
    "https",
    "m3u8_native",
    "m3u8",
    "http_dash_segments",
)  # fetched by yt-dlp itself, so behind the gate
DECODES = {"avc": 2, "h264": 2, "vp9": 2, "vp09": 2, "vp8": 1, "hev": 1, "hvc": 1, "h265": 1}
BEFORE = {"avc": 1, "h264": 1}  # at the same height


def pick(formats: Sequence[Mapping[str, Any]], max_height: int) -> list[Mapping[str, Any]]:
    """The format with pictures to fetch, and the one with its sound when that is another.

    Pictures in a codec that decodes fast everywhere (avc1, vp9) come before hevc and those before av1 (no decoder on
    Hopper); then the highest up to `max_height` px; then avc1, more frames, more bits. A format of unknown codec and
    height (a plain link) is taken as it is.

    Returns:
        No, one or two formats.
    """
    usable = [f for f in formats if f.get("protocol") in PROTOCOLS and f.get("url") and not f.get("has_drm")]
    pictures = [f for f in usable if f.get("vcodec") != "none" and (_short_side(f) or 0) <= max_height]
    if not pictures:
        return []
    best = max(pictures, key=_rank)
    if best.get("acodec") != "none":
        return [best]
    sounds = [f for f in usable if f.get("vcodec") == "none" and f.get("acodec") != "none"]
    if sounds:
        return [best, max(sounds, key=_sound_rank)]
    return [best]


def select(context: Mapping[str, Any], max_height: int) -> Iterator[Mapping[str, Any]]:
    """`pick` in the form that yt-dlp calls."""
    chosen = pick(context["formats"], max_height)
    if len(chosen) == 2:
        pictures, sound = chosen
        yield {
            **pictures,
            "format_id": f"{pictures['format_id']}+{sound['format_id']}",
            "acodec": sound.get("acodec"),
            "requested_formats": chosen,
            "protocol": f"{pictures['protocol']}+{sound['protocol']}",
        }
    elif chosen:
        yield chosen[0]


def _short_side(one: Mapping[str, Any]) -> int | None:
    sides = [side for side in (one.get("width"), one.get("height")) if side]
    return min(sides) if sides else None


def _rank(one: Mapping[str, Any]) -> tuple[float, ...]:
    codec = str(one.get("vcodec") or "").lower()
    decodes = next((rank for start, rank in DECODES.items() if codec.startswith(start)), 0)
    if codec == "":
        decodes = 2  # unknown: nearly always H.264
    first = next((rank for start, rank in BEFORE.items() if codec.startswith(start)), 0)
    both = one.get("acodec") != "none"
    direct = one.get("protocol") in ("http", "https")
    return (decodes, _short_side(one) or 0, first, one.get("fps") or 0, direct, both, one.get("tbr") or 0)


def _sound_rank(one: Mapping[str, Any]) -> tuple[float, ...]:
    codec = str(one.get("acodec") or "").lower()
    return (one.get("language_preference") or -1, codec.startswith("mp4a"), one.get("abr") or one.get("tbr") or 0)
