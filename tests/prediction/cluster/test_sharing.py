"""What the workers of a cluster have in common reaches all of them."""

from types import SimpleNamespace

import pytest
from distributed.comm.core import CommClosedError

from geoseg.errors import ClusterError, OutputError
from geoseg.prediction.cluster import sharing
from geoseg.prediction.cluster.bundle import Bundle
from geoseg.prediction.cluster.sharing import Sharing

CLOSED = CommClosedError("Stream is closed")


class Client:
    """A client of a cluster whose workers die while the first `deaths` messages are sent to all of them."""

    scheduler = None

    def __init__(self, deaths, status, error=CLOSED):
        self.deaths, self.status, self.error, self.sent = deaths, status, error, []

    def register_plugin(self, plugin):
        self.sent.append(plugin.idempotent)
        if len(self.sent) <= self.deaths:
            raise self.error


def bundle_of(client, tmp_path):
    model = tmp_path / "model.keras"
    model.write_bytes(b"model")
    return Sharing(client, None)._bundle(model)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(sharing, "WAITS_S", (0, 0, 0))


@pytest.mark.parametrize("error", [CLOSED, OSError("Timed out trying to connect")])
def test_a_worker_that_dies_meanwhile(tmp_path, error):
    """A bundle is sent again, to all workers that are left, and the run goes on."""
    client = Client(deaths=2, status="running", error=error)
    assert bundle_of(client, tmp_path).suffix == ".keras"
    assert client.sent == [True, False, False]


@pytest.mark.parametrize(
    ("deaths", "status", "sent", "said"),
    [(1, "closed", 1, "scheduler was stopped or restarted"), (9, "running", 4, "a worker .* does not answer .*closed")],
)
def test_messages_that_fail(tmp_path, deaths, status, sent, said):
    """Where the client is closed, the scheduler is lost; where each message fails, a worker does not answer."""
    client = Client(deaths, status)
    with pytest.raises(ClusterError, match=said):
        bundle_of(client, tmp_path)
    assert len(client.sent) == sent


def test_a_worker_that_cannot_write(tmp_path):
    """The error of a worker that cannot write the bundle names the worker, the file and the reason."""
    (tmp_path / "model.keras").write_bytes(b"model")
    (tmp_path / "file").touch()
    worker = SimpleNamespace(address="tcp://b:1", local_directory=str(tmp_path / "file/scratch"))
    with pytest.raises(OutputError, match=r"on the Dask worker at tcp://b:1, .*\.keras .*Not a directory"):
        Bundle(tmp_path / "model.keras").setup(worker)
