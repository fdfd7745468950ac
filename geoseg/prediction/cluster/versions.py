"""Check that the workers of a cluster have the client's version of geoseg."""

from typing import TYPE_CHECKING

from geoseg.errors import UsageError
from geoseg.version import __version__

from .trouble import run_on_workers

if TYPE_CHECKING:
    from distributed import Client


def check_workers(client: "Client") -> int:
    """Count the workers; UsageError if one has no geoseg, or another version, which may lack code that it is sent."""

    # Within this function, since Dask sends such a function as code, and others by the name of their module.
    def installed() -> str | None:
        from importlib import import_module

        try:
            found: str = import_module("geoseg").__version__
        except ImportError:
            return None
        return found

    versions = run_on_workers(client, installed)
    for address, version in versions.items():
        if version is None:
            raise UsageError(
                f"the Dask worker at {address} has no geoseg; install version {__version__} there, as here."
            )
        if version != __version__:
            raise another_version(address, version, __version__)
    return len(versions)


def another_version(worker: str, version: str, here: str) -> UsageError:
    """Return the error for a worker whose geoseg is not that of the client."""
    return UsageError(
        f"the Dask worker at {worker} has geoseg {version}, and this process {here}; install the same version on all "
        "of them."
    )
