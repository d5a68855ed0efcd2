"""Tells Swarm UI what your agents do: one file to copy, Python 3.9 or newer, nothing but the standard library.

    import swarm                                  # SWARM_URL and SWARM_KEY in the environment, or swarm.configure(url, key)

    with swarm.task("Nightly report", workflow="Report", input={"day": "2026-11-17"}) as task:
        task.message("planner", "researcher", "What changed today?")
        with task.span("search_kb", kind="tool", agent="researcher", input="changes") as step:
            step.output = search("changes")
        task.log("the index is a day old", agent="researcher", level="warning")
        task.metric(agent="researcher", model="gpt-4o", input_tokens=900, output_tokens=120)
        task.result = "Two things changed."

It never breaks and never holds up the program that it is in: what is told goes into a bounded buffer, a background thread sends it, and while the server
is away it waits on disk, to be sent later in the same order, also by the next process. Everything has an id of its own, so that sending twice doubles
nothing. What cannot be kept is dropped, counted (`swarm.dropped()`) and said once on the logger "swarm".
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gzip
import hashlib
import inspect
import json
import logging
import os
import threading
import time
import urllib.error
import urllib.request
import uuid
import weakref
from collections import deque
from contextvars import ContextVar, Token
from typing import Any, Callable, Iterator, TypeVar, cast  # noqa: UP035  # Python 3.9

try:
    import fcntl
except ImportError:  # Windows: several processes then had better not share a spool
    fcntl = None  # type: ignore[assignment]

__all__ = ["Client", "Span", "Task", "configure", "current", "dropped", "flush", "task", "traced"]

log = logging.getLogger("swarm")
F = TypeVar("F", bound=Callable[..., Any])
Json = Any
# What the server takes, in characters; longer texts are cut with a mark.
_NAME, _WORDS, _LINE, _CONTENT, _METADATA = 255, 8_000, 100_000, 950_000, 60_000
# Things a request, and bytes of it.
_BATCH, _BATCH_BYTES = 200, 2_000_000
_LINGER = 0.1


class _Op(tuple[str, str, str, str]):
    """(method, path, id, JSON): one thing to send."""


class _Away(Exception):
    """The server cannot take it now."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Client:
    """Sends to one space. All limits may be set; `spool=""` keeps nothing on disk, and without `url` or `key` nothing is sent at all."""

    def __init__(
        self,
        url: str = "",
        key: str = "",
        *,
        service: str = "",
        spool: str | None = None,
        timeout: float = 10.0,
        most_waiting: int = 20_000,
        most_waiting_bytes: int = 64_000_000,
        most_spooled_bytes: int = 256_000_000,
        longest_pause: float = 30.0,
    ) -> None:
        self.url, self.service = url.rstrip("/"), service
        self._key = key
        self.enabled = bool(url and key)
        self.timeout, self.longest_pause = timeout, longest_pause
        self.most_waiting, self.most_waiting_bytes, self.most_spooled_bytes = (
            most_waiting,
            most_waiting_bytes,
            most_spooled_bytes,
        )
        self._spool = _Spool(
            spool if spool is not None else _default_spool(self.url, key), most_spooled_bytes
        )
        self._last_at = 0
        self._told: set[str] = set()
        self.dropped = 0
        self._reset()
        if self.enabled:
            _clients.add(self)
            _care_for_children(self)

    def _reset(self) -> None:
        """As new, in a process that was forked too: what waits in the parent is the parent's to send, locks may be held by nobody here."""
        self._lock = threading.Condition(threading.Lock())
        self._queue: deque[_Op] = deque()
        self._bytes = 0
        self._flight: list[_Op] = []
        self._sending = False
        self._closed = False
        self._wanted = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._spool.forget_lock()

    def task(self, name: str, **known: Any) -> Task:
        """`with client.task("Nightly report", workflow=…, session=…, input=…, priority=…, deadline_in=…) as task:`"""
        return Task(self, name, **known)

    # What the objects below hand over.

    def now(self) -> float:
        """Seconds since 1970, never the same twice: what was told later is later."""
        now = time.time_ns() // 1000
        with self._lock:
            self._last_at = now = max(now, self._last_at + 1)
        return now / 1_000_000

    def put(self, method: str, path: str, body: dict[str, Json], key: str = "") -> None:
        """Never raises, never waits for anything but another thread that does the same."""
        if not self.enabled:
            return
        try:
            op = _Op((method, path, key, _dumps(body)))
            size = len(op[3])
            with self._lock:
                if len(self._queue) >= self.most_waiting or self._bytes + size > self.most_waiting_bytes:
                    self._drop(1, "the buffer is full")
                    return
                self._queue.append(op)
                self._bytes += size
                if len(self._queue) == 1 or len(self._queue) == _BATCH:
                    self._lock.notify_all()
            if self._thread is None:
                self._start()
        except Exception:  # a program must not suffer from what it tells of itself
            self._drop(1, "it could not be written down", exc_info=True)

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until all that was told before is sent, or kept on disk; whether it was within the time."""
        if not self.enabled:
            return True
        deadline = time.monotonic() + timeout
        with self._lock:
            self._wanted = True
            self._lock.notify_all()
            while (self._queue or self._sending) and self._thread is not None and self._thread.is_alive():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._lock.wait(left)
            return not self._queue

    def close(self, timeout: float = 5.0) -> None:
        """Flushes; what is left then goes to the disk. Called at exit by itself."""
        if not self.enabled or self._pid != os.getpid():
            return
        try:
            self._closed = True
            self.flush(timeout)
            if left := [*self._flight, *self._take()]:
                self._write(left)
        except Exception:
            log.debug("swarm could not end well", exc_info=True)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                thread = threading.Thread(target=self._run, name="swarm", daemon=True)
                self._thread = thread
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending; `close` keeps what waits
                    self._thread = None

    def _drop(self, number: int, why: str, exc_info: bool = False) -> None:
        self.dropped += number
        if why not in self._told:
            self._told.add(why)
            log.warning("swarm drops what it cannot send: %s", why, exc_info=exc_info)

    # The thread.

    def _run(self) -> None:
        pause = 0.0
        while True:
            with self._lock:
                self._wait_for_work(pause)
                self._sending = True
            try:
                pause = self._work(pause)
            except Exception:
                log.debug("swarm could not send", exc_info=True)
                pause = 1.0
            with self._lock:
                self._flight = []
                self._sending = False
                if not self._queue:
                    self._wanted = False
                self._lock.notify_all()

    def _wait_for_work(self, pause: float) -> None:
        if pause:
            # The server is left in peace; what comes meanwhile goes to the disk.
            self._lock.wait(0.05 if self._wanted else min(pause, 1.0))
        elif not self._queue and not self._wanted:
            # What another process left behind is looked after too.
            self._lock.wait(1.0 if self._spool.used else None)
        if self._queue and not pause and not self._wanted and not self._closed and len(self._queue) < _BATCH:
            self._lock.wait(_LINGER)

    def _work(self, pause: float) -> float:
        """Sends what waits; how long to leave the server in peace then."""
        rested = not pause or time.monotonic() - self._failed_at >= pause
        if not rested and not self._spool.folder:
            return pause
        ops = self._flight = self._take()
        if self._spool.holds_any():
            # In order: what is on disk goes first.
            if ops:
                self._keep(ops)
            return self._send_spooled(pause) if rested else pause
        if not rested:
            self._keep(ops)
            return pause
        try:
            self._send(ops)
        except _Away as away:
            self._keep(ops)
            return self._pause_after(pause, away)
        self._told.discard("away")
        return 0.0

    _failed_at = 0.0

    def _pause_after(self, pause: float, away: _Away) -> float:
        self._failed_at = time.monotonic()
        if "away" not in self._told:
            self._told.add("away")
            log.warning("swarm cannot reach %s now, what is told waits: %s", self.url, away)
        return min(max(away.wait, pause * 2, 0.5), self.longest_pause)

    def _take(self) -> list[_Op]:
        with self._lock:
            ops = list(self._queue)
            self._queue.clear()
            self._bytes = 0
        return ops

    def _keep(self, ops: list[_Op]) -> None:
        """Until the server is back: on disk, or in the buffer where there is none."""
        if self._spool.folder:
            self._write(ops)
            return
        with self._lock:
            room = max(self.most_waiting - len(self._queue), 0)
            self._queue.extendleft(reversed(ops[:room]))
            self._bytes += sum(len(op[3]) for op in ops[:room])
        if len(ops) > room:
            self._drop(len(ops) - room, "the server is away and the buffer is full")

    def _write(self, ops: list[_Op]) -> None:
        lost = self._spool.write(ops)
        if lost:
            self._drop(lost, "the server is away and the disk cannot keep more")

    def _send_spooled(self, pause: float) -> float:
        with self._spool.alone() as mine:
            if not mine:
                return 0.5  # another process sends it
            for segment in self._spool.segments():
                try:
                    self._send(self._spool.read(segment))
                except _Away as away:
                    return self._pause_after(pause, away)
                self._spool.remove(segment)
                if self._queue:
                    self._flight = self._take()
                    self._keep(self._flight)
        self._spool.used = self._spool.holds_any()
        self._told.discard("away")
        return 0.0

    def _send(self, ops: list[_Op]) -> None:
        """In order for each path; tasks come before what belongs to them, because they were told before."""
        groups: dict[tuple[str, str, str], list[_Op]] = {}
        for op in ops:
            alone = op[2] if op[0] == "PATCH" else ""
            groups.setdefault((op[0], op[1], alone), []).append(op)
        for (method, path, key), members in groups.items():
            for batch in _batches(members):
                self._send_batch(method, path, key, batch)

    def _send_batch(self, method: str, path: str, key: str, batch: list[_Op]) -> None:
        one = method == "PATCH" or len(batch) == 1
        status, said = self._ask(
            method, path, batch[0][3] if one else "[" + ",".join(op[3] for op in batch) + "]", key
        )
        if status < 300:
            return
        if one:
            self._drop(1, f"the server refused it ({status}: {said[:300]})")
            return
        for op in batch:  # one that is wrong takes no other with it
            self._send_batch(method, path, key, [op])

    def _ask(self, method: str, path: str, body: str, key: str) -> tuple[int, str]:
        """(status, what is wrong); raises _Away where it is worth trying again."""
        data = body.encode("utf-8", "replace")
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._key}",
            "User-Agent": "swarm.py",
        }
        if key:
            headers["Idempotency-Key"] = key
        if len(data) > 1_000:
            data, headers["Content-Encoding"] = gzip.compress(data, 5), "gzip"
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/api/v1{path}", data=data, headers=headers, method=method
        )
        try:
            with _opener.open(request, timeout=self.timeout) as answer:
                answer.read()
                if answer.headers.get_content_type() != "application/json":
                    raise _Away("this is not Swarm UI")
                return int(answer.status), ""
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(2_000).decode("utf-8", "replace")
                nowhere = error.code in (404, 405) and path == "/tasks"
                if nowhere or error.code < 400 or error.code in (401, 403, 408, 429) or error.code >= 500:
                    wait = error.headers.get("Retry-After", "")
                    raise _Away(
                        f"{error.code} {said[:200]}", float(wait) if wait.isdigit() else 0.0
                    ) from None
            return error.code, said
        except _Away:
            raise
        except Exception as error:  # unreachable, slow, or an answer that is none
            raise _Away(repr(error)) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is sent must not turn into a GET of something else."""

    def redirect_request(self, *_given: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


class _Spool:
    """A folder with segments: files of one JSON line a thing, named by when they were written, complete or not there at all."""

    def __init__(self, folder: str, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self._number = 0
        self._lock_file: Any | None = None
        self.used = bool(folder) and self.holds_any()

    def forget_lock(self) -> None:
        """In a forked process: the lock is the parent's."""
        if self._lock_file is not None:
            with contextlib.suppress(OSError):
                self._lock_file.close()
            self._lock_file = None

    def segments(self) -> list[str]:
        if not self.folder:
            return []
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(".jsonl"))
        except OSError:
            return []

    def holds_any(self) -> bool:
        return bool(self.segments())

    def write(self, ops: list[_Op]) -> int:
        """How many could not be kept."""
        if not self.folder:
            return len(ops)
        self._number += 1
        name = f"{time.time_ns():020d}-{os.getpid()}-{self._number}.jsonl"
        draft = os.path.join(self.folder, name + ".part")
        lines = "".join(_dumps(list(op)) + "\n" for op in ops).encode("utf-8", "replace")
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            if self._size() + len(lines) > self.most_bytes:
                return len(ops)
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(lines)
            os.replace(draft, os.path.join(self.folder, name))
            self.used = True
            return 0
        except OSError:
            with contextlib.suppress(OSError):
                os.remove(draft)
            return len(ops)

    def _size(self) -> int:
        total = 0
        for name in self.segments():
            with contextlib.suppress(OSError):
                total += os.path.getsize(os.path.join(self.folder, name))
        return total

    def read(self, name: str) -> list[_Op]:
        ops = []
        with (
            contextlib.suppress(OSError),
            open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file,
        ):
            for line in file:
                with contextlib.suppress(ValueError, TypeError):
                    method, path, key, body = json.loads(line)
                    ops.append(_Op((method, path, key, body)))
        return ops

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.remove(os.path.join(self.folder, name))

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this process may send what is here; processes that share the folder take turns."""
        if fcntl is None:
            yield True
            return
        with open(os.path.join(self.folder, "lock"), "a") as file:
            self._lock_file = file
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
            finally:
                self._lock_file = None


def _default_spool(url: str, key: str) -> str:
    """One folder for each server and key, in the user's cache."""
    if os.environ.get("SWARM_SPOOL") is not None:
        return os.environ["SWARM_SPOOL"]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "swarm-ui", hashlib.sha256(f"{url} {key}".encode()).hexdigest()[:16])


