"""flask token, flask login-link."""

import re

import pytest
from sqlalchemy import select

from swarm_ui import config, create_app
from swarm_ui.accounts.models import ApiKey, User
from swarm_ui.extensions import db
from swarm_ui.tenancy import everyone


@pytest.fixture
def run(app):
    def invoke(*arguments: str, code: int = 0) -> str:
        result = app.test_cli_runner().invoke(args=arguments)
        db.session.remove()
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.output

    return invoke


def test_a_key_is_printed_alone_and_the_person_made(run, app):
    text = run(
        "token", "create", "--email", " Mira@Example.org ", "--name", "ci", "--scopes", "ingest,read,write"
    )
    assert re.fullmatch(r"swk_[A-Za-z0-9]{40}\n", text)
    assert db.session.execute(select(User.email, User.role)).all() == [("mira@example.org", "admin")]
    assert app.test_client().get("/api/v1/tasks", headers={"x-api-key": text.strip()}).status_code == 200
    run("token", "create", "--email", "mira@example.org", "--name", "second")
    run("token", "create", "--email", "next@example.org", "--name", "third")
    assert db.session.execute(select(User.email, User.role).order_by(User.id)).all() == [
        ("mira@example.org", "admin"),
        ("next@example.org", "user"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--email", "nobody", "--name", "x"),
        ("--email", "a b@example.org", "--name", "x"),
        ("--email", "a@example.org", "--name", " "),
        ("--email", "a@example.org", "--name", "x", "--scopes", "root"),
        ("--email", "a@example.org", "--name", "x", "--scopes", ","),
        ("--email", "a@example.org"),
    ],
)
def test_what_cannot_be_is_refused(run, wrong):
    assert "Error" in run("token", "create", *wrong, code=2)
    assert db.session.scalar(select(User.id)) is None


def test_keys_are_listed_and_revoked(run, app):
    text = run("token", "create", "--email", "mira@example.org", "--name", "ci", "--scopes", "read").strip()
    run("token", "create", "--email", "other@example.org", "--name", "other")
    listed = run("token", "list")
    assert text[:12] in listed
    assert text not in listed
    assert len(listed.splitlines()) == 2
    assert len(run("token", "list", "--email", "mira@example.org").splitlines()) == 1
    assert run("token", "revoke", text[:12]) == f"revoked {text[:12]}\n"
    assert app.test_client().get("/api/v1/tasks", headers={"x-api-key": text}).status_code == 401
    assert "revoked" in run("token", "list", "--email", "mira@example.org")
    run("token", "revoke", text[:12], code=1)
    assert (
        len(db.session.scalars(everyone(select(ApiKey).where(ApiKey.revoked_at.is_(None)), "the test")).all())
        == 1
    )


def test_a_link_is_printed_alone(run, app):
    text = run("login-link", "--email", "mira@example.org")
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/login/[\w-]{43}\n", text)
    response = app.test_client().post(text.strip().removeprefix("http://127.0.0.1:8000"))
    assert response.status_code == 303
    assert db.session.execute(select(User.email, User.role)).all() == [("mira@example.org", "admin")]


@pytest.mark.parametrize(
    "command",
    [("login-link",), ("token", "create", "--email", "a@example.org", "--name", "x"), ("token", "list")],
)
def test_a_database_without_tables_is_said_in_one_line(tmp_path, command):
    app = create_app(config.load({"DATA_DIR": str(tmp_path), "LOG_LEVEL": "error"}))
    result = app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "the database is not ready" in result.stderr
    assert "flask check-db" in result.stderr
