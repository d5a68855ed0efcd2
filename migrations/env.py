"""Runs the migrations inside the app's context, on its engine."""

from alembic import context
from alembic.operations.ops import DropIndexOp, DropTableOp, ModifyTableOps
from flask import current_app

migrate = current_app.extensions["migrate"]
database = migrate.db
arguments = dict(migrate.configure_args)


def process_revision_directives(_context, _revision, directives):
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []
    for script in directives:
        _drop_whole_tables(script.downgrade_ops)


def _drop_whole_tables(downgrade):
    """A table goes with its indexes. MySQL refuses to drop one that a foreign key needs before that (error 1553)."""
    dropped = {step.table_name for step in downgrade.ops if isinstance(step, DropTableOp)}
    for step in downgrade.ops:
        if isinstance(step, ModifyTableOps) and step.table_name in dropped:
            step.ops = [change for change in step.ops if not isinstance(change, DropIndexOp)]
    downgrade.ops = [step for step in downgrade.ops if not isinstance(step, ModifyTableOps) or step.ops]


def include_name(name, kind, _parents):
    """SQLite's index over words is made by hand, with the tables that it keeps beside it; so is that of MySQL."""
    return not (kind in ("table", "index") and (name or "").startswith(("search_index", "ft_")))


arguments.setdefault("include_name", include_name)
arguments.setdefault("process_revision_directives", process_revision_directives)

if context.is_offline_mode():
    url = database.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=database.metadata, literal_binds=True, **arguments)
    with context.begin_transaction():
        context.run_migrations()
else:
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Batch changes rebuild a table; with foreign keys on, dropping the old one would empty its children.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        context.configure(connection=connection, target_metadata=database.metadata, **arguments)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
