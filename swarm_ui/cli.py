"""Commands: flask space | secrets | worker | project | ingest | seed | check-db | token | user | login-link."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Each feature's commands."""
    from swarm_ui import dbcheck
    from swarm_ui.accounts import commands as accounts
    from swarm_ui.admin import commands as admin
    from swarm_ui.ingest import commands as ingest
    from swarm_ui.sample import commands as sample
    from swarm_ui.sealed import commands as sealed
    from swarm_ui.space import commands as space
    from swarm_ui.worker import commands as worker

    for feature in (accounts, admin, dbcheck, ingest, sample, sealed, space, worker):
        feature.init_app(app)
