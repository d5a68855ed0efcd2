"""Whose data it is, over the whole product: every URL, every table, every list, every opening in the filter.

What tenancy.py does by itself is in test_tenancy_rules.py.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import current_app
from sqlalchemy import select

from swarm_ui.accounts import sessions
from swarm_ui.extensions import db
from swarm_ui.tenancy import Owned
from tests import make

SOURCE = Path(__file__).resolve().parent.parent / "swarm_ui"
KEY = "swk_" + "k" * 40
# Parameters that say what of a row is meant; the row is named beside them.
INNER = ("part", "number")
SAFE = {"GET", "HEAD", "OPTIONS"}

# Every word in pointed brackets of a URL names a row of the world below, or stands here with the reason why it does not.
NO_ROW = {
    "token": "a sign-in link is a secret that whoever holds it may use",
    "provider": "a way to sign in, the same for everybody",
    "filename": "styles and scripts are everybody's",
    "name": "styles and scripts are everybody's, and the name in a heartbeat is looked for among those of the key's owner",
    "ping_key": "a key is a secret that whoever holds it may use",
}
# Open to strangers, each for a reason.
PUBLIC = {
    "accounts.login": "says how to get in",
    "accounts.enter": "whoever holds a sign-in link may use it",
    "accounts.use_link": "whoever holds a sign-in link may use it",
    "sign_in.begin": "goes to a provider to sign in",
    "sign_in.callback": "comes back from a provider; whoever does not bring what `begin` gave along is refused",
    "accounts.logout": "ends the session of whoever asks, viewers included",
    "assets.show": "styles and scripts",
    "ops.healthy": "says that the process answers",
    "ops.ready": "says whether the installation works",
    "overview.theme": "sets a cookie",
    "ops.metrics": "checks for itself: this machine, or a key",
}
LAST = ("/remove", "/saved-views/<view_id>/delete", "/end", "/enter", "/leave", "/end-others", "/logout")
NUMBERS = {"part", "member_id", "owner_id"}  # too short to be looked for in a page
SHARED_TABLES = {
    "users": "people; who may see whom is the business of memberships",
    "memberships": "who may enter whose space: read to bind the owner",
    "browser_sessions": "read to know who is signed in",
    "failed_attempts": "counted before anybody is signed in",
    "login_links": "read before anybody is signed in",
    "used_states": "read before anybody is signed in",
    "space_versions": "a counter by owner, asked for by owner in live.py",
    "search_backlog": "a place by owner up to which the worker has indexed",
    "space_works": "outlives the space: the record that it was erased; read by the worker for all owners",
    "workers": "processes of the installation",
}
# module: why it may read the rows of all owners. The reasons stand in the code too.
OPENED = {
    "accounts/commands.py": {
        "the operator lists the keys of all owners",
        "the operator names a key, not its owner",
    },
    "api/ops.py": {"the worker's backlog is that of all owners"},
}


@pytest.fixture
def world(make, alice, time):
    """One of everything, Alice's, with a word that nobody else uses; what each parameter of a URL stands for."""
    return build(make, alice)


