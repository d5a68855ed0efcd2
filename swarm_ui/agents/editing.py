"""Agents made and changed by people. Each change writes the agent, a revision of what it is set to, and the audit event, in one transaction
that the caller commits.

Settings are the columns that people may edit, by the columns' names. None in one of TRACED means: as traces say.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import String, and_, cast, exists, or_, select, update
from sqlalchemy.exc import IntegrityError

from swarm_ui import clock, ids
from swarm_ui.accounts.models import User
from swarm_ui.agents import health, standing
from swarm_ui.agents.models import TRACED, Agent, AgentConfiguration, AgentRevision, set_by_people
from swarm_ui.agents.score import WINDOW
from swarm_ui.audit import Actor, AuditEvent, columns_of, current_actor, record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest.identity import agent_id_of
from swarm_ui.tasks.models import TaskAgent
from swarm_ui.tenancy import owner_of
from swarm_ui.workflows.models import Workflow

# Attributes of Agent by the columns' names.
SETTINGS = {
    "name": "name",
    "serviceName": "service_name",
    "type": "type",
    "capabilities": "capabilities",
    "description": "description",
    "llmModel": "llm_model",
    "parameters": "parameters",
    "heartbeatPeriod": "heartbeat_period",
    "heartbeatGrace": "heartbeat_grace",
}
KEPT_FOR = timedelta(days=30)
_AUDITED = ("id", *SETTINGS.values(), "edited")
_LONGEST_IN_AUDIT = 1_000
_MOST_MOVES = 10
_BY_TRACES = Actor(None, "traces", "worker")
_BY_OTHERS = Actor(None, "another program", "worker")


def settings_of(agent: Agent) -> dict[str, Any]:
    return settings_in(snapshot_of(agent))


def snapshot_of(agent: Agent) -> dict[str, Any]:
    """What a revision keeps: the values as they are, and which of them a person set."""
    found = {column: getattr(agent, attribute) for column, attribute in SETTINGS.items()}
    return found | {"edited": sorted(set_by_people(agent.origin, agent.edited))}


def settings_in(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    edited = snapshot.get("edited") or ()
    return {
        column: None if column in TRACED and column not in edited else snapshot.get(column)
        for column in SETTINGS
    }


# Finding.


def find(agent_id: str, *, lock: bool = False, deleted: bool = False) -> Agent | None:
    """An agent that is not deleted (or one that is). One that got another id with another name is found by the old one too, and an entry that
    was merged leads to the other."""
    for _ in range(_MOST_MOVES):
        is_deleted = Agent.deleted_at.is_not(None) if deleted else Agent.deleted_at.is_(None)
        statement = select(Agent).where(Agent.id == agent_id, is_deleted)
        agent = db.session.scalars(statement.with_for_update() if lock else statement).first()
        if agent is not None and agent.merged_into is not None:
            agent_id = agent.merged_into
            continue
        moved_to = None if agent else _moved_to(agent_id)
        if agent or moved_to is None:
            return agent
        agent_id = moved_to
    return None


def _moved_to(agent_id: str) -> str | None:
    """The id that an agent got when a person gave it another name before any trace had met it; the audit trail remembers."""
    statement = (
        select(AuditEvent.after)
        .where(
            AuditEvent.subject_id == agent_id,
            AuditEvent.action.in_(("agent.update", "agent.restore_revision")),
        )
        .order_by(AuditEvent.created_at.desc(), AuditEvent.id.desc())
        .limit(1)
    )
    after = db.session.scalars(statement).first()
    return after.get("id") if after else None


def is_met(agent: Agent) -> bool:
    """Whether traces, or anything else, refer to it by its id. Before that its id follows its name, so that traces will find it."""
    if agent.origin != "authored" or agent.last_progress_at is not None or agent.beat_at is not None:
        return True
    named = select(Workflow.id).where(cast(Workflow.nodes, String).contains(f'"{agent.id}"', autoescape=True))
    return bool(
        db.session.scalar(
            select(
                or_(
                    exists(select(TaskAgent.task_id).where(TaskAgent.agent_id == agent.id)),
                    exists(select(AgentConfiguration.id).where(AgentConfiguration.agent_id == agent.id)),
                    exists(named),
                )
            )
        )
    )


# Changing.


def create(settings: Mapping[str, Any]) -> Agent:
    """Raises Refused (422) where the name is taken. Its id is the one that traces of this service and name lead to."""
    name, service = settings["name"], settings["serviceName"]
    agent = Agent(
        id=_id_in_traces(service, name),
        origin="authored",
        condition="new",
        status="active",
        name=name,
        service_name=service,
        type="reasoning",
        edited=[],
        revision=0,
    )
    _refuse_taken(service, name, but=None)
    db.session.add(agent)
    _set(agent, settings)
    _keep(agent, current_actor())
    record("agent.create", agent.id, agent.name, after=_audited(agent))
    _flush()
    return agent


def change(agent: Agent, wanted: Mapping[str, Any], action: str = "agent.update") -> bool:
    """Sets these settings; false where all of them are so already. Raises Refused (422) where a name is taken or a service is traces' to say."""
    now = settings_of(agent)
    settings = now | dict(wanted)
    if settings == now:
        return False
    before, old_id, old_shown = _audited(agent), agent.id, (agent.name, agent.type)
    first = snapshot_of(agent) if agent.revision == 0 else None
    if (settings["name"], settings["serviceName"]) != (agent.name, agent.service_name):
        _rename(agent, settings["name"], settings["serviceName"])
        _flush()
    if first is not None:
        _keep(agent, _BY_OTHERS if agent.origin == "authored" else _BY_TRACES, first)
    _set(agent, settings)
    _keep(agent, current_actor())
    if (agent.name, agent.type) != old_shown:
        _show_in_workflows(agent)
    record(action, old_id, agent.name, before=before, after=_audited(agent))
    _flush()
    return True


