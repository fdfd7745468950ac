"""Threads that run as long as a block of code."""

import threading

import pytest

from geoseg.tiling.threads import running

WAIT = 30
"""Seconds after which a hanging test fails."""


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    """Whatever happens, no thread outlives the block."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_tasks_are_stopped_and_waited_for():
    """All tasks run beside each other within the block; leaving asks them to stop."""
    meet, stop = threading.Barrier(3, timeout=WAIT), threading.Event()

    def task():
        meet.wait()
        assert stop.wait(WAIT)

    with running([task, task], stop.set, name="task"):
        meet.wait()
        assert not stop.is_set()
    assert stop.is_set()


def test_a_thread_that_does_not_start(monkeypatch):
    """If the system refuses one of them, the others are stopped and waited for, and its error is raised."""
    stop, started, start = threading.Event(), [], threading.Thread.start

    def refuse_second(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_second)
    with pytest.raises(RuntimeError, match="can't start"), running([lambda: stop.wait(WAIT)] * 3, stop.set, name="a"):
        pytest.fail("not all threads run")
    assert stop.is_set()
    assert not started[0].is_alive()
