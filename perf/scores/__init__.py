"""What the project's judgements are worth on real clips: one module per judgement, each prints its table."""

from dataclasses import dataclass, field


@dataclass
class Scores:
    """A table of measured accuracy.

    Args:
        title: what was measured on what.
        lines: the table, ready to print.
        values: the numbers that a proof asserts, by name.
        notes: what is named and not counted, such as each false merge.
    """

    title: str
    lines: list[str] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
