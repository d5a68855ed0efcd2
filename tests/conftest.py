"""Fixtures: an app on an empty database, people and their clients, a page reader, a statement recorder.

The suite runs on SQLite, and on MySQL or MariaDB where TEST_DATABASE_URL names an empty database that it may use; several processes
(`pytest -n`) make one beside it each.
"""

import dataclasses
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import create_engine, event, make_url, text

from swarm_ui import clock, config, create_app, logs, sample
from swarm_ui.extensions import db
from tests import make as builders
from tests.pages import Page

NOW = datetime(2026, 11, 17, 3, 12, 40, tzinfo=UTC)
SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
TEST_DATABASE_URL = os.environ.get("TEST_DATABASE_URL")
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
if TEST_DATABASE_URL and WORKER:
    shared_url = make_url(TEST_DATABASE_URL)
    own_url = shared_url.set(database=f"{shared_url.database}_{WORKER}")
    TEST_DATABASE_URL = os.environ["TEST_DATABASE_URL"] = own_url.render_as_string(hide_password=False)


class Clock:
    """The injected clock: it stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **passed: float) -> None:
        self.now += timedelta(**passed)


class Browser(FlaskClient):
    """Each request gets an application context of its own, as on a server: session, person and owner are not the test's."""

    def open(self, *args, **kwargs):
        with self.application.app_context():
            return super().open(*args, **kwargs)


class Shell(FlaskCliRunner):
    """The same for commands."""

    def invoke(self, *args, **kwargs):
        with self.app.app_context():
            return super().invoke(*args, **kwargs)


@pytest.fixture
def time() -> Iterator[Clock]:
    fake = Clock()
    clock.use(fake)
    yield fake
    clock.use(None)


@pytest.fixture(scope="session")
def own_database() -> Iterator[None]:
    """The database of this process, where there are several."""
    if not (TEST_DATABASE_URL and WORKER):
        yield
        return
    engine = create_engine(shared_url.set(drivername="mysql+pymysql"), isolation_level="AUTOCOMMIT")
    drop = text(f"DROP DATABASE IF EXISTS `{own_url.database}`")
    with engine.connect() as connection:
        connection.execute(drop)
        connection.execute(
            text(f"CREATE DATABASE `{own_url.database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        )
    yield
    with engine.connect() as connection:
        connection.execute(drop)
    engine.dispose()


@pytest.fixture(scope="session")
def mysql_tables(own_database: None) -> str | None:
    """The tables in TEST_DATABASE_URL, made by the migrations once; each test empties those that it used."""
    if not TEST_DATABASE_URL:
        return None
    import tempfile

    from flask_migrate import upgrade

    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.load({"DATA_DIR": folder, "DATABASE_URL": TEST_DATABASE_URL}))
        with app.app_context():
            with db.engine.begin() as connection:
                connection.execute(text("SET FOREIGN_KEY_CHECKS=0"))
                for (name,) in connection.execute(text("SHOW TABLES")).all():
                    connection.execute(text(f"DROP TABLE `{name}`"))
                connection.execute(text("SET FOREIGN_KEY_CHECKS=1"))
            upgrade()
            db.engine.dispose()
    return TEST_DATABASE_URL


def make_app(environ: dict[str, str]) -> Flask:
    app = create_app(config.load(environ))
    app.testing = True
    app.test_client_class, app.test_cli_runner_class = Browser, Shell
    return app


@contextmanager
def opened(app: Flask) -> Iterator[Flask]:
    """Its context, with no row and no connection left behind."""
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()
        if TEST_DATABASE_URL:
            _empty_tables()
        db.engine.dispose()


class Standing:
    """The app of all tests of this process, as it was made: rules compiled, statements and templates kept. Making one takes longer than most
    tests. Each test gets it with an empty data directory, and without what another test set or left in it."""

    def __init__(self, folder: Path, database: dict[str, str]) -> None:
        self.environ = {"DATA_DIR": str(folder / "data"), "LOG_LEVEL": "warning", **database}
        self._folder, self._empty = folder / "data", folder / "empty"
        self.app = make_app(self.environ)
        with self.app.app_context():
            if not database:
                event.listen(db.engine, "connect", _hurry)
                db.create_all()
            db.engine.dispose()
        shutil.copytree(self._folder, self._empty)
        self._config, self._extensions = dict(self.app.config), dict(self.app.extensions)
        self._routes = set(self.app.view_functions)

    def empty(self) -> None:
        shutil.rmtree(self._folder)
        shutil.copytree(self._empty, self._folder)

    def as_made(self) -> Flask:
        added = self.app.view_functions.keys() - self._routes
        assert not added, f"a test before this one added routes for good: {added}; it needs `make_app`"
        for kept, made in ((self.app.config, self._config), (self.app.extensions, self._extensions)):
            kept.clear()
            kept.update(made)
        logs.configure(self.app.config["SETTINGS"])
        return self.app


def _hurry(connection, _record) -> None:
    """Commits do not wait for the disk: durability is shown by killing servers, which have connections of their own."""
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory, mysql_tables: str | None) -> Standing:
    return Standing(
        tmp_path_factory.mktemp("standing"), {"DATABASE_URL": mysql_tables} if mysql_tables else {}
    )


