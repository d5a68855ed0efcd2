"""What is shown exactly once: a new key, a sign-in link for somebody. Kept in the session's row until the page that shows it.

Encrypted by the token that only the browser's cookie holds: who reads the database has nothing, who reads the cookie neither.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from flask_login import current_user
from sqlalchemy import select, update

from swarm_ui import clock
from swarm_ui.accounts import sessions
from swarm_ui.accounts.models import BrowserSession
from swarm_ui.extensions import db

KINDS = ("key", "link")
LIFETIME = 10 * 60


def keep(kind: str, text: str) -> None:
    """For the next page of this browser that shows this kind. Does not commit."""
    sealed = _box(current_user.token).encrypt_at_time(f"{kind} {text}".encode(), _now()).decode()
    db.session.execute(
        update(BrowserSession)
        .where(BrowserSession.hash == sessions.hash_of(current_user.token))
        .values(fresh=sealed)
    )


def take(kind: str) -> str | None:
    """What was kept, once; of two pages at the same time one gets it. Nothing is asked of the database where nothing is kept."""
    if not current_user.has_fresh:
        return None
    mine = BrowserSession.hash == sessions.hash_of(current_user.token)
    # On a connection of its own: a page only reads, and its transaction would have to become a writer's.
    with db.engine.connect().execution_options(writes=True) as connection:
        sealed = connection.execute(select(BrowserSession.fresh).where(mine)).scalar()
        kept, text = _opened(sealed) if sealed else ("", None)
        if sealed is None or kept not in (kind, ""):
            return None
        taken: Any = connection.execute(
            update(BrowserSession)
            .where(mine, BrowserSession.fresh == sealed)
            .values({"fresh": None, "updated_at": BrowserSession.updated_at})
        )
        connection.commit()
    return text if taken.rowcount == 1 else None


def _opened(sealed: str) -> tuple[str, str | None]:
    try:
        plain = _box(current_user.token).decrypt_at_time(sealed.encode(), LIFETIME, _now()).decode()
    except InvalidToken:  # too old
        return "", None
    kind, _, text = plain.partition(" ")
    return kind, text


def _box(token: str) -> Fernet:
    return Fernet(urlsafe_b64encode(sha256(b"shown once " + token.encode("utf-8", "surrogatepass")).digest()))


def _now() -> int:
    return int(clock.now().timestamp())
