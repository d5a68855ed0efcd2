"""The one clock. Everything that needs the time asks here, so that a test can set it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _system_time() -> datetime:
    return datetime.now(UTC)


_read: Callable[[], datetime] = _system_time


def now() -> datetime:
    """Aware UTC."""
    return _read()


def now_us() -> int:
    """Microseconds since 1970."""
    return to_us(_read())


def use(read: Callable[[], datetime] | None) -> None:
    """Replace the clock (tests, sample data); None restores the system's."""
    global _read
    _read = read or _system_time


def to_us(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
