"""A route that somebody adds and says nothing about: it is found, and open to nobody but the owner."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.changes import PEOPLE, check_table
from tests.conftest import Clock, make_app, opened


@pytest.fixture
def app(environ: dict[str, str], time: Clock) -> Iterator[Flask]:
    """An app of its own, with one route more."""
    app = make_app(environ)
    app.add_url_rule("/gadgets", "gadgets", lambda: "made", methods=["POST"])
    with opened(app):
        yield app


def test_it_is_reported_with_the_cure(app):
    with pytest.raises(AssertionError, match=r"'/gadgets'.*add each to CHANGES in tests/changes.py"):
        check_table()


def test_it_is_for_the_owner_alone(app, browser_of):
    got = {who: browser_of(who).post("/gadgets").status_code for who in PEOPLE}
    assert got == {"stranger": 302, "viewer": 403, "operator": 403, "editor": 403, "owner": 200, "admin": 200}