def restore_revision(agent: Agent, revision: AgentRevision) -> bool:
    """What it was set to then, as a new revision. The service stays where traces say it."""
    wanted = settings_in(revision.snapshot)
    if is_met(agent):
        wanted["serviceName"] = agent.service_name
    return change(agent, wanted, "agent.restore_revision")


def switch(agent: Agent, *, off: bool) -> bool:
    """Off: it counts as inactive whatever its runs say. They are still taken and shown."""
    if agent.switched_off is off:
        return False
    agent.switched_off = off
    standing.reassess(agent)
    action = "agent.deactivate" if off else "agent.activate"
    record(action, agent.id, agent.name, before={"switchedOff": not off}, after={"switchedOff": off})
    return True


def delete(agent: Agent) -> None:
    """Out of every list; the row, its runs and its revisions stay, for 30 days at least."""
    agent.deleted_at = clock.now()
    record("agent.delete", agent.id, agent.name, before=_audited(agent))


def restore(agent: Agent) -> bool:
    if agent.deleted_at is None:
        return False
    agent.deleted_at = None
    record("agent.restore", agent.id, agent.name, after=_audited(agent))
    return True


def _set(agent: Agent, settings: Mapping[str, Any]) -> None:
    """All but name and service. What no person sets any more is what traces say, at once."""
    agent.description, agent.parameters = settings["description"], settings["parameters"]
    _expect(agent, settings["heartbeatPeriod"], settings["heartbeatGrace"])
    edited = sorted(column for column in TRACED if settings[column] is not None)
    given_up = set_by_people(agent.origin, agent.edited) - set(edited)
    traced = _said_by_traces(agent) if given_up else {}
    for column in TRACED:
        if column in edited:
            setattr(agent, SETTINGS[column], settings[column])
        elif column in given_up:
            setattr(agent, SETTINGS[column], traced[column])
    agent.edited = edited


def _expect(agent: Agent, period: int | None, grace: int | None) -> None:
    """Heartbeats of this kind. What it has not been asked for until now it has not missed."""
    if (period, grace) == (agent.heartbeat_period, agent.heartbeat_grace):
        return
    if period is not None:
        agent.watched_at = clock.now()
    agent.heartbeat_period, agent.heartbeat_grace = period, grace
    standing.reassess(agent)


