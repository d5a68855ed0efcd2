"""What may be said in the search box of the alerts."""

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select

from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import SEVERITIES, TYPES, Alert
from swarm_ui.search.fields import Age, Field, Moment, Named, Word
from swarm_ui.search.reading import Search
from swarm_ui.search.reading import read as read_text
from swarm_ui.tasks.models import Task
from swarm_ui.workflows.models import Workflow


def _of_workflows(workflow_ids: list[str]) -> ColumnElement[bool]:
    return Alert.related_task_id.in_(select(Task.id).where(Task.workflow_id.in_(workflow_ids)))


FIELDS: dict[str, Field] = {
    "severity": Word("how urgent it is", Alert.severity, SEVERITIES[::-1]),
    "type": Word("what happened", Alert.alert_type, TYPES),
    "agent": Named(
        "the agent that it is about, by name or id", Agent, Alert.related_agent_id.in_, "coder", "*-reviewer"
    ),
    "workflow": Named(
        "the workflow of its run, by name or id", Workflow, _of_workflows, '"Nightly report"', "night*"
    ),
    "age": Age("how long ago it was raised", Alert.created_at, "<2h", ">7d"),
    "since": Moment("raised on this day or later", Alert.created_at, False, "2026-11-01"),
    "until": Moment("raised on this day or before", Alert.created_at, True, "2026-11-30"),
}


def read(text: str | None) -> Search:
    return read_text(text, FIELDS)


def conditions_of(search: Search) -> list[ColumnElement[bool]]:
    """Free words stand in title or message."""
    found = list(search.conditions)
    for token in search.words:
        word = token.values[0].lower()
        says = or_(
            *(func.lower(column).contains(word, autoescape=True) for column in (Alert.title, Alert.message))
        )
        found.append(not_(func.coalesce(says, false())) if token.negated else says)
    return [and_(*found)] if found else []