def build(make, owner, word: str = "zanzibar") -> dict[str, str]:
    agents = [
        make.agent(owner, name=f"{word}-{role}", llm_model=f"{word}-model") for role in ("planner", "writer")
    ]
    make.agent_revision(owner, agents[1])
    make.agent(owner, name=f"{word}-deleted", deleted_at=owner.created_at)
    graph = [
        {"id": agent.id, "agentId": agent.id, "name": agent.name, "type": agent.type} for agent in agents
    ]
    edges = [{"from": agents[0].id, "to": agents[1].id, "count": 2, "errors": 1}]
    workflow = make.workflow(owner, name=f"{word} flow", nodes=graph, edges=edges)
    failed = {"error_type": f"{word}Error", "error_message": f"{word} broke", "failed_step": f"{word} step"}
    task = make.task(
        owner,
        agents=agents,
        name=f"{word} run",
        status="failed",
        workflow_id=workflow.id,
        failed_agent_id=agents[1].id,
        session_id=f"{word} talk",
        **failed,
    )
    other = make.task(
        owner, agents=agents, name=f"{word} now", status="running", workflow_id=workflow.id, completed_at=None
    )
    span = make.span(
        owner, task, name=f"{word} step", agent_id=agents[1].id, status="error", error_message=f"{word} broke"
    )
    message = make.message(owner, task, *agents, content={"text": f"{word} please"})
    log = make.log(owner, task, message=f"{word} logged", level="error", agent_id=agents[1].id)
    make.metric(owner, task, agents[1], model=f"{word}-model", estimated_cost=0.5)
    make.history(owner, task)
    alert = make.alert(owner, title=f"{word} failed", related_agent_id=agents[1].id, related_task_id=task.id)
    integration = make.integration(owner, framework=f"{word}chain")
    view = make.saved_view(owner, name=f"{word} view")
    key = make.api_key(owner, name=f"{word} key")
    make.event(owner, subject=f"{word} key", after={"name": word})
    make.change(owner, title=f"{word} release")
    make.index_words(owner)
    member, host = make.user(name=f"{word} member"), make.user(name=f"{word} host")
    make.membership(owner, member)
    make.membership(host, owner)
    session = make.found("browser_sessions", hash=sessions.hash_of(make.browser_session(owner, owner)))
    return {
        "agent_id": agents[1].id, "workflow_id": workflow.id, "task_id": task.id, "span_id": span.span_id, "key": span.span_id,
        "message_id": message.id, "log_id": log.id, "other_id": other.id, "alert_id": alert.id, "key_id": key.id, "part": "input", "number": "1",
        "member_id": str(member.id), "owner_id": str(host.id), "session_id": session.id, "integration_id": integration.id,
        "view_id": view.id,
    }  # fmt: skip


