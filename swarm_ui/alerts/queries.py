"""Open and resolved alerts, newest first."""

from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import case, func, select

from swarm_ui.agents.models import Agent
from swarm_ui.alerts import search as alert_search
from swarm_ui.alerts.models import SEVERITIES, Alert
from swarm_ui.extensions import db
from swarm_ui.tasks.models import Task
from swarm_ui.workflows.models import Workflow

PAGE = 50
MANY = 1000


class AlertFilter(BaseModel):
    state: Literal["open", "resolved"] = "open"
    severity: Literal["info", "warning", "critical"] | None = None
    type: (
        Literal["agent_failure", "task_timeout", "system_error", "task_completion", "performance_degradation"]
        | None
    ) = None
    q: str | None = None
    cursor: str | None = None

    @property
    def is_set(self) -> bool:
        return bool(self.severity or self.type or self.q)


def listed(wanted: AlertFilter) -> Any:
    return rows().where(*_conditions(wanted))


def rows() -> Any:
    """What a row of the list shows: the alert, and the names of what it is about."""
    return (
        select(
            Alert.id,
            Alert.alert_type,
            Alert.severity,
            Alert.title,
            func.substr(Alert.message, 1, 400).label("message"),
            Alert.resolved,
            Alert.resolved_at,
            Alert.muted,
            Alert.created_at,
            Alert.related_agent_id,
            Alert.related_task_id,
            Agent.name.label("agent"),
            Agent.deleted_at.label("agent_deleted_at"),
            Task.name.label("task"),
            Workflow.id.label("workflow_id"),
            Workflow.name.label("workflow"),
        )
        .outerjoin(Agent, Agent.id == Alert.related_agent_id)
        .outerjoin(Task, Task.id == Alert.related_task_id)
        .outerjoin(Workflow, Workflow.id == Task.workflow_id)
    )


def _conditions(wanted: AlertFilter) -> list[Any]:
    found: list[Any] = [Alert.resolved.is_(wanted.state == "resolved")]
    if wanted.severity:
        found.append(Alert.severity == wanted.severity)
    if wanted.type:
        found.append(Alert.alert_type == wanted.type)
    return [*found, *alert_search.conditions_of(alert_search.read(wanted.q))]


def count(wanted: AlertFilter) -> str:
    """How many match: "7", or "1,000+" where counting stops."""
    some = select(Alert.id).where(*_conditions(wanted)).limit(MANY).subquery()
    found = db.session.execute(select(func.count()).select_from(some)).scalar_one()
    return f"{MANY:,}+" if found >= MANY else str(found)


# For other pages: the newest thousand that are open.


def _newest_open(*conditions: Any) -> Any:
    columns = (
        Alert.id,
        Alert.severity,
        Alert.title,
        Alert.fingerprint,
        Alert.created_at,
        Alert.related_agent_id,
    )
    newest = select(*columns, Alert.related_task_id).where(Alert.resolved.is_(False), *conditions)
    return newest.order_by(Alert.created_at.desc(), Alert.id.desc()).limit(MANY).subquery()


def tally() -> dict[str, int]:
    newest = _newest_open()
    return dict(db.session.execute(select(newest.c.severity, func.count()).group_by(newest.c.severity)).all())


def by_cause(*conditions: Any, limit: int = 5) -> list[Any]:
    """The most urgent, those of one cause together: the newest of them, and how many `times` there are."""
    newest = _newest_open(*conditions).c
    cause = func.coalesce(newest.fingerprint, newest.id)
    latest = func.row_number().over(partition_by=cause, order_by=(newest.created_at.desc(), newest.id.desc()))
    ranked = select(
        newest.id, newest.severity, newest.title, newest.created_at, newest.related_agent_id, newest.related_task_id,
        func.count().over(partition_by=cause).label("times"), latest.label("place"),
    ).subquery()  # fmt: skip
    urgency = case({word: place for place, word in enumerate(SEVERITIES)}, value=ranked.c.severity)
    statement = select(ranked).where(ranked.c.place == 1)
    return list(
        db.session.execute(
            statement.order_by(urgency.desc(), ranked.c.created_at.desc(), ranked.c.id).limit(limit)
        )
    )
