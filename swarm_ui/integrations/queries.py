"""Frameworks that sent data, each with all of its versions."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update

from swarm_ui.extensions import db
from swarm_ui.integrations.models import Integration

MOST = 200


@dataclass(slots=True)
class Framework:
    """`id` is that of one of its rows, for links. It is off as a whole: one row that is off stands for all versions, known ones and new ones."""

    id: str
    name: str
    active: bool = True
    versions: list[str] = field(default_factory=list)
    last_seen_at: datetime | None = None


def frameworks() -> list[Framework]:
    """The one that sent last comes first."""
    rows = db.session.scalars(
        select(Integration)
        .order_by(Integration.last_seen_at.is_(None), Integration.last_seen_at.desc(), Integration.id)
        .limit(MOST)
    )
    found: dict[str, Framework] = {}
    for row in rows:
        framework = found.setdefault(row.framework, Framework(row.id, row.framework))
        framework.active = framework.active and row.active
        framework.last_seen_at = framework.last_seen_at or row.last_seen_at
        if row.version:
            framework.versions.append(row.version)
    return list(found.values())


def switch(framework: str, active: bool) -> bool:
    """Switches all versions of the framework; whether that changed anything. Does not commit."""
    others = (Integration.framework == framework, Integration.active.is_(not active))
    changed = db.session.execute(update(Integration).where(*others).values(active=active))
    return changed.rowcount > 0  # type: ignore[attr-defined]
