"""tifffile without its lines in the log: what is wrong with a file is said once, in the error of the reader."""

import contextlib
import logging
import threading
from collections.abc import Iterator


class _Reading(logging.Filter):
    """Drops records while this package reads a file, in any thread: tifffile decodes in threads of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._active = 0

    def filter(self, record: logging.LogRecord) -> bool:
        return not self._active

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        with self._lock:
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1


_reading = _Reading()
logging.getLogger("tifffile").addFilter(_reading)
quiet = _reading.quiet
