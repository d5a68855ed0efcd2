"""Commands: flask worker | project | ingest | seed | check-db | token | login-link."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Each feature's commands."""
    from swarm_ui import dbcheck
    from swarm_ui.accounts import commands as accounts
    from swarm_ui.sample import commands as sample

    for feature in (accounts, dbcheck, sample):
        feature.init_app(app)
