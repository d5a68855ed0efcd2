"""All of a space as one file."""

import gzip

import pytest
from sqlalchemy import select, text

from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.space import export
from swarm_ui.space.archive import MADE_ANEW
from swarm_ui.tenancy import bind_owner
from tests.captures import HEADERS
from tests.otlp import agent, post
from tests.rows import owned_tables
from tests.space.conftest import LARGE, SECRET, export_of, read, rows


def test_every_owned_table_is_there(filled, client):
    lines = export_of(client)
    kept = [table for table in owned_tables() if table not in MADE_ANEW]
    assert sorted(rows(lines)) == sorted([*kept, "files"]), (
        "fill the new table in conftest.py, so that it is tested"
    )
    assert lines[0]["format"] == "swarm-ui space"
    assert lines[0]["space"]["email"] == "alice@example.org"
    assert int(lines[0]["space"]["key"]) > 0
    assert list(lines[-1]) == ["end"]
    assert lines[-1]["end"]["missing"] == []


def test_it_is_a_download_that_no_cache_keeps(filled, client):
    with client.post("/settings/data/export") as response:
        assert (
            response.headers["Content-Disposition"]
            == 'attachment; filename="swarm-ui-alice-archer-2026-11-17.jsonl.gz"'
        )
        assert response.headers["Cache-Control"] == "no-store"
        assert response.mimetype == "application/gzip"
        gzip.decompress(response.get_data())


def test_a_few_at_a_time(filled, client):
    """A thread each: the others must stay free for everybody."""
    running = [client.post("/settings/data/export") for _ in range(4)]
    refused = client.post("/settings/data/export")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    for response in running:
        response.close()
    export_of(client)


def test_it_holds_no_secret(filled, client):
    content = "\n".join(map(str, export_of(client)))
    assert SECRET not in content
    assert LARGE[:1000] not in content  # packed, in its file
    found = rows(export_of(client))
    assert all("hash" not in row and row["prefix"] for row in found["api_keys"])
    assert all("apiKey" not in row for row in found["llm_providers"])
    assert not any("userId" in row or "leaseOwner" in row for table in found.values() for row in table)


def test_it_is_recorded_once(filled, client, alice):
    export_of(client)
    bind_owner(db.session, alice.id)
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "space.export")).all()
    assert [(event.actor_id, event.via) for event in events] == [(alice.id, "page")]


def test_nobody_else_may(filled, client_of, bob, make, alice):
    assert client_of(bob, owner=alice).post("/settings/data/export").status_code == 403  # an editor
    assert "Only the owner" in client_of(bob, owner=alice).get("/settings/data").get_data(as_text=True)
    lines = export_of(client_of(bob))
    assert set(rows(lines)) <= {"audit_events"}, "Bob's archive holds rows of Alice"


def test_who_is_named_is_told_once(filled, client, alice, bob):
    lines = export_of(client)
    people = {line["person"]["id"]: line["person"]["email"] for line in lines if "person" in line}
    assert people == {alice.id: alice.email, bob.id: bob.email}
    assert [line["member"] for line in lines if "member" in line] == [{"id": bob.id, "role": "editor"}]


def test_what_is_written_meanwhile_is_not_in_it_and_does_not_wait(filled, app, client):
    """One state, however long it takes: a span that lands after the first line is left out."""
    found = export.lines(db.engine, filled.id)
    first = [next(found), next(found)]
    assert post(app.test_client(), [agent(90, "late", trace=9)]).status_code == 200
    late = f'"traceId":"{9:032x}"'.encode()
    assert not any(late in line for line in (*first, *found))
    assert any(late in line for line in export.lines(db.engine, filled.id))


def test_portions_meet(filled, monkeypatch, client):
    whole = rows(export_of(client), without=("audit_events", "api_keys"))
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 2)
    assert rows(export_of(client), without=("audit_events", "api_keys")) == whole


def test_statements_name_the_owner(filled, statements):
    with statements():
        for _line in export.lines(db.engine, filled.id):
            pass


def test_each_portion_is_found_by_the_primary_key(filled, app):
    """By the index on the owner each portion would sort all of the owner's rows."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("MySQL is told by a hint")
    from swarm_ui.space.tables import key_columns, owned_tables, portion

    with db.engine.connect() as connection:
        for table in owned_tables():
            last = tuple("0" for _key in key_columns(table))
            statement = portion(table, filled.id, list(table.columns), last, 10)
            compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True})
            plan = " ".join(row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}")))
            assert "TEMP B-TREE" not in plan, (table.name, plan)


def test_a_lost_file_is_named(filled, app, client, tmp_path):
    from swarm_ui.ingest import large

    large.delete_all(filled.id, 100)
    lines = export_of(client)
    assert "files" not in rows(lines)
    assert len(lines[-1]["end"]["missing"]) == 1


def test_the_command_writes_a_file_and_never_over_another(filled, run, tmp_path):
    target = tmp_path / "mine.jsonl.gz"
    said = run("space", "export", "--email", "alice@example.org", str(target))
    assert str(target) in said
    assert (target.stat().st_mode & 0o777) == 0o600
    assert read(target.read_bytes())[-1]["end"]["files"] == 1
    assert "exists already" in run("space", "export", "--email", "alice@example.org", str(target), code=1)
    assert "nobody here" in run("space", "export", "--email", "nobody@example.org", code=2)


def test_the_api_has_no_export(filled, app):
    assert app.test_client().post("/settings/data/export", headers=HEADERS).status_code == 302
