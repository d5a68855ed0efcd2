"""Template filters: numbers and times as DESIGN.md wants them read. What is unknown is “–”, never 0."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, g, has_app_context
from markupsafe import Markup

from swarm_ui import clock

MISSING = "–"
_UNKNOWN = Markup(MISSING)  # noqa: S704  # a dash
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


def zone() -> tzinfo:
    """The time zone of whoever looks, from their settings; UTC where they chose none."""
    return _zone((g.get("preferences") or {}).get("timeZone")) if has_app_context() else UTC


@lru_cache(maxsize=64)
def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def zone_name() -> str:
    """As a page head names it: "UTC", "Europe/Berlin"."""
    return getattr(zone(), "key", "UTC").replace("_", " ")


def local(moment: datetime) -> datetime:
    return moment.astimezone(zone())


def clock_time(moment: datetime) -> str:
    """03:04:11 UTC, in the zone of whoever looks."""
    there = local(moment)
    return f"{there:%H:%M:%S} {_short(there)}"


def full_time(moment: datetime) -> str:
    """Tue 17 Nov 2026, 03:04:11 UTC."""
    return _full_time(moment.replace(microsecond=0), zone())


@lru_cache(maxsize=4096)
def _full_time(moment: datetime, there: tzinfo) -> str:
    moment = moment.astimezone(there)
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M:%S} {_short(moment)}"


def minute(moment: datetime) -> str:
    """17 Nov 2026, 03:04 UTC."""
    there = local(moment)
    return f"{there.day} {there:%b %Y, %H:%M} {_short(there)}"


def last_day(end: datetime) -> str:
    """The day that ends at this moment or in which it lies: 2 Sep, or 2 Sep 2025."""
    return _date(end - timedelta(seconds=1), clock.now())


def plainly(value: object) -> str:
    """A value of an audit event as people write it."""
    if value is None or value == [] or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(plainly, value))
    if isinstance(value, str) and _STAMP.fullmatch(value):
        return minute(datetime.fromisoformat(value))
    return str(value)


def _short(moment: datetime) -> str:
    """CET; zones without letters of their own call themselves "+03"."""
    name = moment.tzname() or ""
    return f"UTC{name}" if name[:1] in "+-" else name


def duration(milliseconds: float | None) -> str:
    """840ms, 38.2s, 4m 12s, 2h 05m, 3d 04h."""
    if milliseconds is None:
        return MISSING
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def cost(dollars: float | None) -> str:
    """$0.87, $1,204; under a cent $0.004; none $0.00."""
    if dollars is None:
        return MISSING
    if dollars == 0:
        return "$0.00"
    if dollars >= 1000:
        return f"${dollars:,.0f}"
    if dollars >= 0.01:
        return f"${dollars:.2f}"
    text = f"{dollars:.6f}"
    significant = next((index for index, digit in enumerate(text[2:]) if digit != "0"), None)
    return f"${text[: significant + 4].rstrip('0')}" if significant is not None else "under $0.000001"


def tokens(count: int | None) -> str:
    """740, 97.2k, 19.5M."""
    if count is None:
        return MISSING
    for limit, unit in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if count >= limit:
            return f"{count / limit:.1f}{unit}"
    return str(count)


def percent(value: float | None) -> str:
    if value is None:
        return MISSING
    return "100%" if value >= 99.95 else f"{value:.1f}%"


def number(value: float | None) -> str:
    return MISSING if value is None else f"{value:,.0f}"


def ago(moment: datetime | None, *, short: bool = False) -> Markup:
    """A <time> that says how long ago; `times.js` keeps it true. `short` is for columns."""
    return ago_at(moment, clock.now(), zone(), short=short)


def ago_at(moment: datetime | None, now: datetime, there: tzinfo, *, short: bool = False) -> Markup:
    """`ago` of a list, which asks once what is the same for each of its rows."""
    if moment is None:
        return _UNKNOWN
    said = how_long_ago(moment, now, short=short)
    return _time(moment, "data-short" if short else "", said, there)


def how_long_ago(moment: datetime, now: datetime, *, short: bool = False) -> str:
    passed = now - moment
    tail = "" if short else " ago"
    if passed < timedelta(0):
        return _date(moment, now) if passed < timedelta(minutes=-5) else "now"
    seconds = int(passed.total_seconds())
    if seconds < 60:
        return f"{seconds}s{tail}"
    if seconds < 3600:
        return f"{seconds // 60} min{tail}"
    if seconds < 86400:
        return f"{seconds // 3600} h{tail}"
    if seconds < 7 * 86400:
        return f"{seconds // 86400} d{tail}"
    return _date(moment, now)


def _date(moment: datetime, now: datetime) -> str:
    moment, now = local(moment), local(now)
    return moment.strftime("%-d %b") if moment.year == now.year else moment.strftime("%-d %b %Y")


def elapsed(since: datetime | None) -> Markup:
    """A <time> that counts how long something has been going on; `live.js` keeps it counting."""
    if since is None:
        return _UNKNOWN
    said = duration(so_far_ms(since)).replace(".0s", "s").replace("0ms", "0s")
    return _time(since, "data-elapsed", said, zone())


def so_far_ms(since: datetime) -> int:
    """How long something has been going on, to the second."""
    return max(0, round((clock.now() - since).total_seconds())) * 1000


def stamp(moment: datetime | None) -> Markup:
    """A <time> with the clock time: 03:04:11 UTC."""
    if moment is None:
        return _UNKNOWN
    return _time(moment, "data-absolute", clock_time(moment), zone())


def moment_us(microseconds: int | None) -> Markup:
    """`stamp` of microseconds since 1970; a time that no calendar holds is unknown."""
    try:
        return stamp(None if microseconds is None else clock.from_us(microseconds))
    except OverflowError:
        return _UNKNOWN


def _time(moment: datetime, attribute: str, said: str, there: tzinfo) -> Markup:
    """Plain f-strings: `Markup.format` would take a tenth of a list's time, and all of this is our own."""
    return Markup(f"{_time_tag(moment.replace(microsecond=0), there)} {attribute}>{said}</time>")  # noqa: S704


@lru_cache(maxsize=4096)
def _time_tag(moment: datetime, there: tzinfo) -> str:
    return f'<time datetime="{_iso(moment)}" title="{_full_time(moment, there)}"'


def offset(milliseconds: float | None) -> str:
    """Inside a run: +38.2s."""
    if milliseconds is None:
        return MISSING
    sign = "-" if milliseconds < 0 else "+"
    return f"{sign}{abs(milliseconds) / 1000:.1f}s"


def clip(text: str | None, length: int) -> str:
    """The start of a text in one line."""
    words = " ".join((text or "")[: length + 1].split())
    return words if len(words) <= length else words[: length - 1] + "…"


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def init_app(app: Flask) -> None:
    for function in (
        duration,
        cost,
        tokens,
        percent,
        number,
        ago,
        elapsed,
        stamp,
        offset,
        clip,
        minute,
        full_time,
        last_day,
        plainly,
        moment_us,
    ):
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.globals["plural"] = plural
    app.jinja_env.globals["zone_name"] = zone_name
    app.jinja_env.globals["MISSING"] = MISSING
