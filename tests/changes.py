"""Every route that changes something: who may use it, how it is used rightly, what the audit trail then says, and what it refuses.

test_roles.py and test_audit.py walk this table over the URL map; a route that is not in it fails them with the cure.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import current_app
from sqlalchemy import update

from swarm_ui import clock
from swarm_ui.accounts import entry
from swarm_ui.agents import editing
from swarm_ui.extensions import db
from swarm_ui.space.models import SpaceWork
from tests import make
from tests.conftest import Browser

SAFE = {"GET", "HEAD", "OPTIONS"}
# Everybody, the least first. "admin" looks into the owner's space; "stranger" is not signed in.
PEOPLE = ("stranger", "viewer", "operator", "editor", "owner", "admin")
RANKS = {"anybody": 0, "viewer": 1, "operator": 2, "editor": 3, "owner": 4, "administration": 5}


NEW = object()  # an id that the request makes


@dataclass
class Scene:
    """A space of `owner`, and `actor`, whose browser shows it."""

    owner: Any
    actor: Any
    looks: bool = False  # as administrator


@dataclass
class Ask:
    """A request that is in order, and what its event says. `trail` is the id of the space whose trail it goes into, the scene's unless told."""

    url: str
    data: dict[str, Any] | None = None
    json: Any = None
    subject: object = None
    trail: int | None = None
    actor: int | None = None
    action: str = ""

    def send(self, client: Browser, method: str, **other: Any) -> Any:
        body = {"json": self.json} if self.json is not None else {"data": self.data or {}}
        return client.open(self.url, method=method, **(body | other))


@dataclass
class Change:
    needs: str
    action: str
    ask: Callable[[Scene], Ask]
    # Bodies that are refused with 4xx, in place of the right one.
    wrong: list[Any] = field(default_factory=list)


def _alert(scene: Scene, url: str, *, resolved: bool = False, **ask: Any) -> Ask:
    alert = make.alert(scene.owner, resolved=resolved, resolved_at=clock.now() if resolved else None)
    return Ask(url.format(alert.id), subject=alert.id, **ask)


def _member(scene: Scene, url: str, data: dict[str, Any] | None = None) -> Ask:
    member = make.user()
    make.membership(scene.owner, member, "viewer")
    return Ask(url.format(member.id), data, subject=member.id)


def _person(scene: Scene, url: str, data: dict[str, Any] | None = None, **fields: Any) -> Ask:
    person = make.user(**fields)
    make.browser_session(person, person)
    return Ask(url.format(person.id), data, subject=person.id, trail=person.id)


def _profile(scene: Scene) -> Ask:
    return Ask("/settings/profile", {"name": "Renamed"}, subject=scene.actor.id, trail=scene.actor.id)


def _session(scene: Scene) -> Ask:
    from swarm_ui.accounts import sessions

    token = make.browser_session(scene.actor, scene.actor)
    session_id = make.found("browser_sessions", hash=sessions.hash_of(token)).id
    return Ask(f"/settings/sessions/{session_id}/end", subject=session_id, trail=scene.actor.id)


def _others(scene: Scene) -> Ask:
    make.browser_session(scene.actor, scene.actor)
    return Ask("/settings/sessions/end-others", subject=scene.actor.id, trail=scene.actor.id)


def _key(scene: Scene) -> Ask:
    key = make.api_key(scene.owner)
    return Ask(f"/settings/keys/{key.id}/revoke", subject=key.id)


def _invitation(scene: Scene) -> Ask:
    invited = make.user()
    return Ask("/settings/members", {"email": invited.email, "role": "editor"}, subject=invited.id)


def _enter(scene: Scene) -> Ask:
    other = make.user()
    make.membership(other, scene.actor, "viewer")
    if scene.looks:
        return Ask(f"/spaces/{other.id}/enter", subject=scene.actor.id, action="space.leave")
    return Ask(f"/spaces/{other.id}/enter", subject=scene.actor.id, trail=other.id)


