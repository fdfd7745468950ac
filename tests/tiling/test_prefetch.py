import gc
import subprocess
import sys
import threading
import traceback
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import wait_for_threads

from geoseg.threads import at_work
from geoseg.tiling import prefetch

WAIT = 30
"""Seconds after which a hanging test fails."""


class Source:
    """A generator that records where it runs and whether it was closed."""

    def __init__(self, count=1000, error=None):
        self.count, self.error = count, error
        self.produced = 0
        self.ran_in = self.closed_in = None
        self.closed = threading.Event()

    def __iter__(self):
        self.ran_in = threading.current_thread()
        try:
            for item in range(self.count):
                self.produced += 1
                yield item
            if self.error is not None:
                raise self.error
        finally:
            self.closed_in = threading.current_thread()
            self.closed.set()


@given(st.lists(st.none() | st.integers()), st.integers(1, 5))
def test_items_come_through_in_order(items, depth):
    """The consumer sees what the source yields, all of it, None included."""
    assert list(prefetch(items, depth)) == items


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_source_runs_in_another_thread_and_never_too_far_ahead(depth):
    """While the consumer holds one item, the source has produced at most `depth` more."""
    source = Source(50)
    for index, _ in enumerate(prefetch(source, depth)):
        assert source.produced <= index + 1 + depth
    assert source.produced == 50
    assert source.ran_in is not threading.current_thread()


def test_the_source_really_runs_ahead():
    """The next item is produced, unrequested, while the consumer still holds the one before."""
    second_made = threading.Event()

    def source():
        yield 1
        second_made.set()
        yield 2

    items = prefetch(source(), depth=1)
    assert next(items) == 1
    assert second_made.wait(WAIT)
    assert list(items) == [2]


def test_the_source_does_not_start_an_item_without_room():
    """A full buffer stops the source before its next item, not after it: an item may be large."""
    started = threading.Event()

    def source():
        yield 0
        yield 1
        started.set()
        yield 2

    items = prefetch(source(), depth=1)
    assert next(items) == 0
    assert not started.wait(0.1)
    assert list(items) == [1, 2]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_an_error_of_the_source_arrives_unchanged(count):
    """After the items before it, the same exception is raised, with a traceback into the source."""
    error = OSError("the disk is gone")
    items = prefetch(Source(count, error), depth=3)
    assert [next(items) for _ in range(count)] == list(range(count))
    with pytest.raises(OSError, match="the disk is gone") as caught:
        next(items)
    assert caught.value is error
    assert "__iter__" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert list(items) == []


def test_even_keyboard_interrupt_arrives():
    """No exception of a source is swallowed, not even one that is not an `Exception`."""
    with pytest.raises(KeyboardInterrupt):
        list(prefetch(Source(2, KeyboardInterrupt())))


def test_a_source_that_cannot_be_iterated_is_an_error():
    """An error before the first item is raised, too."""
    with pytest.raises(TypeError, match="not iterable"):
        list(prefetch(7))


def test_closing_early_closes_the_source_in_its_thread():
    """`close` returns when the source has been closed in its own thread, without producing more items."""
    source = Source()
    items = prefetch(source, depth=2)
    assert next(items) == 0
    items.close()
    assert source.closed_in is source.ran_in
    assert source.produced <= 3


def test_collecting_early_closes_the_source():
    """An iterator without references leaves nothing behind."""
    source = Source()
    items = prefetch(source)
    next(items)
    del items
    gc.collect()
    assert source.closed.is_set()


def test_an_error_of_the_consumer_does_not_deadlock():
    """A consumer may fail while the buffer is full and the source waits for room."""
    source = Source()

    def consume():
        for item in prefetch(source, depth=1):
            if item == 3:
                raise RuntimeError("no more, please")

    with pytest.raises(RuntimeError, match="no more, please"):
        consume()
    assert source.closed.wait(WAIT)


def test_an_error_while_closing_is_not_lost():
    """An exception raised while the source cleans up is raised by `close`."""

    def source():
        try:
            yield from range(10)
        finally:
            raise OSError("cannot clean up")

    items = prefetch(source())
    next(items)
    with pytest.raises(OSError, match="cannot clean up"):
        items.close()


def test_collection_in_the_background_thread_does_not_deadlock():
    """The garbage collector may find the iterator while the source runs: the thread must not wait for itself."""
    let_go = threading.Event()
    ended = threading.Event()

    class Cycle:
        """Holds the iterator in a reference cycle, which only the collector can break."""

    def source():
        try:
            yield 0
            assert let_go.wait(WAIT)
            gc.collect()
            yield 1
            yield from range(100)
        finally:
            ended.set()

    gc.disable()
    try:
        cycle = Cycle()
        cycle.itself, cycle.items = cycle, prefetch(source(), depth=1)
        next(cycle.items)
        assert "prefetch" in {thread.name for thread in at_work()}
        gone = weakref.ref(cycle)
        del cycle
        let_go.set()
        assert ended.wait(WAIT)
        wait_for_threads("prefetch")
    finally:
        gc.enable()
    assert gone() is None


def test_collection_in_the_consumers_thread_does_not_deadlock():
    """An iterator found in a reference cycle while its buffer is full is closed and joined."""
    source = Source()

    class Cycle:
        """Holds the iterator in a reference cycle, which only the collector can break."""

    cycle = Cycle()
    cycle.itself, cycle.items = cycle, prefetch(source, depth=1)
    next(cycle.items)
    del cycle
    gc.collect()
    assert source.closed.is_set()


def test_an_error_ahead_of_the_consumer_is_not_raised_early():
    """A consumer that stops before the failing item never sees the exception, as without prefetching."""
    source = Source(2, OSError("never reached"))
    items = prefetch(source, depth=5)
    next(items)
    assert source.closed.wait(WAIT)
    items.close()


def test_nothing_starts_before_the_first_item():
    """An iterator that is never used has no thread and leaves the source untouched."""
    source = Source()
    items = prefetch(source)
    assert source.ran_in is None
    items.close()
    assert source.ran_in is None


def test_an_abandoned_iterator_lets_the_interpreter_exit():
    """A program that ends with items left exits, and the source is closed before the interpreter is gone."""
    program = """
from geoseg.threads import at_work
from geoseg.tiling import prefetch

def source():
    try:
        yield from range(100)
    finally:
        print("closed")

items = prefetch(source())
print(next(items))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT, check=True)
    assert (ended.stdout, ended.stderr) == ("0\nclosed\n", "")


def test_a_buffer_without_room_is_refused():
    """With depth zero no item would ever arrive."""
    with pytest.raises(ValueError, match="at least one item, found depth 0"):
        prefetch([], depth=0)
