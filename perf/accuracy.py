"""What the judgements are worth on real clips, with n and intervals: who, who speaks, what is twice, what a face says.

python -m perf.accuracy [identity] [speaker] [duplicates] [expressions]; nothing here was tuned on the clips that it
scores. The clips are found by MOEE_TEST_DATA.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

from perf.scores import Scores

PARTS = ("speaker", "identity", "duplicates", "expressions")
ROOT = Path(__file__).resolve().parent.parent


def measure(part: str, data: Path) -> Scores:
    """One table.

    Args:
        part: one of `PARTS`.
        data: the folder of test material, with `videos`, `images` and `audio` in it.
    """
    module = importlib.import_module(f"perf.scores.{part}")
    scores: Scores = module.measure(data)
    return scores


def text(scores: Scores) -> str:
    """A table ready to print."""
    notes = [f"  note: {note}" for note in scores.notes]
    return "\n".join([scores.title, *(f"  {line}" for line in scores.lines), *notes])


def main() -> None:
    """Print the tables that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", metavar="|".join(PARTS))
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.part if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}: choose from {', '.join(PARTS)}")
    data = Path(os.environ.get("MOEE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (data / "videos").is_dir():
        sys.exit(f"the real clips are not here (looked in {data}): set MOEE_TEST_DATA")
    for part in arguments.part or PARTS:
        print(text(measure(part, data)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
