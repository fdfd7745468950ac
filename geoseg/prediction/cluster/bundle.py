"""Send a bundle to every worker of a cluster, once."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from distributed.diagnostics.plugin import WorkerPlugin

from geoseg.files import whole

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
        """Write the file, unless it is there."""
        target = Path(worker.local_directory) / self.file
        if not target.exists():
            with whole(target) as new:
                new.write_bytes(self._content)
