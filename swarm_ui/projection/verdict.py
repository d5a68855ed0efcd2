"""How a run ended, from evidence, and which step failed first.

Libraries set statuses by habit: a root may say OK above a crash, or carry an error that was handled. What agreed with the application in every
recorded run: failed if the root has status error, or the last-ending top-level invocation of an agent has; else completed.
"""

from dataclasses import dataclass

from swarm_ui.projection.invocations import Invocation
from swarm_ui.projection.tree import Node

_FRAMEWORK = frozenset({"step", "workflow"})


@dataclass(slots=True)
class Verdict:
    """`culprit` is the deepest original error that explains the failure (or the first error of a run that recovered); `ended_at` is when
    the last span ended, and `last_arrival` when the last one arrived."""

    status: str
    errors: list[Node]
    culprit: Node | None
    imported: bool
    ended_at: int
    last_arrival: int
    # What its sender said, where it was sent over REST with a status.
    told: str = ""


def judge(
    ordered: list[Node], invocations: list[Invocation], roots: list[Node], *, now: int, timeout: int
) -> Verdict:
    """`roots` have ended; a trace that has none still runs. Times in µs."""
    errors = original_errors(ordered)
    ended_at = max([node.ended_at for node in ordered])
    arrived_at = min([node.arrived_at for node in ordered if node.ended_at == ended_at])
    last_arrival = max([node.arrived_at for node in ordered])
    imported = arrived_at - ended_at > timeout
    traces = {node.trace_id for node in ordered}
    if len({root.trace_id for root in roots}) < len(traces):
        quiet = imported or now - last_arrival >= timeout
        status = "timeout" if quiet else "running"
        return Verdict(status, errors, errors[0] if errors else None, imported, ended_at, last_arrival)
    told = next((root.more["end"] for root in roots if root.more.get("end")), "")
    if told in ("completed", "timeout"):
        first = errors[0] if errors else None
        return Verdict(told, errors, first, imported, ended_at, last_arrival, told)
    evidence = [root for root in roots if root.failed]
    if told == "cancelled":
        return Verdict("failed", errors, evidence[0], imported, ended_at, last_arrival, told)
    tops = [invocation.node for invocation in invocations if invocation.above is None]
    if tops:
        last = max(tops, key=lambda node: (node.ended_at, node.started_at, node.span_id))
        if last.failed:
            evidence.append(last)
    if not evidence:
        return Verdict("completed", errors, errors[0] if errors else None, imported, ended_at, last_arrival)
    fatal = [error for error in errors if _explains(error, evidence)]
    # An error that was handled stands below the same failed span as the one that was not; the failure repeats the words of the latter.
    said = {node.error_message for node in evidence if node.error_message}
    repeated = [error for error in fatal if error.error_message and _repeats(error.error_message, said)]
    lasting = _lasting(fatal, ordered)
    own = (
        [node for node in evidence if node.error_type or node.error_message] if fatal and not lasting else []
    )
    culprit = (repeated or lasting or own or fatal or errors or evidence)[0]
    if own and not repeated:
        # It failed for a reason of its own, after what had failed inside was mended.
        errors = sorted([*errors, culprit], key=_by_end)
    began = _first_of_its_series(culprit, ordered, errors)
    return Verdict("failed", errors, began, imported, ended_at, last_arrival, told)


def _first_of_its_series(culprit: Node, ordered: list[Node], errors: list[Node]) -> Node:
    """Where an agent tries a step again and again and it keeps failing in the same way, the run began to fail at the first of them."""
    step = _step_of(culprit)
    tries = sorted(
        (node for node in ordered if node.ended_at <= culprit.ended_at and _step_of(node) == step),
        key=_by_end,
    )
    originals = {id(error) for error in errors}
    first = culprit
    for node in reversed(tries):
        if not node.failed or node.error_type != culprit.error_type:
            break
        if id(node) in originals:
            first = node
    return first


def _lasting(fatal: list[Node], ordered: list[Node]) -> list[Node]:
    """Those that the same agent did not try again with success."""
    tried = {_step_of(error) for error in fatal}
    worked: dict[tuple[str, str | None, str], int] = {}
    for node in ordered if fatal else ():
        if not node.failed and (step := _step_of(node)) in tried:
            worked[step] = max(worked.get(step, 0), node.started_at)
    return [error for error in fatal if worked.get(_step_of(error), -1) < error.ended_at]


def _by_end(node: Node) -> tuple[int, int, str, str]:
    return (node.ended_at, node.started_at, node.trace_id, node.span_id)


def _step_of(node: Node) -> tuple[str, str | None, str]:
    """What makes two spans tries of one step: kind, agent and name."""
    agent = node.invocation.agent if node.invocation else None
    return node.kind, agent, node.more.get("tl") or node.name


def original_errors(ordered: list[Node]) -> list[Node]:
    """Error spans with no error below them, first ended first. A framework's step that only repeats an error is left out."""
    if not any(node.failed for node in ordered):
        return []
    inside: set[int] = set()
    for node in reversed(ordered):
        if (node.failed or id(node) in inside) and node.parent is not None:
            inside.add(id(node.parent))
    deepest = [
        node for node in ordered if node.failed and id(node) not in inside and not _is_mere_verdict(node)
    ]
    deepest.sort(key=_by_end)
    said = {node.error_message for node in deepest if node.kind not in _FRAMEWORK and node.error_message}
    return [node for node in deepest if node.kind not in _FRAMEWORK or not _repeats(node.error_message, said)]


def _is_mere_verdict(node: Node) -> bool:
    """A task that was sent with the word that it failed, and no more."""
    return node.kind == "workflow" and not (node.row_id or node.error_type or node.error_message)


def _repeats(message: str | None, said: set[str]) -> bool:
    return bool(said) and (
        message is None or any(other and (other in message or message in other) for other in said)
    )


def _explains(error: Node, evidence: list[Node]) -> bool:
    """Each span between the error and the failed one failed too."""
    node: Node | None = error
    while node is not None and node.failed:
        if node in evidence:
            return True
        node = node.parent
    return False