def routes(with_rows: bool) -> list[tuple[str, str]]:
    """(rule, method) of each URL that names a row, or that names none, but for those of administrators (test_roles.py). What takes a row or a
    space away comes last."""
    found = []
    for rule in current_app.url_map.iter_rules():
        if getattr(current_app.view_functions[rule.endpoint], "administration", False):
            continue
        named = set(rule.arguments) - set(NO_ROW)
        if bool(named) is with_rows and not rule.arguments & set(NO_ROW):
            found += [(rule.rule, method) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return sorted(found, key=lambda route: (route[0].endswith(LAST), route))


def view_of(rule: str, method: str) -> tuple[str, Callable]:
    endpoint = next(
        r.endpoint for r in current_app.url_map.iter_rules() if r.rule == rule and method in r.methods
    )
    return endpoint, current_app.view_functions[endpoint]


def fill(rule: str, rows: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1].rpartition(":")[2]
        assert name in rows, (
            f"{rule}: nothing is built for <{name}>; add a row to `build` in {Path(__file__).name}, "
            "or the word to NO_ROW with the reason why it names no row"
        )
        return rows[name]

    return re.sub(r"<([^>]+)>", value, rule)


def send(client, method: str, url: str, key: str | None = None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body: dict[str, dict[str, object]] = {}
    if method in SAFE:
        pass
    elif url.startswith("/api/") and url.endswith("/maintenance"):
        body = {"json": {"seconds": 3600}}
    elif url.startswith("/api/"):
        body = {"json": {"resolved": True} if "/alerts/" in url else {"name": "another name"}}
    elif url.startswith("/agents/") and url.endswith("/merge"):
        body = {"data": {"into": make.found("swarm_agents", name="zanzibar-planner").id}}
    elif url.startswith("/agents/") and url.endswith("/maintenance"):
        body = {"data": {"do": "begin"} if url == "/agents/maintenance" else {"seconds": "3600"}}
    elif url.startswith("/agents/") and url.endswith("/edit"):
        body = {"data": {"name": "another name", "serviceName": "demo", "revision": "1"}}
    else:
        body = {"data": {"role": "editor", "name": "another name"}}
    return client.open(url, method=method, headers=headers, **body)


def as_it_was(agent_id: str) -> None:
    """So that what comes after an agent's deletion or edit finds it as it was."""
    with db.engine.begin() as connection:
        table, kept = db.metadata.tables["swarm_agents"], db.metadata.tables["agent_revisions"]
        connection.execute(kept.delete().where(kept.c.agentId == agent_id, kept.c.number > 1))
        connection.execute(
            table.update().where(table.c.id == agent_id).values(deletedAt=None, revision=1, mergedInto=None)
        )


def all_rows() -> dict[str, list]:
    """Everything that is in an owned table, as it stands."""
    db.session.rollback()
    with db.engine.connect() as connection:
        tables = [table for table in db.metadata.sorted_tables if "userId" in table.c]
        return {t.name: connection.execute(select(t).order_by(*t.primary_key)).all() for t in tables}


@pytest.fixture
def key_of(make):
    from hashlib import sha256

    def make_key(owner) -> str:
        make.api_key(
            owner,
            hash=sha256(KEY.encode()).hexdigest(),
            scopes=["ingest", "read", "write"],
            last_used_at=owner.created_at,
        )
        return KEY

    return make_key


def test_every_url_finds_its_own_row_and_no_other(world, make, client, client_of, bob):
    """Bob asks for Alice's row: 404, and nothing has changed. Then Alice asks for it, so that the 404 says something."""
    build(make, bob, "bobs")
    stranger, before = client_of(bob), all_rows()
    # What only a key opens: the next but one.
    targets = [
        (method, fill(rule, world))
        for rule, method in routes(with_rows=True)
        if not hasattr(view_of(rule, method)[1], "key_scope")
    ]
    assert targets
    for method, url in targets:
        assert send(stranger, method, url).status_code == 404, f"{method} {url} opened Alice's row for Bob"
    assert all_rows() == before
    for method, url in targets:
        assert send(client, method, url).status_code < 400, f"{method} {url} does not open for Alice"
        as_it_was(world["agent_id"])


def test_no_url_mixes_the_rows_of_two_owners(world, make, client_of, bob):
    """Alice's row under one of Bob's own: /tasks/HIS/spans/HERS."""
    his = build(make, bob, "bobs")
    stranger = client_of(bob)
    for rule, method in routes(with_rows=True):
        names = [
            name
            for name in (n.rpartition(":")[2] for n in re.findall(r"<([^>]+)>", rule))
            if name not in INNER
        ]
        for mine in names if len(names) > 1 else ():
            for rows in (world | {mine: his[mine]}, his | {mine: world[mine]}):
                url = fill(rule, rows)
                part = stranger.open(url, method=method, headers={"HX-Request": "true"})
                assert part.status_code == 404, f"{method} {url} mixed two owners' rows"
                whole = stranger.open(url, method=method, follow_redirects=True)
                assert "zanzibar" not in whole.get_data(as_text=True), (
                    f"{method} {url} shows Alice's row to Bob"
                )


def test_no_key_opens_another_owners_row(world, app, key_of, alice, bob):
    key, before = key_of(bob), all_rows()
    targets = [
        (method, fill(rule, world)) for rule, method in routes(with_rows=True) if rule.startswith("/api/")
    ]
    assert targets
    for method, url in targets:
        assert send(app.test_client(), method, url, key).status_code == 404, (
            f"{method} {url} opened for Bob's key"
        )
    assert all_rows() == before


def test_a_new_parameter_without_a_row_is_reported_with_the_cure(app, world):
    with pytest.raises(AssertionError, match="nothing is built for <gadget_id>; add a row to `build`"):
        fill("/gadgets/<string:gadget_id>", world)


def test_strangers_are_sent_to_sign_in(world, app):
    for rule, method in routes(with_rows=True) + routes(with_rows=False):
        endpoint, view = view_of(rule, method)
        if getattr(view, "public", False):
            continue
        response = send(app.test_client(), method, fill(rule, world))
        if rule.startswith(("/api/", "/v1/")):
            assert response.status_code == 401, f"{method} {rule}"
            assert "html" not in response.content_type
        else:
            assert response.status_code == 302, f"{method} {rule} ({endpoint}) is open to strangers"
            assert response.location.startswith("/login")
            live = app.test_client().open(fill(rule, world), method=method, headers={"HX-Request": "true"})
            assert live.status_code == 401
            assert live.headers["HX-Redirect"].startswith("/login")


def test_public_views_are_known(app):
    open_ = {name for name, view in app.view_functions.items() if getattr(view, "public", False)}
    assert open_ <= set(PUBLIC), (
        f"open to strangers without a reason in PUBLIC: {sorted(open_ - set(PUBLIC))}"
    )


def test_every_table_is_owned_or_known_as_shared(app):
    owned = {
        mapper.local_table.name for mapper in db.Model.registry.mappers if issubclass(mapper.class_, Owned)
    }
    tables = set(db.metadata.tables)
    assert owned | set(SHARED_TABLES) == tables, (
        f"neither owned nor in SHARED_TABLES: {sorted(tables - owned - set(SHARED_TABLES))}; "
        f"gone: {sorted(set(SHARED_TABLES) - tables)}"
    )
    assert not owned & set(SHARED_TABLES)
    for name in tables:
        assert ("userId" in db.metadata.tables[name].c) is (name in owned), (
            f"{name}.userId without the Owned mixin"
        )


def without_clocks(response) -> str:
    return re.sub(r'data-etag="[^"]*"', "", response.get_data(as_text=True))


def test_lists_show_nothing_and_count_nothing_of_another_owner(make, client_of, alice, bob, app, key_of):
    """Bob's pages with Alice's rows in the database are, to the letter, his pages without them."""
    build(make, bob, "bobs")
    key = key_of(bob)
    lists = [
        rule for rule, method in routes(with_rows=False) if method == "GET" and not rule.startswith("/-/")
    ]
    assert len(lists) > 10

    stranger = client_of(bob)

    def read() -> dict[str, str]:
        pages = {}
        for rule in lists:
            answers = [send(stranger, "GET", rule)]
            if rule.startswith("/api/"):
                answers.append(send(app.test_client(), "GET", rule, key))
            if rule == "/tasks":
                answers += [stranger.get(rule, query_string={"q": q}) for q in ("zanzibar", "broke")]
            assert all(answer.status_code < 400 for answer in answers), (
                f"{rule}: {[a.status for a in answers]}"
            )
            pages[rule] = "\n".join(map(without_clocks, answers))
        return pages

    before = read()
    world = build(make, alice)
    after = read()
    for rule in lists:
        assert after[rule] == before[rule], f"{rule} differs for Bob once Alice has rows"
        assert not any(world[name] in after[rule] for name in world if name not in NUMBERS.union(INNER)), rule
    mine = client_of(alice)
    seen = [rule for rule in lists if "zanzibar" in mine.get(rule).get_data(as_text=True)]
    assert len(seen) > 6, f"the lists do not show Alice her own rows, so nothing was tested: {seen}"


def test_a_member_sees_the_space_and_a_viewer_changes_nothing(world, make, client_of, alice, bob):
    make.membership(alice, bob, "viewer")
    viewer, before = client_of(bob, owner=alice), all_rows()
    for rule, method in routes(with_rows=True) + routes(with_rows=False):
        _endpoint, view = view_of(rule, method)
        url = fill(rule, world)
        if getattr(view, "public", False) or getattr(view, "key_scope", None):
            continue
        if getattr(view, "personal", False):
            continue  # about oneself: test_roles.py
        status = send(viewer, method, url).status_code
        if method in SAFE and getattr(view, "needs", "viewer") == "viewer":
            assert status < 400, f"{url} does not open for a viewer"
        else:
            assert status == 403, f"{method} {url} is open to a viewer"
    assert all_rows() == before
    assert "zanzibar" in viewer.get("/agents").get_data(as_text=True)
    assert "zanzibar" not in client_of(bob).get("/agents").get_data(as_text=True)


def calls_of(name: str) -> dict[str, list[ast.Call]]:
    found: dict[str, list[ast.Call]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", None)) == name
            ):
                found.setdefault(path.relative_to(SOURCE).as_posix(), []).append(node)
    return found


def test_each_opening_for_all_owners_is_listed_with_its_reason():
    used = {}
    for module, calls in calls_of("everyone").items():
        reasons = [
            argument
            for call in calls
            for argument in (*call.args[1:], *(word.value for word in call.keywords))
        ]
        assert all(isinstance(reason, ast.Constant) for reason in reasons), (
            f"{module}: say why in plain words"
        )
        assert len(reasons) == len(calls)
        used[module] = {reason.value for reason in reasons}
    assert used == OPENED, "everyone() opens the filter; list each use in OPENED with its reason"
