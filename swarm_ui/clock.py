"""The one clock. Everything that needs the time asks here, so that a test can set it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _system_time() -> datetime:
    return datetime.now(UTC)


_read: Callable[[], datetime] = _system_time
_past: ContextVar[datetime | None] = ContextVar("_past", default=None)


def now() -> datetime:
    """Aware UTC."""
    return _past.get() or _read()


def now_us() -> int:
    """Microseconds since 1970."""
    return to_us(now())


def use(read: Callable[[], datetime] | None) -> None:
    """Replace the clock (tests); None restores the system's."""
    global _read
    _read = read or _system_time


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """It is this time inside the block, and only there: other threads keep theirs."""
    before = _past.set(moment)
    try:
        yield
    finally:
        _past.reset(before)


def to_us(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
