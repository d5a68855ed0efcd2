"""Sums and percentiles of runs, and of what agents did in them, by any groups: one statement, one scan, however many groups.

    found = runs_by(Task.started_at >= start, day=day_of(Task.started_at), workflow=Task.workflow_id)
    found["day"]["2026-11-17"].success, found["workflow"][workflow_id].p95

Unknown is null: a sum of nothing measured is None.
"""

from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

from sqlalchemy import Float, case, cast, func, select

from swarm_ui.aggregates import count_of, percentile, rank_of, total
from swarm_ui.extensions import db
from swarm_ui.tasks.models import Task, TaskAgent

ENDED = ("completed", "failed", "timeout")
ENDED_BADLY = ("failed", "timeout")


@dataclass
class Sums:
    """What sums have in common: they add up, and percentiles stand beside them."""

    runs: int = 0
    cost: float | None = None
    median: int | None = None
    p95: int | None = None

    def add(self, other: Self) -> None:
        """Everything but the percentiles, which do not add up."""
        for field in fields(self):
            value = getattr(other, field.name)
            if value is not None and field.name not in ("median", "p95"):
                setattr(self, field.name, (getattr(self, field.name) or 0) + value)


@dataclass
class Runs(Sums):
    completed: int = 0
    failed: int = 0
    timed_out: int = 0
    tokens: int | None = None

    @property
    def ended_badly(self) -> int:
        return self.failed + self.timed_out

    @property
    def success(self) -> float | None:
        """Percent of those that ended."""
        ended = self.completed + self.ended_badly
        return 100 * self.completed / ended if ended else None


@dataclass
class Work(Sums):
    executions: int = 0
    failures: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    llm_calls: int = 0
    tool_calls: int = 0

    @property
    def success(self) -> float | None:
        return 100 * (self.executions - self.failures) / self.executions if self.executions else None

    @property
    def tokens(self) -> int | None:
        known = [value for value in (self.input_tokens, self.output_tokens) if value is not None]
        return sum(known) if known else None


S = TypeVar("S", bound=Sums)


def runs_by(where: Any, **groups: Any) -> dict[str, dict[Any, Runs]]:
    """For each group its runs by key. Durations are those of runs that ended."""
    took = case((Task.status.in_(ENDED), Task.execution_time)).label("took")
    inner = _ranked(took, (Task.status, Task.estimated_cost, Task.token_usage), where, groups, tuple(groups))
    sums = {
        "runs": func.count(),
        "completed": count_of(inner.status == "completed"),
        "failed": count_of(inner.status == "failed"),
        "timed_out": count_of(inner.status == "timeout"),
        "cost": cast(func.sum(inner.estimated_cost), Float),
        "tokens": total(inner.token_usage),
    }
    return _merged(Runs, inner, sums, groups, tuple(groups))


def work_by(where: Any, timed: tuple[str, ...], **groups: Any) -> dict[str, dict[Any, Work]]:
    """For each group what agents did, by key; percentiles of their own time for the groups named in `timed`."""
    took = TaskAgent.execution_time.label("took")
    names = ("executions", "failures", "input_tokens", "output_tokens", "llm_calls", "tool_calls")
    columns = (TaskAgent.estimated_cost, *(getattr(TaskAgent, name) for name in names))
    inner = _ranked(took, columns, where, groups, timed)
    sums = {"runs": func.count(), "cost": cast(func.sum(inner.estimated_cost), Float)}
    return _merged(Work, inner, sums | {name: total(inner[name]) for name in names}, groups, timed)


def _ranked(took: Any, columns: tuple[Any, ...], where: Any, groups: dict[str, Any], timed: tuple[str, ...]) -> Any:
    keys = [group.label(f"{name}_key") for name, group in groups.items()]
    ranks = [column for name in timed for column in rank_of(took.element, groups[name], name)]
    return select(*keys, took, *columns, *ranks).where(where).subquery().c


def _merged(made: type[S], inner: Any, sums: dict[str, Any], groups: dict[str, Any], timed: tuple[str, ...]) -> dict[str, dict[Any, S]]:
    keys = [inner[f"{name}_key"] for name in groups]
    quantiles = [percentile(inner, percent, "took", name) for name in timed for percent in (50, 95)]
    statement = select(*keys, *(column.label(name) for name, column in sums.items()), *quantiles).group_by(*keys)
    found: dict[str, dict[Any, S]] = {name: {} for name in groups}
    for row in db.session.execute(statement):
        values = made(**dict(zip(sums, row[len(keys) :], strict=False)))
        measured = dict(zip(timed, zip(*[iter(row[len(keys) + len(sums) :])] * 2, strict=True), strict=True))
        for name, key in zip(groups, row, strict=False):
            entry = found[name].setdefault(key, made())
            entry.add(values)
            half, most = measured.get(name, (None, None))
            # A group may be spread over several rows; the percentile is the smallest value that qualifies.
            entry.median = _smaller(entry.median, half)
            entry.p95 = _smaller(entry.p95, most)
    return found


def _smaller(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
