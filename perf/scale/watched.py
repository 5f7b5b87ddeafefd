"""`python -m perf.scale.watched FILE ARGUMENTS...`: the command `moee ARGUMENTS`, and its peak of memory in FILE.

Counted is what the process and those that it started hold at once (resident; what they share counts for each). Of the
process itself it is the kernel's own peak of this memory (VmHWM; `ru_maxrss` would be carried over from its parent), of
the others a sample ten times a second.
"""

import atexit
import contextlib
import runpy
import sys
import threading
from pathlib import Path
from typing import Final

EVERY: Final = 0.1  # seconds
_together = [0]


def peak() -> int:
    """Most bytes that this process and its children held at once (resident)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return max(_together[0], int(line.split()[1]) * 1024)
    return _together[0]


def _tell(file: Path) -> None:
    file.write_text(str(peak()), encoding="ascii")


def _sample() -> None:
    import psutil

    own, wake = psutil.Process(), threading.Event()
    while not wake.wait(EVERY):
        held = 0
        for process in (own, *own.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                held += process.memory_info().rss
        _together[0] = max(_together[0], held)


if __name__ == "__main__":
    atexit.register(_tell, Path(sys.argv[1]))
    threading.Thread(target=_sample, daemon=True).start()
    sys.argv = ["moee", *sys.argv[2:]]
    runpy.run_module("moee_cli", run_name="__main__")
