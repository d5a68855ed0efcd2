"""Alerts: what a person should look at."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.orm import Ascii, Id, LongText, Timed, Words, table
from swarm_ui.tenancy import Owned

TYPES = ("agent_failure", "task_timeout", "system_error", "task_completion", "performance_degradation")
SEVERITIES = ("info", "warning", "critical")


class Alert(Timed, Owned, db.Model):
    """`fingerprint` is equal for the same step of the same agent failing in the same way."""

    __tablename__ = "alerts"
    __table_args__ = table(
        Index("ix_alerts_userId_resolved_createdAt_id", "userId", "resolved", "createdAt", "id"),
        Index("ix_alerts_userId_alertType_createdAt_id", "userId", "alertType", "createdAt", "id"),
        Index("ix_alerts_userId_relatedTaskId", "userId", "relatedTaskId"),
        Index("ix_alerts_userId_relatedAgentId_createdAt", "userId", "relatedAgentId", "createdAt"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    alert_type: Mapped[str] = mapped_column("alertType", Words(*TYPES))
    severity: Mapped[str] = mapped_column(Words(*SEVERITIES))
    title: Mapped[str] = mapped_column(String(512))
    message: Mapped[str | None] = mapped_column(LongText)
    related_agent_id: Mapped[str | None] = mapped_column("relatedAgentId", Id)
    related_task_id: Mapped[str | None] = mapped_column("relatedTaskId", Id)
    resolved: Mapped[bool] = mapped_column(default=False)
    resolved_at: Mapped[datetime | None] = mapped_column("resolvedAt")

    fingerprint: Mapped[str | None] = mapped_column(Ascii(32))
    # True once a person decided about it: the projection then leaves it alone.
    touched: Mapped[bool] = mapped_column(default=False, server_default="0")
    # Raised while its agent was in maintenance: written down, but nobody was disturbed.
    muted: Mapped[bool] = mapped_column(default=False, server_default="0")

    def resolve(self) -> None:
        """Mark as resolved; a second call keeps the first time."""
        self.touched = True
        if not self.resolved:
            self.resolved, self.resolved_at = True, clock.now()

    def reopen(self) -> None:
        self.touched = True
        self.resolved, self.resolved_at = False, None
