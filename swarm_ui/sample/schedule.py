"""When the sample's runs took place in its fourteen days, and what went wrong in which.

The rhythm is that of an office (UTC), a background of small troubles lies under it, and a few stories stand out: an outage, a full disk, a slow index,
and the one that is going on now: for half an hour the browser has been refused wherever it goes.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAYS = 14
# Runs on a working day; weekends have half.
A_DAY = {
    "support-desk": 12.0,
    "deep-research": 4.5,
    "bug-triage": 3.2,
    "code-review": 5.0,
    "competitor-brief": 1.1,
}
# How busy each hour is.
HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 13, 16, 15, 13, 11, 14, 16, 15, 13, 10, 7, 5, 4, 3, 2, 1)
# trouble: share of the runs of a workflow. The first list is overcome, the second ends the run.
OVERCOME = {
    "competitor-brief": {"slow-page": 0.15},
    "deep-research": {"rate-limit": 0.1, "bad-query": 0.1, "no-score": 0.07},
    "code-review": {"flaky-test": 0.1},
    "bug-triage": {"first-try-red": 0.2},
    "support-desk": {"index-timeout": 0.01},
}
FATAL = {
    "deep-research": {"context-window": 0.03},
    "code-review": {"tests-hang": 0.015},
    "bug-triage": {"still-red": 0.05},
    "support-desk": {"lookup-timeout": 0.02},
}


@dataclass(slots=True)
class Occasion:
    """One run, the `number`th of its workflow. `until` is where its recording breaks off: then it never ended, or has not yet."""

    workflow: str
    at: datetime
    trouble: str = ""
    until: datetime | None = None
    down: frozenset[str] = frozenset()
    number: int = 0
    talk: tuple[int, int] | None = None


def occasions(now: datetime, scale: int, chance: random.Random) -> list[Occasion]:
    """All runs by start. `scale` multiplies the ordinary ones; the stories are told once."""
    found = list(_stories(now))
    # Ordinary runs are over by now.
    begin, end = now - timedelta(days=DAYS), now - timedelta(minutes=34)
    for _ in range(scale):
        for workflow, at in _rhythm(now, chance):
            if begin <= at <= end:
                trouble, down = _trouble(workflow, at, now, chance)
                found.append(Occasion(workflow, at, trouble, None, down))
    found.sort(key=lambda occasion: (occasion.at, occasion.workflow))
    _slow_index(found)
    numbers: Counter[str] = Counter()
    for occasion in found:
        occasion.number = numbers[occasion.workflow]
        numbers[occasion.workflow] += 1
    return found


def _slow_index(found: list[Occasion]) -> None:
    """The index was slow a while ago: a few answers had to do without it."""
    asked = [
        one for one in found if one.workflow == "support-desk" and not (one.trouble or one.down or one.talk)
    ]
    for occasion in asked[-18:-8]:
        occasion.trouble = "index-timeout"


def _trouble(workflow: str, at: datetime, now: datetime, chance: random.Random) -> tuple[str, frozenset[str]]:
    """What goes wrong, and whose models do not answer."""
    outage = (now - timedelta(days=9)).replace(hour=14, minute=5)
    if outage <= at < outage + timedelta(hours=1, minutes=40):
        return "", frozenset({"openai"})
    drawn = chance.random()
    for shares in (OVERCOME, FATAL):
        for trouble, share in shares.get(workflow, {}).items():
            if drawn < share:
                return trouble, frozenset()
            drawn -= share
    return "", frozenset()


def _stories(now: datetime) -> Iterator[Occasion]:
    def ago(**passed: float) -> datetime:
        return now - timedelta(**passed)

    told = [
        # The vectors' disk was full for two nights.
        ("index-refresh", ago(days=6, hours=3), "disk-full", None),
        ("index-refresh", ago(days=5, hours=21), "disk-full", None),
        # The machine went away under them.
        ("deep-research", ago(days=4, hours=6), "", ago(days=4, hours=6) + timedelta(seconds=38)),
        ("deep-research", ago(hours=3, minutes=20), "", ago(hours=3, minutes=20) + timedelta(seconds=31)),
        # Failures of the last two days; nobody has looked at the newest yet.
        ("deep-research", ago(hours=29), "context-window", None),
        ("deep-research", ago(hours=8), "context-window", None),
        ("deep-research", ago(hours=1, minutes=25), "context-window", None),
        ("bug-triage", ago(hours=2, minutes=50), "still-red", None),
        # Everything is refused by the sites that the browser reads, since its egress changed.
        *(("competitor-brief", ago(minutes=minutes), "blocked", None) for minutes in (28.5, 25, 19.5, 13, 7)),
        # Meanwhile the rest of the house works.
        *(("deep-research", ago(minutes=minutes), "", None) for minutes in (26.5, 17, 8.5)),
        *(("support-desk", ago(minutes=minutes), "", None) for minutes in (31, 22.5, 12, 3.4)),
        ("code-review", ago(minutes=18.5), "", None),
        # Still going on.
        ("competitor-brief", ago(seconds=64), "blocked", ago(seconds=6)),
        ("code-review", ago(seconds=82), "", ago(seconds=9)),
        ("bug-triage", ago(seconds=47), "", ago(seconds=4)),
    ]
    for workflow, at, trouble, until in told:
        yield Occasion(workflow, at, trouble, until)
    # Customers who wrote again, so many minutes after the first time.
    for number, (began, turns) in enumerate(
        (
            (ago(days=6, hours=2), ((0, ""), (11, ""), (26, ""))),
            (ago(days=2, hours=5), ((0, ""), (9, ""), (95, "lookup-timeout"), (97, ""), (108, ""))),
            (ago(days=1, hours=3), ((0, ""), (7, ""))),
            (ago(hours=5, minutes=20), ((0, ""), (14, ""), (41, ""))),
            (ago(minutes=52), ((0, ""), (6, ""))),
        )
    ):
        for minutes, trouble in turns:
            place = sum(1 for earlier, failed in turns if earlier < minutes and not failed)
            yield Occasion("support-desk", began + timedelta(minutes=minutes), trouble, talk=(number, place))


def _rhythm(now: datetime, chance: random.Random) -> Iterator[tuple[str, datetime]]:
    begin = now - timedelta(days=DAYS)
    for day in range(DAYS + 1):
        midnight = datetime(begin.year, begin.month, begin.day, tzinfo=UTC) + timedelta(days=day)
        share = 0.5 if midnight.weekday() >= 5 else chance.uniform(0.85, 1.15)
        for workflow, runs in A_DAY.items():
            wanted = runs * share
            for _ in range(int(wanted) + (chance.random() < wanted % 1)):
                hour = chance.choices(range(24), HOURS)[0]
                yield workflow, midnight + timedelta(hours=hour, seconds=chance.uniform(0, 3600))
        for hour in (0, 6, 12, 18):
            yield "index-refresh", midnight + timedelta(hours=hour, minutes=15, seconds=chance.uniform(0, 40))
