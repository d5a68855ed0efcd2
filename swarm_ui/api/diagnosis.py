"""What the diagnosis of a run says, as dictionaries. Worked out when it is asked for; see `tasks/explain.py`."""

from typing import Any

from swarm_ui.api import shapes
from swarm_ui.diagnosis.story import Piece, Sentence
from swarm_ui.extensions import db
from swarm_ui.tasks import explain
from swarm_ui.tasks.models import Task


def _found(task_id: str) -> explain.Diagnosis | None:
    task = db.session.get(Task, task_id)
    return None if task is None else explain.whole(task)


def suspects(task_id: str) -> dict[str, Any] | None:
    """None where there is no such run; so for the others."""
    found = _found(task_id)
    if found is None:
        return None
    items = [
        {
            "agent": one.agent,
            "agentId": one.agent_id,
            "spanId": one.span_id,
            "messageId": one.message_id,
            "position": one.position,
            "what": one.what,
            "at": shapes.iso_us(one.at),
            "score": one.score,
            "evidence": [
                {"kind": reason.kind, "points": reason.points, "says": reason.says} for reason in one.evidence
            ],
        }
        for one in found.suspects
    ]
    return {"items": items, "complete": found.is_whole}


def story(task_id: str) -> dict[str, Any] | None:
    found = _found(task_id)
    if found is None:
        return None
    told = found.story
    return {
        "items": [
            {
                "text": text_of(sentence),
                "at": shapes.iso_us(sentence.at or None),
                "spanId": sentence.key and sentence.key.rpartition(".")[2],
                "messageId": sentence.message_id,
            }
            for sentence in told.sentences
        ],
        "handOffs": [{"from": one, "to": other, "count": count} for one, other, count in told.hand_offs],
        "toolCalls": told.tool_calls,
        "complete": found.is_whole,
    }


def patterns(task_id: str) -> dict[str, Any] | None:
    found = _found(task_id)
    if found is None or found.patterns is None:
        return None
    items = [
        {
            "kind": one.kind,
            "says": one.says,
            "agents": list(one.agents),
            "agentIds": list(one.agent_ids),
            "times": one.times,
            "since": shapes.iso_us(one.since),
            "until": shapes.iso_us(one.until),
            "tokenUsage": one.tokens,
            "estimatedCost": one.cost,
            "spanIds": [key.rpartition(".")[2] for key in one.keys],
            "messageIds": list(one.message_ids),
        }
        for one in found.patterns.items
    ]
    waits = [
        {
            "agent": one.agent,
            "waitsFor": one.waits_for,
            "since": shapes.iso_us(one.since),
            "messageId": one.message_id,
        }
        for one in found.patterns.waits
    ]
    return {"items": items, "waits": waits, "complete": found.is_whole}


def text_of(sentence: Sentence) -> str:
    text = "".join(map(_said, sentence.pieces))
    return (text[:1].upper() + text[1:] if sentence.pieces[0].kind == "text" else text) + "."


def _said(piece: Piece) -> str:
    if piece.kind == "time" and piece.at is not None:
        return f"{(shapes.iso_us(piece.at) or '')[11:19]} UTC".strip()
    return piece.text
