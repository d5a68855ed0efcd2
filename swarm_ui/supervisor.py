"""Keeps a few child processes alive, forked from this one so that they share its memory, and stops them together."""

import contextlib
import ctypes
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HANDLED = (*STOP_SIGNALS, signal.SIGCHLD)
GRACE = 9.0  # seconds from the request to stop until children are killed
LONGEST_PAUSE = 30.0  # seconds before a child that keeps dying is started again
STEADY = 60.0  # a child that lived this long starts afresh with short pauses


@dataclass
class Child:
    name: str
    run: Callable[[], None]
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    due: float = 0.0  # when to start it

    def pause(self) -> float:
        """0.5 s after the first death, twice as long after each further one."""
        return min(0.25 * 2**self.failures, LONGEST_PAUSE)


class Supervisor:
    def __init__(self, children: list[Child], on_stop: Callable[[], None]) -> None:
        self.children = children
        self.on_stop = on_stop
        self._stops = 0
        self._wakeup, self._wakeup_end = os.pipe()
        for end in (self._wakeup, self._wakeup_end):
            os.set_blocking(end, False)

    def run(self) -> None:
        """Returns when a signal asked to stop and no child is left."""
        signal.set_wakeup_fd(self._wakeup_end, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # a handler, so that it wakes us up
        while not self._stops:
            self._start_due()
            self._wait(self._next_due())
            self._reap()
        self.on_stop()
        self._stop_children()

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stops += 1

    def _wait(self, seconds: float) -> None:
        readable, _, _ = select.select([self._wakeup], [], [], max(0.0, seconds))
        if readable:
            os.read(self._wakeup, 4096)

    def _next_due(self) -> float:
        waiting = [child.due - time.monotonic() for child in self.children if not child.pid]
        return min([*waiting, 60.0])

    def _start_due(self) -> None:
        for child in self.children:
            if not child.pid and child.due <= time.monotonic():
                self._start(child)

    def _start(self, child: Child) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        child.started = time.monotonic()
        # A signal to the new process waits until that has let go of our handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        pid = os.fork()
        if pid == 0:
            self._become(child, parent)
        child.pid = pid
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        log.info("started", extra={"child": child.name, "child_pid": pid})

    def _become(self, child: Child, parent: int) -> None:
        """In the new process; does not return."""
        status = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C reaches the supervisor alone
            signal.set_wakeup_fd(-1)
            for number in HANDLED:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
            os.close(self._wakeup)
            os.close(self._wakeup_end)
            end_with_parent(parent)
            child.run()
            status = 0
        except SystemExit as ending:
            status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        except BaseException:
            log.exception("failed", extra={"child": child.name})
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not sys.exit: what the parent registered for its own end is not the child's.
            os._exit(status)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in self.children:
                if child.pid == pid:
                    self._note_end(child, os.waitstatus_to_exitcode(status))

    def _note_end(self, child: Child, status: int) -> None:
        pid, child.pid = child.pid, 0
        _signal_group(pid, signal.SIGTERM)  # what it forked itself
        if self._stops:
            return
        now = time.monotonic()
        if not status and now - child.started > STEADY:
            child.failures, child.due = 0, now
            log.info("ended to be renewed", extra={"child": child.name, "child_pid": pid})
            return
        child.failures = 1 if now - child.started > STEADY else child.failures + 1
        child.due = now + child.pause()
        log.error(
            "ended, will be started again",
            extra={"child": child.name, "child_pid": pid, "status": status, "pause": child.pause()},
        )

    def _stop_children(self) -> None:
        asked, deadline = self._stops, time.monotonic() + GRACE
        for child in self.children:
            if child.pid:
                os.kill(child.pid, signal.SIGTERM)
        while any(child.pid for child in self.children):
            if time.monotonic() > deadline or self._stops > asked:  # asked twice: at once
                for child in self.children:
                    if child.pid:
                        log.warning("killed", extra={"child": child.name, "child_pid": child.pid})
                        _signal_group(child.pid, signal.SIGKILL)
                deadline, asked = time.monotonic() + GRACE, self._stops
            self._wait(deadline - time.monotonic())
            self._reap()


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM when `parent` dies, however it dies (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was quicker
            os._exit(1)
