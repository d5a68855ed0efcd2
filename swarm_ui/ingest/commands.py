"""flask ingest: OTLP files into somebody's space."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import Engine

from swarm_ui.accounts import spaces
from swarm_ui.accounts.commands import prepared
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.formatting import plural
from swarm_ui.ingest.append import Appended, append_logs, append_points, append_spans
from swarm_ui.ingest.files import File
from swarm_ui.ingest.gate import look, take_out
from swarm_ui.projection import summaries
from swarm_ui.projection.project import Done, Projector
from swarm_ui.rawsql import Busy
from swarm_ui.storage import StorageError

RECORDS_AT_ONCE = 2_000
# So many traces wait before they are projected: a trace that lies all over its file is not projected again and again.
TRACES_AT_ONCE = 2_000
APPEND: dict[str, Callable[..., Appended]] = {
    "traces": append_spans,
    "metrics": append_points,
    "logs": append_logs,
}
WORDS = {"traces": "span", "logs": "log record", "metrics": "metric point"}


def init_app(app: Flask) -> None:
    app.cli.add_command(ingest)


@click.command("ingest")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--email",
    callback=spaces.clean,
    help="Whose space; made if unknown. Otherwise the first administrator's.",
)
@with_appcontext
@prepared
def ingest(files: tuple[Path, ...], email: str | None) -> None:
    """Load FILES of OTLP traces, logs and metrics: JSON, JSON lines or protobuf, plain or gzipped.

    A file that cannot be read is named with what is wrong with it; the others are loaded all the same.
    """
    loading = _Loading(db.engine, spaces.made(email), current_app.config["SETTINGS"].run_timeout)
    bad = []
    size = sum(path.stat().st_size for path in files if path.is_file())
    with click.progressbar(length=size, label=plural(len(files), "file"), file=sys.stderr) as bar:
        for path in files:
            file = File(path, bar.update)
            try:
                for signal, batch in file.batches():
                    loading.add(signal, batch.records)
            except Refused as refusal:
                raise click.ClickException(refusal.message) from None
            except (Busy, StorageError) as error:
                raise click.ClickException(f"{path}: could not be stored: {error}") from None
            if file.problems:
                bad.append((path, file.problems))
    loading.finish()
    counts = ", ".join(plural(loading.counted[signal], word) for signal, word in WORDS.items())
    click.echo(f"{counts} read, {loading.new:,} of them new; {plural(len(loading.traces), 'trace')} changed.")
    for reason, times in loading.unwanted.most_common():
        click.echo(f"{times:,} left out: {reason}", err=True)
    for path, problems in bad:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        click.echo(f"{path}: {'; '.join(problems[:5])}{more}", err=True)
    if bad:
        raise SystemExit(1)


class _Loading:
    """Appends what comes in portions, and projects it."""

    def __init__(self, engine: Engine, owner_id: int, timeout: int) -> None:
        self.engine = engine
        self.owner_id = owner_id
        self.projector = Projector(engine, "ingest", timeout_us=timeout * 1_000_000)
        self.counted: Counter[str] = Counter()
        self.new = 0
        self.traces: set[str] = set()
        self.unwanted: Counter[str] = Counter()
        self._waiting: set[str] = set()
        self._done = Done()

    def add(self, signal: str, records: list[Any]) -> None:
        self.counted[signal] += len(records)
        gate = look(self.engine, self.owner_id)
        wanted, unwanted = take_out(records, gate.off)
        records = list(wanted)
        self.unwanted.update(unwanted)
        for start in range(0, len(records), RECORDS_AT_ONCE):
            appended = APPEND[signal](
                self.engine, self.owner_id, records[start : start + RECORDS_AT_ONCE], space=gate.space
            )
            self.new += appended.new
            self._waiting.update(appended.traces)
        if len(self._waiting) >= TRACES_AT_ONCE:
            self._project()

    def _project(self) -> None:
        self.traces |= self._waiting
        self._waiting.clear()
        done = self.projector.drain_owner(self.owner_id)
        self._done.agents |= done.agents
        self._done.workflows |= done.workflows

    def finish(self) -> None:
        self._project()
        summaries.refresh(self.engine, self._done.agents, self._done.workflows)
