"""What the workers of a cluster have in common reaches all of them."""

import pytest
from distributed.comm.core import CommClosedError

from geoseg.errors import ClusterError
from geoseg.prediction.cluster import sharing
from geoseg.prediction.cluster.sharing import Sharing


class Client:
    """A client of a cluster whose workers die while the first `deaths` messages are sent to all of them."""

    scheduler = None

    def __init__(self, deaths, status):
        self.deaths, self.status, self.sent = deaths, status, []

    def register_plugin(self, plugin):
        self.sent.append(plugin.idempotent)
        if len(self.sent) <= self.deaths:
            raise CommClosedError("Stream is closed")


def bundle_of(client, tmp_path):
    model = tmp_path / "model.keras"
    model.write_bytes(b"model")
    return Sharing(client, None)._bundle(model)


def test_a_worker_that_dies_meanwhile(tmp_path, monkeypatch):
    """A bundle is sent again, to all workers that are left, and the run goes on."""
    monkeypatch.setattr(sharing, "WAITS_S", (0, 0, 0))
    client = Client(deaths=2, status="running")
    assert bundle_of(client, tmp_path).suffix == ".keras"
    assert client.sent == [True, False, False]


@pytest.mark.parametrize(("deaths", "status", "sent"), [(1, "closed", 1), (9, "running", 4)])
def test_a_scheduler_that_is_lost(tmp_path, monkeypatch, deaths, status, sent):
    """Where the client is closed, or each message fails, the scheduler is lost."""
    monkeypatch.setattr(sharing, "WAITS_S", (0, 0, 0))
    client = Client(deaths, status)
    with pytest.raises(ClusterError, match="scheduler was stopped or restarted"):
        bundle_of(client, tmp_path)
    assert len(client.sent) == sent
