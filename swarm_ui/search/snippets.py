"""Where a run says the words that were looked for: the first line or message that has one, cut around it. Raw statements that name the owner."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape
from sqlalchemy import text

from swarm_ui.extensions import db
from swarm_ui.formatting import clip
from swarm_ui.jsontext import loads
from swarm_ui.search.index import text_of
from swarm_ui.tenancy import owner_of

# So many lines and messages of each run are looked through, and so many letters of each.
LOOKED_THROUGH = 300
LETTERS = 20_000
BEFORE, AFTER = 40, 100
# So much of a summary stands in the list of runs.
SUMMARY = 64


class Snippet(NamedTuple):
    """`log_id` where it is a log line, else it is a message."""

    text: Markup
    log_id: str | None = None


def snippets_of(tasks: Iterable[Any], words: Sequence[str]) -> dict[str, Snippet]:
    """By run; nothing where what the row shows says every word already, or where it stands further in. Two statements."""
    seen = _pattern(words)
    missing = [task.id for task in tasks if not _shows_all(task, words)]
    if not missing or seen is None:
        return {}
    found: dict[str, Snippet] = {}
    for task_id, row_id, said in _first(missing, words, "execution_logs", "message"):
        if (cut := marked(said or "", seen)) is not None:
            found[task_id] = Snippet(cut, row_id)
    rest = [task_id for task_id in missing if task_id not in found]
    for task_id, _row_id, said in _first(rest, words, "messages", "content") if rest else ():
        if (cut := marked(_message(said), seen)) is not None:
            found[task_id] = Snippet(cut)
    return found


def marked(said: str, seen: re.Pattern[str]) -> Markup | None:
    """The part around the first word, escaped, each word marked."""
    said = " ".join(said[:LETTERS].split())
    first = seen.search(said)
    if first is None:
        return None
    begins, ends = max(0, first.start() - BEFORE), first.end() + AFTER
    part, place = said[begins:ends], 0
    made = Markup("…") if begins else Markup()
    for hit in seen.finditer(part):
        made += escape(part[place : hit.start()]) + Markup("<mark>{}</mark>").format(hit[0])
        place = hit.end()
    return made + escape(part[place:]) + (Markup("…") if ends < len(said) else Markup())


def _pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    known = sorted({word for word in words if word}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)), re.IGNORECASE) if known else None


def _shows_all(task: Any, words: Sequence[str]) -> bool:
    """Whether the row has every word in what it shows; of a run that got through it shows no error."""
    said = [task.name, clip(task.summary, SUMMARY)]
    if task.status in ("failed", "timeout"):
        said += [task.error_type, task.failed_step]
    shown = " ".join(filter(None, said)).lower()
    return all(word.lower() in shown for word in words)


def _first(task_ids: list[str], words: Sequence[str], table: str, column: str) -> list[Any]:
    """(run, id, text) of the first row of each run that has one of the words, among its first LOOKED_THROUGH."""
    shown = f"SUBSTR({column},1,{LETTERS})" if column == "message" else column
    values: dict[str, Any] = {"owner": owner_of(db.session)}
    for place, word in enumerate(words):
        pattern = word.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
        values[f"word{place}"] = f"%{pattern}%"
    tests = " OR ".join(f"LOWER({shown}) LIKE :word{place} ESCAPE '!'" for place in range(len(words)))
    never = "'9999-12-31'" if db.engine.dialect.name == "sqlite" else "TIMESTAMP'9999-12-31 00:00:00'"
    parts = []
    for place, task_id in enumerate(task_ids):
        values[f"task{place}"] = task_id
        rows = f"FROM {table} WHERE userId=:owner AND taskId=:task{place}"
        # Up to a moment, not out of a derived table: MySQL would write down the texts of each.
        last = f"COALESCE((SELECT at {rows} ORDER BY at LIMIT 1 OFFSET {LOOKED_THROUGH - 1}),{never})"
        parts.append(
            f"SELECT * FROM (SELECT taskId,id,{shown} AS said {rows} AND at<={last} AND ({tests}) ORDER BY at LIMIT 1) one"
        )
    return list(db.session.execute(text(" UNION ALL ".join(parts)), values))


def _message(stored: Any) -> str:
    try:
        return text_of(loads(stored)) or ""
    except (ValueError, TypeError):
        return str(stored or "")
