"""A writer that is killed by a test: commits, heads and snapshots without end, each with its generation inside."""

import sys
from itertools import count
from pathlib import Path

from manifests.files import exclusive
from manifests.outcomes import Kept
from manifests.schema import make_id, table_from_rows
from manifests.store import Head, Store
from tests.manifests.material import KEY, RECIPE, expressions_table, frames_table, outcome, source_row, span


def write_generation(store: Store, generation: int) -> None:
    """Commit two stages of three sources; every table and outcome of a part tells the same generation."""
    for number in range(3):
        source = make_id("source", number)
        for stage in ("shots", "faces"):
            row = {"id": make_id("shot", source), "source": source, "index": generation, **span(0, 5)}
            tables = {
                "sources": table_from_rows("sources", [source_row(source, f"generation {generation}", generation)]),
                "shots": table_from_rows("shots", [row]),
                "frames": frames_table(source, f"t{generation}", 50),
                "expressions": expressions_table(source, f"t{generation}", 50),
            }
            store.commit(source, stage, KEY, tables, [outcome(Kept(), stage, source, attempts=generation)])
        keys = {"shots": KEY, "faces": KEY}
        store.write_head(Head(source, str(generation), "/x", None, generation, None, keys))
    store.snapshot(RECIPE)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with exclusive(folder):
        print("ready", flush=True)
        for current in count(int(sys.argv[2])):
            write_generation(Store(folder), current)
            print(current, flush=True)
