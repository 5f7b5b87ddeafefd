"""Numbers, times and names as a report writes them."""

import math
from collections.abc import Iterable
from typing import Final

from manifests.text import printable

_LONGEST: Final = 300  # characters of a name or sentence; the middle of a longer one is left out
_PLAIN: Final = 1e6  # larger numbers are rounded to whole ones
_TINY: Final = 1e-4  # smaller numbers are written as 3.35e-7
_TITLES: Final = {
    "seconds": "length",
    "av_lag": "audio-video lag",
    "offscreen": "off-screen speech",
    "dubbed": "dubbed speech",
    "speakers": "voices",
}
_UNITS: Final = {"distance within a person": "distance"}
REASONS: Final = {  # codes that no measured column explains
    "faces": "no face was found",
    "video": "no video stream, or one still picture",
    "duplicate": "the same bytes as another input, or the same pictures as a clip that stays",
    "not_media": "a file that lies beside videos, such as a list or a text",
}

AMBIGUOUS: Final = {  # why the label of a face is doubtful
    "members-disagree": "the members of the panel disagree",
    "weak": "no emotion leads clearly",
    "few-members": "one member of the panel alone spoke",
    "still": "the face does not move",
    "two-emotions": "two emotions are nearly as likely",
    "changes": "the expression changes within the clip",
    "few-frames": "the face was seen in few frames",
    "turned-away": "the head is turned away",
}


def shown(text: object, longest: int = _LONGEST) -> str:
    """Text from anywhere as one printable line, with the middle of a very long one left out."""
    line = printable(str(text))
    if len(line) <= longest:
        return line
    half = (longest - 3) // 2
    return f"{line[:half]} … {line[-half:]}"


def count(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"


def several(items: int, word: str) -> str:
    """1 as `1 clip`, 1234 as `1,234 clips`."""
    return f"{items:,} {plural(items, word)}"


def plural(items: int, word: str) -> str:
    """`clip` of one, else `clips`."""
    return word if items == 1 else f"{word}s"


def number(value: float | None, digits: int = 3) -> str:
    """A measured value with so many significant digits, none of them lost before the point; a dash for none.

    0.0346, 1,234, 3.35e-7.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) >= _PLAIN:
        return f"{value:,.0f}"
    if abs(value) < _TINY:
        first, power = f"{value:.{digits - 1}e}".split("e")
        return f"{first.rstrip('0').rstrip('.') if '.' in first else first}e{int(power)}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def beside(value: float | None, ends: Iterable[float | None]) -> str:
    """A measured value with as many digits as tell it from the thresholds beside it: 0.9498, not 0.95."""
    apart = [number(end, 7) for end in ends if end is not None]
    return next((text for digits in range(3, 7) if (text := number(value, digits)) not in apart), number(value, 7))


def exact(value: float) -> str:
    """A threshold as it was written: 0.95, 64."""
    return (
        f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else repr(float(value)).replace("e-0", "e-")
    )


def bounds(low: float | None, high: float | None, unit: str = "") -> str:
    """The values that a recipe accepts: `2 s or more`, `up to 1`, `1 to 3`."""
    end = f" {unit}" if unit else ""
    if low is not None and high is not None:
        return f"{exact(low)} to {exact(high)}{end}"
    if low is not None:
        return f"{exact(low)}{end} or more"
    return f"at most {exact(high)}{end}" if high is not None else "any"


def duration(seconds: float) -> str:
    """A length for people: `3.2 h`, `2 min 31 s`, `4.2 s`."""
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:,.1f} h"
    if seconds >= 60:
        return f"{int(round(seconds) // 60)} min {int(round(seconds) % 60)} s"
    return f"{number(seconds)} s"


def size(number: int) -> str:
    """A size for people, in decimal units: `1.2 GB`."""
    for power, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= power:
            return f"{number / power:,.1f} {unit}"
    return f"{number / 1e3:,.1f} kB"


def clock(seconds: float) -> str:
    """A moment in a source: `1:02:03.4` or `2:03.4`."""
    tenths = max(0, round(seconds * 10))
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else str(minutes)
    return f"{start}:{rest // 10:02}.{rest % 10}"


def share(part: float, whole: float) -> str:
    """A part as a percentage; nothing without a whole."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


def title(column: str) -> str:
    """A column's name in words: `face_size` as `face size`; `seconds` says what it is the length of."""
    return _TITLES.get(column) or shown(column.replace("_", " "))


def doubt(code: str) -> str:
    """A reason of `ambiguous` in words; the code itself where it is not known."""
    return AMBIGUOUS.get(code) or shown(code, 80)


def spoken_unit(column: str) -> str:
    """The unit of a column of `clips`, or of another measure, as it is written behind a value; nothing for counts."""
    from manifests.schema import schema

    if column not in schema("clips").names:
        return _UNITS.get(column, "")
    unit = (schema("clips").field(column).metadata or {}).get(b"unit", b"").decode()
    return "" if ".." in unit or unit == "face" else unit  # a range such as 1..5 is no unit
