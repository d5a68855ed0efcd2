"""`python -m swarm_ui.serve`: checks, migrates, says where to go, then keeps the web server and the worker running."""

import contextlib
import errno
import fcntl
import gc
import io
import logging
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask_migrate import upgrade
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from swarm_ui import assets, config, create_app, telemetry
from swarm_ui.config import ConfigError, Settings
from swarm_ui.extensions import db
from swarm_ui.memory import Renewal, take_turn
from swarm_ui.supervisor import Child, Supervisor, end_with_parent

log = logging.getLogger(__name__)

LARGEST_ASSET = 500_000  # bytes; compressing a larger one would delay the start, `make install` does it


class CannotStart(Exception):
    """One line that says why, and what to do."""


def main() -> int:
    try:
        settings = config.load()
        check_exposure(settings)
        lock = take_data_dir(settings.data_dir / "run")
        listener = listen(settings)
    except (ConfigError, CannotStart) as problem:
        click.echo(problem, err=True)
        return 2
    try:
        app = prepare(settings)
    except CannotStart as problem:
        click.echo(problem, err=True)
        return 1
    from swarm_ui.accounts import providers
    from swarm_ui.accounts.entry import startup_message
    from swarm_ui.worker.loop import main as work

    click.echo(startup_message(app))
    providers.prepare(app)
    with app.app_context():
        db.engine.dispose()  # a connection must not be shared with children
    gc.collect()
    gc.freeze()  # collections in the children leave the shared pages alone
    # A request parses into tens of thousands of small objects without cycles; the default would search them all again and again.
    gc.set_threshold(50_000, 10, 10)

    children = [
        Child("web", lambda: WebServer(app, settings, listener).run()),
        Child("worker", lambda: _work(app, listener, work)),
    ]
    Supervisor(children, on_stop=listener.close).run()
    log.info("stopped")
    lock.close()
    return 0


def _work(app: Flask, listener: socket.socket, work: Any) -> None:
    listener.close()
    work(app)


# Before anything is changed


def check_exposure(settings: Settings) -> None:
    if not settings.loopback_only and not settings.providers:
        raise CannotStart(
            f"HOST: {settings.host} can be reached from other machines. That needs sign-in by an identity provider: set "
            "OAUTH_PROVIDERS (docs/access.md says how), or HOST=127.0.0.1 and go through an authenticating tunnel, such as: "
            f"ssh -L {settings.port}:127.0.0.1:{settings.port} this-machine"
        )
    if not settings.loopback_only and not settings.public_url_is_set:
        raise CannotStart(
            f"PUBLIC_URL: is missing, and HOST={settings.host} can be reached from other machines. Set it to the address that people "
            "use, such as https://swarm.example.org: providers send them back to it"
        )
    if settings.database_url in ("sqlite://", "sqlite:///:memory:"):
        raise CannotStart(
            "DATABASE_URL: a database in memory cannot be shared by the processes of a server; name a file"
        )


