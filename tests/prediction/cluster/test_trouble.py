"""What is asked of all workers is answered by those that live."""

from types import SimpleNamespace

import pytest
from distributed.comm.core import CommClosedError

from geoseg.errors import ClusterError, UsageError
from geoseg.prediction.cluster import trouble
from geoseg.prediction.cluster.executor import DaskExecutor

CLOSED = CommClosedError("in <TCP>: Stream is closed")
SLOW = OSError("Timed out trying to connect to tcp://b:1 after 30 s")


class Client:
    """A client of two workers, of which `b` fails with each of `errors` in turn before it answers.

    The scheduler knows those `known`.
    """

    scheduler = SimpleNamespace(address="tcp://s:1")
    status = "running"

    def __init__(self, *errors, known=("a", "b")):
        self.errors, self.known, self.asked = list(errors), known, []

    def scheduler_info(self, n_workers):
        return {"workers": {address: {} for address in self.known}}

    def run(self, function, *arguments, workers=("a", "b"), on_error="raise"):
        self.asked.append(list(workers))
        assert on_error == "return"
        return {
            address: self.errors.pop(0) if address == "b" and self.errors else function(*arguments)
            for address in workers
        }


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(trouble, "WAITS_S", (0, 0, 0))


def answer():
    return 42


@pytest.mark.parametrize("error", [CLOSED, SLOW, TimeoutError()])
def test_a_worker_that_has_died(error):
    """A worker that the scheduler no longer has is left out, whatever Dask says."""
    assert trouble.run_on_workers(Client(error, known=("a",)), answer) == {"a": 42}


def test_a_worker_that_answers_late():
    """A worker that the scheduler still has is asked again, alone."""
    client = Client(CLOSED, SLOW)
    assert trouble.run_on_workers(client, answer) == {"a": 42, "b": 42}
    assert client.asked == [["a", "b"], ["b"], ["b"]]


def test_a_worker_that_does_not_answer():
    """One that never does is named; the scheduler is not taken for lost."""
    with pytest.raises(ClusterError, match=r"the Dask worker at b does not answer .*Stream is closed"):
        trouble.run_on_workers(Client(*[CLOSED] * 4), answer)


def test_errors_of_workers():
    """What is raised on a worker is raised here."""
    with pytest.raises(UsageError, match="no GPU"):
        trouble.run_on_workers(Client(UsageError("no GPU")), answer)


@pytest.mark.parametrize("error", [PermissionError, TimeoutError])
def test_errors_of_a_worker_and_its_system(error):
    """A worker that answers with an OSError of its own is not taken for one that does not answer, nor asked again."""

    def closed():
        raise error(13, "Permission denied", "/home/b/.keras")

    client = Client()
    with pytest.raises(ClusterError, match=r"the Dask worker at a cannot begin \(\[Errno 13\] .*'/home/b/.keras'\)"):
        trouble.run_on_workers(client, closed)
    assert len(client.asked) == 1


def test_a_run_that_begins(monkeypatch):
    """Where a worker dies as a run begins, the others choose what runs."""
    monkeypatch.setattr("geoseg.prediction.cluster.executor.choose", lambda settings: ("openvino", []))
    assert DaskExecutor(client=Client(CLOSED, CLOSED, known=("a",))).choose_runtime(None) == "openvino"
