"""The one sentence that a tired person can act on: what is worst now, and why. Pure: it reads what the page shows anyway."""

from dataclasses import dataclass
from typing import Any

from swarm_ui.formatting import percent, plural
from swarm_ui.overview.queries import Cause, Causes, Pulse

SHARE_WORTH_A_WARNING = 2.0  # percent of ended runs


@dataclass(frozen=True)
class Situation:
    tone: str  # bad, warn, ok or live
    title: str
    cause: Cause | None = None
    agent: Any = None
    also: str = ""


def situation_of(pulse: Pulse, agents: list[Any], causes: Causes) -> Situation:
    """A failing agent first, then one that is silent or stalled, the most frequent cause of failed runs, a degraded agent, else all clear."""
    failing = [agent for agent in agents if agent.condition == "failing"]
    stuck = [agent for agent in agents if agent.condition in ("silent", "stalled")]
    degraded = [agent for agent in agents if agent.condition == "degraded"]
    top = causes.worst[0] if causes.worst else None
    if failing:
        worst = failing[0]
        cause = next((cause for cause in causes.worst if cause.agent_id == worst.id), top)
        others = [
            f"{_named(failing[1:])} failing too" if len(failing) > 1 else "", _stuck(stuck), _degraded(degraded),
        ]  # fmt: skip
        return Situation("bad", f"{worst.name} is failing", cause, worst, _joined(others))
    if stuck:
        worst = stuck[0]
        also = _joined([_stuck(stuck[1:]), _degraded(degraded)])
        return Situation("bad", f"{worst.name} is {worst.condition}: {worst.now.reason}", None, worst, also)
    if top:
        share = 100 * causes.runs / max(1, pulse.now.completed + pulse.now.ended_badly)
        tone = "bad" if share >= 10 else "warn"
        if share < SHARE_WORTH_A_WARNING and not degraded:
            title = (
                f"{plural(causes.runs, 'run')} of {pulse.now.runs:,} {pulse.ended_how}, all agents are well"
            )
            return Situation("ok", title, top, None, "")
        return Situation(tone, _failures(causes, pulse), top, None, _degraded(degraded))
    if degraded:
        worst = degraded[0]
        also = _degraded(degraded[1:])
        return Situation("warn", f"{worst.name} is degraded, health {worst.health_score}", None, worst, also)
    return _all_clear(pulse, agents)


def _all_clear(pulse: Pulse, agents: list[Any]) -> Situation:
    if not pulse.now.runs:
        return Situation("live", "Quiet: nothing ran in the last 24 hours")
    return Situation("ok", "All clear: no run failed in the last 24 hours")


def _failures(causes: Causes, pulse: Pulse) -> str:
    ended = pulse.now.completed + pulse.now.ended_badly
    runs = f"{plural(causes.runs, 'run')} of {ended:,}"
    return f"{runs} {pulse.ended_how} in the last 24 hours, {percent(pulse.now.success)} succeeded"


def _degraded(agents: list[Any]) -> str:
    return f"{_named(agents)} degraded" if agents else ""


def _stuck(agents: list[Any]) -> str:
    """planner is silent / 3 agents are silent or stalled"""
    words = " or ".join(sorted({agent.condition for agent in agents}))
    return f"{_named(agents)} {words}" if agents else ""


def _named(agents: list[Any]) -> str:
    """planner is / planner and coder are / 5 agents are"""
    if len(agents) > 2:
        return f"{len(agents)} agents are"
    return f"{' and '.join(agent.name for agent in agents)} {'is' if len(agents) == 1 else 'are'}"


def _joined(parts: list[str]) -> str:
    return ", ".join(part for part in parts if part)