def _batches(ops: list[_Op]) -> Iterator[list[_Op]]:
    batch: list[_Op] = []
    size = 0
    for op in ops:
        if batch and (len(batch) >= _BATCH or size + len(op[3]) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(op)
        size += len(op[3])
    if batch:
        yield batch


# What a program uses.


class Task:
    """A run. Set `result` and it is told at the end; an exception that leaves the block makes it failed, and goes on its way. `deadline_in` is
    after how many seconds it has to be over."""

    def __init__(
        self,
        client: Client,
        name: str,
        *,
        id: str | None = None,
        workflow: str | None = None,
        session: str | None = None,
        service: str | None = None,
        input: Json = None,
        priority: int | None = None,
        deadline_in: float | None = None,
    ) -> None:
        self._client = client
        self.id = id or uuid.uuid4().hex
        self.result: Json = None
        self._over = False
        self._token: Token[Task | None] | None = None
        self._path = f"/tasks/{self.id}"
        began = client.now()
        self._begun = _known(
            id=self.id, name=_cut(name, _NAME) or "(no name)", workflow=_cut(workflow, _NAME), sessionId=_cut(session, _NAME),
            service=_cut(service or client.service, _NAME) or None, input=_content(input), priority=priority, startedAt=began,
            deadlineAt=began + deadline_in if deadline_in and deadline_in > 0 else None,
        )  # fmt: skip
        self._pid = 0
        self._begin()

    def _begin(self) -> None:
        """Once in each process: one that was forked may be quicker than its parent, and the same again changes nothing."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._client.put("POST", "/tasks", self._begun)

    def message(
        self,
        sender: str,
        recipient: str | None,
        content: Json,
        type: str = "request",
        *,
        metadata: dict[str, Json] | None = None,
        at: float | None = None,
    ) -> None:
        """`type` is request, response, status_update, error or broadcast (then `recipient` may be None)."""
        self._add("messages", id=uuid.uuid4().hex, sender=_cut(sender, _NAME), recipient=_cut(recipient, _NAME), messageType=type,
                  content=_content("" if content is None else content), metadata=_metadata(metadata), at=at or self._client.now())  # fmt: skip

    def log(
        self,
        message: str,
        *,
        agent: str | None = None,
        level: str = "info",
        event: str = "execution",
        metadata: dict[str, Json] | None = None,
    ) -> None:
        """`level` is debug, info, warning, error or critical; `event` execution, decision, error, metric or state_change."""
        self._add("logs", id=uuid.uuid4().hex, message=_cut(message, _LINE) or "(empty)", agent=_cut(agent, _NAME), level=level,
                  eventType=event, metadata=_metadata(metadata), at=self._client.now())  # fmt: skip

    def metric(
        self,
        *,
        agent: str | None = None,
        model: str | None = None,
        provider: str | None = None,
        ms: int | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cached_tokens: int | None = None,
        tokens: int | None = None,
        cost: float | None = None,
        success: bool | None = None,
        error: str | None = None,
    ) -> None:
        """A model call, or anything else that was measured; `cost` in US dollars."""
        self._add("metrics", id=uuid.uuid4().hex, agent=_cut(agent, _NAME), model=_cut(model, _NAME), provider=_cut(provider, _NAME),
                  executionTime=ms, inputTokens=input_tokens, outputTokens=output_tokens, cachedTokens=cached_tokens, tokenUsage=tokens,
                  estimatedCost=_number(cost), successFlag=success, errorType=_cut(error, _NAME),
                  at=self._client.now())  # fmt: skip

    def span(
        self,
        name: str,
        *,
        kind: str = "step",
        agent: str | None = None,
        input: Json = None,
        model: str | None = None,
        provider: str | None = None,
        metadata: dict[str, Json] | None = None,
    ) -> Span:
        """`with task.span("search_kb", kind="tool") as step:`; kind is agent, llm, tool, retrieval, workflow or step. Spans inside nest."""
        return Span(self, name, kind, agent, input, model, provider, metadata)

    def complete(self, result: Json = None) -> None:
        self._end("completed", result if result is not None else self.result)

    def fail(self, error: Any = None, result: Json = None) -> None:
        """`error` is an exception, or words."""
        kind, message = _error_of(error)
        self._end(
            "failed", result if result is not None else self.result, errorType=kind, errorMessage=message
        )

    def cancel(self) -> None:
        self._end("cancelled", self.result)

    def __enter__(self) -> Task:
        with contextlib.suppress(Exception):
            self._token = _task.set(self)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, _trace: Any) -> None:
        with contextlib.suppress(Exception):
            if self._token is not None:
                _task.reset(self._token)
        if not self._over:
            if error is None or (isinstance(error, SystemExit) and not error.code):
                self.complete()
            elif isinstance(error, (KeyboardInterrupt, GeneratorExit)) or kind.__name__ == "CancelledError":
                self.cancel()
            else:
                self.fail(error)

    def _add(self, part: str, **said: Json) -> None:
        self._begin()
        self._client.put("POST", f"{self._path}/{part}", _known(**said))

    def _end(self, status: str, result: Json, **more: Json) -> None:
        self._over = True
        self._begin()
        said = _known(status=status, result=_content(result), completedAt=self._client.now(), **more)
        self._client.put("PATCH", self._path, said, uuid.uuid4().hex)


class Span:
    """A step. Set `output`, `model`, `input_tokens`, `output_tokens`, `cost`, `finish_reason` before it ends; it is sent when it begins and when it ends."""

    def __init__(
        self,
        task: Task,
        name: str,
        kind: str,
        agent: str | None,
        input: Json,
        model: str | None,
        provider: str | None,
        metadata: dict[str, Json] | None,
    ) -> None:
        self.task, self.name, self.kind, self.agent, self.input = task, name, kind, agent, input
        self.model, self.provider, self.metadata = model, provider, metadata
        self.output: Json = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cached_tokens: int | None = None
        self.cost: float | None = None
        self.finish_reason: str | None = None
        self.id = uuid.uuid4().hex[:16]
        self._parent: str | None = None
        self._token: Token[Span | None] | None = None
        self._began = 0.0
        self._error: tuple[str | None, str | None] = (None, None)
        self._failed = False

    def fail(self, error: Any) -> None:
        """The step failed although no exception leaves it."""
        self._error, self._failed = _error_of(error), True

    def __enter__(self) -> Span:
        with contextlib.suppress(Exception):
            above = _span.get()
            self._parent = above.id if above is not None and above.task is self.task else None
            self._token = _span.set(self)
            self._began = self.task._client.now()
            if self.kind in ("agent", "workflow"):
                self._tell(None)  # what takes long is seen while it goes on
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        with contextlib.suppress(Exception):
            if self._token is not None:
                _span.reset(self._token)
        with contextlib.suppress(Exception):
            if error is not None:
                self.fail(error)
            self._tell(self.task._client.now())

    def _tell(self, ended: float | None) -> None:
        status = None if ended is None else "error" if self._failed else "ok"
        kind, message = self._error
        self.task._add(
            "spans", spanId=self.id, parentSpanId=self._parent, kind=self.kind, name=_cut(self.name, _NAME) or "(no name)",
            agent=_cut(self.agent, _NAME), startedAt=self._began, endedAt=ended, status=status, model=_cut(self.model, _NAME),
            provider=_cut(self.provider, _NAME), inputTokens=self.input_tokens, outputTokens=self.output_tokens,
            cachedTokens=self.cached_tokens, cost=_number(self.cost), finishReason=_cut(self.finish_reason, _NAME),
            errorType=kind, errorMessage=message, input=_content(self.input), output=_content(self.output), metadata=_metadata(self.metadata),
        )  # fmt: skip


# The current ones, of this thread or coroutine.
_task: ContextVar[Task | None] = ContextVar("swarm_task", default=None)
_span: ContextVar[Span | None] = ContextVar("swarm_span", default=None)
_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_default: Client | None = None
_default_lock = threading.Lock()


def configure(url: str = "", key: str = "", **options: Any) -> Client:
    """The client that `swarm.task` uses; without it SWARM_URL, SWARM_KEY, SWARM_SERVICE and SWARM_SPOOL are read."""
    global _default
    options.setdefault("service", os.environ.get("SWARM_SERVICE", ""))
    client = Client(url or os.environ.get("SWARM_URL", ""), key or os.environ.get("SWARM_KEY", ""), **options)
    with _default_lock:
        _default = client
    return client


def _client() -> Client:
    return _default or configure()


def task(name: str, **known: Any) -> Task:
    """A task of the default client; see `Task` for what may be known of it."""
    return _client().task(name, **known)


def current() -> Task | None:
    """The task that this code runs in."""
    return _task.get()


def flush(timeout: float = 5.0) -> bool:
    return _client().flush(timeout)


def dropped() -> int:
    """How many things could not be kept or were refused."""
    return _client().dropped


def traced(name: Any = None, *, kind: str = "", agent: str | None = None, **known: Any) -> Any:
    """A decorator, for functions and coroutines: `@traced` or `@traced("Nightly report", workflow="Report")`. Outside of a task each call is a task; inside
    of one it is a step of it (`kind`, `agent`). Arguments and what is returned become input and output."""

    def decorate(function: F) -> F:
        called = name if isinstance(name, str) else function.__qualname__
        signature = inspect.signature(function)

        def begin(args: Any, kwargs: Any) -> Any:
            given: Json = None
            with contextlib.suppress(TypeError):  # the call itself will say so
                given = dict(signature.bind(*args, **kwargs).arguments)
                given.pop("self", None)
            inside = current()
            if inside is not None:
                return inside.span(called, kind=kind or "step", agent=agent, input=given)
            return task(called, input=given, **({"workflow": called} | known))

        def ended(scope: Any, value: Any) -> None:
            if isinstance(scope, Task):
                scope.result = value
            else:
                scope.output = value

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def waited(*args: Any, **kwargs: Any) -> Any:
                with begin(args, kwargs) as scope:
                    value = await function(*args, **kwargs)
                    ended(scope, value)
                    return value

            return cast(F, waited)

        @functools.wraps(function)
        def called_once(*args: Any, **kwargs: Any) -> Any:
            with begin(args, kwargs) as scope:
                value = function(*args, **kwargs)
                ended(scope, value)
                return value

        return cast(F, called_once)

    return decorate(name) if callable(name) else decorate


# Texts.


def _known(**said: Json) -> dict[str, Json]:
    return {name: value for name, value in said.items() if value is not None}


def _dumps(value: Json) -> str:
    return json.dumps(value, default=_readable, skipkeys=True, separators=(",", ":"))


def _text(value: Any) -> str:
    """Its words; some objects fail even at that."""
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _readable(value: Any) -> Any:
    """What JSON does not know."""
    return list(value) if isinstance(value, (set, frozenset)) else _text(value)[:_WORDS]


def _cut(value: Any, limit: int) -> str | None:
    if value is None:
        return None
    text = _text(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except Exception:
        return None


def _content(value: Json) -> Json:
    """As it is; as text where it is too large, or no JSON can be made of it."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return _cut(value, _CONTENT)
    try:
        text = _dumps(value)
    except Exception:
        return _cut(value, _WORDS)
    return value if len(text) <= _CONTENT else _cut(text, _CONTENT)


def _metadata(value: dict[str, Json] | None) -> dict[str, Json] | None:
    if not value:
        return None
    try:
        text = _dumps(dict(value))
    except Exception:
        return {"cut": _cut(value, _WORDS)}
    return value if len(text) <= _METADATA else {"cut": _cut(text, _METADATA // 2)}


def _error_of(error: Any) -> tuple[str | None, str | None]:
    kind = type(error).__name__[:_NAME] if isinstance(error, BaseException) else None
    return kind, _cut(error, _WORDS)


# The end of a process, and its children.


def _at_exit() -> None:
    for client in list(_clients):
        client.close()


def _in_child() -> None:
    for client in list(_clients):
        client._reset()


def _care_for_children(client: Client) -> None:
    """Processes of `multiprocessing` end without `atexit`."""
    with contextlib.suppress(Exception):
        from multiprocessing import util

        util.register_after_fork(client, lambda there: util.Finalize(there, there.close, exitpriority=0))


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
