"""`python -m perf.scale.watched FILE ARGUMENTS...`: the command `moee ARGUMENTS`, and its peak of memory in FILE.

The kernel carries the peak of the process that starts another one over to it (`ru_maxrss`); that of the memory itself
(VmHWM) begins anew.
"""

import atexit
import runpy
import sys
from pathlib import Path


def peak() -> int:
    """Most bytes that this process held at once (resident)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _tell(file: Path) -> None:
    file.write_text(str(peak()), encoding="ascii")


if __name__ == "__main__":
    atexit.register(_tell, Path(sys.argv[1]))
    sys.argv = ["moee", *sys.argv[2:]]
    runpy.run_module("moee_cli", run_name="__main__")
