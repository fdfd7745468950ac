"""Keep the finished parts of a scene in an object store, which all workers of a cluster reach without a shared folder.

Any file system of fsspec will do. An object is seen only once it is complete.
"""

import errno
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from geoseg.errors import GeosegError, OutputError, UsageError
from geoseg.messages import warn
from geoseg.models.texts import without_secrets
from geoseg.rasters.sources.vrt_sources import names_of

from .worker_files import folder_of_task, kept_here

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://[^*?\[\]]*[^*?\[\]/]/*")
"""Without wildcards, which fsspec would expand, and options."""
_OF_ONE_PROCESS = {"memory"}
_OBJECTS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "obs", "oci", "r2", "b2"}
"""Protocols of stores in which an object is seen only once it is complete."""
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_BEGUN = "begun"


def check_store(url: str) -> None:
    """Raise UsageError unless a URL is one that fsspec can write to, with the packages that are installed here."""
    match = _URL.fullmatch(url)
    if match is None or match[1] in _OF_ONE_PROCESS:
        raise UsageError(
            f"`parts={without_secrets(url)!r}` is not the URL of an object store that all workers reach, such as "
            "s3://bucket/folder."
        )
    _open(url)


@lru_cache(maxsize=16)
def _open(url: str) -> Any:  # noqa: ANN401 - fsspec has no types
    """Return the file system of a URL, which threads share; raises UsageError if its package is missing."""
    from fsspec.core import url_to_fs
    from fsspec.registry import get_filesystem_class

    protocol = url.partition("://")[0]
    try:
        get_filesystem_class(protocol)
    except ValueError as error:
        raise UsageError(
            f"`parts={without_secrets(url)!r}` has a protocol that fsspec does not know, as s3, gs and az are."
        ) from error
    except ImportError as error:
        raise UsageError(
            f"`parts={without_secrets(url)!r}` needs a package that {platform.node()} lacks: {error}. All workers and "
            "the client need it."
        ) from error
    with _naming(url):
        return url_to_fs(url, **({"auto_mkdir": True} if protocol in {"file", "local"} else {}))[0]


