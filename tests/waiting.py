"""Wait for what runs in the background."""

import time

from processes import WAIT

from geoseg.threads import at_work


def wait_for_threads(*names):
    """Wait until no thread has one of these names: their tasks have ended."""
    end = time.monotonic() + WAIT
    while found := {thread.name for thread in at_work()}.intersection(names):
        assert time.monotonic() < end, found
        time.sleep(0.01)
