from swarm_ui.extensions import db
from swarm_ui.live import bump


def test_an_empty_space_opens_on_the_way_to_a_first_trace(page):
    seen = page("/")
    assert "Connect your first agent" in seen.find("h1").get_text()
    assert "Listening, nothing received yet" in seen.text
    assert seen.find("form", action="/sample")
    assert seen.find("code").get_text() == "http://127.0.0.1:8000"


def test_each_language_has_a_snippet_with_the_endpoint(page):
    seen = page("/connect?lang=python")
    snippets = {box["data-lang"]: box.pre.get_text() for box in seen.select(".snippet")}
    assert set(snippets) == {"env", "python", "typescript", "curl"}
    for text in snippets.values():
        assert "http://127.0.0.1:8000" in text
        assert "YOUR_API_KEY" in text
    assert seen.find("input", attrs={"name": "lang", "checked": True})["value"] == "python"


def test_the_python_snippet_is_python(page):
    code = page("/connect").select("[data-lang=python] pre")[0].get_text()
    compile(code, "snippet", "exec")


def test_an_unknown_language_falls_back(page):
    assert (
        page("/connect?lang=<script>").find("input", attrs={"name": "lang", "checked": True})["value"]
        == "env"
    )


def test_a_fresh_key_is_filled_in_once(client, page):
    made = client.post("/settings/keys", data={"name": "First key", "scopes": "ingest", "next": "/connect"})
    assert made.status_code == 303
    assert made.location == "/connect"
    seen = page("/connect")
    key = seen.find(id="fresh-key").get_text()
    assert key
    assert all(key in box.pre.get_text() for box in seen.select(".snippet"))
    assert seen.response.headers["Cache-Control"] == "no-store"
    again = page("/connect")
    assert key not in again.html
    assert (
        again.find("form", action="/settings/keys").find("input", attrs={"name": "next"})["value"]
        == "/connect"
    )


def test_the_page_stays_reachable_once_there_is_data(page, make, alice):
    run = make.task(alice, name="Brief, week 47")
    assert page("/").link("Connect an agent")["href"] == "/connect"
    seen = page("/connect")
    assert seen.link("Brief, week 47")["href"] == f"/tasks/{run.id}"
    assert not seen.find("form", action="/sample")


def test_listening_says_nothing_new_until_there_is(client):
    first = client.get("/listening?first=1", headers={"HX-Request": "true"})
    assert "nothing received yet" in first.get_data(as_text=True)
    assert 'data-live="fast"' in first.get_data(as_text=True)
    again = client.get(
        "/listening?first=1", headers={"HX-Request": "true", "If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304


def test_the_first_run_is_opened_by_itself(client, make, alice):
    etag = client.get("/listening?first=1", headers={"HX-Request": "true"}).headers["ETag"]
    run = make.task(alice)
    bump(db.session(), alice.id)
    db.session.commit()
    answer = client.get("/listening?first=1", headers={"HX-Request": "true", "If-None-Match": etag})
    assert answer.headers["HX-Redirect"] == f"/tasks/{run.id}"


def test_an_agent_without_a_run_leads_to_the_overview(client, make, alice):
    make.agent(alice)
    assert client.get("/listening?first=1", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/"


def test_other_owners_data_is_not_heard(client, make, bob):
    make.task(bob)
    assert "HX-Redirect" not in client.get("/listening?first=1", headers={"HX-Request": "true"}).headers


def test_a_viewer_is_offered_no_change(page, client_of, make, alice, bob):
    make.membership(alice, bob, "viewer")
    seen = page("/", client=client_of(bob, owner=alice))
    assert not seen.find("form", action="/settings/keys")
    assert not seen.find("form", action="/sample")


def test_an_open_overview_notices_that_all_data_is_gone(client):
    answer = client.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")
