"""Findings: parts of an installation, and their faults."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from textwrap import shorten
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that predictions use."""

    topic: str
    """Heading to list it under."""
    name: str
    value: str = ""
    problem: str = ""
    """What is wrong with it and what to do, in one sentence; empty if nothing is."""
    blocks: bool = False
    """Whether `geoseg predict` cannot run because of it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Values for other programs."""


Check = Callable[[], Iterable[Finding]]


def reason(error: BaseException) -> str:
    """Return an error's class and message on one line."""
    return shorten(f"{type(error).__name__}: {error}", 300)


def not_installed(error: BaseException) -> str:
    """Return the name of the package that an error reports as not installed, if any."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return name if name and find_spec(name) is None else ""


def guarded(topic: str, name: str, check: Check, *, needed: bool = False) -> Iterator[Finding]:
    """Yield what a check finds; if it fails, that is a finding."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - whatever a broken package raises is to be shown
        package = not_installed(error)
        problem = f"{name} cannot be examined ({reason(error)})."
        if package:
            problem = f"{package} is not installed; try `pip install {package}`."
        yield Finding(topic=topic, name=name, value="fails", problem=problem, blocks=needed)
