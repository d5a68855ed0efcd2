"""The full text of runs, written and asked. Raw statements; each names the owner."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

from flask import current_app
from sqlalchemy import text

from swarm_ui.extensions import db
from swarm_ui.ingest.identity import space_of
from swarm_ui.jsontext import dumps
from swarm_ui.rawsql import Raw
from swarm_ui.search.models import FULLTEXT
from swarm_ui.search.terms import mark_of, terms_of, wanted
from swarm_ui.tenancy import owner_of

# So many runs that say it are looked at, the newest; a list says where there are more.
MOST = 1_000
# MySQL's index does not know which are the newest. Where more runs than these hold the words, they are looked for among the newest runs.
MOST_SORTED = 10_000
MOST_SEARCHED = 5_000
_HAS_INDEX = "SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA=DATABASE() AND TABLE_NAME='search_docs' AND INDEX_NAME=:name LIMIT 1"


@dataclass(frozen=True, slots=True)
class Found:
    """Runs that say the words. `more` where there are others, and `searched` where only so many of the newest were looked at."""

    task_ids: list[str]
    more: bool = False
    searched: int | None = None


def text_of(content: Any) -> str | None:
    """What a message says: `{"text": …}` or `{"data": …}`, or what another program wrote."""
    if isinstance(content, dict):
        said = content.get("text")
        return said if isinstance(said, str) else dumps(content.get("data", content))
    return None if content is None else dumps(content)


class Doc(NamedTuple):
    task_id: str
    started_us: int
    terms: str


def seq_of(started_us: int, task_id: str) -> int:
    """Milliseconds of the start, and 22 bits that tell apart what started in the same one."""
    return (max(started_us, 0) // 1_000 & (1 << 41) - 1) << 22 | crc32(task_id.encode()) & (1 << 22) - 1


def write(raw: Raw, owner_id: int, docs: Iterable[Doc], gone: Sequence[str] = ()) -> None:
    """In the transaction of the rows that they are made of."""
    rows = _numbered(raw, owner_id, docs)
    change = ",".join(
        f"{name}=excluded.{name}" if raw.sqlite else f"{name}=VALUES({name})" for name in ("seq", "terms")
    )
    if raw.sqlite:
        change += " WHERE search_docs.terms<>excluded.terms OR search_docs.seq<>excluded.seq"
    values = [(seq, owner_id, doc.task_id, doc.terms) for seq, doc in rows.items()]
    raw.upsert_together("search_docs", "seq,userId,taskId,terms", "userId,taskId", change, values)
    raw.many("DELETE FROM search_docs WHERE userId=? AND taskId=?", [(owner_id, task_id) for task_id in gone])


def _numbered(raw: Raw, owner_id: int, docs: Iterable[Doc]) -> dict[int, Doc]:
    """Each under its number, or under the next free one where another run has it, perhaps another owner's (userId)."""
    docs = list(docs)
    statement = "SELECT seq,userId,taskId FROM search_docs WHERE seq IN {}"
    holders: dict[int, tuple[int, str]] = {}

    def look(numbers: list[int]) -> None:
        holders.update({seq: (other, task_id) for seq, other, task_id in raw.rows_in(statement, (), numbers)})

    look(sorted({seq_of(doc.started_us, doc.task_id) for doc in docs}))
    rows: dict[int, Doc] = {}
    for doc in docs:
        seq, mine = seq_of(doc.started_us, doc.task_id), (owner_id, doc.task_id)
        while seq in rows or holders.get(seq, mine) != mine:
            seq += 1
            look([seq])
        rows[seq] = doc
    return rows


def stored_mark(raw: Raw, owner_id: int) -> str:
    """What stands before each term in the documents of this owner."""
    return "" if raw.sqlite else mark_of(space_of(raw, owner_id))


def fts5_mark(owner_id: int) -> str:
    """What the triggers put before each term in the index; see `models.SQLITE_INDEX`."""
    return f"{owner_id}x"


def doc_of(mark: str, run: Any) -> Doc:
    """What a projected run says: its names, errors, messages and log lines."""
    task = run.task
    texts = [
        task["name"],
        task["summary"],
        task["errorType"],
        task["errorMessage"],
        task["failedStep"],
        task["sessionId"],
        task.get("clientId"),
    ]
    texts += [text_of(message[5]) for message in run.messages]
    texts += [line[5] for line in run.logs]
    return Doc(task["id"], task["startedAt"] or 0, terms_of(mark, texts))


def can_be_asked(phrase: str) -> bool:
    """Whether there is a letter or digit in it."""
    return bool(wanted("", phrase))