@contextmanager
def _naming(url: str) -> Iterator[None]:
    """Turn an error of a store into an OutputError, with the host where it happened."""
    try:
        yield
    except (GeosegError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise OutputError(
            f"the bucket of {without_secrets(url)} does not exist; create it, or choose another with `parts`."
        ) from error
    except Exception as error:
        # Each implementation of fsspec has errors of its own, and some raise those of their protocol's library.
        if isinstance(error, OSError) and error.errno in _OF_DISKS:
            raise  # of this machine
        found = shorten(without_secrets(f"{type(error).__name__}: {error}"), 300)
        if isinstance(error, PermissionError) or "credentials" in found.lower():
            raise OutputError(
                f"{platform.node()} may not read and write {without_secrets(url)} ({found}); the client and all "
                "workers need credentials for it."
            ) from error
        raise OutputError(
            f"{platform.node()} cannot reach {without_secrets(url)} ({found}); the same command resumes once that is "
            "solved."
        ) from error


@dataclass(frozen=True, kw_only=True)
class InStore:
    """Parts of one plan under a prefix of their own."""

    url: str
    """Prefix, without a slash at the end."""
    run: str = field(default_factory=lambda: uuid4().hex, compare=False)
    """Name of this run of the plan: workers keep no parts of another, which may have been replaced."""

    seen = True

    @property
    def resumable(self) -> bool:
        """Whether there are pieces."""
        store = self._store
        with _naming(self._root):
            store.invalidate_cache()
            return any(path.rpartition("/")[2].startswith("classes_") for path in store.find(self._path()))

    def begin(self) -> None:
        """Make sure that the store can be written, before there is much to lose."""
        self.write(_BEGUN, b"geoseg")

    def has(self, name: str) -> bool:
        """Whether there is a part."""
        store = self._store
        with _naming(self._root):
            store.invalidate_cache()  # another process may have written it
            try:
                store.info(self._path(name))  # `exists` takes any error for an absence
            except FileNotFoundError:
                return False
            return True

    def write(self, name: str, content: bytes, *, flush: bool = True) -> None:
        """Write an object."""
        with self._whole(name) as path:
            self._store.pipe_file(path, content)

    def add(self, path: Path) -> None:
        """Upload a file."""
        with self._whole(path.name) as target:
            self._store.put_file(str(path), target)

    @contextmanager
    def near(self, names: Iterable[str], rows: slice | None = None, *, again: bool = True) -> Iterator[Path]:
        """Yield a temporary folder of this worker, with the parts.

        If they may be needed `again`, the worker keeps them, but not what VRTs show: that may be the whole scene.
        """
        with folder_of_task() as folder:
            wanted = [*names]
            self._fetch(wanted, folder, keep=again)
            while wanted := self._shown(wanted, folder, rows):
                self._fetch(wanted, folder, keep=False)
            yield folder

    def _fetch(self, names: Sequence[str], folder: Path, *, keep: bool) -> None:
        """Link parts that this worker keeps, and download the others."""
        kept = kept_here()
        if kept is None:
            self.bring(names, folder)
            return
        wanted = {f"{self.run}_{name}": folder / name for name in names if not name.endswith(".vrt")}
        lacking = [*kept.link(wanted), *(folder / name for name in names if name.endswith(".vrt"))]
        self.bring([path.name for path in lacking], folder)
        if keep:
            kept.keep(wanted)

    def _shown(self, names: Iterable[str], folder: Path, rows: slice | None) -> list[str]:
        """Names of the parts that VRTs among others show, and that are not in the folder yet."""
        vrts = [folder / name for name in names if name.endswith(".vrt")]
        shown = [*dict.fromkeys(name for vrt in vrts for name in names_of(vrt, rows))]
        for name in shown:
            if Path(name).name != name:  # it would be written elsewhere
                raise self.unreadable(name)
        return [name for name in shown if not (folder / name).exists()]

    def bring(self, names: Iterable[str], folder: Path) -> None:
        """Download parts, many at the same time."""
        names, store = [*names], self._store
        if not names:
            return
        with _naming(self._root):
            try:
                store.get([self._path(name) for name in names], [str(folder / name) for name in names])
            except FileNotFoundError as error:
                missing = next((name for name in names if not self.has(name)), names[0])
                raise self.unreadable(missing) from error

    def remove(self) -> None:
        """Remove all objects of the prefix; warns if that fails, since nobody needs them any more."""
        try:
            store = self._store
            with _naming(self._root), suppress(FileNotFoundError):
                store.invalidate_cache()
                store.rm(self._path(), recursive=True)
        except GeosegError as error:
            warn(f"{without_secrets(self.url)} is left: {error}")

    def unreadable(self, name: str) -> OutputError:
        """Return the error for a part that is damaged or missing."""
        place = without_secrets(self.url)
        return OutputError(f"the work file {place}/{_key(name)} cannot be read; remove {place} and start again.")

    @property
    def _root(self) -> str:
        """URL that the user has given."""
        return self.url.rpartition("/")[0]

    @property
    def _store(self) -> Any:  # noqa: ANN401 - fsspec has no types
        return _open(self._root)

    def _path(self, name: str = "") -> str:
        path: str = self._store._strip_protocol(f"{self.url}/{_key(name)}" if name else self.url)
        return path

    @contextmanager
    def _whole(self, name: str) -> Iterator[str]:
        """Yield the path of an object to write; where files may be seen before they are complete, it is renamed."""
        path, store = self._path(name), self._store
        with _naming(self._root):
            if self.url.partition("://")[0] in _OBJECTS:
                yield path
                return
            partial = f"{path}.{uuid4().hex}.part"
            yield partial
            store.mv(partial, path)


def _key(name: str) -> str:
    """Name of an object: that of its file, unless it has characters that stores or fsspec take for others."""
    if quote(name, safe="") == name:
        return name
    return f"made_{sha256(name.encode()).hexdigest()[:32]}{Path(name).suffix}"
