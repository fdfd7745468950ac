"""Threads that run as long as a block of code."""

import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from contextvars import ContextVar
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import wait_for_threads

from geoseg import threads
from geoseg.threads import BackgroundTask, at_work, in_thread, running

WAIT = 30
"""Seconds after which a hanging test fails."""


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    """Whatever happens, no thread outlives the block."""
    before = at_work()
    yield
    assert at_work() == before


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


def test_scipy_is_whole_in_threads():
    """SciPy is imported before the first thread: two threads that did so at once could leave one with half of it."""
    program = """
import sys
from geoseg.tiling import prefetch
assert "scipy" not in sys.modules
assert next(prefetch("scipy" in sys.modules and not sys.modules["scipy"].__spec__._initializing for _ in "1"))
"""
    subprocess.run([sys.executable, "-c", program], timeout=WAIT, check=True)


def test_a_thread_that_does_not_start(monkeypatch):
    """If the system refuses one of them, the others are stopped and waited for, and its error is raised."""
    stop, started, start = threading.Event(), [], threading.Thread.start

    def refuse_second(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threads, "_idle", deque())
    monkeypatch.setattr(threading.Thread, "start", refuse_second)
    with pytest.raises(RuntimeError, match="can't start"), running([lambda: stop.wait(WAIT)] * 3, stop.set, name="a"):
        pytest.fail("not all threads run")
    assert stop.is_set()
    assert len(started) == 1


def test_threads_are_used_again():
    """One task after the other runs in the same thread, under its own name and with variables of its own."""
    variable = ContextVar("variable", default=0)

    def task():
        found = variable.get(), threading.current_thread().name
        variable.set(1)
        return threading.get_ident(), *found

    first, second = (in_thread(task, name=name).result(WAIT) for name in ("first", "second"))
    assert first == (second[0], 0, "first")
    assert second[1:] == (0, "second")


@given(st.integers(1, 40), st.integers(1, 8))
def test_no_more_threads_than_tasks_at_a_time(tasks, at_once):
    """Each task has a thread of its own, of which there are as many as tasks at the same time."""
    before = set(threading.enumerate()) - at_work()
    for start in range(0, tasks, at_once):
        meet = threading.Barrier(min(at_once, tasks - start))
        together = [in_thread(lambda meet=meet: meet.wait(WAIT), name="meet") for _ in range(meet.parties)]
        assert sorted(each.result(WAIT) for each in together) == list(range(meet.parties))
        wait_for_threads("meet")
    left = set(threading.enumerate()) - at_work()
    assert len(left) <= len(before) + at_once


def test_what_a_task_held_is_freed_when_it_has_ended():
    """Neither the thread nor the task keeps it."""

    class Held:
        """Something large."""

    held = Held()
    gone = weakref.ref(held)
    task = BackgroundTask(partial(id, held), name="hold")
    del held
    task.start()
    task.join(WAIT)
    assert gone() is None


def test_an_error_of_a_task_is_reported_and_its_thread_goes_on(monkeypatch):
    """As a thread of its own would have reported it."""
    reported = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    task = BackgroundTask(partial(int, "no number"), name="fail")
    task.start()
    task.join(WAIT)
    assert [each.exc_type for each in reported] == [ValueError]
    assert in_thread(partial(int, "7"), name="next").result(WAIT) == 7


def test_a_child_process_has_threads_of_its_own():
    """A fork has none of the threads that wait for a task."""
    in_thread(partial(int, "1"), name="before").result(WAIT)
    child = os.fork()
    if not child:
        os._exit(in_thread(partial(int, "7"), name="in the child").result(WAIT))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
