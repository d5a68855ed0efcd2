"""Canaille, a real OpenID Connect server that checks PKCE, in a virtual environment of its own under .cache: it brings more than the tests should."""

import fcntl
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from swarm_ui.config import ROOT
from tests.browser.installation import until

VERSION = "0.3.6"
FOLDER = ROOT / ".cache" / f"canaille-{VERSION}"
CLIENT_ID, CLIENT_SECRET = "swarm", "a-secret-of-the-client"
USER, PASSWORD, EMAIL = "mira", "correct horse battery", "mira@example.org"

# One process for what are five commands: its libraries take a second to load. The server starts others, which read this file again.
SCRIPT = """
import sys
from canaille.commands import cli

bind, redirect_uri = sys.argv[1:]
if __name__ == "__main__":
    for command in (
        ["install"],
        ["create", "user", "--quiet", "--user-name", "{USER}", "--password", "{PASSWORD}", "--given-name", "Mira",
         "--family-name", "Okafor", "--formatted-name", "Mira Okafor", "--emails", "{EMAIL}"],
        ["create", "client", "--quiet", "--client-id", "{CLIENT_ID}", "--client-secret", "{CLIENT_SECRET}",
         "--client-name", "Swarm UI", "--redirect-uris", redirect_uri, "--grant-types", "authorization_code",
         "--response-types", "code", "--scope", "openid", "--scope", "profile", "--scope", "email",
         "--token-endpoint-auth-method", "client_secret_basic"],
        ["set", "client", "--quiet", "{CLIENT_ID}", "--audience", "{CLIENT_ID}"],
        ["run", "--bind", bind],
    ):
        cli.main(command, standalone_mode=False)
"""


def python() -> str:
    """Of the environment that has it; made once. Skips where that does not work, and fails where everything has to be tested."""
    FOLDER.parent.mkdir(exist_ok=True)
    with open(f"{FOLDER}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = FOLDER / "bin" / "python"
        if not (FOLDER / "complete").exists():
            wanted = f"canaille[front,oidc,server,sqlite]=={VERSION}"
            try:
                subprocess.run(
                    [sys.executable, "-m", "venv", "--clear", str(FOLDER)],
                    check=True,
                    capture_output=True,
                    timeout=120,
                )
                install = [
                    str(found),
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    wanted,
                ]
                subprocess.run(install, check=True, capture_output=True, text=True, timeout=300)
            except (subprocess.SubprocessError, OSError) as error:
                said = f"{wanted} cannot be installed: {error} {getattr(error, 'stderr', '')}"
                if os.environ.get("CI") == "true":
                    pytest.fail(said)
                pytest.skip(said)
            (FOLDER / "complete").touch()
        return str(found)


@contextmanager
def running(folder: Path, port: int, redirect_uri: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Its issuer, and what waits until it answers: that takes seconds, in which others can start too."""
    interpreter = python()
    folder.mkdir()
    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}).as_dict(private=True)
    settings = [
        f'SECRET_KEY = "{"x" * 40}"',
        f'SERVER_NAME = "localhost:{port}"',
        'PREFERRED_URL_SCHEME = "http"',
        "[CANAILLE_SQL]",
        f'DATABASE_URI = "sqlite:///{folder}/canaille.db"',
        "[CANAILLE_OIDC]",
        "[[CANAILLE_OIDC.ACTIVE_JWKS]]",
        *(f'{name} = "{value}"' for name, value in key.items()),
    ]
    (folder / "config.toml").write_text("\n".join(settings) + "\n")
    script = SCRIPT
    for name in ("USER", "PASSWORD", "EMAIL", "CLIENT_ID", "CLIENT_SECRET"):
        script = script.replace(f"{{{name}}}", globals()[name])
    (folder / "serve.py").write_text(script)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [interpreter, "serve.py", f"localhost:{port}", redirect_uri],
            cwd=folder,
            env={**kept, "CANAILLE_CONFIG": str(folder / "config.toml")},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    issuer = f"http://localhost:{port}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    try:
        yield issuer, lambda: until(answers, "canaille", seconds=60)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the group is its own: nothing else is in it
        process.wait()
