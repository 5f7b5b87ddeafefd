"""What commands print on stdout: tables, sentences and JSON that any terminal can show."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from manifests.text import printable


def print_json(content: dict[str, Any]) -> None:
    """A result for machines."""
    print(json.dumps(content, indent=2, ensure_ascii=True))


def print_lines(lines: Iterable[str]) -> None:
    """Sentences, a line each."""
    for line in lines:
        print(shown(line))


def shown(text: str) -> str:
    """What this terminal's character set can show, the rest as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """A framed table on a terminal, aligned columns elsewhere; the first row holds the titles."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*rows[0])
        for row in rows[1:]:
            table.add_row(*(Text(shown(cell), overflow="fold") for cell in row))
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(shown(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
