"""Sums and percentiles of runs, and of what agents did in them, by any groups, in as few scans as can be.

    found = runs_by(Task.started_at >= start, day=day_of(Task.started_at), workflow=Task.workflow_id)
    found["day"]["2026-11-17"].success, found["workflow"][workflow_id].p95

Unknown is null: a sum of nothing measured is None.
"""

from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

from sqlalchemy import Float, and_, cast, func, select

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


def runs_by(where: Any, *, timed: tuple[str, ...] | None = None, **groups: Any) -> dict[str, dict[Any, Runs]]:
    """For each group its runs by key; percentiles, of those that ended, for the groups named in `timed` or for all."""
    sums = {
        "runs": func.count(),
        "cost": cast(func.sum(Task.estimated_cost), Float),
        "completed": count_of(Task.status == "completed"),
        "failed": count_of(Task.status == "failed"),
        "timed_out": count_of(Task.status == "timeout"),
        "tokens": total(Task.token_usage),
    }
    found = _summed(Runs, sums, where, groups)
    ended = and_(where, Task.status.in_(ENDED))
    _add_percentiles(found, Task.execution_time, ended, {name: groups[name] for name in timed or groups})
    return found


def work_by(where: Any, *, timed: tuple[str, ...] | None = None, **groups: Any) -> dict[str, dict[Any, Work]]:
    """For each group what agents did, by key; percentiles are of an agent's own time in a run."""
    sums = {
        "runs": func.count(),
        "cost": cast(func.sum(TaskAgent.estimated_cost), Float),
        "executions": total(TaskAgent.executions),
        "failures": total(TaskAgent.failures),
        "input_tokens": total(TaskAgent.input_tokens),
        "output_tokens": total(TaskAgent.output_tokens),
        "llm_calls": total(TaskAgent.llm_calls),
        "tool_calls": total(TaskAgent.tool_calls),
    }
    found = _summed(Work, sums, where, groups)
    _add_percentiles(found, TaskAgent.execution_time, where, {name: groups[name] for name in timed or groups})
    return found


def _summed(
    made: type[S], sums: dict[str, Any], where: Any, groups: dict[str, Any]
) -> dict[str, dict[Any, S]]:
    """One scan for all groups: rows of their combinations, added up for each."""
    keys = list(groups.values())
    found: dict[str, dict[Any, S]] = {name: {} for name in groups}
    for row in db.session.execute(select(*keys, *sums.values()).where(where).group_by(*keys)):
        values = made(**dict(zip(sums, row[len(keys) :], strict=True)))
        for name, key in zip(groups, row, strict=False):
            found[name].setdefault(key, made()).add(values)
    return found


def _add_percentiles(found: dict[str, dict[Any, S]], value: Any, where: Any, groups: dict[str, Any]) -> None:
    """One narrow statement for each group: ranking wide rows costs several times as much."""
    for name, group in groups.items():
        inner = (
            select(group.label("key"), value.label("took"), *rank_of(value, group))
            .where(where, value.is_not(None))
            .subquery()
        )
        statement = select(inner.c.key, percentile(inner.c, 50, "took"), percentile(inner.c, 95, "took"))
        for key, half, most in db.session.execute(statement.group_by(inner.c.key)):
            found[name][key].median, found[name][key].p95 = half, most
