"""Processes that became large are renewed once nobody needs them."""

import mmap
import os
import sys

import pytest

from swarm_ui import memory
from swarm_ui.memory import CALM, LARGE, QUIET_US, Renewal, own_memory, take_turn


@pytest.fixture
def size(monkeypatch) -> dict[str, int]:
    size = {"kilobytes": LARGE + 1}
    monkeypatch.setattr(memory, "own_memory", lambda: size["kilobytes"])
    return size


def test_it_is_due_when_it_was_busy_is_calm_and_large(time, size):
    renewal = Renewal()
    quiet = QUIET_US // 1_000_000

    time.forward(seconds=quiet)
    assert not renewal.is_due(CALM), "it was never busy"

    assert not renewal.is_due(2 * CALM + 1)
    time.forward(seconds=quiet - 1)
    assert not renewal.is_due(2 * CALM + 1), "not for long enough"
    time.forward(seconds=1)
    assert renewal.is_due(3 * CALM + 1), "open pages that ask for news are no work"
    assert renewal.is_due(3 * CALM + 1), "until its turn has come"
    assert not renewal.is_due(3 * CALM + 2), "there is more to do meanwhile"
    for done in range(4 * CALM, 40 * CALM, CALM + 1):
        time.forward(seconds=quiet // 2)
        assert not renewal.is_due(done)

    size["kilobytes"] = LARGE
    time.forward(seconds=2 * quiet)
    assert not renewal.is_due(40 * CALM), "it is small"
    size["kilobytes"] = LARGE + 1
    time.forward(seconds=2 * quiet)
    assert not renewal.is_due(40 * CALM), "it was not busy since"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_no_other_process_has_is_counted():
    before = own_memory()
    with mmap.mmap(-1, 64 << 20) as block:
        assert own_memory() - before < 8 * 1024, "not before it is written to"
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
        assert 56 * 1024 < own_memory() - before < 72 * 1024


def test_one_process_after_the_other(tmp_path):
    def others_turn() -> bool:
        if (pid := os.fork()) == 0:
            os._exit(int(take_turn(tmp_path / "lock")))
        return bool(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    assert others_turn()
    assert others_turn(), "the one before has ended"
    assert take_turn(tmp_path / "lock")
    assert not others_turn()


def test_no_turn_where_the_folder_is_gone(tmp_path):
    assert not take_turn(tmp_path / "gone" / "lock")
