"""When a process has become larger than it needs to be: then it ends, and one is forked in its place that shares its parent's memory again.

A busy time leaves some 50 MB behind in each process: SQLite's pages, the holes of the allocator, and pages of modules that are its own since
a count of references was written to them. No call gives that back, an end does; once nobody is waiting for anything, it costs nothing.
"""

import fcntl
import os
import re
from pathlib import Path

from swarm_ui import clock

QUIET_US = 60_000_000
# Requests, or traces that were projected, in such a time; open pages ask for news, and something measures.
CALM = 60
# KB of its own. A process that shows pages now and then stays below.
LARGE = 32 * 1024
_OWN = re.compile(rb"^Private_Dirty: +(\d+) kB", re.MULTILINE)


class Renewal:
    def __init__(self) -> None:
        self._busy = False
        self._done = 0
        self._since = clock.now_us()

    def is_due(self, done: int) -> bool:
        """Told again and again how much the process has done so far: whether it was busy, has been calm since, and is large. Stays true until it
        is busy again."""
        now = clock.now_us()
        if done - self._done > CALM:
            self._busy = True
        elif now - self._since < QUIET_US:
            return False
        elif self._busy and own_memory() > LARGE:
            return True
        else:
            self._busy = False
        self._done, self._since = done, now
        return False


def own_memory() -> int:
    """KB that this process shares with no other; 0 where the system does not say."""
    try:
        found = _OWN.search(Path("/proc/self/smaps_rollup").read_bytes())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def take_turn(lock: Path) -> bool:
    """Whether no other process is renewing itself; until this one has ended, none will."""
    descriptor = None
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if descriptor is not None:
            os.close(descriptor)
        return False
    return True