@pytest.fixture
def environ(standing: Standing) -> dict[str, str]:
    """The variables the app under test is started with; its data directory and database are empty."""
    standing.empty()
    return dict(standing.environ)


@pytest.fixture
def app(standing: Standing, environ: dict[str, str], time: Clock) -> Iterator[Flask]:
    with opened(standing.as_made()) as app:
        yield app


@pytest.fixture
def listen(app) -> Iterator[Callable]:
    """`listen("checkout", act)`: the engine's event, until the test ends; the engine goes on to the next one."""
    heard = []

    def add(name: str, act: Callable) -> None:
        event.listen(db.engine, name, act)
        heard.append((name, act))

    yield add
    for name, act in heard:
        event.remove(db.engine, name, act)


def _empty_tables() -> None:
    with db.engine.begin() as connection:
        connection.execute(text("SET FOREIGN_KEY_CHECKS=0"))
        for table in db.metadata.sorted_tables:
            if connection.execute(text(f"SELECT 1 FROM {table.name} LIMIT 1")).first():
                connection.execute(text(f"DELETE FROM {table.name}"))
        connection.execute(text("SET FOREIGN_KEY_CHECKS=1"))


@pytest.fixture
def with_provider(app) -> None:
    """People sign in with an identity provider here."""
    given = {
        "OAUTH_PROVIDERS": "google",
        "OAUTH_GOOGLE_CLIENT_ID": "id",
        "OAUTH_GOOGLE_CLIENT_SECRET": "secret",
    }
    providers = config.read_providers(("google",), given)
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], providers=providers)


@pytest.fixture
def alice(app):
    """Owns the data."""
    return builders.user(email="alice@example.org", name="Alice Archer")


@pytest.fixture
def bob(app):
    """A stranger."""
    return builders.user(email="bob@example.org", name="Bob Baker")


@pytest.fixture
def root(app):
    """Administers."""
    return builders.user(email="root@example.org", name="Root", role="admin")


@pytest.fixture
def make(app):
    """Row builders: `make.alert(alice, severity="critical")`."""
    return builders


@pytest.fixture
def client_of(app) -> Callable:
    """A browser that a person is signed in with: `client_of(alice)`; `owner=` enters another's space."""

    def sign_in(person, owner=None):
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = builders.browser_session(person, owner or person)
            session["_fresh"] = True
        return client

    return sign_in


@pytest.fixture
def people(make, alice, root):
    """Somebody for each role in Alice's space."""
    everybody = {"owner": alice, "admin": root, "stranger": None}
    for role in ("viewer", "operator", "editor"):
        everybody[role] = make.user(name=f"The {role}")
        make.membership(alice, everybody[role], role)
    return everybody


@pytest.fixture
def browser_of(app, client_of, people, alice):
    """`browser_of("viewer")` shows Alice's space."""
    return lambda who: client_of(people[who], owner=alice) if people[who] else app.test_client()


@pytest.fixture
def no_sample(monkeypatch):
    """What the sample holds is tested elsewhere; here it would take most of the time."""
    monkeypatch.setattr(sample, "load", lambda owner_id: None)
    monkeypatch.setattr(sample, "remove", lambda owner_id: None)


@pytest.fixture
def client(client_of, alice):
    """Alice's browser."""
    return client_of(alice)


@pytest.fixture
def page(client) -> Callable[..., Page]:
    """Opens an HTML page as Alice and checks what every page must have: `page("/tasks")`."""

    def open_page(url: str, status: int = 200, **options) -> Page:
        response = options.pop("client", client).get(url, **options)
        assert response.status_code == status, (
            f"{url}: {response.status_code} {response.get_data(as_text=True)[:500]}"
        )
        return Page(response, response.request.path)

    return open_page


@pytest.fixture
def statements(app) -> Callable:
    """Records the SQL of a block: `with statements() as sent: …`; `len(sent)`, `sent[0]`.

    Fails where a statement touches an owned table and does not say whose rows.
    """

    @contextmanager
    def record() -> Iterator[list[str]]:
        sent: list[str] = []

        def note(_connection, _cursor, statement, _parameters, _context, _many) -> None:
            if not statement.upper().startswith(("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE", "ROLLBACK")):
                sent.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        for statement in sent:
            check_owner_is_named(statement)

    return record


OWNED_TABLES = None


def check_owner_is_named(statement: str) -> None:
    """Any SQL on an owned table names `userId`."""
    global OWNED_TABLES
    if OWNED_TABLES is None:
        OWNED_TABLES = {table.name for table in db.metadata.sorted_tables if "userId" in table.c}
    touched = (
        set(re.findall(r"(?:FROM|JOIN|UPDATE|INTO)\s+[`\"]?(\w+)", statement, re.IGNORECASE)) & OWNED_TABLES
    )
    if touched and "userid" not in statement.lower():
        raise AssertionError(f"{touched} read or written without an owner: {statement}")


@pytest.fixture
def shared_data() -> Path:
    """The recorded traces that development machines have beside the project."""
    if not SHARED.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the shared data is missing at {SHARED}")
        pytest.skip(
            "the shared recordings are not here; they live beside the project on development machines"
        )
    return SHARED


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing outside this machine is reached."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reached for {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
