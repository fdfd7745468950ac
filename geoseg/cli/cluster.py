"""Choose where commands predict: in this process, in other processes on this machine, or on a Dask cluster."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import UsageError
from geoseg.messages import warn

if TYPE_CHECKING:
    from distributed import Client
    from rich.console import Console

    from geoseg.prediction.cluster.executor import DaskExecutor

CALM = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.tick.interval": "1s",
}
"""Dask settings for workers on this machine: its self-monitoring takes 3 % of a core with them, 8 % without."""
_ANSWER_S = 10
"""Seconds to wait for a scheduler's answer."""


@contextmanager
def chosen_executor(
    scheduler: str | None, workers: int | None, parts: str | None, console: "Console"
) -> "Iterator[DaskExecutor | None]":
    """Yield the executor for a scheduler (address or file) or for worker processes on this machine; else None.

    `parts` is the URL of an object store for the finished parts of workers. Prints the link to the cluster's
    dashboard. Raises UsageError if no scheduler answers, or the URL is not that of an object store.
    """
    if scheduler is None and workers is None:
        if parts is not None:
            raise UsageError("`parts` is where the workers of a Dask cluster keep what they finish; add `scheduler`.")
        yield None
        return
    if scheduler is not None and workers is not None:
        raise UsageError("`scheduler` names a cluster that runs, and `workers` starts one; choose one of them.")
    from geoseg.prediction.cluster.executor import DaskExecutor
    from geoseg.prediction.storage.object_store import check_store

    if parts is not None:
        check_store(parts)  # before processes are started
    with ExitStack() as stack:
        client = _connect(scheduler, stack) if scheduler is not None else _start(workers or 1, stack)
        link = client.dashboard_link if find_spec("bokeh") and client.scheduler_info()["services"] else None
        if link:
            console.print(f"dashboard: {link}", highlight=False, soft_wrap=True)
        yield DaskExecutor(client=client, parts=parts)


def _connect(scheduler: str, stack: ExitStack) -> "Client":
    from distributed import Client

    where = {"scheduler_file": scheduler} if Path(scheduler).is_file() else {"address": scheduler}
    try:
        client: Client = stack.enter_context(Client(**where, timeout=_ANSWER_S))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {scheduler}; start one with `dask scheduler`, or correct `scheduler`."
        ) from error
    if not client.scheduler_info(n_workers=-1)["workers"]:
        warn(f"the Dask cluster at {scheduler} has no worker yet, and the command waits for one.")
    return client


def _start(workers: int, stack: ExitStack) -> "Client":
    import dask
    from distributed import Client, LocalCluster

    from geoseg.models.engines.hardware import count_cores

    with _deaf_to_signals(), dask.config.set(CALM):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=max(1, count_cores() // workers),
            dashboard_address=":0",  # a free port: another cluster may run
            silence_logs=logging.CRITICAL,
        )
    client: Client = stack.enter_context(Client(stack.enter_context(cluster)))
    return client


@contextmanager
def _deaf_to_signals() -> Iterator[None]:
    """Keep processes started here, or later by threads started here, from receiving the terminal's signals.

    They end with this process, whose other threads receive the signals meanwhile. The semaphore tracker, which removes
    the semaphores of a process that is stopped at once, is kept from printing warnings about them.
    """
    if sys.platform == "win32":  # signals cannot be kept from processes there
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    sys.warnoptions.append("ignore")
    try:
        resource_tracker.ensure_running()  # ignores Ctrl-C by itself, but lets this thread hear it again
    finally:
        sys.warnoptions.pop()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
