"""Times of stages whose threads overlap."""

from contextlib import ExitStack

import pytest

from geoseg.prediction import timings
from geoseg.prediction.timings import StageTime, Timings


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until its `advance` is called."""
    now = [0.0]
    monkeypatch.setattr(timings.time, "perf_counter", lambda: now[0])
    made = Timings(_started=0.0)
    made.advance = lambda seconds: now.__setitem__(0, now[0] + seconds)
    return made


def test_threads_at_the_same_time_count_once(clock):
    """Two writers that take 3 s beside each other were busy for 3 s, or a stage of many threads would seem slowest."""
    with clock.busy("write"):
        clock.advance(1)
        with clock.busy("write"), clock.busy("write"):
            clock.advance(2)
    assert clock.stages() == {"write": StageTime(busy_s=3, waited_s=0)}


def test_a_stage_waits_while_all_its_threads_do(clock):
    """One of two devices that waits does not make the stage wait; both do."""
    with ExitStack() as one, ExitStack() as other:
        one.enter_context(clock.busy("network"))
        other.enter_context(clock.busy("network"))
        clock.advance(1)
        one.enter_context(clock.waiting("network"))
        clock.advance(2)
        other.enter_context(clock.waiting("network"))
        clock.advance(4)
    assert clock.stages() == {"network": StageTime(busy_s=3, waited_s=4)}


def test_items_of_a_source(clock):
    """Making items is work, waiting for those of another stage is not, and the consumer's time is nobody's."""

    def read():
        for item in range(3):
            clock.advance(1)
            yield item

    def score(strips):
        for strip in strips:
            clock.advance(10)
            yield strip

    strips = clock.awaiting("network", clock.producing("read", read()))
    for _ in clock.producing("network", score(strips)):
        clock.advance(100)
    assert clock.stages() == {"network": StageTime(busy_s=30, waited_s=3), "read": StageTime(busy_s=3, waited_s=0)}


def test_a_stage_in_work_is_counted_so_far(clock):
    """Stages are listed in the order in which they began, whether they have ended or not."""
    with clock.busy("trace"):
        clock.advance(1)
        with clock.busy("write"):
            clock.advance(2)
        assert list(clock.stages().items()) == [
            ("trace", StageTime(busy_s=3, waited_s=0)),
            ("write", StageTime(busy_s=2, waited_s=0)),
        ]
    assert clock.wall_s == 3


def test_leaving_early_closes_the_source(clock):
    """A timed source is closed with the iterator, in its thread, even if somebody else refers to it."""
    closed = []

    def read():
        try:
            yield from range(3)
        finally:
            closed.append(True)

    source = read()
    items = clock.producing("read", source)
    next(items)
    items.close()
    assert closed == [True]
