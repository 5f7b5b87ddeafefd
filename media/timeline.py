"""Time stamps of decoded pictures: exact where the file gives them, repaired (and counted) where it does not."""

from __future__ import annotations

from fractions import Fraction


class PtsRepair:
    """Gives each picture, in the order shown, a strictly increasing time stamp.

    A time stamp that the file gives and that moves forward is kept as it is. A missing one is the decoder's own
    guess, else one nominal duration after the last. One that does not move forward becomes the last plus one tick.
    After a step back of more than `BREAK` seconds, either the last picture's stamp was the wrong one (this one follows
    the one before it): `moved_last` then says where that picture belongs; or a new clock begins (joined recordings)
    and is continued from the last.
    """

    BREAK = 1

    def __init__(self, time_base: Fraction, nominal: int) -> None:
        self.repaired = 0
        self.moved_last: int | None = None  # set by `place`: the last picture's new time stamp, if it had to move
        self._nominal = nominal
        self._break = int(Fraction(self.BREAK) / time_base)
        self._before: int | None = None
        self._last: int | None = None
        self._last_was_own = False
        self._last_duration = nominal
        self._shift = 0

    def place(self, pts: int | None, guess: int | None, duration: int) -> int:
        """The time stamp of the next picture, from its own `pts`, the decoder's `guess` and its declared `duration`."""
        wanted = pts if pts is not None else guess
        self.moved_last = None
        placed = self._next(wanted + self._shift if wanted is not None else None)
        self.repaired += placed != pts
        self._before, self._last, self._last_was_own = self._last, placed, placed == pts
        self._last_duration = duration if duration > 0 else self._nominal
        return placed

    def _next(self, given: int | None) -> int:
        if self._last is None:
            return given if given is not None else 0
        following = self._last + self._last_duration
        if given is None:
            return following
        if given > self._last:
            return given
        if self._last - given <= self._break:
            return self._last + 1
        if self._before is None or self._before + 1 < given:
            self._move_last(given)
            return given
        self._shift += following - given
        return following

    def _move_last(self, given: int) -> None:
        """The last picture's stamp lay far ahead of both its neighbours: put it between them."""
        latest = given - 1
        moved = latest if self._before is None else min(latest, self._before + self._nominal)
        self.repaired += self._last_was_own
        self.moved_last = self._last = moved


def nominal_duration(frame_rate: Fraction | None, time_base: Fraction) -> int:
    """Ticks of one picture at the average frame rate, at least 1; a 25th of a second where no rate is known."""
    rate = frame_rate if frame_rate else Fraction(25)
    return max(1, round(1 / (rate * time_base)))
