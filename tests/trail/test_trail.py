"""The audit page, its export, and the same by the API."""

import ast
import csv
import io
import json
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from swarm_ui.trail import queries, words
from tests.pages import Page

SOURCE = Path(__file__).resolve().parents[2] / "swarm_ui"


@pytest.fixture
def events(make, alice, bob, time):
    """Seven of Alice's, an hour apart, the last one newest; one of Bob's."""
    made = [
        make.event(alice, action="key.create", subject="ci", subject_id="k1", after={"name": "ci", "scopes": ["read"]}),
        make.event(alice, action="key.revoke", subject="ci", subject_id="k1", before={"name": "ci"}),
        make.event(alice, action="member.role", subject="Mira", subject_id="7", before={"role": "viewer"}, after={"role": "editor"}),
        make.event(alice, action="alert.resolve", subject="planner failed", actor_id=bob.id, actor="Bob Baker", via="api"),
        make.event(alice, action="user.role", subject="Alice", actor_id=None, actor="command line", via="command"),
        make.event(alice, action="profile.update", before={"preferences": {"timeZone": "UTC"}}, after={"preferences": {"timeZone": "Asia/Tokyo"}}),
        make.event(alice, action="gadget.polish", subject="a gadget"),
    ]  # fmt: skip
    from sqlalchemy import update

    from swarm_ui.audit import AuditEvent
    from swarm_ui.extensions import db

    trail = AuditEvent.__table__
    with db.engine.begin() as connection:
        for age, event in enumerate(reversed(made)):
            connection.execute(
                update(trail).where(trail.c.id == event.id).values(createdAt=time.now - timedelta(hours=age))
            )
    make.event(bob, subject="of Bob alone")
    return made


def said(page: Page) -> list[str]:
    return [" ".join(item.p.get_text(" ").split()) for item in page.select(".trail > li")]


def test_changes_are_told_newest_first(page, events):
    seen = page("/settings/audit")
    assert said(seen) == [
        "Alice Archer gadget polish a gadget",
        "Alice Archer changed the profile",
        "The command line changed the role of Alice",
        "Bob Baker resolved the alert planner failed",
        "Alice Archer changed the role of Mira",
        "Alice Archer revoked the key ci",
        "Alice Archer made the key ci",
    ]
    assert "of Bob alone" not in seen.text


def test_what_changed_is_told_as_before_and_after(page, events):
    seen = page("/settings/audit")
    role = seen.find(id=f"event-{events[2].id}")
    assert [role.find("del").get_text(), role.find("ins").get_text()] == ["before: viewer", "after: editor"]
    zone = seen.find(id=f"event-{events[5].id}").find(class_="changed").get_text(" ")
    assert " ".join(zone.split()) == "time zone before: UTC → after: Asia/Tokyo"
    made = seen.find(id=f"event-{events[0].id}").find(class_="changed")
    assert " ".join(made.get_text(" ").split()) == "name ci scopes read"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("who=command", 1), ("action=key", 2), ("action=key.create", 1), ("action=ke", 0), ("subject=CI", 2), ("subject=k1", 2),
        ("subject=%25", 0), ("subject=ü", 0), ("since=2026-11-17", 4), ("until=2026-11-16", 3), ("since=2026-11-18", 0), ("action=key&since=2026-11-17", 0),
    ],
)  # fmt: skip
def test_they_are_filtered_and_exported_alike(client, page, events, query, found):
    assert len(said(page(f"/settings/audit?{query}"))) == found
    lines = client.get(f"/settings/audit/export.jsonl?{query}").get_data(as_text=True).splitlines()
    rows = list(
        csv.reader(io.StringIO(client.get(f"/settings/audit/export.csv?{query}").get_data(as_text=True)))
    )
    assert (len(lines), len(rows) - 1) == (found, found)


def test_by_person(page, events, bob):
    assert said(page(f"/settings/audit?who={bob.id}")) == ["Bob Baker resolved the alert planner failed"]


def test_days_are_those_of_the_zone(client, page, events):
    client.post("/settings/profile", data={"name": "Alice Archer", "timeZone": "Pacific/Honolulu"})
    assert len(said(page("/settings/audit?until=2026-11-16"))) == 8


def test_it_is_paged(page, make, alice):
    for number in range(queries.PAGE + 3):
        make.event(alice, subject=f"key {number:03}", action="key.create")
    first = page("/settings/audit?action=key")
    assert len(said(first)) == queries.PAGE
    second = page(first.link("Next events")["href"])
    assert len(said(second)) == 3
    assert not set(said(first)) & set(said(second))


