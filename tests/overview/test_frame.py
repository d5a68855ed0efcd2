import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError


@pytest.mark.parametrize(
    "path", ["/", "/connect", "/agents", "/workflows", "/alerts", "/metrics", "/patterns"]
)
def test_every_page_has_the_frame(page, path):
    seen = page(path)
    assert [link.find("span").get_text() for link in seen.select(".nav a")] == [
        "Overview", "Agents", "Tasks", "Alerts", "Workflows", "Metrics", "Settings",
    ]  # fmt: skip
    assert seen.find("form", action="/logout")["method"] == "post"
    search = seen.find("form", class_="jump")
    assert search["action"] == "/search"
    assert search.input["name"] == "q"
    assert seen.find(id="announce")
    assert seen.find(id="toasts")
    assert len(seen.select("svg.sprite")) == 1


@pytest.mark.parametrize(
    "path", ["/", "/connect", "/agents", "/workflows", "/alerts", "/metrics", "/patterns"]
)
def test_every_symbol_that_is_used_exists(page, path, make, alice):
    agent = make.agent(alice, health_score=50, condition="failing")
    for status in ("running", "failed", "timeout", "completed"):
        make.task(alice, status=status, agents=[agent])
    make.alert(alice)
    make.workflow(alice)
    seen = page(path)
    known = {symbol["id"] for symbol in seen.select("symbol")}
    used = {use["href"][1:] for use in seen.select("use")}
    assert used <= known


def test_the_current_page_is_marked(page):
    assert page("/agents").select('.nav a[aria-current="page"]')[0]["href"] == "/agents"


def test_the_theme_is_kept_in_a_cookie(client, page):
    assert page("/").find("html")["data-theme"] == "auto"
    answer = client.post("/theme", data={"theme": "dark", "next": "/agents?type=execution"})
    assert answer.status_code == 303
    assert answer.location == "/agents?type=execution"
    assert page("/").find("html")["data-theme"] == "dark"
    assert page("/").find("button", attrs={"name": "theme"})["value"] == "auto"


def test_strangers_and_viewers_may_set_the_theme(app, client_of, make, alice, bob):
    make.membership(alice, bob, "viewer")
    for client in (app.test_client(), client_of(bob, owner=alice)):
        assert client.post("/theme", data={"theme": "light"}).status_code == 303


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_theme_never_leads_away(client, target):
    assert client.post("/theme", data={"theme": "dark", "next": target}).location == "/"


def test_an_unknown_theme_is_refused(client, page):
    assert client.post("/theme", data={"theme": "<script>"}).status_code == 422
    client.set_cookie("theme", '"><script>')
    assert page("/").find("html")["data-theme"] == "auto"


def test_pages_are_sent_compressed_but_not_those_with_a_key(client):
    plain = client.get("/patterns")
    packed = client.get("/patterns", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) * 3 < len(plain.data)
    assert "Accept-Encoding" in packed.headers["Vary"]
    client.post("/settings/keys", data={"name": "k", "scopes": "ingest", "next": "/connect"})
    assert "Content-Encoding" not in client.get("/connect", headers={"Accept-Encoding": "gzip"}).headers


def test_a_failure_is_a_page_a_toast_for_htmx(client, page):
    assert page("/nothing-here", status=404).find("h1").get_text() == "Not Found"
    toast = client.get("/agents/unknown", headers={"HX-Request": "true"})
    assert toast.status_code == 404
    assert toast.headers["HX-Retarget"] == "#toasts"
    assert toast.get_data(as_text=True).startswith('<div class="toast"')


def test_space_names_and_people_are_escaped(page, make, client_of):
    mallory = make.user(name='<img src=x onerror="alert(1)">')
    seen = page("/", client=client_of(mallory))
    assert not seen.find("img")
    assert '<img src=x onerror="alert(1)">' in seen.text


def test_the_error_page_needs_no_database(client, monkeypatch):
    def refuse(*_arguments, **_options):
        raise OperationalError("SELECT 1", {}, Exception("the database is gone"))

    with monkeypatch.context() as without:
        without.setattr(Engine, "connect", refuse)
        answer = client.get("/agents")
        toast = client.get("/agents", headers={"HX-Request": "true"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "The database is busy or cannot be reached" in answer.get_data(as_text=True)
    assert toast.status_code == 503
    assert toast.get_data(as_text=True).startswith('<div class="toast"')
