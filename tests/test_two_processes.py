"""Two real processes on one database, over HTTP: what one is told, the other knows at its next request (show 3)."""

import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar

import pytest
from bs4 import BeautifulSoup

from swarm_ui import clock
from swarm_ui.accounts import entry, throttle
from swarm_ui.config import ROOT

SERVE = """
from werkzeug.serving import make_server
from swarm_ui import create_app
server = make_server("127.0.0.1", 0, create_app(), threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def servers(environ, app) -> Iterator[list[str]]:
    clock.use(None)  # the processes have the system's
    environment = {**environ, "SECRET_KEY": app.config["SECRET_KEY"], "LOG_LEVEL": "error"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SERVE],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        ports = [process.stdout.readline().strip() for process in started]
        assert all(ports), "a server did not start"
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.communicate(timeout=20)


class Visitor:
    """A browser: its cookies go to both, for cookies know no port."""

    def __init__(self) -> None:
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(self, url: str, data: dict | None = None, **headers: str) -> tuple[int, str, str]:
        """(status, final path, body)"""
        body = None if data is None else urllib.parse.urlencode(data).encode()
        try:
            with self.opener.open(urllib.request.Request(url, body, headers), timeout=20) as answer:
                return answer.status, urllib.parse.urlsplit(answer.url).path, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, urllib.parse.urlsplit(url).path, error.read().decode()


def signed_in(server: str, person) -> Visitor:
    visitor = Visitor()
    link = entry.make_link(person.email)
    assert visitor.ask(server + urllib.parse.urlsplit(link).path, {})[0] == 200
    return visitor


def test_what_one_is_told_the_other_knows(servers, make, alice, bob, root):
    here, there = servers
    make.membership(alice, bob, "editor")
    owner, guest, admin = signed_in(here, alice), signed_in(there, bob), signed_in(here, root)
    assert guest.ask(f"{there}/spaces/{alice.id}/enter", {})[0] == 200
    page = guest.ask(f"{there}/settings/keys", {"name": "x", "scopes": "read"})[2]
    key = BeautifulSoup(page, "html.parser").find(id="fresh-key").get_text()
    program = Visitor()

    def read(server: str) -> int:
        return program.ask(f"{server}/api/v1/tasks", **{"x-api-key": key})[0]

    # The same cookie and the same key open both.
    assert [guest.ask(f"{server}/agents")[:2] for server in servers] == [(200, "/agents")] * 2
    assert [read(server) for server in servers] == [200, 200]
    # Removal: at once on the other, for the person and for the key that they made.
    assert owner.ask(f"{here}/settings/members/{bob.id}/remove", {})[0] == 200
    assert guest.ask(f"{there}/agents")[1] == "/spaces"
    assert read(there) == 401
    # Revoking.
    page = owner.ask(f"{here}/settings/keys", {"name": "y", "scopes": "read"})[2]
    soup = BeautifulSoup(page, "html.parser")
    key = soup.find(id="fresh-key").get_text()
    assert read(there) == 200
    row = next(row for row in soup.select("#keys tbody tr") if row.b.get_text() == "y")
    owner.ask(here + row.form["action"], {})
    assert read(there) == 401
    # Sign-out, and disabling.
    assert owner.ask(f"{there}/agents")[1] == "/agents"
    copied = owner.opener.handlers
    assert owner.ask(f"{here}/logout", {})[1] == "/login"
    assert copied
    assert owner.ask(f"{there}/agents")[1] == "/login"
    assert guest.ask(f"{there}/agents")[1] == "/agents"
    admin.ask(f"{here}/admin/people/{bob.id}/disable", {})
    assert guest.ask(f"{there}/agents")[1] == "/login"
    # Throttling counts over both.
    stranger, tried = Visitor(), throttle.LIMITS["login"].failures
    got = [stranger.ask(f"{servers[n % 2]}/login/nothing{n}")[0] for n in range(tried + 2)]
    assert got == [404] * tried + [429, 429]