def _leave(scene: Scene) -> Ask:
    other = make.user()
    make.membership(other, scene.actor, "viewer")
    return Ask(f"/spaces/{other.id}/leave", subject=scene.actor.id, trail=other.id)


def _look(scene: Scene) -> Ask:
    ask = _person(scene, "/admin/people/{}/look", {"reason": "asked for help"})
    ask.subject = scene.actor.id
    return ask


def _link(scene: Scene) -> Ask:
    person = make.user()
    path = entry.make_link(person.email).removeprefix(current_app.config["SETTINGS"].public_url)
    return Ask(path, subject=person.id, trail=person.id, actor=person.id)


def _integration(scene: Scene, verb: str) -> Ask:
    integration = make.integration(scene.owner, framework=f"framework {make._id()}", active=verb == "off")
    return Ask(f"/settings/integrations/{integration.id}/{verb}", subject=integration.id)


def _view(scene: Scene, url: str, data: dict[str, Any] | None = None) -> Ask:
    view = make.saved_view(scene.owner)
    return Ask(url.format(view.id), data, subject=view.id)


def _erase(scene: Scene) -> Ask:
    """What was begun before has ended: each may begin one."""
    with db.engine.execution_options(writes=True).begin() as connection:
        connection.execute(update(SpaceWork).values(finished_at=clock.now()))
    return Ask("/settings/data/erase", {"confirm": scene.owner.email}, subject=scene.owner.id)


def _export(scene: Scene) -> Ask:
    return Ask("/settings/data/export", subject=scene.owner.id)


def _agent(scene: Scene, url: str, data: dict[str, Any] | None = None, **fields: Any) -> Ask:
    agent = make.agent(scene.owner, **fields)
    body = {"json": data} if url.startswith("/api/") else {"data": data}
    return Ask(url.format(agent.id), subject=agent.id, **body)


def _bulk(scene: Scene) -> Ask:
    agent = make.agent(scene.owner)
    return Ask("/agents/maintenance", {"do": "begin", "seconds": "3600", "agent": agent.id}, subject=agent.id)


def _merge(scene: Scene) -> Ask:
    agent, into = make.agent(scene.owner), make.agent(scene.owner)
    return Ask(f"/agents/{agent.id}/merge", {"into": into.id}, subject=agent.id)


def _edited_agent(scene: Scene, url: str, data: dict[str, Any] | None = None) -> Ask:
    """One whose first revision had another description."""
    agent = make.agent(scene.owner, description="now")
    before = {**editing.snapshot_of(agent), "description": "before"}
    make.agent_revision(scene.owner, agent, snapshot=before)
    return Ask(url.format(agent.id), data, subject=agent.id)


def _name() -> str:
    return f"agent {make._id()}"


def _logout(scene: Scene) -> Ask:
    return Ask("/logout", subject=scene.actor and scene.actor.id, trail=scene.actor and scene.actor.id)


