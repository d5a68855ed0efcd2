"""Workflows: written by people or seen in the traces."""

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Id, Json, LongText, Timed, Words, table
from swarm_ui.tenancy import Owned

PATTERNS = ("hierarchical", "sequential", "concurrent", "round_robin", "mesh")
STATUSES = ("draft", "active", "paused", "archived")


class Workflow(Timed, Owned, db.Model):
    """`nodes` are `{"id", "agentId", "name", "type"}`, `edges` `{"from", "to", "count", "errors"}` over agent ids.

    A discovered workflow is one (owner, service, name of the whole run); its graph is that of its latest runs.
    """

    __tablename__ = "workflows"
    __table_args__ = table(
        UniqueConstraint("userId", "serviceName", "name"),
        Index("ix_workflows_userId_status_id", "userId", "status", "id"),
        Index("ix_workflows_userId_orchestrationPattern_id", "userId", "orchestrationPattern", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    service_name: Mapped[str | None] = mapped_column("serviceName", String(255))
    orchestration_pattern: Mapped[str] = mapped_column(
        "orchestrationPattern", Words(*PATTERNS), default="sequential"
    )
    nodes: Mapped[list | None] = mapped_column(Json)
    edges: Mapped[list | None] = mapped_column(Json)
    configuration: Mapped[dict | None] = mapped_column(Json)
    status: Mapped[str] = mapped_column(Words(*STATUSES), default="draft")
    version: Mapped[int] = mapped_column(default=1)

    origin: Mapped[str] = mapped_column(
        Words("authored", "discovered", "sample"), default="authored", server_default="authored"
    )
    description: Mapped[str | None] = mapped_column(LongText)
    tags: Mapped[list | None] = mapped_column(Json)
    # The longest time (ms) in which usually nothing happens in its runs.
    usual_gap: Mapped[int | None] = mapped_column("usualGap")


class WorkflowTemplate(Timed, Owned, db.Model):
    __tablename__ = "workflow_templates"
    __table_args__ = table(
        Index("ix_workflow_templates_userId_orchestrationPattern", "userId", "orchestrationPattern"),
        Index("ix_workflow_templates_isPublic", "isPublic"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    orchestration_pattern: Mapped[str] = mapped_column("orchestrationPattern", Words(*PATTERNS))
    template_data: Mapped[dict | None] = mapped_column("templateData", Json)
    is_public: Mapped[bool] = mapped_column("isPublic", default=False)
