"""flask seed: the sample swarm in somebody's space."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from flask import Flask
from flask.cli import with_appcontext

from swarm_ui import sample
from swarm_ui.accounts import spaces
from swarm_ui.accounts.commands import prepared
from swarm_ui.errors import Refused
from swarm_ui.formatting import plural


def init_app(app: Flask) -> None:
    app.cli.add_command(seed)


@click.command("seed")
@click.option(
    "--email",
    callback=spaces.clean,
    help="Whose space; made if unknown. Otherwise the first administrator's.",
)
@click.option(
    "--scale", default=1, show_default=True, type=click.IntRange(1, 1000), help="How many times as many runs."
)
@click.option("--remove", is_flag=True, help="Take the sample away again, and nothing else.")
@with_appcontext
@prepared
def seed(email: str | None, scale: int, remove: bool) -> None:
    """Load the sample swarm: twelve agents, six workflows, two weeks of runs. What it loaded before is replaced."""
    owner_id = spaces.made(email)
    begun = time.monotonic()
    try:
        if remove:
            runs = sample.remove(owner_id)
            click.echo(f"The sample is gone: {plural(runs, 'run')}." if runs else "There was no sample.")
            return
        with _bar() as show:
            loaded = sample.load(owner_id, scale=scale, progress=show)
    except Refused as refusal:
        raise click.ClickException(refusal.message) from None
    seconds = time.monotonic() - begun
    click.echo(
        f"{loaded.agents} agents, {loaded.workflows} workflows, {loaded.runs:,} runs, {loaded.spans:,} spans "
        f"in {seconds:.1f} s ({loaded.spans / max(seconds, 0.001):,.0f} spans/s)."
    )


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error that learns its length with the first news."""
    bar = click.progressbar(length=0, label="Sample swarm", file=sys.stderr)

    def show(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)

    with bar:
        yield show
