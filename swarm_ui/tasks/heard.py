"""What models and tools of a run said, out of the payloads of their steps: read for a diagnosis, and only where something may speak against them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from swarm_ui.diagnosis.case import Case, Reply
from swarm_ui.extensions import db
from swarm_ui.ingest.contents import Content, gist, input_of, output_of, parsed
from swarm_ui.ingest.models import Span
from swarm_ui.ingest.payload import session_reader
from swarm_ui.ingest.values import dictionaries
from swarm_ui.jsontext import dumps, loads
from swarm_ui.tasks.tree import Span as Step

# The last answers of models, and the last results of tools that were before them.
MOST_REPLIES, MOST_RESULTS = 60, 200
# Characters of a result, of an answer, of one instruction, of all that a model knew.
RESULT, ANSWER, ORDER, KNOWN = 20_000, 20_000, 50_000, 200_000
_INSTRUCTS, _ASKS = frozenset({"system", "developer"}), frozenset({"user", "human"})


def facts_of(text: str | None) -> dict[str, Any]:
    try:
        found = loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def endings(steps: Sequence[Step]) -> tuple[dict[int, str], frozenset[int]]:
    """Calls of models that were cut off, with the reason, and those that said nothing."""
    cut: dict[int, str] = {}
    mute = set()
    for index, step in enumerate(steps):
        if step.kind == "llm" and step.facts and ('"cut"' in step.facts or '"mute"' in step.facts):
            facts = facts_of(step.facts)
            if facts.get("cut"):
                cut[index] = str(facts["cut"])
            elif facts.get("mute"):
                mute.add(index)
    return cut, frozenset(mute)


def worth_reading(case: Case) -> tuple[list[int], list[int]]:
    """(calls of models that answered in words, calls of tools by the same agents), the latest ones of each."""
    steps = case.steps
    answers = [
        index
        for index in case.tree.by_start
        if steps[index].kind == "llm" and steps[index].status != "error" and index not in case.mute
        and '"calls"' not in (steps[index].facts or "")
    ][-MOST_REPLIES:]  # fmt: skip
    speakers = {steps[index].agent_id for index in answers} | {turn.sender for turn in case.turns}
    results = [
        index
        for index in case.tree.by_start
        if case.is_tool_call(index) and steps[index].status != "error" and steps[index].agent_id in speakers
    ][-MOST_RESULTS:]
    return answers, results


def payloads(case: Case, indices: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What these steps carried."""
    wanted = {(case.steps[index].trace_id, case.steps[index].span_id): index for index in indices}
    if not wanted:
        return {}
    statement = select(Span.trace_id, Span.span_id, Span.payload).where(
        Span.trace_id.in_({trace_id for trace_id, _ in wanted}),
        Span.span_id.in_({span_id for _, span_id in wanted}),
    )
    rows = [
        row for row in db.session.execute(statement) if (row.trace_id, row.span_id) in wanted and row.payload
    ]
    documents = session_reader(db.session).open_all([row.payload for row in rows])
    return {
        wanted[row.trace_id, row.span_id]: document for row, document in zip(rows, documents, strict=True)
    }


def argument_of(document: Mapping[str, Any]) -> str | None:
    value = input_of(dict(document))
    return None if value is None else value if isinstance(value, str) else dumps(value)


def result_of(document: Mapping[str, Any]) -> str | None:
    """A result as it is: where a library wraps it into a message, what the message says."""
    value = output_of(dict(document))
    if value is None:
        return None
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        return value["content"][:RESULT]
    return (value if isinstance(value, str) else dumps(value))[:RESULT]


def reply_of(document: Mapping[str, Any]) -> Reply | None:
    text = gist(output_of(dict(document)))
    if not text:
        return None
    asked = input_of(dict(document))
    messages = _messages(asked)
    orders = [said for message in messages if _role(message) in _INSTRUCTS and (said := gist(message))]
    if standing := gist(parsed(document["attributes"].get("gen_ai.system_instructions"))):
        orders.append(standing)
    last = next((message for message in reversed(messages) if _role(message) in _ASKS), None)
    if last and (said := gist(last)):
        orders.append(said)
    known = asked if isinstance(asked, str) else dumps(asked)
    # The end of it: what was said last.
    return Reply(text[:ANSWER], tuple(order[:ORDER] for order in orders), (known[-KNOWN:], *orders))


def _messages(content: Content) -> list[dict[str, Any]]:
    if isinstance(content, dict):
        content = content.get("messages")
    if isinstance(content, list) and content and isinstance(content[0], list):
        content = content[0]
    return dictionaries(content)


def _role(message: Mapping[str, Any]) -> str:
    return str(message.get("role") or message.get("type") or "").lower()
