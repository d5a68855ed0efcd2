"""Who may what, over the whole URL map: every route × viewer, operator, editor, owner, an administrator in another's space, a stranger."""

import pytest

from swarm_ui.access import CONTENT_SECURITY_POLICY
from tests.changes import CHANGES, PEOPLE, RANKS, Change, Scene, check_table, unsafe_routes
from tests.test_tenancy import build, fill

# Pages whose least role is not "viewer"; a marked view answers 404 to everybody else.
READ_BY = {
    "/admin": "administration",
    "/admin/people/<int(max=2147483647):user_id>": "administration",
    "/agents/new": "editor",
    "/agents/<agent_id>/edit": "editor",
    "/agents/<agent_id>/delete": "editor",
    "/agents/<agent_id>/merge": "editor",
}


pytestmark = pytest.mark.usefixtures("no_sample")


def is_refused(response, who: str, rule: str, needs: str) -> None:
    said = f"{who} at {rule}: {response.status_code}"
    if who == "stranger":
        api = rule.startswith("/api/")
        assert response.status_code == (401 if api else 302), said
        assert api or response.location.startswith("/login"), said
    else:
        assert response.status_code == (404 if needs == "administration" else 403), said


def test_the_table_knows_every_route_that_changes_something(app):
    check_table()


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
def test_who_may_change_it(app, people, browser_of, alice, route):
    method, rule = route
    change = CHANGES[route]
    for rank, who in enumerate(PEOPLE):
        ask = change.ask(Scene(alice, people[who] or people["viewer"], looks=who == "admin"))
        response = ask.send(browser_of(who), method)
        if rank >= RANKS[change.needs]:
            assert response.status_code < 400, (
                f"{who} at {rule}: {response.status_code} {response.get_data(as_text=True)[-400:]}"
            )
            assert not (response.location or "").startswith("/login?"), f"{who} at {rule} was sent to sign in"
        else:
            is_refused(response, who, rule, change.needs)


def test_who_may_read_it(app, make, people, browser_of, alice, bob):
    world = build(make, alice) | {"user_id": str(bob.id)}
    rules = sorted(
        {rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods},
    )
    views = {
        rule.rule: app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods
    }
    browsers = {who: browser_of(who) for who in PEOPLE}
    for rule in rules:
        if getattr(views[rule], "public", False) or hasattr(views[rule], "key_scope"):
            continue
        needs = READ_BY.get(rule, "viewer")
        for rank, who in enumerate(PEOPLE):
            response = browsers[who].get(fill(rule, world))
            if rank >= RANKS[needs]:
                assert response.status_code < 400, f"{who} at {rule}: {response.status_code}"
                cached = response.headers["Cache-Control"]
                assert "no-store" in cached or "private" in cached, (
                    f"{rule} may be kept by a shared cache: {cached}"
                )
                if response.mimetype == "text/html":
                    assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
            else:
                is_refused(response, who, rule, needs)


def test_viewers_read_and_no_more(app):
    """But for what is about themselves."""
    own = {rule for (_method, rule), change in CHANGES.items() if change.needs == "viewer"}
    for rule in app.url_map.iter_rules():
        if rule.rule in own and rule.methods - {"GET", "HEAD", "OPTIONS"}:
            assert getattr(app.view_functions[rule.endpoint], "personal", False), (
                f"{rule.rule} is open to viewers"
            )


@pytest.mark.parametrize("needs", ["anybody", "viewer", "operator", "editor", "owner", "administration"])
def test_each_role_has_something_of_its_own(needs):
    assert any(change.needs == needs for change in CHANGES.values())


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
    ids=str,
)
def test_no_other_site_acts_for_anybody(app, people, browser_of, alice, headers):
    """Every route but those that only a key opens, which no browser sends by itself."""
    scene = Scene(alice, people["admin"], looks=True)
    client = browser_of("admin")
    for method, rule in sorted(unsafe_routes()):
        change: Change | None = CHANGES.get((method, rule))
        endpoint = next(
            r.endpoint for r in app.url_map.iter_rules() if r.rule == rule and method in r.methods
        )
        if hasattr(app.view_functions[endpoint], "key_scope"):
            continue
        if change is None:
            response = client.open(rule, method=method, headers=headers)
        else:
            response = change.ask(scene).send(client, method, headers=headers)
        assert response.status_code == 403, f"{method} {rule}: {response.status_code}"
