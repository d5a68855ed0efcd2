"""Who says otherwise than a tool, or does otherwise than told: what the agents of a run said, in order, beside what tools and others told them."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

from swarm_ui.diagnosis import claims, orders
from swarm_ui.diagnosis.case import Case
from swarm_ui.diagnosis.reading import Read, answers
from swarm_ui.formatting import clip

QUOTED = 60


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool answered."""

    tool: str
    text: str
    failure: str | None


@dataclass
class Contradictions:
    case: Case

    @cached_property
    def steps(self) -> dict[int, str]:
        """Answers of models that contradict what the tools called for them had said, by the index of their step."""
        case, found = self.case, {}
        pending: dict[str | None, dict[str, Told]] = {}
        for index in case.tree.by_start:
            step = case.steps[index]
            if case.is_tool_call(index):
                told = self._told(index)
                if told:
                    pending.setdefault(step.agent_id, {})[told.tool] = told
            elif index in case.replies:
                reply = case.replies[index]
                results = pending.pop(step.agent_id, {})
                if says := denial(list(results.values()), reply.text, reply.before):
                    found[index] = says
        return found

    def _told(self, index: int) -> Told | None:
        """A later call of the same tool takes the place of an earlier one: what was mended is no failure any more."""
        case, step = self.case, self.case.steps[index]
        result, name = case.results.get(index), case.step_name(index)
        if step.status == "error":
            return Told(name, "", step.error_message or step.error_type or "no reason recorded")
        return Told(name, result, claims.failure_in(result)) if result else Told(name, "", None)

    @cached_property
    def disobedient_steps(self) -> dict[int, str]:
        """Answers in a form that was ruled out, and calls of tools that had been forbidden to the one who made them."""
        case, found = self.case, {}
        banned: dict[tuple[str | None, str], tuple[int, str]] = {}
        for index, reply in case.replies.items():
            for text in reply.orders:
                if says := orders.broken(text, reply.text):
                    found[index] = says
                self._ban(banned, case.steps[index].agent_id, text, case.steps[index].started_at)
        for turn in case.requests():
            if turn.at is not None:
                self._ban(banned, turn.recipient, turn.text, turn.at)
        for index in case.tools if banned else ():
            step = case.steps[index]
            since, sentence = banned.get((step.agent_id, case.step_name(index)), (None, ""))
            if since is not None and step.started_at >= since:
                found[index] = f"It was told “{sentence}”, and called it"
        return found

    @cached_property
    def _tool_names(self) -> frozenset[str]:
        return frozenset(self.case.tools.values())

    def _ban(
        self, banned: dict[tuple[str | None, str], tuple[int, str]], agent: str | None, text: str, at: int
    ) -> None:
        if self._tool_names:
            for tool, sentence in orders.forbidden(text).items():
                if tool in self._tool_names:
                    banned.setdefault((agent, tool), (at, sentence))

    @cached_property
    def _calls(self) -> dict[str | None, tuple[list[int], list[int]]]:
        """Of each agent its calls of tools in order: when they ended, and which they are."""
        case = self.case
        ended = sorted(
            (case.steps[index].ended_at, index) for index in case.tools if case.is_tool_call(index)
        )
        found: dict[str | None, tuple[list[int], list[int]]] = {}
        for at, index in ended:
            moments, indices = found.setdefault(case.steps[index].agent_id, ([], []))
            moments.append(at)
            indices.append(index)
        return found

    def turns(self, signs: list[Read]) -> dict[int, str]:
        """Messages that contradict the output before them, or what the tools of their sender had said since its last message."""
        case, found = self.case, {}
        read = {case.steps[index].agent_id for index in case.replies}
        spoke: dict[str | None, int] = {}
        for place, turn in enumerate(case.turns):
            if not signs[place].own:
                continue
            results: dict[str, Told] = {}
            if turn.at is not None and turn.sender not in read:
                moments, indices = self._calls.get(turn.sender, ([], []))
                for index in indices[
                    bisect_left(moments, spoke.get(turn.sender, 0)) : bisect_left(moments, turn.at + 1)
                ]:
                    if told := self._told(index):
                        results[told.tool] = told
                spoke[turn.sender] = turn.at
            if place and signs[place - 1].is_output:
                output = case.turns[place - 1].text
                failure = output if signs[place - 1].failed else None
                results["the output"] = Told("the output", output, failure)
            if results and turn.type in ("response", "broadcast", "status_update"):
                before = [earlier.text for earlier in case.turns[max(0, place - 50) : place]]
                if says := denial(list(results.values()), turn.text, before):
                    found[place] = says
        return found

    @cached_property
    def disobedient_turns(self) -> dict[int, str]:
        """Only of those who were asked by name: what is said to all is nobody's order."""
        turns = self.case.turns
        return {
            place: says
            for place, asked in answers(turns).items()
            if turns[asked].type == "request"
            and turns[place].type == "response"
            and turns[place].is_whole
            and (says := orders.broken(turns[asked].text, turns[place].text))
        }


def denial(results: list[Told], answer: str, before: list[str] | tuple[str, ...]) -> str | None:
    """How an answer denies what it was told; only where nothing that went well could be meant."""
    failed = [told for told in results if told.failure is not None]
    if failed and len(failed) == len(results) and (claim := claims.success_in(answer)):
        told = failed[-1]
        return f"It says “{clip(claim, QUOTED)}”, and {told.tool} had failed: “{clip(told.failure, QUOTED)}”"
    if len(results) == 1 and not failed and (other := claims.other_figure(results[0].text, answer, before)):
        given, said = other
        return f"It says {said}, and {results[0].tool} had given {given}"
    return None
