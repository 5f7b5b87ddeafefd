"""One run of the downloads as a process that can be killed: `python -m ... LIST.json OUT RESULT.json`."""

import json
import sys
import time
from pathlib import Path

import psutil

from curation.download import Downloaded, Remote, Settings, download_all
from tests.curation.download.server import Stall


def main() -> None:
    """Run, and write the wall time and the memory as it went along."""
    asked = json.loads(Path(sys.argv[1]).read_text())
    process, memory = psutil.Process(), []

    def on_done(_: Downloaded) -> None:
        memory.append(process.memory_info().rss)

    stall = Stall()
    started = time.monotonic()
    found = download_all(
        [Remote(url) for url in asked["urls"]], Path(sys.argv[2]), Settings(**asked["settings"]), on_done
    )
    seconds = time.monotonic() - started
    result = {
        "seconds": seconds,
        "memory": memory,
        "stall": stall.longest,
        "requests": sum(d.requests for d in found.values()),
    }
    Path(sys.argv[3]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
