"""Changes that programs tell of."""

from hashlib import sha256

import pytest
from sqlalchemy import func, select

from swarm_ui.changes import marking
from swarm_ui.extensions import db

KEY = "swk_" + "k" * 40


@pytest.fixture
def key(make, alice):
    return make.api_key(
        alice, name="pipeline", hash=sha256(KEY.encode()).hexdigest(), scopes=["read", "write"]
    )


@pytest.fixture
def ask(app, key, time):
    def ask(method, body=None, status=200, query=""):
        time.forward(seconds=1)
        answer = app.test_client().open(
            f"/api/v1/changes{query}", method=method, json=body, headers={"x-api-key": KEY}
        )
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    return ask


def events() -> int:
    db.session.rollback()
    with db.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(db.metadata.tables["audit_events"]))


def test_it_keeps_what_it_is_told(ask):
    told = {
        "id": "deploy-482",
        "title": " Checkout\n1.2 ",
        "kind": "deploy",
        "service": "my-swarm",
        "agent": "planner",
        "version": "1.2.0",
        "at": "2026-11-17T02:00:00+01:00",
        "url": "https://ci.example.org/482",
        "metadata": {"commit": "abc"},
    }
    made = ask("POST", told, 201)
    assert made["title"] == "Checkout 1.2"
    assert made["at"] == "2026-11-17T01:00:00.000000Z"
    assert {name: made[name] for name in told if name not in ("title", "at")} == {
        name: value for name, value in told.items() if name not in ("title", "at")
    }
    assert ask("GET")["items"] == [made]


def test_a_name_is_a_title_and_the_rest_has_a_default(ask):
    made = ask("POST", {"name": "hotfix"}, 201)
    assert (made["title"], made["kind"], made["service"], made["metadata"]) == (
        "hotfix",
        "deploy",
        None,
        None,
    )
    assert made["at"] == made["createdAt"]


def test_told_twice_it_is_one(ask):
    told = {"id": "a", "title": "one"}
    made = ask("POST", told, 201)
    before = events()
    assert ask("POST", told) == made
    assert events() == before
    assert len(ask("GET")["items"]) == 1


def test_another_change_with_the_same_id_is_refused(ask):
    ask("POST", {"id": "a", "title": "one"}, 201)
    refused = ask("POST", {"id": "a", "title": "two"}, 409)
    assert refused["errors"] == {"id": "Another change has this id; they differ in title."}


def test_each_space_has_ids_of_its_own(ask, client_of, bob):
    ask("POST", {"id": "a", "title": "hers"}, 201)
    his = client_of(bob)
    assert his.post("/api/v1/changes", json={"id": "a", "title": "his"}).status_code == 201
    assert [item["title"] for item in his.get("/api/v1/changes").get_json()["items"]] == ["his"]
    assert [item["title"] for item in ask("GET")["items"]] == ["hers"]


def test_they_are_listed_by_when_they_happened(ask):
    for number, at in enumerate(("10:00", "12:00", "11:00")):
        service = "a" if number else "b"
        ask(
            "POST",
            {"title": at, "at": f"2026-11-16T{at}:00Z", "service": service, "kind": "config"},
            201,
        )

    def titles(query: str) -> list[str]:
        return [item["title"] for item in ask("GET", query=query)["items"]]

    assert titles("") == ["12:00", "11:00", "10:00"]
    assert titles("?service=a") == ["12:00", "11:00"]
    assert titles("?since=2026-11-16T11:00:00Z&until=2026-11-16T12:00:00Z") == ["11:00"]
    assert titles("?kind=deploy") == []
    first = ask("GET", query="?limit=2")
    assert titles(f"?limit=2&cursor={first['next']}") == ["10:00"]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"title": "x", "at": "2031-01-01T00:00:00Z"}, "at", "too far away"),
        ({"title": "x", "at": "yesterday"}, "at", "datetime"),
        ({"title": "x", "url": "javascript:alert(1)"}, "url", "https://"),
        ({"title": "x", "url": "https://[bad"}, "url", "https://"),
        ({"title": "x", "id": "a b"}, "id", "pattern"),
        ({"title": "x", "id": "ä"}, "id", "pattern"),
        ({"title": "x" * 256}, "title", "255"),
        ({"title": "x", "metadata": [1]}, "metadata", "dictionary"),
        ({"title": "x", "metadata": {"n": 2**70}}, "metadata", "64 bits"),
        ({"kind": "deploy"}, "title", "required"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(ask, body, field, said):
    refused = ask("POST", body, 422)
    assert said in refused["errors"][field]
    assert ask("GET")["items"] == []


def test_text_that_no_column_holds_is_cleaned(ask):
    made = ask("POST", {"title": "a\x00b", "metadata": {}}, 201)
    assert made["title"] == "a\ufffdb"


def test_a_key_that_may_only_read_tells_nothing(app, make, alice):
    make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["read"])
    answer = app.test_client().post("/api/v1/changes", json={"title": "x"}, headers={"x-api-key": KEY})
    assert answer.status_code == 403


def test_told_twice_at_the_same_moment_it_is_one(ask, monkeypatch):
    """The other request's row comes in between looking for it and writing it."""
    made = ask("POST", {"id": "a", "title": "one"}, 201)
    find, looked = marking._find, []

    def find_late(key):
        looked.append(key)
        return find(key) if len(looked) > 1 else None

    monkeypatch.setattr(marking, "_find", find_late)
    before = events()
    assert ask("POST", {"id": "a", "title": "one"}) == made
    assert (len(looked), events()) == (2, before)
