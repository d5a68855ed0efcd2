"""The supervisor: children are restarted, stopped together, and never outlive their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarm_ui import supervisor
from swarm_ui.supervisor import Child

SCRIPT = """
import importlib.util, logging, os, signal, sys
from pathlib import Path
# From its file: importing the package would take most of the test's time.
spec = importlib.util.spec_from_file_location("supervisor", sys.argv.pop(1))
supervisor = sys.modules["supervisor"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(supervisor)
folder = Path(sys.argv[1])
supervisor.GRACE = float(sys.argv[2])
logging.basicConfig(format="%(message)s %(child)s")

def born(name):
    (folder / f"{name}-{os.getpid()}").touch()

def wait():
    signal.alarm(60)  # should nobody end it
    signal.pause()

def good():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    born("good")
    wait()

def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        born("grandchild")
        wait()
        os._exit(0)
    born("stubborn")
    wait()

children = [supervisor.Child(name, globals()[name]) for name in sys.argv[3:]]
supervisor.Supervisor(children, on_stop=lambda: (folder / "stopping").touch()).run()
"""


def until(truth: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class Running:
    def __init__(self, folder: Path, grace: float, *names: str) -> None:
        self.folder = folder
        command = [sys.executable, "-c", SCRIPT, supervisor.__file__, str(folder), str(grace), *names]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def pids(self, name: str) -> list[int]:
        return sorted(int(path.name.rpartition("-")[2]) for path in self.folder.glob(f"{name}-*"))

    def first(self, name: str) -> int:
        until(lambda: self.pids(name))
        return self.pids(name)[0]


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def run(*names: str, grace: float = 5) -> Running:
        started.append(Running(tmp_path, grace, *names))
        return started[-1]

    yield run
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


def test_a_child_that_dies_is_started_again(start):
    running = start("good")
    first = running.first("good")
    os.kill(first, signal.SIGKILL)
    until(lambda: len(running.pids("good")) == 2)
    running.process.terminate()
    _, log = running.process.communicate(timeout=5)
    assert running.process.returncode == 0
    assert "ended, will be started again good" in log
    assert not any(alive(pid) for pid in running.pids("good"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_all(start, number):
    running = start("good")
    child = running.first("good")
    running.process.send_signal(number)
    assert running.process.wait(5) == 0
    assert not alive(child)
    assert (running.folder / "stopping").exists()


def test_ctrl_c_reaches_the_supervisor_alone(start):
    running = start("good")
    child = running.first("good")
    assert os.getpgid(child) == child != os.getpgid(running.process.pid)


def test_a_child_that_does_not_stop_is_killed_with_what_it_forked(start):
    running = start("good", "stubborn", grace=0.3)
    pids = [running.first("stubborn"), running.first("grandchild"), running.first("good")]
    running.process.terminate()
    assert running.process.wait(5) == 0
    until(lambda: not any(alive(pid) for pid in pids))


def test_asked_twice_it_does_not_wait(start):
    running = start("stubborn", grace=30)
    child = running.first("stubborn")
    running.process.terminate()
    until((running.folder / "stopping").exists)
    running.process.terminate()
    assert running.process.wait(5) == 0
    assert not alive(child)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part is Linux's")
def test_children_end_with_a_parent_that_was_killed(start):
    running = start("good")
    child = running.first("good")
    running.process.kill()
    running.process.wait()
    until(lambda: not alive(child))


def test_pauses_grow_to_a_limit():
    child = Child("x", run=lambda: None)
    pauses = []
    for child.failures in range(1, 10):
        pauses.append(child.pause())
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert max(pauses) == supervisor.LONGEST_PAUSE