@pytest.mark.parametrize(
    "query", ["who=x", "who=1'", "action=%3Cscript%3E", "since=yesterday", "cursor=x", "subject=" + "x" * 201]
)
@pytest.mark.parametrize(
    "path", ["/settings/audit", "/settings/audit/export.csv", "/settings/audit/export.jsonl"]
)
def test_what_cannot_be_asked_is_refused(client, path, query):
    if query.startswith("cursor") and "export" in path:
        return
    assert client.get(f"{path}?{query}").status_code == 422


def test_no_cell_is_a_formula(client, make, alice):
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("x")', "harmless"):
        make.event(alice, subject=text, actor="=cmd|'/c calc'!A0")
    answer = client.get("/settings/audit/export.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-2026-11-17.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))
    assert len(rows) == 9
    assert not [
        cell
        for row in rows
        for cell in row.values()
        if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    ]
    assert "harmless" in {row["subject"] for row in rows}


def test_json_lines_hold_everything_and_only_what_is_ones_own(client, events):
    lines = [
        json.loads(line)
        for line in client.get("/settings/audit/export.jsonl").get_data(as_text=True).splitlines()
    ]
    assert [line["id"] for line in lines] == [event.id for event in reversed(events)]
    assert lines[4]["before"] == {"role": "viewer"}
    assert lines[0]["createdAt"] == "2026-11-17T03:12:40.000000Z"


def test_a_long_trail_streams_in_little_memory(app, client, alice):
    from sqlalchemy import insert

    from swarm_ui import ids
    from swarm_ui.audit import AuditEvent
    from swarm_ui.extensions import db
    from tests.conftest import NOW

    rows = [
        {"id": ids.new(0), "createdAt": NOW, "userId": alice.id, "actor": "A", "via": "page", "address": "", "action": "key.create",
         "subject": f"{n}", "after": {"name": "x" * 2000}}
        for n in range(4_000)
    ]  # fmt: skip
    with db.engine.begin() as connection:
        connection.execute(insert(AuditEvent.__table__), rows)
    del rows
    answer = client.get("/settings/audit/export.jsonl", buffered=False)
    tracemalloc.start()
    read = sum(len(chunk) for chunk in answer.iter_encoded())
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    answer.close()
    assert read > 8_000_000
    assert peak < read / 2


def test_the_api_has_it_too(client, app, events, make, alice):
    found = client.get("/api/v1/audit?action=key&limit=1").json
    assert [item["subject"] for item in found["items"]] == ["ci"]
    more = client.get(f"/api/v1/audit?action=key&limit=1&cursor={found['next']}").json
    assert more["next"] is None
    assert more["items"][0]["action"] == "key.create"
    assert client.get("/api/v1/audit?actorId=command").json["items"][0]["via"] == "command"
    assert len(client.get("/api/v1/audit?since=2026-11-17T02:12:40Z").json["items"]) == 2
    assert client.get("/api/v1/audit?colour=red").status_code == 422


def test_every_action_has_words():
    """What the code records is what the page can say."""
    recorded = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in (
                "record",
                "_note",
                "insert_event",
            ):
                for first in node.args[:4]:
                    if isinstance(first, ast.Constant) and "." in str(first.value):
                        recorded[first.value] = path.relative_to(SOURCE)
    missing = {action: str(path) for action, path in recorded.items() if action not in words.WORDS}
    assert len(recorded) > 15
    assert not missing, f"say in swarm_ui/trail/words.py what these are called on the audit page: {missing}"


def test_the_product_itself_acts_under_its_name(page, make, alice):
    make.event(alice, actor_id=None, actor="Swarm UI", via="worker", action="agent.remove", subject="old one")
    seen = page("/settings/audit")
    assert "Swarm UI removed for good the agent old one" in seen.text
    assert "by itself" in seen.text


def test_what_was_made_is_shown_without_its_empty_fields(page, make, alice):
    make.event(
        alice, action="agent.create", before=None, after={"name": "coder", "serviceName": "", "edited": []}
    )
    make.event(
        alice, action="agent.update", before={"description": ""}, after={"description": "Writes. " * 100}
    )
    seen = page("/settings/audit")
    assert "service name" not in seen.text
    assert "name coder" in seen.text
    assert seen.select("ins details summary")[0].text.endswith("…")


def test_hostile_texts_are_text(page, make, alice):
    make.event(alice, actor="<script>1</script>", subject="<img src=x>", after={"<b>": "<i>"})
    seen = page("/settings/audit")
    assert not seen.select("main img, main script, main i")
    assert "<img src=x>" in seen.text


def test_what_it_can_be_about_is_in_the_plural_once(page):
    offered = [option.get_text() for option in page("/settings/audit").select("select[name=action] option")]
    assert {"Secrets", "Keys", "Sign-in links"} <= set(offered)
    assert not [words for words in offered if words.endswith("ss")]