def take_data_dir(folder: Path) -> io.TextIOWrapper:
    """The lock that keeps a second server off this DATA_DIR; children hold it too, until the last has ended."""
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = open(folder / "serve.lock", "a+")  # noqa: SIM115  # held until the process ends
    deadline = time.monotonic() + 15
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip()
            # The children of a server that was killed need a moment to end.
            if _is_alive(owner) or time.monotonic() > deadline:
                lock.close()
                raise CannotStart(
                    f"DATA_DIR: a server (process {owner or 'unknown'}) already runs on {folder.parent}. "
                    "Stop it, or set another DATA_DIR and PORT."
                ) from None
            time.sleep(0.05)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def listen(settings: Settings) -> socket.socket:
    """Bound here, so that a taken port is told at once and connections wait while the web server is started again."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as unless_bound:
            listener = unless_bound.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
            unless_bound.pop_all()
        return listener
    except socket.gaierror:
        raise CannotStart(f"HOST: {settings.host!r} is not an address of this machine") from None
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: f"PORT: {settings.port} is taken by another program on {settings.host}; set another PORT",
            errno.EACCES: f"PORT: {settings.port} needs rights that this user has not; set a PORT above 1023",
            errno.EADDRNOTAVAIL: f"HOST: {settings.host!r} is not an address of this machine",
        }
        fallback = f"cannot listen on {settings.host} port {settings.port}: {error.strerror}"
        raise CannotStart(reasons.get(error.errno or 0, fallback)) from None


def prepare(settings: Settings) -> Flask:
    telemetry.share(settings.data_dir / "run" / "metrics")
    app = create_app(settings)
    try:
        assets.build(largest=LARGEST_ASSET)
    except OSError as error:  # a checkout that cannot be written to: copies are made at first use
        log.warning("assets are not compressed in advance", extra={"reason": str(error)})
    with app.app_context():
        migrate(app)
    compiled = settings.data_dir / "run" / "templates"
    compiled.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.jinja_env.bytecode_cache = _Compiled(str(compiled))  # half of the time that a start takes
    for name in app.jinja_env.list_templates(extensions=["html"]):
        app.jinja_env.get_template(name)  # compiled once here, not in each process on somebody's first visit
    return app


class _Compiled(FileSystemBytecodeCache):
    """Templates compiled by an earlier start."""

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except Exception:  # what a power cut left of one is compiled anew
            bucket.reset()


def migrate(app: Flask) -> None:
    try:
        with _migration_lock(), contextlib.redirect_stdout(io.StringIO()):
            upgrade()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CannotStart(f"DATABASE_URL: the database cannot be used: {reason}") from error


@contextlib.contextmanager
def _migration_lock() -> Any:
    """Servers on several machines that share a MySQL database migrate it one after the other."""
    if db.engine.dialect.name != "mysql":
        yield
        return
    with db.engine.connect() as connection:
        name = {"name": f"swarm_ui {db.engine.url.database}"[:64]}
        if connection.scalar(text("SELECT GET_LOCK(:name, 120)"), name) != 1:
            raise CannotStart(
                "another server has been migrating this database for two minutes; start again when it is done"
            )
        try:
            yield
        finally:
            connection.execute(text("DO RELEASE_LOCK(:name)"), name)


# The web server


class _Log(Logger):
    """gunicorn's own lines through the product's handler."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class WebWorker(ThreadWorker):
    """Makes room for a new process when it has become large and is not needed, one after the other."""

    alive: bool

    def init_process(self) -> None:
        self.renewal = Renewal()
        super().init_process()

    def notify(self) -> None:
        super().notify()
        if self.alive and self.renewal.is_due(self.nr) and self.is_idle() and take_turn(self.app.renewals):
            log.info("ends to be renewed", extra={"pid": self.pid})
            self.alive = False  # what kept connections ask in the next two seconds is answered

    def is_idle(self) -> bool:
        """No answer is on its way, such as a long download: all connections wait for a request."""
        return bool(self.nr_conns == len(self.keepalived_conns) + len(self.pending_conns))


class WebServer(BaseApplication):
    def __init__(self, app: Flask, settings: Settings, listener: socket.socket) -> None:
        self.app = app
        self.settings = settings
        self.listener = listener
        self.renewals = settings.data_dir / "run" / "renewals.lock"
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"fd://{self.listener.detach()}",
            "workers": self.settings.web_processes,
            "threads": self.settings.web_threads,
            "worker_class": WebWorker,
            "preload_app": True,
            "timeout": 60,
            "graceful_timeout": 6,
            "keepalive": 75,  # longer than proxies keep theirs, so that they do not meet a closed one
            "worker_tmp_dir": str(self.settings.data_dir / "run"),
            "logger_class": _Log,
            "loglevel": "warning",
            "forwarded_allow_ips": "",  # TRUSTED_PROXIES decides, in the app
            "control_socket_disable": True,
            "post_fork": lambda arbiter, worker: end_with_parent(worker.ppid),
            "child_exit": lambda arbiter, worker: telemetry.forget(worker.pid),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # while it was still starting
        sys.exit(130)
