"""What people decide about alerts, and that it is written down."""

from sqlalchemy import update

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import Alert
from swarm_ui.audit import record
from swarm_ui.extensions import db


def settle(alert: Alert, *, resolved: bool) -> None:
    """Resolves or reopens; nothing happens where it is so already. Does not commit."""
    before = {"resolved": alert.resolved}
    if resolved:
        alert.resolve()
    else:
        alert.reopen()
    if alert.resolved != before["resolved"]:
        verb = "resolve" if resolved else "reopen"
        # The score of its agent counts open alerts: the worker looks at it again.
        statement = update(Agent).where(Agent.id == alert.related_agent_id)
        db.session.execute(statement.values(next_change_at=clock.now(), updated_at=Agent.updated_at))
        record(f"alert.{verb}", alert.id, alert.title, before=before, after={"resolved": alert.resolved})
