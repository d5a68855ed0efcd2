from sqlalchemy import text

from swarm_ui.extensions import db


def agents_of(person):
    db.session.rollback()  # see what others committed since
    statement = text("SELECT COUNT(*) FROM swarm_agents WHERE userId = :owner")
    return db.session.execute(statement, {"owner": person.id}).scalar_one()


def test_the_sample_swarm_is_loaded_and_removed(client, page, make, alice, bob):
    make.agent(bob)
    own = make.agent(alice, name="my own agent")
    loaded = client.post("/sample")
    assert (loaded.status_code, loaded.location) == (303, "/")
    assert agents_of(alice) > 5
    assert page("/").find("aside", class_="notice")
    assert page("/agents").link("my own agent")["href"] == f"/agents/{own.id}"
    for path in ("/workflows", "/alerts", "/metrics", "/tasks"):
        assert page(path).rows() or page(path).select(".list > li")
    removed = client.post("/sample/remove")
    assert (removed.status_code, removed.location) == (303, "/")
    assert agents_of(alice) == 1
    assert agents_of(bob) == 1
    assert not page("/").find("aside", class_="notice")


def test_a_viewer_may_do_neither(client_of, page, make, alice, bob):
    make.membership(alice, bob, "viewer")
    make.agent(alice, origin="sample")
    client = client_of(bob, owner=alice)
    assert page("/", client=client).find("aside", class_="notice").form is None
    assert client.post("/sample").status_code == 403
    assert client.post("/sample/remove").status_code == 403