def _said_by_traces(agent: Agent) -> dict[str, Any]:
    latest = db.session.execute(
        select(TaskAgent.model, TaskAgent.tools)
        .where(TaskAgent.agent_id == agent.id)
        .order_by(TaskAgent.at.desc(), TaskAgent.task_id.desc())
        .limit(WINDOW)
    ).all()
    return {
        "type": health.discovered_type(
            delegations=agent.delegations or 0,
            tool_calls=agent.tool_calls or 0,
            retrievals=agent.retrievals or 0,
            llm_calls=agent.llm_calls or 0,
        ),
        "llmModel": health.model_of(row.model for row in latest),
        "capabilities": health.tools_of(row.tools for row in latest) if latest else None,
    }


def _keep(agent: Agent, actor: Actor, snapshot: dict[str, Any] | None = None) -> None:
    """The next revision. The state that a first edit finds is the first one, as old as the agent."""
    agent.revision += 1
    db.session.add(
        AgentRevision(
            id=ids.new(clock.now_us()),
            agent_id=agent.id,
            number=agent.revision,
            created_at=agent.created_at if snapshot is not None else clock.now(),
            actor_id=actor.id,
            actor=actor.name[:255],
            snapshot=snapshot if snapshot is not None else snapshot_of(agent),
        )
    )


def _show_in_workflows(agent: Agent) -> None:
    """Observed graphs carry name and type of their agents; those that people drew are theirs."""
    named = cast(Workflow.nodes, String).contains(f'"{agent.id}"', autoescape=True)
    for workflow in db.session.scalars(select(Workflow).where(Workflow.origin != "authored", named)):
        workflow.nodes = [
            node | {"name": agent.name, "type": agent.type}
            if isinstance(node, dict) and node.get("agentId") == agent.id
            else node
            for node in workflow.nodes or []
        ]


# Names.


def _rename(agent: Agent, name: str, service: str) -> None:
    """What traces have met keeps its id, and the name that they call it; the new one is a label. Anything else moves to the id of its
    new name, so that traces will find it there."""
    met = is_met(agent)
    if met and service != agent.service_name:
        said = "Traces say which service this agent belongs to. Its name can be changed."
        raise Refused(422, f"serviceName: {said}", fields={"serviceName": said})
    _refuse_taken(service, name, but=agent.id)
    if met:
        traced = agent.traced_name or agent.name
        agent.name, agent.traced_name = name, None if name == traced else traced
        return
    old_id, new_id = agent.id, _id_in_traces(service, name)
    agent.name, agent.service_name, agent.traced_name, agent.id = name, service, None, new_id
    _flush()  # two of that name are found out before anything else is written
    moved = update(AgentRevision).where(AgentRevision.agent_id == old_id).values(agent_id=new_id)
    db.session.execute(moved.execution_options(synchronize_session=False))


def _id_in_traces(service: str, name: str) -> str:
    """The id that traces of this service and name lead to."""
    owner_id = owner_of(db.session)
    key = db.session.scalar(select(User.space_key).where(User.id == owner_id))
    return agent_id_of(owner_id if key is None else key, service, name)


def _refuse_taken(service: str, name: str, *, but: str | None) -> None:
    """A name is taken by whoever carries it, and by whoever traces call so."""
    carries = and_(Agent.service_name == service, Agent.name == name)
    called = Agent.id == _id_in_traces(service, name)
    statement = select(Agent.name, Agent.deleted_at, carries.label("carries")).where(or_(carries, called))
    if but is not None:
        statement = statement.where(Agent.id != but)
    taker = db.session.execute(statement.limit(1)).first()
    if taker is None:
        return
    where = f"of the service {service}" if service else "without a service"
    if taker.deleted_at is not None:
        _taken(f"A deleted agent {where} has this name. Restore that one, or choose another name.")
    if not taker.carries:
        _taken(f"Traces call the agent {taker.name} so, which was renamed. Choose another name.")
    _taken(f"Another agent {where} has this name.")


def _taken(said: str) -> None:
    raise Refused(422, f"name: {said}", fields={"name": said})


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        # Somebody else was quicker by a moment.
        db.session.rollback()
        said = "Another agent has just got this name."
        raise Refused(422, f"name: {said}", fields={"name": said}) from error


def _audited(agent: Agent) -> dict[str, Any]:
    """What the audit trail keeps; the whole of a long text is in the revision."""
    found = columns_of(agent, _AUDITED)
    text = found["description"]
    if text and len(text) > _LONGEST_IN_AUDIT:
        found["description"] = f"{text[:_LONGEST_IN_AUDIT]}… ({len(text):,} characters)"
    return found
