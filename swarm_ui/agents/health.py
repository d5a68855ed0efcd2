"""How an agent is: one word, what it does now, why, and when time alone will change that. Pure functions over what is stored of it.

Three clocks: heartbeat (it says that it lives), progress (what it runs moves), deadline (what it runs must end). Every page, the API, the
overview and the agreed column `status` say what `assess` says, and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from swarm_ui import clock
from swarm_ui.formatting import clip, minute, plural

# Five failures without a success between them: failing, whatever the score.
STREAK = 5
FAILING, DEGRADED = 60, 85
QUIET = timedelta(days=7)
# What is expected of an agent that reports and that nobody set a period for.
USUAL_PERIOD, USUAL_GRACE = 60, 60
LEAST_GAP = timedelta(minutes=5)
MOST_RUNNING = 5
SHOWN_NAME = 60


@dataclass(frozen=True, slots=True)
class Running:
    """A running run that the agent has something to do in. `gap` is how long nothing usually happens in runs of its workflow."""

    task_id: str
    name: str
    progress_at: datetime
    gap: timedelta | None = None
    deadline_at: datetime | None = None
    waits_for: str | None = None

    @property
    def stalls_at(self) -> datetime:
        patience = self.progress_at + max(self.gap or LEAST_GAP, LEAST_GAP)
        return patience if self.deadline_at is None else min(patience, self.deadline_at)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an agent."""

    score: int | None = None
    streak: int = 0
    executions: int = 0
    last_seen: datetime | None = None
    switched_off: bool = False
    period: int | None = None
    grace: int | None = None
    beat_at: datetime | None = None
    beat_task: str | None = None
    arrived_at: datetime | None = None
    watched_at: datetime | None = None
    maintenance_since: datetime | None = None
    maintenance_until: datetime | None = None
    maintenance_reason: str | None = None
    running: tuple[Running, ...] = ()

    @property
    def is_watched(self) -> bool:
        """Agents that are known from traces alone are never late or silent."""
        return self.beat_at is not None or self.period is not None

    @property
    def expected(self) -> tuple[timedelta, timedelta]:
        period = self.period if self.period is not None else USUAL_PERIOD
        grace = self.grace if self.grace is not None else USUAL_GRACE
        return timedelta(seconds=period), timedelta(seconds=grace)

    @property
    def sign_at(self) -> datetime | None:
        """The newest sign of life by arrival, or when one was first waited for: after a maintenance, from its end on."""
        signs = (self.beat_at, self.arrived_at, self.watched_at, self.maintenance_until)
        return max((sign for sign in signs if sign is not None), default=None)


@dataclass(frozen=True, slots=True)
class Condition:
    """`since` is when the word began to hold, where the clocks tell; `next_at` when time alone changes it."""

    word: str
    reason: str
    doing: str
    since: datetime | None
    next_at: datetime | None
    task_id: str | None = None

    @property
    def status(self) -> str:
        return agreed_status(self.word)


def in_maintenance(since: datetime | None, until: datetime | None, now: datetime) -> bool:
    return since is not None and since <= now and (until is None or now < until)


def assess(facts: Facts, now: datetime) -> Condition:
    """The first word that holds: maintenance, silent, late, stalled, failing, degraded, healthy, new, inactive. Of an agent that was switched
    off nothing is expected, so that neither clocks nor score are asked."""
    word, reason, since = _word(facts, now)
    doing, task_id = _doing(facts)
    changes = [moment for moment in _boundaries(facts) if moment > now]
    return Condition(word, reason, doing, since, min(changes, default=None), task_id)


def _word(facts: Facts, now: datetime) -> tuple[str, str, datetime | None]:
    if in_maintenance(facts.maintenance_since, facts.maintenance_until, now):
        return "maintenance", _maintained(facts), facts.maintenance_since
    if facts.switched_off:
        return "inactive", "switched off", None
    if (found := _heartbeat(facts, now)) is not None:
        return found
    stalled = min(
        (run for run in facts.running if now >= run.stalls_at), key=lambda run: run.stalls_at, default=None
    )
    if stalled is not None:
        return "stalled", _stalled(stalled, now), stalled.stalls_at
    quiet_at = facts.last_seen + QUIET if facts.last_seen else None
    scored = facts.score if quiet_at is None or now < quiet_at else None
    if scored is not None:
        if facts.streak >= STREAK:
            return "failing", f"{facts.streak} failures in a row, score {scored}", None
        if scored < FAILING:
            return "failing", f"score {scored}, under {FAILING}", None
        if scored < DEGRADED:
            return "degraded", f"score {scored}, under {DEGRADED}", None
        return "healthy", f"score {scored}", None
    if facts.executions == 0:
        return "new", "has not executed anything yet", None
    if quiet_at is None or now < quiet_at:
        return "new", "nothing is known of its latest executions", None
    return "inactive", f"nothing for {span(now - (quiet_at - QUIET))}", quiet_at


def _heartbeat(facts: Facts, now: datetime) -> tuple[str, str, datetime | None] | None:
    sign_at = facts.sign_at
    if not facts.is_watched or sign_at is None:
        return None
    period, grace = facts.expected
    passed = now - sign_at
    expected = f"expected every {span(period)}"
    if facts.beat_at is None and facts.arrived_at is None:
        said = f"no sign of life since it is waited for, {span(passed)}"
    else:
        said = f"no sign of life for {span(passed)}"
    if passed >= period + grace:
        return "silent", f"{said}; {expected}, with {span(grace)} of grace", sign_at + period + grace
    if passed >= period:
        return "late", f"{said}; {expected}", sign_at + period
    return None


