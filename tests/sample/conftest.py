import sqlite3

import pytest

from swarm_ui.extensions import db


@pytest.fixture
def run(app):
    """A command: what it prints on standard output."""

    def invoke(*arguments: str, code: int = 0) -> str:
        result = app.test_cli_runner().invoke(args=arguments)
        db.session.remove()
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.output

    return invoke


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """On SQLite the first loaded sample is kept for the next tests: (file, what the command said)."""
    return {"file": tmp_path_factory.mktemp("sample") / "loaded.db", "said": None}


@pytest.fixture
def loaded(run, alice, kept) -> str:
    """Alice's space with the sample; what the command said."""
    if db.engine.dialect.name != "sqlite":
        return run("seed", "--email", alice.email)
    db.session.remove()
    db.engine.dispose()
    if kept["said"] is None:
        kept["said"] = run("seed", "--email", alice.email)
        _copy(db.engine.url.database, kept["file"])
    else:
        _copy(kept["file"], db.engine.url.database)
    return kept["said"]


def _copy(source, target) -> None:
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)
    one.close()
    other.close()


@pytest.fixture
def few_runs(monkeypatch):
    """A week's pace on a few runs a day, for tests that look at something else."""
    from swarm_ui.sample import schedule

    monkeypatch.setattr(schedule, "A_DAY", {"support-desk": 1.0, "competitor-brief": 0.5})
    monkeypatch.setattr(schedule, "DAYS", 3)
