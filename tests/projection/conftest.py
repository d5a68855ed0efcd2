from collections.abc import Callable

import pytest
from sqlalchemy import select

from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import Alert
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.metrics.models import Metric
from swarm_ui.tasks.models import ExecutionLog, Message, Task, TaskAgent
from swarm_ui.tenancy import bind_owner
from tests.captures import KEY, project
from tests.otlp import send
from tests.projection.world import World


@pytest.fixture
def key(alice, make):
    """Alice's key; `tests.captures.HEADERS` presents it."""
    from hashlib import sha256

    return make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ingest", "read", "write"])


@pytest.fixture
def sender(app, key):
    """A client without a session, for requests with the key."""
    return app.test_client()


@pytest.fixture
def world(app, alice, time) -> World:
    """Alice's data."""
    return World(alice.id, time)


class Told:
    """What the derived rows say, with names in the place of ids."""

    def __init__(self) -> None:
        db.session.commit()
        self.names = {agent.id: agent.name for agent in db.session.scalars(select(Agent))}
        self.tasks = list(db.session.scalars(select(Task).order_by(Task.started_at, Task.id)))
        self.agents = sorted(self.names.values())
        self.metrics = list(db.session.scalars(select(Metric).order_by(Metric.at, Metric.span_id)))
        self.alerts = list(db.session.scalars(select(Alert).order_by(Alert.id)))
        self.logs = list(db.session.scalars(select(ExecutionLog).order_by(ExecutionLog.at, ExecutionLog.id)))

    @property
    def task(self) -> Task:
        assert len(self.tasks) == 1, [task.name for task in self.tasks]
        return self.tasks[0]

    @property
    def messages(self) -> list[tuple[str | None, str | None, str]]:
        """(sender, recipient, type) in their order."""
        found = db.session.scalars(select(Message).order_by(Message.at, Message.id))
        return [(self.names.get(m.sender_id), self.names.get(m.recipient_id), m.message_type) for m in found]

    @property
    def requests(self) -> list[tuple[str | None, str | None]]:
        return [(sender, recipient) for sender, recipient, kind in self.messages if kind == "request"]

    @property
    def blamed(self) -> tuple[str | None, str | None]:
        """(agent, step) of the run's first failing step."""
        return self.names.get(self.task.failed_agent_id), self.task.failed_step

    def agent_of(self, span: int) -> str | None:
        found = db.session.scalars(select(Span).where(Span.span_id == f"{span:016x}")).one()
        return self.names.get(found.agent_id)

    def parts(self) -> dict[str, TaskAgent]:
        """Contributions by agent."""
        return {self.names[part.agent_id]: part for part in db.session.scalars(select(TaskAgent))}


@pytest.fixture
def told(sender, alice) -> Callable[..., Told]:
    """Sends spans through the front door, projects, and tells what became of them."""

    def tell(*drafts, **options) -> Told:
        if drafts:
            send(sender, *drafts, **options)
        project()
        bind_owner(db.session, alice.id)
        return Told()

    return tell
