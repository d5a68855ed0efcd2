"""Who fails to get in too often has to wait: counted in the database, so that all processes count together.

    throttle.check("login")    # raises Refused 429 with Retry-After once the address failed too often
    throttle.failed("login")   # one more failure of this address

Failures are counted on a connection of their own: they stay when the request is refused. Counted is by kind and address, as a keyed hash, so that
the table names nobody; addresses of IPv6 by the network of 64 bits that one household gets.
"""

import hmac
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Any

from flask import current_app, request
from sqlalchemy import case, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from swarm_ui import clock
from swarm_ui.accounts.models import FailedAttempts
from swarm_ui.errors import Refused
from swarm_ui.extensions import db

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures in so many seconds; the window begins with the first failure."""

    failures: int
    window: int


LIMITS = {
    # One-time links and answers of identity providers.
    "login": Limit(20, 10 * 60),
    # API keys that nobody knows: programs retry by themselves, several behind one address.
    "key": Limit(60, 5 * 60),
}
LONGEST_WINDOW = max(limit.window for limit in LIMITS.values())


def check(kind: str) -> None:
    """Raises Refused 429 where this address failed too often lately. Costs one read by primary key."""
    limit, now = LIMITS[kind], clock.now_us()
    with db.engine.connect() as connection:
        row = connection.execute(
            select(FailedAttempts.count, FailedAttempts.since).where(FailedAttempts.hash == _hash(kind))
        ).first()
    count, since = row or (0, 0)
    if count < limit.failures:
        return
    left = since + limit.window * _SECOND - now
    if left > 0:
        seconds = -(-left // _SECOND)
        minutes = -(-seconds // 60)
        raise Refused(
            429,
            f"Too many failed attempts from this address. Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
            retry_after=seconds,
        )


def failed(kind: str) -> None:
    """Counts a failure of this address. A database that is busy for long loses the count, not the answer."""
    with suppress(DBAPIError):
        _count(_hash(kind), LIMITS[kind], clock.now_us())


def _count(hash_: str, limit: Limit, now: int) -> None:
    over = FailedAttempts.since <= now - limit.window * _SECOND
    one_more = (
        update(FailedAttempts)
        .where(FailedAttempts.hash == hash_)
        # In this order: MySQL reads in the second what the first has written.
        .ordered_values(
            (FailedAttempts.count, case((over, 1), else_=FailedAttempts.count + 1)),
            (FailedAttempts.since, case((over, now), else_=FailedAttempts.since)),
        )
    )
    with db.engine.connect().execution_options(writes=True) as connection:
        changed: Any = connection.execute(one_more)
        if changed.rowcount == 0:
            connection.execute(
                delete(FailedAttempts).where(FailedAttempts.since < now - LONGEST_WINDOW * _SECOND)
            )
            try:
                with connection.begin_nested():
                    connection.execute(insert(FailedAttempts).values(hash=hash_, count=1, since=now))
            except IntegrityError:  # its first failure was counted by another process at the same moment
                connection.execute(one_more)
        connection.commit()


def _hash(kind: str) -> str:
    """Of the kind and the address that counts: behind trusted proxies the one that they name."""
    secret = current_app.config["SETTINGS"].secret_key.encode()
    return hmac.new(secret, f"{kind} {_network(request.remote_addr or '')}".encode(), sha256).hexdigest()


def _network(address: str) -> str:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
