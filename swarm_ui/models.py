"""Imports every feature's models, for migrations and the shell."""

from swarm_ui.accounts.models import (
    ApiKey,
    BrowserSession,
    FailedAttempts,
    LoginLink,
    Membership,
    SpaceVersion,
    User,
)
from swarm_ui.agents.models import (
    Agent,
    AgentConfiguration,
    AgentHour,
    AgentRevision,
    Heartbeats,
    StatusFlip,
)
from swarm_ui.alerts.models import Alert
from swarm_ui.audit import AuditEvent
from swarm_ui.changes.models import ChangeMarker
from swarm_ui.ingest.models import LogRecord, PayloadBlock, Resource, Span, TraceDirty, TraceLink
from swarm_ui.integrations.models import Integration, LlmProvider
from swarm_ui.metrics.models import Metric, MetricPoint
from swarm_ui.saved.models import SavedView
from swarm_ui.search.models import SearchBacklog, SearchDoc
from swarm_ui.space.models import SpaceWork
from swarm_ui.tasks.models import (
    ConsensusResult,
    ExecutionHistory,
    ExecutionLog,
    Message,
    Task,
    TaskAgent,
    TaskTrace,
)
from swarm_ui.worker.models import WorkerSeen
from swarm_ui.workflows.models import Workflow, WorkflowTemplate

__all__ = [
    "Agent",
    "AgentConfiguration",
    "AgentHour",
    "AgentRevision",
    "Alert",
    "ApiKey",
    "AuditEvent",
    "BrowserSession",
    "ChangeMarker",
    "ConsensusResult",
    "ExecutionHistory",
    "ExecutionLog",
    "FailedAttempts",
    "Heartbeats",
    "Integration",
    "LlmProvider",
    "LogRecord",
    "LoginLink",
    "Membership",
    "Message",
    "Metric",
    "MetricPoint",
    "PayloadBlock",
    "Resource",
    "SavedView",
    "SearchBacklog",
    "SearchDoc",
    "SpaceVersion",
    "SpaceWork",
    "Span",
    "StatusFlip",
    "Task",
    "TaskAgent",
    "TaskTrace",
    "TraceDirty",
    "TraceLink",
    "User",
    "WorkerSeen",
    "Workflow",
    "WorkflowTemplate",
]
