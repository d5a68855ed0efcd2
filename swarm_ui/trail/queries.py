"""The audit trail of a space: filtered, newest first, by pages or streamed as a whole."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, StringConstraints
from sqlalchemy import Select, func, or_, select

from swarm_ui.accounts.models import Membership, User
from swarm_ui.audit import AuditEvent
from swarm_ui.downloads import batches
from swarm_ui.extensions import db
from swarm_ui.formatting import zone
from swarm_ui.jsontext import clean_text
from swarm_ui.settings.forms import end_of
from swarm_ui.web import Slice, keyset

PAGE = 50
BATCH = 200
# Everybody who acted without being a person: commands.
COMMANDS = "command"
COLUMNS = (
    AuditEvent.id, AuditEvent.created_at, AuditEvent.actor_id, AuditEvent.actor, AuditEvent.via, AuditEvent.key_id, AuditEvent.address,
    AuditEvent.action, AuditEvent.subject_id, AuditEvent.subject, AuditEvent.before, AuditEvent.after,
)  # fmt: skip

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200),
    BeforeValidator(lambda value: clean_text(value, None) if isinstance(value, str) else value),
]


class TrailFilter(BaseModel):
    """`action` is "key.create", or "key" for everything that is done to keys; `subject` an id or a part of a name. Days are those of
    whoever looks."""

    who: Annotated[str, StringConstraints(pattern=r"^(\d{1,9}|command)$")] | None = None
    action: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,30}(\.[a-z_]{1,30})?$")] | None = None
    subject: Text | None = None
    since: date | None = None
    until: date | None = None
    cursor: Annotated[str, StringConstraints(max_length=500)] | None = None

    @property
    def is_narrowed(self) -> bool:
        return any((self.who, self.action, self.subject, self.since, self.until))

    def moments(self) -> tuple[datetime | None, datetime | None]:
        since = datetime.combine(self.since, time(), zone()).astimezone(UTC) if self.since else None
        return since, end_of(self.until) if self.until else None


def matching(wanted: TrailFilter) -> Select[Any]:
    since, until = wanted.moments()
    return narrowed(select(*COLUMNS), wanted.who, wanted.action, wanted.subject, since, until)


def narrowed(
    statement: Select[Any],
    who: str | None,
    action: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Select[Any]:
    if who == COMMANDS:
        statement = statement.where(AuditEvent.actor_id.is_(None))
    elif who:
        statement = statement.where(AuditEvent.actor_id == int(who))
    if action:
        exact = "." in action
        statement = statement.where(
            AuditEvent.action == action
            if exact
            else AuditEvent.action.startswith(f"{action}.", autoescape=True)
        )
    if subject:
        named = func.lower(AuditEvent.subject).contains(subject.lower(), autoescape=True)
        # Columns of ids are ASCII: MySQL refuses to compare them with anything else.
        statement = statement.where(
            or_(AuditEvent.subject_id == subject, named) if subject.isascii() else named
        )
    if since:
        statement = statement.where(AuditEvent.created_at >= since)
    if until:
        statement = statement.where(AuditEvent.created_at < until)
    return statement


def page_of(statement: Select[Any], *, limit: int = PAGE, cursor: str | None = None) -> Slice:
    return keyset(statement, AuditEvent.created_at, AuditEvent.id, limit=limit, cursor=cursor)


def all_of(statement: Select[Any]) -> Iterator[Any]:
    """Every event, newest first."""

    def read(cursor: str | None) -> tuple[Iterable[Any], str | None]:
        found = page_of(statement, limit=BATCH, cursor=cursor)
        return found.items, found.next

    return batches(read)


def people_of(owner_id: int) -> list[tuple[int, str]]:
    """Whom the list of people to filter by offers: the owner and the members."""
    members = select(Membership.member_id).where(Membership.owner_id == owner_id)
    rows = db.session.execute(
        select(User.id, User.name, User.email)
        .where(or_(User.id == owner_id, User.id.in_(members)))
        .order_by(User.name, User.id)
        .limit(200)
    )
    return [(person_id, name or email or "Unnamed") for person_id, name, email in rows]


Difference = tuple[str, Any, Any, Literal["added", "removed", "changed"]]


def differences(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Difference]:
    """(name, before, after, how) of what an event holds; what lies in objects is named by its path."""
    old, new = _flat(before or {}), _flat(after or {})
    found: list[Difference] = []
    for name in (*old, *(name for name in new if name not in old)):
        if name not in new:
            found.append((name, old[name], None, "removed"))
        elif name not in old:
            found.append((name, None, new[name], "added"))
        elif old[name] != new[name]:
            found.append((name, old[name], new[name], "changed"))
    return found


def _flat(value: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict) and item:
            flat |= _flat(item, f"{path}{key}.")
        elif item is not None and item != {}:
            flat[f"{path}{key}"] = item
    return flat
