"""Properties are tested on the same examples each time, without a time limit, and no thread is left behind."""

import pytest
from hypothesis import settings

from geoseg.threads import at_work

settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    """Whatever happens, no thread outlives the test."""
    before = at_work()
    yield
    assert at_work() == before
