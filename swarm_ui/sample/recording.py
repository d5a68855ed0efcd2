"""Writes down one run as its tracing library would report it: the spans that ended, the log records, and what the models used.

A run is a script that opens steps, waits and closes them; time is a cursor. `Failed` climbs through the open steps as an exception climbs through
a program, and leaves an error on each; `Cut` is where the recording ends, so that steps still open then are never reported.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from swarm_ui.ingest.records import LogEntry, SpanRecord
from swarm_ui.sample.swarm import AGENTS, MODELS, Member, Model
from swarm_ui.sample.wording import Library

INFO, WARNING, ERROR = 9, 13, 17


class Failed(Exception):
    """`kind` is the exception's class as a tracing library names it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Cut(Exception):
    """Nothing that happens after this moment is recorded."""


@dataclass
class Turn:
    """An agent at work: what it was asked, how long its conversation has grown, and what it answers."""

    name: str
    model: Model
    prompt: str
    asked: str
    context: int
    answer: str = ""
    last: str = ""


@dataclass
class Whole:
    answer: str = ""


@dataclass
class Recording:
    library: Library
    resource: dict[str, Any]
    random: random.Random
    at: int
    until: int | None = None
    # Providers whose models answer nothing but errors during this run.
    down: frozenset[str] = frozenset()
    # How the agents worked at that time.
    cast: Mapping[str, Member] = field(default_factory=lambda: AGENTS)
    # The conversation that it belongs to, and its place there; else it is one by itself.
    session: str = ""
    talk: tuple[int, int] | None = None
    spans: list[SpanRecord] = field(default_factory=list)
    logs: list[LogEntry] = field(default_factory=list)
    used: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    failed: bool = False

    def __post_init__(self) -> None:
        self.started_at = self.at
        self.trace_id = f"{self.random.getrandbits(128) | 1 << 127:032x}"
        self.session = self.session or f"conv_{self.random.getrandbits(80):020x}"
        self._open: list[SpanRecord] = []
        self._turns: list[Turn] = []

    # ── time ──

    def wait(self, seconds: float) -> None:
        """`seconds` pass, give or take a fifth."""
        self.at += int(seconds * self.random.uniform(0.82, 1.22) * 1e6)
        if self.until is not None and self.at > self.until:
            raise Cut

    def together(self, *branches: Callable[[], None]) -> None:
        """Runs the branches side by side; goes on, or fails, when the last of them has ended."""
        begun, ended = self.at, [self.at]
        stopped: list[Failed | Cut] = []
        for branch in branches:
            self.at = begun + self.random.randrange(20_000, 400_000)
            depth, turns = len(self._open), len(self._turns)
            try:
                branch()
            except (Failed, Cut) as reason:
                stopped.append(reason)
                del self._open[depth:], self._turns[turns:]
            ended.append(self.at)
        self.at = max(ended)
        cut = next((reason for reason in stopped if isinstance(reason, Cut)), None)
        if stopped:
            raise cut or stopped[0]

    # ── steps ──

    @contextmanager
    def run(self, name: str, asked: str) -> Iterator["Whole"]:
        """The whole: a `Failed` that reaches it is the run's failure, and ends here."""
        whole = Whole()
        try:
            with self._step(*self.library.workflow(name, asked, self.session)) as record:
                with self._step(*self.library.admission(name)):
                    self.wait(0.03)
                yield whole
                self.library.answered(record.attributes, whole.answer)
        except Failed:
            self.failed = True
        except Cut:
            self._open.clear()
            self._turns.clear()

    @contextmanager
    def agent(self, name: str, asked: str) -> Iterator[Turn]:
        member = self.cast[name]
        turn = Turn(name, MODELS[member.model], member.prompt, asked, member.context + len(asked) // 4)
        with self._step(*self.library.agent(name, asked, self.session)) as record:
            self._turns.append(turn)
            try:
                self.wait(0.05)
                yield turn
            finally:
                self._turns.pop()
            self.library.answered(record.attributes, turn.answer or turn.last)

    def think(
        self, said: str, *, calls: tuple[str, dict[str, Any]] | None = None, error: Failed | None = None
    ) -> None:
        """One call of the agent's model: it answers in words, or with a tool to call and its arguments."""
        turn, model = self._turns[-1], self._turns[-1].model
        if model.provider in self.down and error is None:
            self.wait(1.0)
            error = Failed(
                model.outage,
                f"Error code: 503 - {model.vendor} is temporarily overloaded. Please try again later.",
            )
        name, attributes = self.library.call(turn, model)
        started_at = self.at
        with self._step(name, attributes):
            if error is not None:
                self.wait(self.random.uniform(0.8, 6))
                raise error
            # Models write more than they say: reasoning, and the form around a call.
            written = len(said) // 4 + self.random.randrange(40, 420)
            self.wait(model.latency + written / model.speed)
            self.library.answer(attributes, turn, model, said, calls, written, self.random)
            turn.context += written + self.random.randrange(40, 200)
            turn.last = said
        seconds = (self.at - started_at) / 1e6
        for kind, amount in (("input", turn.context), ("output", written), ("seconds", seconds)):
            total = self.used.setdefault((model.provider, model.name, kind), [0, 0.0])
            total[0] += 1
            total[1] += amount

    @contextmanager
    def tool(self, name: str, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A tool that takes its own time; put its result under "result"."""
        turn = self._turns[-1] if self._turns else None
        call = f"call_{self.random.getrandbits(60):015x}"
        with self._step(*self.library.tool(name, call, arguments, turn)) as record:
            outcome: dict[str, Any] = {}
            yield outcome
            result = outcome.get("result", "")
            self.library.returned(record.attributes, result)
            if turn:
                turn.context += len(str(result)) // 4 + self.random.randrange(150, 2_600)

    @contextmanager
    def delegate(self, agent: str, asked: str) -> Iterator[Turn]:
        """The model chooses the tool behind which another agent works."""
        name, arguments = f"ask_{agent.replace('-', '_')}", {"task": asked}
        self.think(f"Asking {agent}.", calls=(name, arguments))
        with self.tool(name, arguments) as outcome, self.agent(agent, asked) as turn:
            yield turn
            outcome["result"] = turn.answer or turn.last

    def use(
        self, name: str, arguments: dict[str, Any], result: Any, seconds: float, error: Failed | None = None
    ) -> None:
        """The model chooses a tool, and the tool answers or fails."""
        self.think(f"Calling {name}.", calls=(name, arguments))
        with self.tool(name, arguments) as outcome:
            self.wait(seconds)
            if error is not None:
                raise error
            outcome["result"] = result

    def retrieve(
        self, source: str, query: str, passages: list[str], seconds: float, error: Failed | None = None
    ) -> None:
        with self._step(*self.library.retrieval(source, query)) as record:
            self.wait(seconds)
            if error is not None:
                raise error
            self.library.found(record.attributes, passages)
        if self._turns:
            self._turns[-1].context += sum(map(len, passages)) // 4

    def embed(self, texts: int, seconds: float) -> None:
        """Texts into vectors, by the embedding model of whoever is at work."""
        name, attributes, tokens = self.library.embedding(texts, self.random)
        with self._step(name, attributes):
            self.wait(seconds)
        total = self.used.setdefault(("openai", "text-embedding-3-small", "input"), [0, 0.0])
        total[0] += 1
        total[1] += tokens

    def tell(self, sender: str, recipients: list[str], kind: str, said: str) -> None:
        """A message that the runtime carries itself: one span for each recipient."""
        message = f"{self.random.getrandbits(64):016x}"
        for recipient in recipients:
            with self._step(*self.library.message(sender, recipient, kind, message, said)):
                self.wait(0.02)

    @contextmanager
    def step(self, name: str) -> Iterator[SpanRecord]:
        """Something between agents: a check, a merge."""
        with self._step(*self.library.step(name)) as record:
            yield record

    @contextmanager
    def _step(self, name: str, attributes: dict[str, Any]) -> Iterator[SpanRecord]:
        record = SpanRecord()
        record.trace_id, record.span_id = self.trace_id, f"{self.random.getrandbits(64) | 1 << 63:016x}"
        record.parent_id = self._open[-1].span_id if self._open else None
        record.name, record.attributes = name, attributes
        record.started_at = self.at
        record.status, record.status_message = 0, ""
        record.events, record.links = [], []
        record.resource, record.scope = self.resource, self.library.scope
        record.remote_parent, record.dropped = False, 0
        self._open.append(record)
        try:
            yield record
        except Cut:
            raise
        except Failed as failure:
            self._end(record)
            record.status, record.status_message = 2, f"{failure.kind}: {failure}"
            record.attributes["error.type"] = failure.kind
            record.events.append(
                {
                    "name": "exception",
                    "at": self.at,
                    "attributes": {"exception.type": failure.kind, "exception.message": str(failure)},
                }
            )
            raise
        self._end(record)

    def _end(self, record: SpanRecord) -> None:
        self._open.pop()
        record.ended_at = self.at
        self.spans.append(record)

    # ── logs ──

    def log(self, severity: int, text: str, **attributes: Any) -> None:
        """A line that the application logs at this point."""
        entry = LogEntry()
        entry.trace_id, entry.span_id = self.trace_id, self._open[-1].span_id if self._open else None
        entry.at, entry.severity = self.at, severity
        entry.severity_text = {INFO: "INFO", WARNING: "WARN", ERROR: "ERROR"}[severity]
        entry.event_name, entry.body, entry.attributes = "", text, attributes
        entry.resource, entry.scope = self.resource, ("atlas", "4.12.0")
        self.logs.append(entry)
