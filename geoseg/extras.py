"""Packages that only some calls need, which extras of geoseg bring."""

from collections.abc import Iterable
from importlib.util import find_spec

from .errors import UsageError
from .sentences import join_words

TRAINING = ("matplotlib", "tensorboard", "tomli_w")
"""What only training imports; reports of scores import the first."""


def missing(packages: Iterable[str]) -> list[str]:
    """Return those packages, by the names they are imported by, that are not installed."""
    return [package for package in packages if find_spec(package) is None]


def require(what: str, packages: Iterable[str], extra: str) -> None:
    """Raise UsageError unless the packages that `what` needs are installed."""
    if lacking := missing(packages):
        raise UsageError(f"{what} needs {join_words(lacking)}; install with `pip install 'geoseg[{extra}]'`.")
