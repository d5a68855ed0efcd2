"""Swarm UI: the control room for swarms of AI agents."""

import os
from hashlib import sha256
from pathlib import Path

from flask import Flask
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from swarm_ui import (
    access,
    assets,
    compression,
    config,
    cookies,
    errors,
    formatting,
    jsontext,
    logs,
    models,
    telemetry,
)
from swarm_ui.extensions import db, login_manager, migrate
from swarm_ui.orm import mysql_conversions
from swarm_ui.templating import Environment
from swarm_ui.version import VERSION
from swarm_ui.web import kept, link

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: config.Settings | None = None) -> Flask:
    """The application, as a table of contents: settings, extensions, access, features, errors."""
    settings = settings or config.load(os.environ)
    app = Flask(__name__, template_folder=str(ROOT / "templates"), static_folder=None)
    app.jinja_environment = Environment
    _configure(app, settings)
    app.session_interface = cookies.Sessions()

    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    login_manager.init_app(app, add_context_processor=False)
    logs.init_app(app)
    telemetry.init_app(app)
    formatting.init_app(app)
    assets.init_app(app)
    compression.init_app(app)
    access.init_app(app)
    _add_features(app)
    errors.init_app(app)
    return app


def _configure(app: Flask, settings: config.Settings) -> None:
    app.config.update(
        SETTINGS=settings,
        VERSION=VERSION,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings.database_url),
        # Cookies know no port: several instances on one machine must not sign each other out.
        SESSION_COOKIE_NAME="swarm_ui_" + sha256(settings.secret_key.encode()).hexdigest()[:6],
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.public_url.startswith("https:"),
        PERMANENT_SESSION_LIFETIME=settings.session_lifetime,
        # The cookie ends with the session; an answer that was on its way must not bring back one that was taken away.
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.globals |= {"url_for": link, "kept": kept}
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)  # type: ignore[method-assign]


def _engine_options(url: str) -> dict[str, object]:
    options: dict[str, object] = {"json_serializer": jsontext.dumps, "json_deserializer": jsontext.loads}
    if url.startswith("mysql"):
        # READ COMMITTED: fewer gap locks between parallel senders; nothing here relies on repeatable reads.
        options |= {
            "pool_pre_ping": True,
            "pool_recycle": 1800,
            "pool_size": 20,
            "isolation_level": "READ COMMITTED",
        }
        options["connect_args"] = {"conv": mysql_conversions()}
    elif ":memory:" not in url:
        # The connection that was used last holds the pages that are asked for next.
        options |= {"pool_size": 20, "pool_use_lifo": True}
    return options


def _add_features(app: Flask) -> None:
    from swarm_ui import cli
    from swarm_ui.accounts import sign_in
    from swarm_ui.accounts import views as accounts
    from swarm_ui.admin import views as admin
    from swarm_ui.agents import views as agents
    from swarm_ui.alerts import views as alerts
    from swarm_ui.api import ops, sending
    from swarm_ui.api import views as api
    from swarm_ui.comparison import views as comparison
    from swarm_ui.conversations import views as conversations
    from swarm_ui.ingest import views as ingest
    from swarm_ui.integrations import views as integrations
    from swarm_ui.members import views as members
    from swarm_ui.metrics import views as metrics
    from swarm_ui.overview import views as overview
    from swarm_ui.pings import views as pings
    from swarm_ui.saved import views as saved
    from swarm_ui.search import views as search
    from swarm_ui.settings import views as settings
    from swarm_ui.space import views as space
    from swarm_ui.spaces import views as spaces
    from swarm_ui.tasks import views as tasks
    from swarm_ui.trail import views as trail
    from swarm_ui.workflows import views as workflows

    pages = (overview, agents, tasks, comparison, conversations, workflows, alerts, metrics, search, saved)
    people = (accounts, sign_in, spaces, settings, members, integrations, space, trail, admin)
    for feature in (*pages, *people, api, sending, ingest, pings, ops):
        app.register_blueprint(feature.bp)
    cli.init_app(app)


__all__ = ["create_app", "models"]
