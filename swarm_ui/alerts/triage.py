"""What people decide about alerts, and that it is written down."""

from swarm_ui.alerts.models import Alert
from swarm_ui.audit import record


def settle(alert: Alert, *, resolved: bool) -> None:
    """Resolves or reopens; nothing happens where it is so already. Does not commit."""
    before = {"resolved": alert.resolved}
    if resolved:
        alert.resolve()
    else:
        alert.reopen()
    if alert.resolved != before["resolved"]:
        verb = "resolve" if resolved else "reopen"
        record(f"alert.{verb}", alert.id, alert.title, before=before, after={"resolved": alert.resolved})
