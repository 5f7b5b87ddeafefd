"""Makes a worker die of a source by its name, as a file can that meets a fault in a native library. For one proof."""

from __future__ import annotations

import ctypes
import signal

import wrapt


def poison(module: object) -> None:
    """Wrap the stage that opens a file."""

    def run(wrapped, instance, arguments, _):
        name = arguments[0].name
        if "segfault" in name:
            ctypes.string_at(0)
        if "hungry" in name:
            import numpy

            numpy.ones(20 << 27)  # 20 GiB of 8 bytes each
        if "endless" in name:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
            while True:
                pass
        return wrapped(*arguments)

    wrapt.wrap_function_wrapper(module, "Probe.run", run)


wrapt.register_post_import_hook(poison, "curation.stages.probe")
