"""A file that is partly here: whether it may be continued, and whether a byte of it is missing at all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Partial:
    """The partial file of `target`, with what the site said of the file when its transfer began.

    Args:
        target: where the whole file will lie.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self.note = target.with_suffix(".validator")

    @property
    def is_there(self) -> bool:
        """Whether some of the file was fetched."""
        return self.path.is_file()

    @property
    def validator(self) -> str | None:
        """What says whether the site's file is still the same (an entity tag or a date), or None."""
        return self._said()[0] or None

    def drop(self) -> None:
        """Begin anew: what the site said of the old file says nothing of the next."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def name_if_whole(self) -> None:
        """A kill may come between the last byte and the rename: then the site has no byte left to send."""
        if self.is_there and self._said()[1] == str(self.path.stat().st_size):
            self.path.replace(self.target)

    def hook(self, validator: Callable[[], str | None]) -> Callable[[Mapping[str, Any]], None]:
        """A progress hook for yt-dlp that notes what the site says; `validator` gives that of the latest answer."""
        known = self.validator

        def begun(status: Mapping[str, Any]) -> None:
            nonlocal known
            said = validator()
            if status.get("status") == "downloading" and said and said != known:
                self.note.write_text(f"{said}\n{status.get('total_bytes') or ''}")
                known = said

        return begun

    def _said(self) -> tuple[str, str]:
        """The validator, and the size in bytes as text; empty where the site did not tell."""
        text = self.note.read_text() if self.note.is_file() else ""
        validator, _, size = text.partition("\n")
        return validator, size
