"""The first thing said of every input: that it can be read and is not there twice."""

from dataclasses import dataclass
from typing import ClassVar

from curation.stage import Drop, Fail, SourceWork, Stage
from curation.stages.probe import source_row


@dataclass(frozen=True)
class Input(Stage):
    """Writes the source's row before its media are opened, so that no input is without one."""

    name: ClassVar[str] = "input"
    version: ClassVar[int] = 1

    def run(self, work: SourceWork) -> Drop | Fail | None:
        """Add the row; whether the input is unreadable or a duplicate was found before."""
        work.add("sources", source_row(work))
        return None
