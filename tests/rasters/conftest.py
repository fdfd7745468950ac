"""A web server on loopback, and little patience with it."""

import pytest
from web_server import serving


@pytest.fixture
def impatient(monkeypatch):
    """Give a silent server up after a second, and try again at once."""
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "1")
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")


@pytest.fixture
def server(tmp_path):
    """Serve the files of the test's folder."""
    with serving(tmp_path) as state:
        yield state
