"""Rows as JSON: a few columns of a model, read straight into dictionaries under the columns' names."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, inspect
from sqlalchemy.orm import InstrumentedAttribute, Mapper

from swarm_ui import clock
from swarm_ui.agents.models import Agent, AgentRevision, StatusFlip
from swarm_ui.alerts.models import Alert
from swarm_ui.audit import AuditEvent
from swarm_ui.changes.models import ChangeMarker
from swarm_ui.ingest.models import Span
from swarm_ui.orm import UTCTime
from swarm_ui.tasks.models import ExecutionHistory, ExecutionLog, Message, Task
from swarm_ui.workflows.models import Workflow


def iso(moment: datetime | None) -> str | None:
    """2026-11-17T03:12:40.000000Z; always six digits, so that such texts sort by time."""
    return None if moment is None else moment.isoformat(timespec="microseconds")[:26] + "Z"


def iso_us(microseconds: int | None) -> str | None:
    """The same of microseconds since 1970; None for a time that no calendar holds."""
    if microseconds is None:
        return None
    try:
        return iso(clock.from_us(microseconds))
    except OverflowError:
        return None


class Shape:
    """The columns of a model that the API shows. `columns` go into the select; `read` makes a dictionary of a row.

    A row may have more columns after these: they are the caller's.
    """

    def __init__(self, model: type, hidden: Iterable[str] = (), microseconds: Iterable[str] = ()) -> None:
        self.columns: list[InstrumentedAttribute[Any]] = []
        self.names: list[str] = []
        self._formats: list[tuple[str, Callable[[Any], Any]]] = []
        mapper: Mapper[Any] = inspect(model)
        for attribute in mapper.column_attrs:
            name = attribute.columns[0].name
            if name in hidden:
                continue
            self.columns.append(getattr(model, attribute.key))
            self.names.append(name)
            if isinstance(attribute.columns[0].type, UTCTime):
                self._formats.append((name, iso))
            elif name in microseconds:
                self._formats.append((name, iso_us))

    def read(self, row: Row[Any] | Sequence[Any]) -> dict[str, Any]:
        item = dict(zip(self.names, row, strict=False))
        for name, format_ in self._formats:
            item[name] = format_(item[name])
        return item


AGENT = Shape(Agent, hidden={"running", "kept"})
REVISION = Shape(AgentRevision)
FLIP = Shape(StatusFlip, hidden={"userId", "agentId"})
WORKFLOW = Shape(Workflow)
TASK = Shape(Task, hidden={"graph"})
MESSAGE = Shape(Message)
LOG = Shape(ExecutionLog)
HISTORY = Shape(ExecutionHistory)
AUDIT = Shape(AuditEvent)
CHANGE = Shape(ChangeMarker)
ALERT = Shape(Alert, hidden={"touched"})
SPAN = Shape(Span, hidden={"id", "facts", "contentHash"}, microseconds={"startedAt", "endedAt", "arrivedAt"})
