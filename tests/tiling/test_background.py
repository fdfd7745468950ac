import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg import threads
from geoseg.tiling import Background, Stopped
from geoseg.tiling.buffer import Buffer

WAIT = 30
"""Seconds after which a hanging test fails."""


@given(st.lists(st.none() | st.integers()), st.integers(1, 5))
def test_items_come_through_in_order(items, depth):
    """The consumer sees what was put, all of it, None included, and its result is handed back."""
    with Background(list, depth=depth, name="list") as listed:
        for item in items:
            listed.put(item)
        assert listed.result() == items


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_few_items_wait(depth):
    """`put` returns with fewer than `depth` items waiting."""
    taken = []

    def consume(items):
        for item in items:
            taken.append(item)
        return threading.current_thread()

    with Background(consume, depth=depth, name="slow") as thread:
        for item in range(50):
            thread.put(item)
            assert len(taken) > item - depth
        assert thread.result() is not threading.current_thread()
    assert taken == list(range(50))


def test_an_exception_arrives_unchanged():
    """The consumer's exception is raised by the next `put`, and by `result`, as it is."""
    error, failed = ValueError("on the way"), threading.Event()

    def consume(items):
        next(items)
        failed.set()
        raise error

    with Background(consume, depth=2, name="fail") as thread:
        thread.put(1)
        assert failed.wait(WAIT)
        with pytest.raises(ValueError, match="on the way") as caught:
            deque(map(thread.put, range(3)), maxlen=0)
        assert caught.value is error
        with pytest.raises(ValueError, match="on the way") as caught:
            thread.result()
        assert caught.value is error


def test_a_consumer_that_returns_early():
    """Items put after the consumer has returned are dropped, and its result is kept."""
    with Background(next, depth=1, name="first") as first:
        for item in range(5):
            first.put(item)
        assert first.result() == 0


def test_leaving_early_stops_the_consumer():
    """An exception around `put` reaches the caller; the consumer, waiting for an item, is told and cleans up."""
    ended = []

    def consume(items):
        try:
            return list(items)
        except Stopped:
            ended.append(True)
            raise

    def feed():
        with Background(consume, depth=3, name="stop") as thread:
            thread.put(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        feed()
    assert ended == [True]


def test_nothing_is_consumed_after_leaving():
    """Items that another thread puts after the block was left are not worked on, so that leaving is quick."""
    buffer = Buffer(depth=2)
    buffer.put(1)
    buffer.stop(Stopped("as on leaving"))
    buffer.put(2)
    with pytest.raises(Stopped):
        next(iter(buffer))


def test_the_end_does_not_undo_a_stop():
    """Asking for the result after leaving does not let the consumer take what it has for all there is."""
    buffer = Buffer(depth=2)
    buffer.stop(Stopped("as on leaving"))
    buffer.end(None)
    with pytest.raises(Stopped):
        next(iter(buffer))


def test_the_result_after_leaving():
    """The result of a consumer that was stopped is `Stopped`, not what it had made until then."""
    with Background(list, depth=3, name="stop") as thread:
        thread.put(1)
    with pytest.raises(Stopped):
        thread.result()


def refuse(_):
    raise RuntimeError("can't start new thread")


def test_a_thread_that_does_not_start(monkeypatch):
    """The system's refusal is raised as it is, and nobody waits for the thread."""
    background = Background(list, depth=1, name="refused")
    monkeypatch.setattr(threads, "_idle", deque())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        background.__enter__()
    background.__exit__(None, None, None)
