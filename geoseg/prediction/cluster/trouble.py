"""Turn what a Dask cluster reports into errors of geoseg, and those of its workers into ones that can be sent."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from geoseg.errors import ClusterError, GeosegError, OutputError

if TYPE_CHECKING:
    from distributed import Client

R = TypeVar("R")

WAITS_S = (0.1, 0.5, 2.0)
"""Waits before workers are asked again, for the scheduler to notice that one has died."""


@contextmanager
def cluster_errors(client: "Client") -> Iterator[None]:
    """Raise ClusterError if the scheduler is lost, and GeosegError if a task ends one worker after the other."""
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        yield
    except (CancelledError, asyncio.CancelledError, CommClosedError, TimeoutError) as error:
        raise lost(client) from error
    except KilledWorker as error:
        raise GeosegError(
            "a part of the scene has ended several Dask workers one after the other, most likely for lack of memory; "
            "give the workers more memory, or less to do with `memory` or `batch_size`."
        ) from error
    except RuntimeError as error:
        # Where it is closed, Dask says no more than that.
        if client.status in ("running", "connecting"):
            raise
        raise lost(client) from error


def run_on_workers(client: "Client", function: Callable[..., R], *arguments: Any) -> dict[str, R]:  # noqa: ANN401
    """Run a function on all workers, without those that die meanwhile; returns results by address.

    Dask reports the death of a worker as that of the scheduler. Raises what the function raises on a worker, but a
    ClusterError that names the worker for an OSError; ClusterError, too, if one that the scheduler still has does not
    answer.
    """

    # Dask returns its own OSErrors for a worker that does not answer. It sends a function within another one as code,
    # so that workers without geoseg answer, too.
    def attempt() -> tuple[object, str]:
        try:
            return function(*arguments), ""
        except OSError as error:
            return None, str(error) or type(error).__name__

    answers: dict[str, tuple[R, str] | Exception] = client.run(attempt, on_error="return")
    for wait_s in WAITS_S:
        silent = [address for address, answer in answers.items() if isinstance(answer, OSError)]
        if not silent:
            break
        time.sleep(wait_s)
        known = client.scheduler_info(n_workers=-1)["workers"]
        for address in silent:
            del answers[address]
        if left := [address for address in silent if address in known]:
            answers |= client.run(attempt, workers=left, on_error="return")
    results = {}
    for address, answer in answers.items():
        if isinstance(answer, OSError):
            raise silent_worker(f"the Dask worker at {address}", answer) from answer
        if isinstance(answer, Exception):
            raise answer
        results[address], failure = answer
        if failure:
            raise ClusterError(
                f"the Dask worker at {address} cannot begin ({failure}); correct that there, and repeat the command."
            )
    return results


def silent_worker(name: str, error: OSError) -> ClusterError:
    """Return the error for a worker that the scheduler has, but cannot reach."""
    return ClusterError(f"{name} does not answer ({error}); end it, and repeat the command: predictions resume.")


def lost(client: "Client") -> ClusterError:
    """Return the error for a scheduler that has ended, or does not know its tasks since it was restarted."""
    address = "" if client.scheduler is None else f" at {client.scheduler.address}"
    return ClusterError(
        f"the Dask scheduler{address} was stopped or restarted meanwhile; start it and its workers, and repeat the "
        "command: predictions resume."
    )


def with_sendable_errors(task: Callable[..., R], *arguments: Any) -> R:  # noqa: ANN401 - of the task
    """Run a task; errors of geoseg and the operating system come without their causes: those of GDAL cannot be pickled.

    A time-out on a file becomes an OutputError, since a TimeoutError would be taken for the scheduler's. This is not a
    context manager, whose errors would have the original error as their context.
    """
    try:
        return task(*arguments)
    except TimeoutError as error:
        sendable: Exception = OutputError(
            f"{error.filename or 'a file'} did not answer the Dask worker on {socket.gethostname()} "
            f"({error.strerror or 'timed out'}); check the folder that the workers share."
        )
    except (GeosegError, OSError) as error:
        sendable = type(error)(*error.args)
    raise sendable
