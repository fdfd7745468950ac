"""Refuse runs that need more memory than there can be, and report those that may need more than there is now."""

from rich.filesize import decimal

from geoseg.errors import UsageError
from geoseg.messages import warn
from geoseg.models.bundle import Card
from geoseg.models.texts import without_secrets

from .executors import Executor
from .plan import Plan


def check_memory(plan: Plan, executor: Executor) -> None:
    """Raise UsageError if a single tile needs more memory than a process of the executor could ever have."""
    least = plan.least_memory
    if least <= (executor.memory or 0):
        return
    most = executor.most_memory()
    if most is not None:
        check_tile(plan.card, plan.lattice.tile, least, most)


def check_tile(card: Card, tile: int, least: int, most: int) -> None:
    """Raise UsageError if a tile of a side needs at least more memory than there can be at most."""
    if least > most:
        smaller = f", such as the {card.tile} of model {card.name}" if card.tile < tile else ""
        raise UsageError(
            f"a tile of {tile} × {tile} pixels needs at least {decimal(least)} of memory, and a process here can have "
            f"{decimal(most)} at most, with swap; choose a smaller `tile`{smaller}."
        )


def report_memory(plan: Plan, executor: Executor) -> None:
    """Warn if the run may need more memory than is available."""
    memory = executor.memory
    if memory is not None and plan.memory > memory:
        warn(lacking(without_secrets(plan.scene.source), plan.memory, memory))


def lacking(source: str, needed: int, available: int) -> str:
    """Return a sentence on a scene that may need more memory than is available."""
    return (
        f"{source} may need {decimal(needed)} of memory, and {decimal(available)} are available; free some, or lower "
        "`memory`."
    )
