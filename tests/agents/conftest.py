"""What tests of agents by hand have in common: a browser that fills in forms, and what is stored afterwards."""

import pytest
from sqlalchemy import select

from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.tenancy import bind_owner
from tests.pages import Page


@pytest.fixture
def rows(alice):
    """What is in a table of Alice's now: `rows(Agent)`."""

    def read(model, *conditions):
        db.session.rollback()
        db.session.expire_all()
        bind_owner(db.session, alice.id)
        found = list(
            db.session.scalars(select(model).where(*conditions).order_by(model.created_at, model.id))
        )
        db.session.expunge_all()  # what is read stays as it was read
        return found

    return read


@pytest.fixture
def events(rows):
    """(action, before, after) of the audit trail, oldest first."""
    return lambda: [(found.action, found.before, found.after) for found in rows(AuditEvent)]


@pytest.fixture
def client(client, time):
    """A second passes with each change, so that their order can be told."""
    send = client.post
    client.post = lambda *args, **options: (time.forward(seconds=1), send(*args, **options))[1]
    return client


@pytest.fixture
def save(client, time):
    """Posts a form as a browser does: what is in it, but for what is typed here."""

    def post(url, by=client, **typed):
        time.forward(seconds=1)
        seen = Page(by.get(url), url)
        form = next(form for form in seen.select("main form") if form.get("method") == "post")
        values = {tag["name"]: tag.get("value", "") for tag in form.select("input[name]")}
        values |= {tag["name"]: tag.get_text()[1:] for tag in form.select("textarea[name]")}
        for tag in form.select("select[name]"):
            chosen = tag.select_one("option[selected]") or tag.select_one("option")
            values[tag["name"]] = chosen["value"]
        return by.post(form["action"], data=values | typed)

    return post