WRONG_AGENTS = [
    {"name": " "},
    {"name": "x", "type": "wizard"},
    {"name": "x", "parameters": "{"},
    {"name": "x" * 300},
]
ROLE = [{"role": "root"}, {}]
CHANGES: dict[tuple[str, str], Change] = {
    ("POST", "/login/<token>"): Change("anybody", "session.begin", _link),
    ("POST", "/logout"): Change("anybody", "session.end", _logout),
    ("POST", "/sample"): Change("editor", "sample.load", lambda scene: Ask("/sample")),
    ("POST", "/sample/remove"): Change("editor", "sample.remove", lambda scene: Ask("/sample/remove")),
    ("POST", "/alerts/<alert_id>/resolve"): Change(
        "operator", "alert.resolve", lambda scene: _alert(scene, "/alerts/{}/resolve")
    ),
    ("POST", "/alerts/<alert_id>/reopen"): Change(
        "operator", "alert.reopen", lambda scene: _alert(scene, "/alerts/{}/reopen", resolved=True)
    ),
    ("POST", "/agents/new"): Change(
        "editor", "agent.create", lambda scene: Ask("/agents/new", {"name": _name(), "serviceName": "demo"}, subject=NEW), WRONG_AGENTS
    ),
    ("POST", "/agents/<agent_id>/edit"): Change(
        "editor", "agent.update",
        lambda scene: _edited_agent(scene, "/agents/{}/edit", {"name": _name(), "serviceName": "demo", "revision": "1"}), WRONG_AGENTS,
    ),
    ("POST", "/agents/<agent_id>/deactivate"): Change(
        "editor", "agent.deactivate", lambda scene: _agent(scene, "/agents/{}/deactivate")
    ),
    ("POST", "/agents/<agent_id>/activate"): Change(
        "editor", "agent.activate", lambda scene: _agent(scene, "/agents/{}/activate", switched_off=True)
    ),
    ("POST", "/agents/<agent_id>/delete"): Change(
        "editor", "agent.delete", lambda scene: _agent(scene, "/agents/{}/delete")
    ),
    ("POST", "/agents/<agent_id>/restore"): Change(
        "editor", "agent.restore", lambda scene: _agent(scene, "/agents/{}/restore", deleted_at=clock.now())
    ),
    ("POST", "/agents/<agent_id>/revisions/<int:number>/restore"): Change(
        "editor", "agent.restore_revision", lambda scene: _edited_agent(scene, "/agents/{}/revisions/1/restore")
    ),
    ("POST", "/agents/<agent_id>/maintenance"): Change(
        "operator", "agent.maintenance",
        lambda scene: _agent(scene, "/agents/{}/maintenance", {"seconds": "3600", "reason": "new keys"}),
        [{"seconds": "1"}, {"until": "yesterday"}, {"until": "2001-01-01"}, {"reason": "x" * 501}],
    ),
    ("POST", "/agents/<agent_id>/maintenance/end"): Change(
        "operator", "agent.end_maintenance",
        lambda scene: _agent(scene, "/agents/{}/maintenance/end", maintenance_since=clock.now()),
    ),
    ("POST", "/agents/maintenance"): Change("operator", "agent.maintenance", _bulk, [{}, {"do": "begin", "seconds": "1"}]),
    ("POST", "/agents/<agent_id>/merge"): Change("editor", "agent.merge", _merge, [{}]),
    ("POST", "/agents/<agent_id>/unmerge"): Change(
        "editor", "agent.unmerge",
        lambda scene: _agent(scene, "/agents/{}/unmerge", merged_into=make.agent(scene.owner).id),
    ),
    ("POST", "/api/v1/agents/<agent_id>/maintenance"): Change(
        "operator", "agent.maintenance", lambda scene: _agent(scene, "/api/v1/agents/{}/maintenance", {"reason": "new keys"}),
        [{"seconds": 1}, {"until": "yesterday"}, {"unheard": 1}, [1]],
    ),
    ("DELETE", "/api/v1/agents/<agent_id>/maintenance"): Change(
        "operator", "agent.end_maintenance",
        lambda scene: _agent(scene, "/api/v1/agents/{}/maintenance", {}, maintenance_since=clock.now()),
    ),
    ("POST", "/api/v1/agents"): Change(
        "editor", "agent.create", lambda scene: Ask("/api/v1/agents", json={"name": _name()}, subject=NEW),
        [{}, {"name": ""}, {"name": "x", "type": "wizard"}, {"name": "x", "unheard": 1}, [1]],
    ),
    ("PATCH", "/api/v1/agents/<agent_id>"): Change(
        "editor", "agent.update", lambda scene: _agent(scene, "/api/v1/agents/{}", {"description": "another"}),
        [{"type": "wizard"}, {"unheard": 1}, {"name": ""}, [1]],
    ),
    ("DELETE", "/api/v1/agents/<agent_id>"): Change(
        "editor", "agent.delete", lambda scene: _agent(scene, "/api/v1/agents/{}", {})
    ),
    ("POST", "/api/v1/agents/<agent_id>/restore"): Change(
        "editor", "agent.restore", lambda scene: _agent(scene, "/api/v1/agents/{}/restore", {}, deleted_at=clock.now())
    ),
    ("POST", "/api/v1/changes"): Change(
        "editor", "change.create", lambda scene: Ask("/api/v1/changes", json={"title": "checkout 1.2"}, subject=NEW),
        [{}, {"title": " "}, {"title": "x", "kind": "magic"}, {"title": "x", "url": "javascript:alert(1)"}, {"title": "x", "unheard": 1}, [1]],
    ),
    ("PATCH", "/api/v1/alerts/<alert_id>"): Change(
        "operator",
        "alert.resolve",
        lambda scene: _alert(scene, "/api/v1/alerts/{}", json={"resolved": True}),
        [{"resolved": "yes"}, {}, [1]],
    ),
    ("POST", "/settings/profile"): Change(
        "viewer", "profile.update", _profile,
        [{"name": " "}, {"name": "x", "timeZone": "Mars/Base"}, {"name": "x", "theme": "pink"}, {"name": "x" * 101}],
    ),
    ("POST", "/settings/sessions/<session_id>/end"): Change("viewer", "session.end", _session),
    ("POST", "/settings/sessions/end-others"): Change("viewer", "session.end_others", _others),
    ("POST", "/settings/keys"): Change(
        "editor", "key.create", lambda scene: Ask("/settings/keys", {"name": "ci", "scopes": "ingest"}, subject=NEW),
        [
            {"name": "ci"}, {"name": "ci", "scopes": "root"}, {"name": "x" * 101, "scopes": "read"},
            {"name": "ci", "scopes": "read", "expires": "date"}, {"name": "ci", "scopes": "read", "expires": "date", "until": "2020-01-01"},
            {"name": "ci", "scopes": "read", "expires": "8"},
        ],
    ),
    ("POST", "/settings/keys/<key_id>/revoke"): Change("editor", "key.revoke", _key),
    ("POST", "/settings/members"): Change(
        "owner", "member.invite", _invitation,
        [{"email": "nobody", "role": "viewer"}, {"email": "x@example.org"}, {"email": "x@example.org", "role": "owner"}, {"role": "viewer"}],
    ),
    ("POST", "/settings/members/<int(max=2147483647):member_id>/role"): Change(
        "owner", "member.role", lambda scene: _member(scene, "/settings/members/{}/role", {"role": "editor"}), ROLE
    ),
    ("POST", "/settings/members/<int(max=2147483647):member_id>/remove"): Change(
        "owner", "member.remove", lambda scene: _member(scene, "/settings/members/{}/remove")
    ),
    ("POST", "/spaces/<int(max=2147483647):owner_id>/enter"): Change("viewer", "space.enter", _enter),
    ("POST", "/spaces/<int(max=2147483647):owner_id>/leave"): Change("viewer", "member.leave", _leave),
    ("POST", "/settings/integrations/<integration_id>/off"): Change(
        "editor", "integration.switch_off", lambda scene: _integration(scene, "off")
    ),
    ("POST", "/settings/integrations/<integration_id>/on"): Change(
        "editor", "integration.switch_on", lambda scene: _integration(scene, "on")
    ),
    ("POST", "/saved-views"): Change(
        "editor", "view.create", lambda scene: Ask("/saved-views", {"name": _name(), "query": "q=status:failed"}, subject=NEW),
        [{}, {"name": " "}, {"name": "x" * 101}, {"name": "x", "list": "users"}, {"name": "x", "query": "q=statuss:x"}, {"name": "x", "query": "sort=name"}],
    ),
    ("POST", "/saved-views/<view_id>/rename"): Change(
        "editor", "view.rename", lambda scene: _view(scene, "/saved-views/{}/rename", {"name": _name()}), [{}, {"name": ""}]
    ),
    ("POST", "/saved-views/<view_id>/delete"): Change("editor", "view.delete", lambda scene: _view(scene, "/saved-views/{}/delete")),
    ("POST", "/settings/data/export"): Change("owner", "space.export", _export),
    ("POST", "/settings/data/erase"): Change("owner", "space.erase", _erase, [{}, {"confirm": "somebody else"}]),
    ("POST", "/admin/people/<int(max=2147483647):user_id>/role"): Change(
        "administration", "user.role", lambda scene: _person(scene, "/admin/people/{}/role", {"role": "admin"}), ROLE
    ),
    ("POST", "/admin/people/<int(max=2147483647):user_id>/disable"): Change(
        "administration", "user.disable", lambda scene: _person(scene, "/admin/people/{}/disable")
    ),
    ("POST", "/admin/people/<int(max=2147483647):user_id>/enable"): Change(
        "administration", "user.enable", lambda scene: _person(scene, "/admin/people/{}/enable", disabled_at=clock.now())
    ),
    ("POST", "/admin/people/<int(max=2147483647):user_id>/end-sessions"): Change(
        "administration", "session.end_all", lambda scene: _person(scene, "/admin/people/{}/end-sessions")
    ),
    ("POST", "/admin/people/<int(max=2147483647):user_id>/link"): Change(
        "administration", "login_link.make", lambda scene: _person(scene, "/admin/people/{}/link")
    ),
    ("POST", "/admin/people/<int(max=2147483647):user_id>/look"): Change(
        "administration", "space.look", _look, [{"reason": "x" * 501}]
    ),
}  # fmt: skip

