"""The parts of a run are timed."""

from geoseg.training.run.callbacks import TimeSteps
from geoseg.training.run.stopwatch import Stopwatch


def test_parts_add_up():
    """Each part has the seconds between its beginnings and those of the parts after them."""
    at = [10.0]
    watch = Stopwatch("starting", now=lambda: at[0])
    for part, seconds in (("reading", 2), ("stepping", 3), ("reading", 5), ("finishing", 7)):
        at[0] += seconds
        watch.switch(part)
    at[0] += 11
    assert watch.read() == {"starting": 2, "reading": 3 + 7, "stepping": 5, "finishing": 11}


def test_the_first_step_compiles():
    """The first step belongs to compiling; the others are counted and timed, validation is not among them."""
    at = [0.0]
    watch = Stopwatch("compiling", now=lambda: at[0])
    steps = TimeSteps(watch)
    for epoch in range(2):
        for batch in range(3):
            steps.on_train_batch_begin(batch)
            at[0] += 100 if (epoch, batch) == (0, 0) else 1
        steps.on_epoch_end(epoch)
        at[0] += 10
    assert steps.steps == 5
    assert watch.read() == {"compiling": 100, "stepping": 5, "validating": 20}
