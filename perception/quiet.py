"""Keeps the chatter of native libraries (MediaPipe, TFLite) off the user's terminal.

They write to file descriptor 2 from C++, past Python's `sys.stderr`, while a model is loaded, on its first inference
and when it is closed. Those three moments are wrapped in `native_logs_hidden`; ordinary inference is not.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)
_LOCK = threading.RLock()
_depth = 0


@contextmanager
def native_logs_hidden() -> Iterator[None]:
    """Send what the block writes to file descriptor 2 to the debug log instead of the terminal.

    The descriptor belongs to the whole process, so the block should be short; nested and concurrent blocks are safe.
    """
    global _depth
    with _LOCK:
        if _depth:
            yield
            return
        for variable, level in (("GLOG_minloglevel", "2"), ("TF_CPP_MIN_LOG_LEVEL", "3")):
            os.environ.setdefault(variable, level)
        with tempfile.TemporaryFile() as sink:
            _depth += 1
            try:
                with _descriptor_2_into(sink.fileno()):
                    yield
            finally:
                _depth -= 1
                sink.seek(0)
                text = sink.read().decode("utf-8", "replace").strip()
                if text:
                    log.debug("native log: %s", text)


@contextmanager
def _descriptor_2_into(target: int) -> Iterator[None]:
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # a process without standard error has nothing to protect
        yield
        return
    try:
        os.dup2(target, 2)
        yield
    finally:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
