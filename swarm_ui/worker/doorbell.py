"""How an append wakes the worker at once: a byte into a named pipe. A lost ring costs nothing but the time to the next sweep."""

import os
import select
from contextlib import suppress
from pathlib import Path


def _path(data_dir: Path) -> Path:
    return data_dir / "run" / "doorbell"


def ring(data_dir: Path) -> None:
    """Never waits, never fails: nobody may be listening."""
    with suppress(OSError):
        pipe = os.open(_path(data_dir), os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, b"!")
        finally:
            os.close(pipe)


class Doorbell:
    """The worker's end."""

    def __init__(self, data_dir: Path) -> None:
        path = _path(data_dir)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Open for writing too, so that the pipe never reports its end.
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def wait(self, seconds: float) -> bool:
        """True when it rang before the time was over; rings that piled up count as one."""
        ready, _, _ = select.select([self._pipe], [], [], seconds)
        if not ready:
            return False
        with suppress(BlockingIOError):
            os.read(self._pipe, 65536)
        return True

    def ring(self) -> None:
        with suppress(OSError):
            os.write(self._pipe, b"!")

    def close(self) -> None:
        os.close(self._pipe)
