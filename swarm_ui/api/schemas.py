"""What may be asked of each list, and what a change looks like. Anything else is refused by its name."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)

from swarm_ui.agents.models import CONDITIONS
from swarm_ui.agents.models import STATUSES as AGENT_STATUSES
from swarm_ui.agents.models import TYPES as AGENT_TYPES
from swarm_ui.alerts.models import SEVERITIES
from swarm_ui.alerts.models import TYPES as ALERT_TYPES
from swarm_ui.changes.models import KINDS as CHANGE_KINDS
from swarm_ui.tasks.models import EVENT_TYPES, LEVELS, MESSAGE_TYPES
from swarm_ui.tasks.models import STATUSES as TASK_STATUSES
from swarm_ui.web import RowId
from swarm_ui.workflows.models import PATTERNS
from swarm_ui.workflows.models import STATUSES as WORKFLOW_STATUSES


def _plus(value: Any) -> Any:
    """A `+` that was not escaped in the URL arrives as a space."""
    return value.strip().replace(" ", "+") if isinstance(value, str) and "T" in value else value


def _utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from error


Moment = Annotated[datetime, BeforeValidator(_plus), AfterValidator(_utc)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Cursor = Annotated[str, StringConstraints(max_length=500)]


class Paging(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Cursor | None = None


class AgentQuery(Paging):
    status: Literal[AGENT_STATUSES] | None = None  # type: ignore[valid-type]
    type: Literal[AGENT_TYPES] | None = None  # type: ignore[valid-type]
    healthWord: Literal[CONDITIONS] | None = None  # type: ignore[valid-type]
    serviceName: Words | None = None
    llmModel: Words | None = None
    deleted: bool = False
    q: Words | None = None


class WorkflowQuery(Paging):
    status: Literal[WORKFLOW_STATUSES] | None = None  # type: ignore[valid-type]
    orchestrationPattern: Literal[PATTERNS] | None = None  # type: ignore[valid-type]
    q: Words | None = None


class TaskQuery(Paging):
    status: Literal[TASK_STATUSES] | None = None  # type: ignore[valid-type]
    workflowId: RowId | None = None
    agentId: RowId | None = None
    traceId: RowId | None = None
    sessionId: Annotated[str, StringConstraints(max_length=255)] | None = None
    q: Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)] | None = None
    since: Moment | None = None
    until: Moment | None = None


class CompareQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    other: RowId | None = Field(None, alias="with")


class MessageQuery(Paging):
    messageType: Literal[MESSAGE_TYPES] | None = None  # type: ignore[valid-type]


class LogQuery(Paging):
    """`level` is the lowest one wanted."""

    level: Literal[LEVELS] | None = None  # type: ignore[valid-type]
    eventType: Literal[EVENT_TYPES] | None = None  # type: ignore[valid-type]
    agentId: RowId | None = None


class AlertQuery(Paging):
    resolved: bool | None = None
    severity: Literal[SEVERITIES] | None = None  # type: ignore[valid-type]
    alertType: Literal[ALERT_TYPES] | None = None  # type: ignore[valid-type]
    relatedAgentId: RowId | None = None
    relatedTaskId: RowId | None = None


class AuditQuery(Paging):
    """`action` is "key.create", or "key" for all that is done to keys; `actorId` a person's, or "command"."""

    actorId: Annotated[str, StringConstraints(pattern=r"^(\d{1,9}|command)$")] | None = None
    action: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,30}(\.[a-z_]{1,30})?$")] | None = None
    subject: Words | None = None
    since: Moment | None = None
    until: Moment | None = None


class ChangeQuery(Paging):
    service: Words | None = None
    kind: Literal[CHANGE_KINDS] | None = None  # type: ignore[valid-type]
    since: Moment | None = None
    until: Moment | None = None


class AlertChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    resolved: StrictBool
