"""`moee train` that keeps what its feed really loads: clip, seed and a hash of the tensors of every sample.

Usage: python -m tests.moee_model.recorded FILE STOP train ...

FILE gets a line per step and process; after step STOP (0: never) the first process is sent SIGTERM.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import moee_cli
from moee_model.batch import Batch
from moee_model.train import Trainer
from moee_model.train_feed import Feed

LOADED = ("latents", "reference", "audio", "counted", "text", "emotion_audio", "aus", "present", "weights", "gates")


def main(file: str, stop: str) -> None:
    """Run the command with eyes on its feed."""
    taken, run = Feed.take, Trainer.run
    trainers: list[Trainer] = []

    def watched_run(trainer: Trainer, until: int | None = None) -> int:
        trainers.append(trainer)
        return run(trainer, until)

    def watched_take(feed: Feed) -> list[Batch]:
        passes, trainer = taken(feed), trainers[-1]
        step, rank = trainer.step + 1, trainer.world.rank
        samples = [sample for batch in passes for sample in _samples(batch)]
        with Path(file).open("a") as out:  # one write per line: processes share the file
            out.write(json.dumps({"step": step, "rank": rank, "of": trainer.world.size, "samples": samples}) + "\n")
        if step == int(stop) and rank == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return passes

    Feed.take, Trainer.run = watched_take, watched_run  # type: ignore[method-assign]
    moee_cli.main()


def _samples(batch: Batch) -> list[list[str]]:
    found = []
    for row, clip in enumerate(batch.ids):
        digest = hashlib.sha256()
        for name in LOADED:
            digest.update(getattr(batch, name)[row].contiguous().numpy().tobytes())
        found.append([clip, str(int(batch.seeds[row])), digest.hexdigest()[:16]])
    return found


if __name__ == "__main__":
    given, told = sys.argv[1:3]
    sys.argv[1:] = sys.argv[3:]
    main(given, told)
