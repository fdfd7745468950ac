"""Optional packages, which extras of geoseg install."""

from collections.abc import Iterable
from importlib.util import find_spec

from .errors import UsageError
from .sentences import join_words

TRAINING = ("matplotlib", "tensorboard", "tomli_w")
"""Packages that training needs; reports of evaluations need the first."""


def missing(packages: Iterable[str]) -> list[str]:
    """Return the packages, given by import name, that are not installed."""
    return [package for package in packages if find_spec(package) is None]


def require(what: str, packages: Iterable[str], extra: str) -> None:
    """Raise UsageError unless the packages that `what` needs are installed."""
    if lacking := missing(packages):
        raise UsageError(f"{what} needs {join_words(lacking)}; install with `pip install 'geoseg[{extra}]'`.")
