"""Packages that only some calls need, which extras of geoseg bring."""

from collections.abc import Iterable
from importlib.util import find_spec

from .errors import UsageError


def require(what: str, packages: Iterable[str], extra: str) -> None:
    """Raise UsageError unless some packages, by the names they are imported by, are installed; `what` needs them."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        named = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
        raise UsageError(f"{what} needs {named}; install with `pip install 'geoseg[{extra}]'`.")
