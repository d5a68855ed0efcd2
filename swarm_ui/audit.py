"""What somebody changed, written down in the transaction that changes it: who, when, from where, before and after.

An event is never changed and never deleted but with the whole space that it belongs to. Secrets do not go in: callers pass the columns that
may be read by everybody in the space.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import g, has_request_context, request
from sqlalchemy import Index, String, event, insert
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column

from swarm_ui import clock, ids
from swarm_ui.extensions import db
from swarm_ui.jsontext import clean_text, dumps
from swarm_ui.orm import Ascii, Id, Json, Words, database_text, table
from swarm_ui.rawsql import Raw
from swarm_ui.tenancy import Owned, bound_owner, owner_of

VIA = ("page", "api", "command", "sign_in", "worker")
COMMAND_LINE = "command line"


class AuditEvent(Owned, db.Model):
    """`action` is "subject.verb", such as "key.create"; `before` and `after` hold what differs, None where there was or is nothing."""

    __tablename__ = "audit_events"
    __table_args__ = table(
        Index("ix_audit_events_userId_createdAt_id", "userId", "createdAt", "id"),
        Index("ix_audit_events_userId_action_createdAt_id", "userId", "action", "createdAt", "id"),
        Index("ix_audit_events_userId_actorId_createdAt_id", "userId", "actorId", "createdAt", "id"),
        Index("ix_audit_events_userId_subjectId_createdAt_id", "userId", "subjectId", "createdAt", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    created_at: Mapped[datetime] = mapped_column("createdAt", default=clock.now)
    # The person, None for a command; their name as it was.
    actor_id: Mapped[int | None] = mapped_column("actorId")
    actor: Mapped[str] = mapped_column(String(255))
    via: Mapped[str] = mapped_column(Words(*VIA))
    key_id: Mapped[str | None] = mapped_column("keyId", Id)
    address: Mapped[str] = mapped_column(Ascii(64), default="")
    action: Mapped[str] = mapped_column(Ascii(64))
    subject_id: Mapped[str | None] = mapped_column("subjectId", Ascii(64))
    subject: Mapped[str] = mapped_column(String(255), default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: set by the wall for a request; outside of one it is the command line."""

    id: int | None
    name: str
    via: str
    key_id: str | None = None


def record(
    action: str,
    subject_id: object = None,
    subject: str | None = "",
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    owner_id: int | None = None,
    actor: Actor | None = None,
) -> AuditEvent:
    """Adds the event to the session: it is committed with the change, or not at all.

    `owner_id` is the space whose trail it goes into, where that is not the one shown: what somebody does to their own account while they
    look at another's space, and what an administrator does to another's. Of `before` and `after` only what differs is kept.
    """
    acting = actor or current_actor()
    before, after = _differing(before, after)
    row = AuditEvent(
        id=ids.new(clock.now_us()),
        created_at=clock.now(),
        user_id=owner_id if owner_id is not None else owner_of(db.session),
        actor_id=acting.id,
        actor=clean_text(acting.name, 255),
        via=acting.via,
        key_id=acting.key_id,
        address=address(),
        action=action,
        subject_id=None if subject_id is None else str(subject_id),
        subject=clean_text(subject or "", 255),
        before=before,
        after=after,
    )
    if bound_owner(db.session) in (None, row.user_id):
        db.session.add(row)
    else:
        _write_elsewhere(row)
    return row


def _write_elsewhere(row: AuditEvent) -> None:
    """Into the trail of a space that is not the session's: a row, not an object, which the session would rightly refuse."""
    attributes = AuditEvent.__mapper__.column_attrs
    values = {attribute.columns[0].name: getattr(row, attribute.key) for attribute in attributes}
    db.session.execute(insert(AuditEvent.__table__).values(values))


def current_actor() -> Actor:
    return g.get("actor") or Actor(None, COMMAND_LINE, "command")


def address() -> str:
    """Where the request comes from; behind trusted proxies the one that they name."""
    if not has_request_context():
        return ""
    return (request.remote_addr or "").encode("ascii", "replace").decode()[:64]


def columns_of(row: Any, names: Iterable[str]) -> dict[str, Any]:
    """The named attributes of a row as JSON holds them, under the names of their columns."""
    mapper = type(row).__mapper__
    return {mapper.attrs[name].columns[0].name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _differing(
    before: dict[str, Any] | None, after: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    if before is None or after is None:
        return before, after
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return (
        {key: before[key] for key in before if key in changed},
        {key: after[key] for key in after if key in changed},
    )


@event.listens_for(Session, "before_flush")
def _refuse_to_rewrite(session: Session, _context: Any, _instances: Any) -> None:
    for row in (*session.dirty, *session.deleted):
        if isinstance(row, AuditEvent) and (row in session.deleted or session.is_modified(row)):
            raise RuntimeError("audit events are never changed")


@event.listens_for(Session, "do_orm_execute")
def _refuse_to_rewrite_many(state: ORMExecuteState) -> None:
    """Erasing a whole space goes by the table, not by this class."""
    if (state.is_update or state.is_delete) and any(
        mapper.class_ is AuditEvent for mapper in state.all_mappers
    ):
        raise RuntimeError("audit events are never changed")


def insert_event(
    raw: Raw,
    owner_id: int,
    actor: str,
    action: str,
    subject_id: str,
    subject: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """The same for what the product does by itself, in the worker's raw transaction."""
    now = clock.now_us()
    raw.insert(
        "audit_events",
        "id,userId,createdAt,actor,via,address,action,subjectId,subject,`before`,`after`",
        [
            (ids.new(now), owner_id, database_text(now), actor, "worker", "", action, subject_id, clean_text(subject, 255),
             None if before is None else dumps(before), None if after is None else dumps(after))
        ],
    )  # fmt: skip
