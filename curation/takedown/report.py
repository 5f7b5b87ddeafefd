"""What a takedown removed, or would: rows, files, places, and what was found afterwards."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """What would go, or went.

    Attributes:
        removed: whether it was done.
        rows: table -> rows.
        files: kind -> files and bytes.
        clips: of all that go; shared: of other persons, who are seen together with the removed one.
        sources: that go whole; parts: that stay without the person.
        near: persons who stay with a face as near as one person's are.
        yours: files outside the folder that were given to moee curate, which it never deletes.
        published: places published again (on a dry run: that would be).
        left: what each search found afterwards. found: the files where that was.
        receipt: its file.
    """

    removed: bool = False
    already: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    clips: int = 0
    shared: int = 0
    sources: int = 0
    parts: int = 0
    near: list[str] = field(default_factory=list)
    yours: list[str] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    receipt: str | None = None

    @property
    def is_clean(self) -> bool:
        """Whether all was done: nothing was found afterwards, and every place was published again."""
        return not any(self.left.values()) and not any(place.get("error") for place in self.published)
