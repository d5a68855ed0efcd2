"""Jump to anything: pages, agents, workflows, runs and alerts by name or id. A fixed number of bounded looks."""

from typing import Any, NamedTuple

from flask import url_for
from sqlalchemy import Select, func, or_, select

from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import Alert
from swarm_ui.extensions import db
from swarm_ui.formatting import ago, clip
from swarm_ui.search.tokens import clean
from swarm_ui.tasks import queries as tasks
from swarm_ui.tasks import search as task_search
from swarm_ui.tasks.models import Task
from swarm_ui.workflows.models import Workflow

EACH = 6
# Alerts are looked for among so many of the newest.
NEWEST_ALERTS = 1_000
PAGES = (
    ("Overview", "overview.index"), ("Agents", "agents.index"), ("Tasks", "tasks.index"), ("Alerts", "alerts.index"),
    ("Workflows", "workflows.index"), ("Metrics", "metrics.index"), ("Settings: profile", "settings.index"),
    ("Settings: API keys", "settings.list_keys"), ("Settings: members", "members.index"), ("Settings: integrations", "settings.integrations"),
    ("Settings: sessions", "settings.list_sessions"), ("Settings: data of this space", "space.show"), ("Settings: audit trail", "trail.index"),
    ("Settings: about", "settings.about"), ("Connect your agents", "overview.connect"), ("Your spaces", "spaces.index"),
)  # fmt: skip
SHOWN = (Task.id, Task.name, Task.summary, Task.status, Task.started_at)


class Place(NamedTuple):
    """Somewhere to go; `state` is a word of state with a shape of its own."""

    name: str
    url: str
    aside: str = ""
    state: str = ""


class Group(NamedTuple):
    title: str
    icon: str
    places: list[Place]
    # Where there are more of them.
    more_url: str = ""


def places(asked: str) -> list[Group]:
    words = clean(asked)[:200]
    found = [
        Group(
            "Pages",
            "arrow",
            [Place(name, url_for(endpoint)) for name, endpoint in PAGES if words.lower() in name.lower()],
        )
    ]
    if words:
        found += [_agents(words), _workflows(words), _runs(words), _alerts(words)]
    return [group for group in found if group.places]


def _named(model: Any, words: str, *columns: Any) -> Select[Any]:
    wanted = [func.lower(model.name).contains(words.lower(), autoescape=True)]
    if words.isascii():
        wanted.append(model.id == words.lower())
    return (
        select(model.id, model.name, *columns)
        .where(or_(*wanted))
        .order_by(func.length(model.name), model.name, model.id)
        .limit(EACH)
    )


def _agents(words: str) -> Group:
    statement = _named(Agent, words, Agent.service_name).where(Agent.deleted_at.is_(None))
    rows = db.session.execute(statement)
    return Group(
        "Agents",
        "agents",
        [Place(row.name, url_for("agents.show", agent_id=row.id), row.service_name or "") for row in rows],
    )


def _workflows(words: str) -> Group:
    rows = db.session.execute(_named(Workflow, words))
    return Group(
        "Workflows",
        "workflows",
        [Place(row.name, url_for("workflows.show", workflow_id=row.id)) for row in rows],
    )


def _runs(words: str) -> Group:
    """By id, or by what they say; what may be said in the box of the runs may be said here."""
    search = task_search.read(words)
    if search.problems:
        return Group("Runs", "tasks", [])
    rows, _ = tasks.page_of(tasks.TaskFilter(cursor=None), search, *SHOWN, limit=EACH)
    items = [
        Place(
            row.name or "Unnamed run",
            url_for("tasks.show", task_id=row.id),
            " · ".join(filter(None, (clip(row.summary, 48), _when(row.started_at)))),
            row.status,
        )
        for row in rows.items
    ]
    return Group("Runs", "tasks", items, url_for("tasks.index", q=words))


def _when(moment: Any) -> str:
    return ago(moment, short=True).striptags() if moment else ""


def _alerts(words: str) -> Group:
    newest = (
        select(Alert.id, Alert.title, Alert.severity, Alert.resolved, Alert.created_at)
        .order_by(Alert.created_at.desc(), Alert.id.desc())
        .limit(NEWEST_ALERTS)
        .subquery()
    )
    wanted = [func.lower(newest.c.title).contains(words.lower(), autoescape=True)]
    if words.isascii():
        wanted.append(newest.c.id == words.lower())
    statement = (
        select(newest)
        .where(or_(*wanted))
        .order_by(newest.c.created_at.desc(), newest.c.id.desc())
        .limit(EACH)
    )
    items = [
        Place(
            row.title,
            url_for(
                "alerts.index", q=clip(row.title, 60).rstrip("…"), state="resolved" if row.resolved else None
            ),
            "resolved" if row.resolved else "open",
            row.severity,
        )
        for row in db.session.execute(statement)
    ]
    return Group("Alerts", "alerts", items)
