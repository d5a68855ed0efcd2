"""Gives back what a busy time leaves behind: the pages that each connection to SQLite holds (4 MB), and what the allocator keeps for later."""

import ctypes
import gc
from functools import cache
from typing import Any

from sqlalchemy import Engine

from swarm_ui import clock

QUIET_US = 5_000_000
# Requests, or traces that were projected, that leave something behind worth a new connection.
WORTH = 100


class Spare:
    """`look` is told, again and again, how much the process has done so far. Once it has been quiet for a while after a busy time, memory goes back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._done = self._given_at = 0
        self._since = clock.now_us()

    def look(self, done: int) -> None:
        if done != self._done:
            self._done, self._since = done, clock.now_us()
        elif done - self._given_at >= WORTH and clock.now_us() - self._since >= QUIET_US:
            self._given_at = done
            give_back(self.engine)


def give_back(engine: Engine) -> None:
    """Connections in use stay."""
    if engine.dialect.name == "sqlite":
        engine.dispose()
    gc.collect()
    if trim := _trim():
        trim(0)


@cache
def _trim() -> Any:
    """glibc's `malloc_trim`; None with another C library."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
