"""The product as it is started: server and worker in processes of their own, and the people and programs that use it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import create_engine, make_url, select, text, update

from swarm_ui import config, create_app
from swarm_ui.accounts import entry, keys, people
from swarm_ui.accounts.models import BrowserSession, User
from swarm_ui.config import ROOT
from swarm_ui.extensions import db
from swarm_ui.members import roster
from swarm_ui.tenancy import bind_owner
from tests.otlp import Draft, document


def until(truth: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + seconds
    while not (answer := truth()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
    return answer


@contextmanager
def database_beside(url: str | None, what: str = "browser") -> Iterator[dict[str, str]]:
    """The variable that names the server's database: SQLite's file, or one beside TEST_DATABASE_URL, which the other tests empty."""
    if not url:
        yield {}
        return
    given = make_url(url).set(drivername="mysql+pymysql")
    name = f"{given.database}_{what}"
    engine = create_engine(given, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS `{name}`"))
        connection.execute(text(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
        try:
            yield {"DATABASE_URL": given.set(drivername="mysql", database=name).render_as_string(False)}
        finally:
            connection.execute(text(f"DROP DATABASE IF EXISTS `{name}`"))
    engine.dispose()


@dataclass
class Person:
    """Somebody with an empty space of their own, and a key of it."""

    email: str
    key: str
    installation: "Installation"
    shows: "Person | None" = None

    def enter(self) -> None:
        """What `show` promised."""
        if self.shows:
            with self.installation.app.app_context():
                db.session.connection(execution_options={"writes": True})
                shown = update(BrowserSession).where(BrowserSession.member_id == self.id)
                db.session.execute(shown.values(owner_id=self.shows.id))
                db.session.commit()

    def link(self) -> str:
        with self.installation.app.app_context():
            return entry.make_link(self.email)

    @property
    def id(self) -> int:
        with self.installation.app.app_context():
            return db.session.execute(select(User.id).where(User.email == self.email)).scalar_one()

    def invite(self, guest: "Person", role: str) -> int:
        """Lets `guest` into this space; returns the id of the guest."""
        with self.installation.app.app_context():
            db.session.connection(execution_options={"writes": True})
            bind_owner(db.session, owner_id := self.id)
            guest_id = roster.invite(owner_id, guest.email, role).id
            db.session.commit()
            return guest_id

    def show(self, other: "Person") -> None:
        """Sessions of this person that begin from now on show the other's space, as a look does; see `link`."""
        self.shows = other

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Speaks to the API as a program of this person's does."""
        request = urllib.request.Request(
            f"{self.installation.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "x-api-key": self.key},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or "null")

    def send(self, *drafts: Draft) -> None:
        assert self.ask("POST", "/v1/traces", document(*drafts)) == {}

    def send_logs(self, content: dict[str, Any]) -> None:
        assert self.ask("POST", "/v1/logs", content) == {}

    def run(self, trace: int, status: str = "", **exactly: Any) -> dict[str, Any]:
        """The run of this trace, once it is there with this status and these values."""

        def found() -> Any:
            runs = self.ask("GET", f"/api/v1/tasks?traceId={trace:032x}")["items"]
            wanted = exactly | ({"status": status} if status else {})
            return next(
                (run for run in runs if all(run[name] == value for name, value in wanted.items())), None
            )

        return until(found, f"a {status} run of trace {trace}")


class Installation:
    """`with Installation(folder, database).running() as installation: …`"""

    def __init__(self, folder: Path, database: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        settings = {"DATA_DIR": str(folder / "data"), "PORT": str(port), "LOG_LEVEL": "warning", **database}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environ = kept | settings
        self.app: Flask
        self._people = 0

    @contextmanager
    def running(self) -> Iterator["Installation"]:
        log = self.folder / "log"
        command = [sys.executable, "-m", "swarm_ui.serve"]
        with log.open("wb") as errors:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environ, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        try:
            assert process.stdout is not None
            # It says so before it answers; what comes early waits in the socket's queue.
            links = (re.search(r"http\S+/login(?:/\S+)?", line) for line in process.stdout)
            said = next(filter(None, links), None)
            assert said, f"the server did not start:\n{log.read_text()}"
            self.first_link = said[0]
            # The same product on the same database, for what an operator does on the server: links and keys.
            self.app = create_app(config.load(self.environ))
            self.operator = self.person("operator", role="admin")
            yield self
            with self.app.app_context():
                db.engine.dispose()
        finally:
            process.terminate()
            process.communicate(timeout=20)

    def person(self, name: str, role: str = "user") -> Person:
        self._people += 1
        email = f"{name}-{self._people}@example.org"
        with self.app.app_context():
            db.session.connection(execution_options={"writes": True})
            user = people.find_or_make(email)
            user.role = role
            bind_owner(db.session, user.id)
            _key, text = keys.make(user.id, user.id, "tests", ["ingest", "read", "write"])
            db.session.commit()
        return Person(email, text, self)
