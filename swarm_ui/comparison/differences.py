"""What changed between two runs: what their model calls were set to, who sent them, and what happened in the time between. Most suspect first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import and_, not_, or_, select

from swarm_ui import clock
from swarm_ui.agents.models import AgentRevision
from swarm_ui.agents.revisions import Line, compared
from swarm_ui.audit import AuditEvent
from swarm_ui.changes.models import ChangeMarker
from swarm_ui.comparison.alignment import same_model
from swarm_ui.comparison.reading import Known, Run
from swarm_ui.extensions import db
from swarm_ui.formatting import plural
from swarm_ui.tasks.models import Task
from swarm_ui.trail.words import in_words

Kind = Literal["prompt", "model", "provider", "tools", "parameter", "version", "marker", "revision", "audit", "attribute"]  # fmt: skip
# Of what happened in between so many of each kind are shown.
MOST = 20
MOST_ATTRIBUTES = 40
# What says nothing of how agents work: coming and going, members, keys.
_NO_CHANGE_OF_WORK = ("session", "login_link", "profile", "user", "member", "space", "key", "sample", "secrets", "alert", "change")  # fmt: skip
_REVISED = ("agent.create", "agent.update", "agent.restore_revision")


@dataclass(frozen=True, slots=True)
class Difference:
    """`subject` is whose it is (an agent's name, say), `what` what of it; `before` and `after` None where that is not known or nothing.

    `on_path` marks what belongs to the agent that failed the run, `aside` what names another service or agent than those of the runs.
    """

    kind: Kind
    subject: str
    what: str
    before: str | None = None
    after: str | None = None
    at: datetime | None = None
    who: str | None = None
    agent_id: str | None = None
    span_id: str | None = None
    ref: str | None = None
    url: str | None = None
    lines: tuple[Line, ...] = ()
    on_path: bool = False
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """`same` says in words what was looked at and is the same; `cut` what there is more of than is shown."""

    items: list[Difference]
    attributes: list[Difference]
    same: list[str]
    cut: list[str]
    since: datetime | None
    until: datetime | None

    def of(self, *kinds: Kind) -> list[Difference]:
        return [item for item in self.items if item.kind in kinds]


def between(left: Run, right: Run, agents: Mapping[str, Known]) -> Changed:
    """`right` is the run that is asked about."""
    same: list[str] = []
    items = _of_calls(left, right, agents, same) + _of_versions(left, right, same)
    since, until = window(left.task, right.task)
    cut: list[str] = []
    if since and until:
        items += _markers(since, until, right, agents, cut) + _revisions(
            since, until, left, right, agents, cut
        )
        items += _audited(since, until, left.agent_ids | right.agent_ids, cut)
    order: list[Kind] = [
        "prompt",
        "model",
        "provider",
        "tools",
        "parameter",
        "version",
        "marker",
        "revision",
        "audit",
    ]
    items.sort(key=lambda item: (item.aside, not item.on_path, order.index(item.kind)))
    attributes = _named(left.attributes, right.attributes)
    found = [Difference("attribute", "", name, before, after) for name, before, after in attributes]
    return Changed(items, found[:MOST_ATTRIBUTES], same, cut, since, until)


def window(left: Task, right: Task) -> tuple[datetime | None, datetime | None]:
    """From the beginning of the earlier run to the end of the later one."""
    earlier, later = sorted((left, right), key=lambda task: (task.started_at is not None, task.started_at))
    if earlier.started_at is None or later.started_at is None:
        return None, None
    end = later.completed_at
    if end is None and later.execution_time is not None:
        end = later.started_at + timedelta(milliseconds=later.execution_time)
    return earlier.started_at, end or clock.now()


def _of_calls(left: Run, right: Run, agents: Mapping[str, Known], same: list[str]) -> list[Difference]:
    found: list[Difference] = []
    equal = {"model": 0, "prompt": 0, "set of tools": 0}
    for agent_id in sorted(left.first_calls.keys() & right.first_calls.keys()):
        span_id, at = right.first_calls[agent_id]
        name = agents[agent_id].name if agent_id in agents else "without an agent"
        place: dict[str, Any] = {
            "subject": name, "agent_id": agent_id or None, "span_id": span_id, "at": _moment(at),
            "on_path": bool(agent_id) and agent_id == right.task.failed_agent_id,
        }  # fmt: skip
        found += _of_agent(left, right, agent_id, place, equal)
    same += [
        plural(count, what, many)
        for (what, count), many in zip(equal.items(), ("models", "prompts", "sets of tools"), strict=True)
        if count
    ]
    return found


def _of_agent(
    left: Run, right: Run, agent_id: str, place: dict[str, Any], equal: dict[str, int]
) -> list[Difference]:
    found: list[Difference] = []
    models = left.models.get(agent_id, {}), right.models.get(agent_id, {})
    gone, new = _unlike(models[0], models[1]), _unlike(models[1], models[0])
    if all(models) and (gone or new):
        found.append(Difference("model", what="model", before=_listed(gone or models[0]), after=_listed(new or models[1]), **place))  # fmt: skip
    elif all(models):
        equal["model"] += 1
    providers = left.providers.get(agent_id, {}), right.providers.get(agent_id, {})
    if all(providers) and providers[0].keys() != providers[1].keys():
        found.append(Difference("provider", what="provider", before=_listed(providers[0]), after=_listed(providers[1]), **place))  # fmt: skip
    was, now = left.settings.get(agent_id), right.settings.get(agent_id)
    if was is None or now is None:
        return found
    if was.instructions and now.instructions:
        if was.instructions != now.instructions:
            lines = compared(was.instructions.splitlines(), now.instructions.splitlines())
            found.append(Difference("prompt", what="system instructions", lines=tuple(lines), **place))
        else:
            equal["prompt"] += 1
    if was.tools is not None and now.tools is not None:
        if was.tools != now.tools:
            lost, won = [sorted(set(a) - set(b)) for a, b in ((was.tools, now.tools), (now.tools, was.tools))]
            found.append(Difference("tools", what="tools on offer", before=", ".join(lost) or None, after=", ".join(won) or None, **place))  # fmt: skip
        else:
            equal["set of tools"] += 1
    if was.parameters and now.parameters:
        found += [
            Difference("parameter", what=name, before=old, after=new_, **place)
            for name, old, new_ in _named(was.parameters, now.parameters)
        ]
    return found


def _moment(at_us: int) -> datetime | None:
    """None for a time that no calendar holds: clients send what they like."""
    try:
        return clock.from_us(at_us)
    except OverflowError:
        return None


def _unlike(models: Iterable[str], others: Iterable[str]) -> list[str]:
    others = list(others)
    return [model for model in models if not any(same_model(model, other) for other in others)]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _named(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str | None, str | None]]:
    names = sorted(before.keys() | after.keys())
    return [
        (name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    ]


def _of_versions(left: Run, right: Run, same: list[str]) -> list[Difference]:
    """Of instrumentations that both runs were told of by: a run that broke off early says less."""
    shared = left.versions.keys() & right.versions.keys()
    found = []
    for name in sorted(shared):
        if left.versions[name] != right.versions[name]:
            span_id, at = right.first_spans[name]
            found.append(
                Difference(
                    "version",
                    name,
                    "version",
                    left.versions[name],
                    right.versions[name],
                    _moment(at),
                    span_id=span_id,
                )
            )
    if shared and not found:
        same.append(plural(len(shared), "framework version"))
    return found


# What happened in the time between.


def _cut(rows: list[Any], words: str, cut: list[str]) -> list[Any]:
    if len(rows) > MOST:
        cut.append(f"only the last {MOST} {words} of this time are shown")
    return rows[:MOST]


def _markers(
    since: datetime, until: datetime, right: Run, agents: Mapping[str, Known], cut: list[str]
) -> list[Difference]:
    statement = (
        select(ChangeMarker)
        .where(ChangeMarker.at >= since, ChangeMarker.at <= until)
        .order_by(ChangeMarker.at.desc(), ChangeMarker.id.desc())
    )
    rows = _cut(list(db.session.scalars(statement.limit(MOST + 1))), "changes", cut)
    services = {known.service for known in agents.values()}
    names = {known.name for known in agents.values()} | agents.keys()
    failed = agents.get(right.task.failed_agent_id or "")
    return [
        Difference(
            "marker",
            row.agent or row.service or "",
            row.title,
            after=row.version if row.version and row.version not in row.title else None,
            at=row.at,
            who=row.kind,
            ref=row.id,
            url=row.url,
            on_path=failed is not None and row.agent == failed.name,
            aside=bool(
                (row.service and row.service not in services) or (row.agent and row.agent not in names)
            ),
        )
        for row in rows
    ]


def _revisions(
    since: datetime, until: datetime, left: Run, right: Run, agents: Mapping[str, Known], cut: list[str]
) -> list[Difference]:
    wanted = sorted(left.agent_ids | right.agent_ids)
    statement = (
        select(AgentRevision.agent_id, AgentRevision.number, AgentRevision.created_at, AgentRevision.actor)
        .where(
            AgentRevision.agent_id.in_(wanted),
            AgentRevision.created_at >= since,
            AgentRevision.created_at <= until,
        )
        .order_by(AgentRevision.created_at.desc(), AgentRevision.number.desc())
        .limit(MOST + 1)
    )
    return [
        Difference(
            "revision",
            agents[row.agent_id].name if row.agent_id in agents else row.agent_id,
            f"revision {row.number}",
            at=row.created_at,
            who=row.actor,
            agent_id=row.agent_id,
            ref=str(row.number),
            on_path=row.agent_id == right.task.failed_agent_id,
        )
        for row in _cut(list(db.session.execute(statement)), "revisions", cut)
    ]


def _audited(since: datetime, until: datetime, agent_ids: set[str], cut: list[str]) -> list[Difference]:
    """What somebody changed here. Edits of the runs' agents stand as revisions already."""
    told = and_(AuditEvent.action.in_(_REVISED), AuditEvent.subject_id.in_(sorted(agent_ids)))
    statement = (
        select(
            AuditEvent.id,
            AuditEvent.action,
            AuditEvent.subject_id,
            AuditEvent.subject,
            AuditEvent.created_at,
            AuditEvent.actor,
        )
        .where(
            AuditEvent.created_at >= since,
            AuditEvent.created_at <= until,
            not_(
                or_(
                    *(
                        AuditEvent.action.startswith(f"{word}.", autoescape=True)
                        for word in _NO_CHANGE_OF_WORK
                    )
                )
            ),
            # NULL in (…) is unknown, and not that either: events about nobody are wanted.
            or_(AuditEvent.subject_id.is_(None), not_(told)),
        )
        .order_by(AuditEvent.created_at.desc(), AuditEvent.id.desc())
        .limit(MOST + 1)
    )
    return [
        Difference(
            "audit",
            row.subject or "",
            in_words(row.action),
            at=row.created_at,
            who=row.actor,
            ref=row.subject_id,
            aside=row.action.startswith("agent.") and row.subject_id not in agent_ids,
        )
        for row in _cut(list(db.session.execute(statement)), "events of the audit trail", cut)
    ]
