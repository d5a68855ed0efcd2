"""Row ids: 20 characters, sortable by time, safe in a URL.

35 bits of seconds since 1970 and 65 bits that are random or a hash, in Crockford's base 32. A UUIDv7 says the same in 36
characters; an id stands five times in a typical row and its indexes, so the shorter form saves about 80 bytes a row.
"""

import secrets
from functools import lru_cache
from hashlib import blake2b

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_SECONDS_LIMIT = (1 << 35) - 1


def _encode(number: int) -> str:
    pairs = _PAIRS
    return (
        pairs[number >> 90 & 1023]
        + pairs[number >> 80 & 1023]
        + pairs[number >> 70 & 1023]
        + pairs[number >> 60 & 1023]
        + pairs[number >> 50 & 1023]
        + pairs[number >> 40 & 1023]
        + pairs[number >> 30 & 1023]
        + pairs[number >> 20 & 1023]
        + pairs[number >> 10 & 1023]
        + pairs[number & 1023]
    )


def new(at_us: int) -> str:
    """A fresh id for a row made at `at_us` (microseconds since 1970)."""
    return _encode(min(max(at_us // 1_000_000, 0), _SECONDS_LIMIT) << 65 | secrets.randbits(65))


def derived(at_us: int, space: int, trace_id: str, of: str, role: str) -> str:
    """The id that the row with this role for `of` (a span, a log record) always gets. Rows of one trace lie together within their quarter
    of an hour, so that writing a run touches few pages of an index."""
    bucket = at_us // 1_024_000_000
    if not 0 <= bucket < 1 << 25:
        bucket = 0 if bucket < 0 else (1 << 25) - 1
    rest = _hash(f"{space}\x1f{trace_id}\x1f{of}\x1f{role}") >> 83
    pairs = _PAIRS
    return (
        f"{_place(bucket, space, trace_id)}{pairs[rest >> 35]}{pairs[rest >> 25 & 1023]}{pairs[rest >> 15 & 1023]}"
        f"{pairs[rest >> 5 & 1023]}{_ALPHABET[rest & 31]}"
    )


@lru_cache(maxsize=1_024)
def _place(bucket: int, space: int, trace_id: str) -> str:
    """The first 11 characters of a derived id, which the rows of a trace share: 25 bits of time and 30 of the trace."""
    return _encode(bucket << 75 | _hash(f"{space}\x1f{trace_id}") >> 98 << 45)[:11]


@lru_cache(maxsize=4_096)
def stable(*parts: object) -> str:
    """Like `derived` where the time may still change, as a run's start does while its spans arrive: all 100 bits are hash."""
    return _encode(_hash("\x1f".join(map(str, parts))) >> 28)


_blank = blake2b(digest_size=16)  # to copy it is quicker than to make one


def _hash(text: str) -> int:
    hashed = _blank.copy()
    hashed.update(text.encode("utf-8", "surrogatepass"))
    return int.from_bytes(hashed.digest(), "big")