def _stalled(run: Running, now: datetime) -> str:
    name = clip(run.name, SHOWN_NAME)
    passed = span(now - run.progress_at)
    begun = f"waiting for {run.waits_for} in {name}" if run.waits_for else f"running {name}"
    if run.deadline_at is not None and now >= run.deadline_at:
        return f"{begun}, must end by {minute(run.deadline_at)}, still running"
    usual = f"usually under {span(run.gap)}" if run.gap else "its usual gaps are not known yet"
    return f"{begun}, no progress for {passed}, {usual}"


def _maintained(facts: Facts) -> str:
    until = (
        f"until {minute(facts.maintenance_until)}" if facts.maintenance_until else "until somebody ends it"
    )
    return f"{until}: {facts.maintenance_reason}" if facts.maintenance_reason else until


def _doing(facts: Facts) -> tuple[str, str | None]:
    """Traces say it of running runs; between them, what it said of itself with its newest heartbeat."""
    working = [run for run in facts.running if run.waits_for is None]
    newest = max(working or facts.running, key=lambda run: run.progress_at, default=None)
    if newest is None:
        return (
            (f"working on {clip(facts.beat_task, SHOWN_NAME)}", None) if facts.beat_task else ("idle", None)
        )
    name = clip(newest.name, SHOWN_NAME)
    others = f", and {plural(len(facts.running) - 1, 'other run')}" if len(facts.running) > 1 else ""
    if newest.waits_for:
        return f"waiting for {newest.waits_for} in {name}{others}", newest.task_id
    return f"working on {name}{others}", newest.task_id


def _boundaries(facts: Facts) -> Iterable[datetime]:
    if facts.maintenance_since is not None:
        yield facts.maintenance_since
        if facts.maintenance_until is not None:
            yield facts.maintenance_until
    if facts.is_watched and (sign_at := facts.sign_at) is not None:
        period, grace = facts.expected
        yield sign_at + period
        yield sign_at + period + grace
    for run in facts.running:
        yield run.stalls_at
    if facts.last_seen is not None:
        yield facts.last_seen + QUIET


def agreed_status(word: str) -> str:
    """The agreed column `status`, which follows the condition."""
    return {
        "maintenance": "maintenance", "silent": "error", "failing": "error", "inactive": "inactive",
    }.get(word, "active")  # fmt: skip


def span(length: timedelta) -> str:
    """A length of time in words: 45 s, 14 min, 3 h, 2 d."""
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} d"


# From rows.


def facts_of(row: Any) -> Facts:
    """Of an agent, or of a row with the columns in `ASSESSED`."""
    return Facts(
        score=row.health_score,
        streak=row.failure_streak or 0,
        executions=row.total_executions or 0,
        last_seen=row.last_heartbeat,
        switched_off=bool(row.switched_off),
        period=row.heartbeat_period,
        grace=row.heartbeat_grace,
        beat_at=row.beat_at,
        beat_task=row.beat_task,
        arrived_at=row.last_progress_at,
        watched_at=row.watched_at,
        maintenance_since=row.maintenance_since,
        maintenance_until=row.maintenance_until,
        maintenance_reason=row.maintenance_reason,
        running=running_of(row.running),
    )


ASSESSED = (
    "health_score", "failure_streak", "total_executions", "last_heartbeat", "switched_off", "heartbeat_period", "heartbeat_grace",
    "beat_at", "beat_task", "last_progress_at", "watched_at", "maintenance_since", "maintenance_until", "maintenance_reason", "running",
)  # fmt: skip


def condition_of(row: Any) -> Condition:
    return assess(facts_of(row), clock.now())


class Judged:
    """A row with the columns in `ASSESSED`, and its condition at this moment."""

    __slots__ = ("now", "row")

    def __init__(self, row: Any) -> None:
        self.row = row
        self.now = condition_of(row)

    @property
    def condition(self) -> str:
        return self.now.word

    @property
    def seen_at(self) -> datetime | None:
        """The newest sign of life by arrival."""
        signs = (self.row.beat_at, self.row.last_progress_at)
        return max((sign for sign in signs if sign is not None), default=None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)


def running_of(stored: Sequence[Mapping[str, Any]] | None) -> tuple[Running, ...]:
    return tuple(
        Running(
            task_id=item["id"],
            name=item["name"],
            progress_at=clock.from_us(item["progress"]),
            gap=timedelta(milliseconds=item["gap"]) if item.get("gap") else None,
            deadline_at=clock.from_us(item["deadline"]) if item.get("deadline") else None,
            waits_for=item.get("waits"),
        )
        for item in stored or ()
    )


# What follows from its runs.


def streak(runs: Sequence[tuple[int, int]]) -> int:
    """How many of the latest runs failed without one that succeeded between them; runs without executions do not count. Newest first."""
    length = 0
    for executions, failures in runs:
        if executions == 0:
            continue
        if not failures:
            break
        length += 1
    return length


def discovered_type(*, delegations: int, tool_calls: int, retrievals: int, llm_calls: int) -> str:
    """What an agent is by what it does: hands work on, mostly calls tools, looks things up or judges, else reasons."""
    if delegations:
        return "coordination"
    if retrievals and retrievals >= tool_calls:
        return "analysis"
    if tool_calls and tool_calls >= llm_calls / 2:
        return "execution"
    return "reasoning"


def model_of(models: Iterable[str | None]) -> str | None:
    """What it runs on: the model of the newest run that names one; runs newest first."""
    return next((model for model in models if model), None)


def tools_of(used: Iterable[Sequence[str] | None]) -> list[str]:
    """What it can do: the tools that its latest runs used."""
    return sorted({tool for tools in used if tools for tool in tools})[:100]
