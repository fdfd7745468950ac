"""Leave it to the client of worker processes on this machine to stop."""

import signal
from typing import TYPE_CHECKING

from distributed.diagnostics.plugin import WorkerPlugin

if TYPE_CHECKING:
    from distributed import Worker


class IgnoreInterrupts(WorkerPlugin):
    """Has workers ignore Ctrl-C, which a terminal sends to them, too; they end with their client."""

    name = "geoseg-interrupts"

    def setup(self, worker: "Worker") -> None:
        """Ignore the signals; Dask calls this in the main thread."""
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
