"""Storage of the finished parts of a scene: the folder of the results, or an object store."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from uuid import uuid4

from geoseg.errors import OutputError


class Parts(Protocol):
    """Files of one plan by their names, each complete as soon as any process sees it.

    Raises OutputError, or OSErrors of this machine.
    """

    @property
    def seen(self) -> bool:
        """Whether this process sees what the client has begun."""

    @property
    def resumable(self) -> bool:
        """Whether there are pieces."""

    def begin(self) -> None:
        """Make sure that parts can be kept."""

    def has(self, name: str) -> bool:
        """Whether there is a part."""

    def write(self, name: str, content: bytes, *, flush: bool = True) -> None:
        """Keep a part; `flush` makes it survive a power cut, as far as that depends on this machine."""

    def add(self, path: Path) -> None:
        """Keep a complete file of this machine, which may be moved."""

    def near(
        self, names: Iterable[str], rows: slice | None = None, *, again: bool = True
    ) -> AbstractContextManager[Path]:
        """Return a context of a folder on this machine with some parts, and all that VRTs among them show.

        If `rows` are given, only what these rows of a VRT show. `again` tells whether other tasks may need the parts.
        """

    def bring(self, names: Iterable[str], folder: Path) -> None:
        """Have parts in the folder of the client."""

    def remove(self) -> None:
        """Remove all parts."""

    def unreadable(self, name: str) -> OutputError:
        """Return the error for a part that is damaged or missing."""


@dataclass(frozen=True, kw_only=True)
class InFolder:
    """Parts in a folder that all processes see under the same path."""

    folder: Path

    @property
    def seen(self) -> bool:
        """Whether the folder is there."""
        return self.folder.is_dir()

    @property
    def resumable(self) -> bool:
        """Whether there are pieces."""
        return any(self.folder.glob("classes_*.tif"))

    def begin(self) -> None:
        """Do nothing: the client has created the folder."""

    def has(self, name: str) -> bool:
        """Whether there is a part."""
        return (self.folder / name).exists()

    def write(self, name: str, content: bytes, *, flush: bool = True) -> None:
        """Write a part under another name, and rename it."""
        target = self.folder / name
        # Of its own: a cluster may repeat a block whose worker it has lost, but which still writes.
        partial = target.with_name(f"{name}.{uuid4().hex}.part")
        with partial.open("wb") as file:
            file.write(content)
            if flush:
                file.flush()
                os.fsync(file.fileno())  # else a power cut could leave the name without its content
        partial.replace(target)

    def add(self, path: Path) -> None:
        """Move a file to the folder, unless it is there."""
        path.replace(self.folder / path.name)

    @contextmanager
    def near(self, names: Iterable[str], rows: slice | None = None, *, again: bool = True) -> Iterator[Path]:
        """Yield the folder."""
        yield self.folder

    def bring(self, names: Iterable[str], folder: Path) -> None:
        """Do nothing: it is the folder of the client."""

    def remove(self) -> None:
        """Do nothing: the client removes the folder around it."""

    def unreadable(self, name: str) -> OutputError:
        """Return the error for a part that is damaged or missing."""
        return OutputError(
            f"the work file {self.folder / name} cannot be read; remove {self.folder.parent} and start again."
        )


@contextmanager
def apart(parts: Parts, near: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder of its own, and a list for the names of its results, which are then added to the parts.

    A cluster may repeat a task whose worker it has lost, but which still writes.
    """
    with TemporaryDirectory(dir=near, prefix="task_") as name:
        made: list[str] = []
        yield Path(name), made
        for path in Path(name).glob("made_*"):
            parts.add(path)
            made.append(path.name)