# Not in the table, each for a reason.
EXEMPT = {
    ("POST", "/v1/traces"): "data, not configuration; a key's, never a person's",
    ("POST", "/v1/logs"): "data, not configuration; a key's, never a person's",
    ("POST", "/v1/metrics"): "data, not configuration; a key's, never a person's",
    ("POST", "/api/v1/tasks"): "data, not configuration; a key's, never a person's",
    ("PATCH", "/api/v1/tasks/<task_id>"): "data, not configuration; a key's, never a person's",
    ("POST", "/api/v1/tasks/<task_id>/messages"): "data, not configuration; a key's, never a person's",
    ("POST", "/api/v1/tasks/<task_id>/logs"): "data, not configuration; a key's, never a person's",
    ("POST", "/api/v1/tasks/<task_id>/metrics"): "data, not configuration; a key's, never a person's",
    ("POST", "/api/v1/tasks/<task_id>/spans"): "data, not configuration; a key's, never a person's",
    ("POST", "/ping/<ping_key>/<name>"): "a sign of life; data, not configuration",
    ("POST", "/api/v1/agents/<agent_id>/heartbeat"): "a sign of life; data, not configuration",
    (
        "POST",
        "/login/<provider>/begin",
    ): "leads to a provider; what comes of it is written down when it has answered",
    (
        "POST",
        "/login/<provider>/connect",
    ): "leads to a provider; what comes of it is written down when it has answered",
    ("POST", "/theme"): "a cookie of this browser, for strangers too; nothing of it is stored",
}


def unsafe_routes() -> set[tuple[str, str]]:
    return {
        (method, rule.rule.rstrip("/"))
        for rule in current_app.url_map.iter_rules()
        for method in (rule.methods or set()) - SAFE
    }


def check_table() -> None:
    missing = sorted(unsafe_routes() - CHANGES.keys() - EXEMPT.keys())
    assert not missing, (
        f"these routes change something and are not in the table: {missing}; add each to CHANGES in tests/changes.py: the role that it "
        "takes, a request that is in order, the action that audit.record() writes for it, and bodies that it refuses"
    )
    gone = sorted((CHANGES.keys() | EXEMPT.keys()) - unsafe_routes())
    assert not gone, f"CHANGES or EXEMPT in tests/changes.py name routes that are gone: {gone}"
