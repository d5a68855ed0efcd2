"""flask check-db, on databases with something wrong."""

import json

import pytest
from flask_migrate import stamp
from sqlalchemy import text

from swarm_ui import config, create_app, dbcheck
from swarm_ui.extensions import db


@pytest.fixture
def check(app):
    """Runs the command on the test's database, which says that it is migrated."""
    stamp()

    def run(*arguments: str, code: int = 0) -> str:
        db.session.remove()
        result = app.test_cli_runner().invoke(args=["check-db", *arguments])
        assert result.exit_code == code, result.output
        return result.stdout

    yield run
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": dbcheck.newest_revision()}
        )


@pytest.fixture
def change(app):
    """Changes the schema and, on a server that the next test uses too, back."""
    back = []

    def sql(statement: str, undo: str) -> None:
        with db.engine.begin() as connection:
            connection.execute(text(statement))
        back.append(undo)

    yield sql
    for statement in reversed(back):
        with db.engine.begin() as connection:
            connection.execute(text(statement))


def test_a_sound_database(check, make, alice):
    make.alert(alice)
    said = check()
    assert said.splitlines()[-1] == "ok"
    report = json.loads(check("--json"))
    assert report["ok"] is True
    assert report["problems"] == []
    assert report["revision"] == dbcheck.newest_revision()
    assert report["server"].split()[0] in ("SQLite", "MariaDB", "MySQL", "TiDB")
    assert set(report["tables"]) == set(db.metadata.tables)
    assert (report["tables"]["users"], report["tables"]["alerts"], report["tables"]["tasks"]) == (1, 1, 0)


def problems(check) -> list[str]:
    said = check(code=1)
    report = json.loads(check("--json", code=1))
    assert report["ok"] is False
    assert all(f"problem: {problem}" in said for problem in report["problems"])
    return report["problems"]


def test_a_missing_table(check, change):
    change("ALTER TABLE consensus_results RENAME TO lost", "ALTER TABLE lost RENAME TO consensus_results")
    assert problems(check) == ["table consensus_results is missing: run `flask db upgrade` (make migrate)"]


def test_a_missing_column(check, change):
    change(
        "ALTER TABLE login_links RENAME COLUMN usedAt TO used",
        "ALTER TABLE login_links RENAME COLUMN used TO usedAt",
    )
    assert problems(check)[0].startswith("column login_links.usedAt is missing: ")


def test_a_missing_index(check, change):
    on = "" if db.engine.dialect.name == "sqlite" else " ON alerts"
    change(
        f"DROP INDEX `ix_alerts_userId_relatedTaskId`{on}",
        "CREATE INDEX `ix_alerts_userId_relatedTaskId` ON alerts (userId, relatedTaskId)",
    )
    (problem,) = problems(check)
    assert problem.startswith("the index of alerts on userId, relatedTaskId is missing: ")


def test_a_column_of_another_type(check, change):
    change("ALTER TABLE workers RENAME COLUMN pid TO old", "ALTER TABLE workers RENAME COLUMN old TO pid")
    change(
        "ALTER TABLE workers ADD COLUMN pid VARCHAR(10) NOT NULL DEFAULT ''",
        "ALTER TABLE workers DROP COLUMN pid",
    )
    assert any(problem.startswith("column workers.pid has type VARCHAR(10)") for problem in problems(check))


def test_another_migration(check, app):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    (problem,) = problems(check)
    assert problem.startswith("the database is at migration 0000, this version needs ")
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    assert problems(check) == ["no migration has run: run `flask db upgrade` (make migrate)"]


def test_what_the_database_has_besides_is_no_problem(check, change):
    change("CREATE TABLE of_another_tool (id INTEGER PRIMARY KEY)", "DROP TABLE of_another_tool")
    change("ALTER TABLE workers ADD COLUMN theirs INTEGER", "ALTER TABLE workers DROP COLUMN theirs")
    check()


def test_a_database_that_cannot_be_reached(tmp_path):
    url = "mysql://somebody:s3cret@127.0.0.1:1/nothing"
    app = create_app(config.load({"DATA_DIR": str(tmp_path), "DATABASE_URL": url, "LOG_LEVEL": "error"}))
    result = app.test_cli_runner().invoke(args=["check-db", "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert "cannot be read" in report["problems"][0]
    assert "DATABASE_URL" in report["problems"][0]
    assert (report["ok"], report["server"], report["tables"]) == (False, None, {})
    assert "s3cret" not in result.output