def knows_all(phrase: str) -> bool:
    """Whether the index knows as much as was asked: not the order of words, and not what stands between them."""
    return phrase.isalnum() and len(wanted("", phrase)) == 1


def runs_saying(phrases: Sequence[str], limit: int = MOST) -> Found:
    """The newest runs of the session's owner that hold all these words, wherever in the run each of them stands."""
    owner_id = owner_of(db.session)
    mark = "" if db.engine.dialect.name == "sqlite" else mark_of(_space_of(owner_id))
    terms = list(dict.fromkeys(term for phrase in phrases for term in wanted(mark, phrase)))
    kind = index_kind()
    if kind == "fts5":
        return _by_fts5(owner_id, terms, limit)
    if kind == "fulltext" and (found := _by_fulltext(owner_id, terms, limit)):
        return found
    return _among_newest(owner_id, terms, limit)


def _space_of(owner_id: int) -> int:
    statement = text("SELECT spaceKey FROM users WHERE id=:owner")
    space = db.session.execute(statement, {"owner": owner_id}).scalar()
    return owner_id if space is None else space


def _by_fts5(owner_id: int, terms: list[tuple[str, bool]], limit: int) -> Found:
    """Newest first, and no further than asked for. `+userId` is the same value, for which SQLite uses no index."""
    mark = fts5_mark(owner_id)
    asked = " AND ".join(f'"{mark}{term}"{"*" * begins}' for term, begins in terms)
    statement = (
        "SELECT taskId FROM search_docs WHERE +userId=:owner AND seq IN "
        "(SELECT rowid FROM search_index WHERE search_index MATCH :asked ORDER BY rowid DESC LIMIT :most) ORDER BY seq DESC"
    )
    rows = db.session.execute(text(statement), {"owner": owner_id, "asked": asked, "most": limit + 1})
    found = [row[0] for row in rows]
    return Found(found[:limit], len(found) > limit)


def _by_fulltext(owner_id: int, terms: list[tuple[str, bool]], limit: int) -> Found | None:
    """None where too many hold the words. MySQL stops early only where nothing else is asked than the words and a limit, so the order
    and the owner (userId) are seen to here."""
    asked = " ".join(f"+{term}{'*' * begins}" for term, begins in terms)
    statement = "SELECT seq,userId,taskId FROM search_docs WHERE MATCH(terms) AGAINST(:asked IN BOOLEAN MODE) LIMIT :most"
    rows = db.session.execute(text(statement), {"asked": asked, "most": MOST_SORTED + 1}).all()
    if len(rows) > MOST_SORTED:
        return None
    newest = sorted((seq, task_id) for seq, holder, task_id in rows if holder == owner_id)[::-1]
    found = [task_id for _seq, task_id in newest]
    return Found(found[:limit], len(found) > limit)


def _among_newest(owner_id: int, terms: list[tuple[str, bool]], limit: int) -> Found:
    """Reads the terms of the newest runs: where there is no index, and where the words are so common that these will do."""
    beyond = "SELECT seq FROM search_docs WHERE userId=:owner ORDER BY seq DESC LIMIT 1 OFFSET :searched"
    floor = db.session.execute(text(beyond), {"owner": owner_id, "searched": MOST_SEARCHED}).scalar()
    held = "terms||' '" if db.engine.dialect.name == "sqlite" else "CONCAT(terms,' ')"
    tests = [f"{held} LIKE :term{place}" for place in range(len(terms))]
    values: dict[str, Any] = {
        f"term{place}": f"% {term}{'' if begins else ' '}%" for place, (term, begins) in enumerate(terms)
    }
    statement = f"SELECT taskId FROM search_docs WHERE userId=:owner AND seq>:floor AND {' AND '.join(tests)} ORDER BY seq DESC LIMIT :most"
    rows = db.session.execute(
        text(statement),
        values | {"owner": owner_id, "floor": -1 if floor is None else floor, "most": limit + 1},
    )
    found = [row[0] for row in rows]
    return Found(found[:limit], len(found) > limit, None if floor is None else MOST_SEARCHED)


def index_kind() -> str:
    """ "fts5" on SQLite, "fulltext" on MySQL and MariaDB, "none" where the database has no index over words (TiDB)."""
    known = current_app.extensions.get("search_index")
    if known is None:
        known = "fts5"
        if db.engine.dialect.name != "sqlite":
            rows = db.session.execute(text(_HAS_INDEX), {"name": FULLTEXT})
            known = "fulltext" if rows.first() else "none"
        current_app.extensions["search_index"] = known
    return known
