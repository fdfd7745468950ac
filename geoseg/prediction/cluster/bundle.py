"""Send a bundle to every worker of a cluster, once."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from distributed.diagnostics.plugin import WorkerPlugin

from geoseg.errors import OutputError
from geoseg.files import whole, writing

if TYPE_CHECKING:
    from distributed import Worker


class Bundle(WorkerPlugin):
    """Writes a bundle to the local folder of each worker that the cluster has, or gets later."""

    idempotent = True

    def __init__(self, model: Path) -> None:
        self._content = model.read_bytes()
        self.file = f"geoseg-{hashlib.sha256(self._content).hexdigest()[:32]}.keras"
        """Name in the local folder."""
        self.name = self.file

    def setup(self, worker: "Worker") -> None:
        """Write the file, unless it is there; OutputError names the worker."""
        target = Path(worker.local_directory) / self.file
        try:
            with writing(target):
                there = target.exists()
            if not there:
                with whole(target) as new:
                    new.write_bytes(self._content)
        except OutputError as error:
            raise OutputError(f"on the Dask worker at {worker.address}, {error}") from None
