"""Send what all blocks of a scene have in common to the workers of a cluster, once."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoseg.prediction.jobs import Job, Work

from .tasks import keep
from .trouble import WAITS_S, cluster_errors, silent_worker

if TYPE_CHECKING:
    from distributed import Client, Future

    from .bundle import Bundle

_FEW = 2
"""Most blocks of a scene that are each sent with the whole job; for more, it is sent once."""


class Sharing:
    """What all blocks of a scene have in common; `begin` begins a task that others wait for."""

    def __init__(self, client: "Client", begin: "Callable[..., Future[Any]]") -> None:
        self._client, self._begin = client, begin
        self._bundles: dict[Path, Path] = {}
        """Names in the local folders of workers, of those that were sent."""
        self._shared: dict[Work, Job | Future[Any]] = {}

    def of(self, work: Work) -> "Job | Future[Any]":
        """Return a job for `predict_block`; sends it, if there are many blocks, and a bundle that is new."""
        if work not in self._shared:
            job = work.jobs[0]
            # The plan's own blocks would be most of what is sent.
            plan = replace(job.plan, blocks=(job.plan.roi,))
            job = replace(job, plan=plan, block=plan.roi, model=self._bundle(job.model))
            self._shared[work] = job if len(work.jobs) <= _FEW else self._begin(keep, job)
        return self._shared[work]

    def _bundle(self, model: Path) -> Path:
        if model not in self._bundles:
            from .bundle import Bundle

            bundle = Bundle(model)
            with cluster_errors(self._client):
                self._send(bundle)
            self._bundles[model] = Path(bundle.file)
        return self._bundles[model]

    def _send(self, bundle: "Bundle") -> None:
        """Send a bundle to all workers, and again if one dies meanwhile, which Dask reports as a lost scheduler."""
        for wait_s in (*WAITS_S, None):
            try:
                self._client.register_plugin(bundle)
            except OSError as error:  # of the connection: workers raise an OutputError
                if self._client.status != "running":
                    raise
                if wait_s is None:
                    raise silent_worker("a worker of the Dask cluster", error) from error
                time.sleep(wait_s)
                bundle.idempotent = False  # the scheduler has it, but perhaps not all workers
            else:
                return

    def forget(self, work: Work) -> None:
        """Free what a scene that has ended had in common."""
        del self._shared[work]
