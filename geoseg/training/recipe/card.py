"""The card of the bundle that a run ends with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geoseg.errors import UsageError
from geoseg.models.bundle import Card, Scaling
from geoseg.models.legend import Legend
from geoseg.models.networks.encoders import ENCODERS
from geoseg.models.networks.presets import PRESETS
from geoseg.tiling.window import FAMILIES
from geoseg.version import __version__

from .recipe import Recipe


def build_card(recipe: Recipe, legend: Legend, *, epochs: int = 0, metrics: Mapping[str, Any] | None = None) -> Card:
    """Say of a network what its recipe does.

    Parameters
    ----------
    recipe
        What it was trained by.
    legend
        Its classes.
    epochs
        How many it was trained for.
    metrics
        Its scores.

    Raises
    ------
    UsageError
        If the recipe names no preset, encoder or window that there is, or its tile or overlap does not fit the network.
    """
    network = recipe.network
    if network.preset not in PRESETS:
        raise UsageError(f"preset {network.preset!r} is unknown; choose one of {', '.join(PRESETS)}.")
    multiple = 2 ** network_depth(recipe)
    if recipe.schedule.window % multiple:
        raise UsageError(f"schedule.window is a multiple of {multiple} for this network, not {recipe.schedule.window}.")
    if recipe.card.window not in FAMILIES:
        raise UsageError(f"card.window {recipe.card.window!r} is unknown; choose one of {', '.join(FAMILIES)}.")
    try:
        return Card(
            name=recipe.name,
            version=recipe.version,
            bands=tuple(recipe.card.bands),
            scaling={
                dtype: Scaling(offset=entry.offset, gain=entry.gain) for dtype, entry in recipe.card.scaling.items()
            },
            gsd_m=recipe.card.gsd_m,
            tile=recipe.card.tile,
            overlap=recipe.card.overlap,
            window=recipe.card.window,
            multiple=multiple,
            legend=legend,
            provenance={
                "geoseg": __version__,
                "preset": network.preset,
                "width": network.width,
                "epochs": epochs,
                "license": recipe.card.license,
                "attribution": recipe.card.attribution,
                "metrics": dict(metrics or {}),
                "recipe": _portable(recipe),
            },
        )
    except ValueError as error:
        raise UsageError(f"the recipe's card cannot be used: {error}") from error


def _portable(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values, with paths as its file may have them: a bundle tells nothing of the machine."""
    document: dict[str, Any] = recipe.model_dump(exclude_none=True, exclude={"root"})
    for entry in document["data"]:
        entry.update((key, _below(entry[key], recipe.root)) for key in ("images", "labels") if key in entry)
    network = document["network"]
    network.update((key, Path(network[key]).name) for key in ("encoder_weights", "initial") if key in network)
    return document


def _below(path: str, root: str) -> str:
    """The path within `root`, or else its last part."""
    place = Path(path)
    return str(place.relative_to(root)) if place.is_relative_to(root) else place.name


def network_depth(recipe: Recipe) -> int:
    """Number of halvings of the recipe's network."""
    network = recipe.network
    if network.encoder is not None:
        if network.encoder not in ENCODERS:
            raise UsageError(f"encoder {network.encoder!r} is unknown; choose one of {', '.join(ENCODERS)}.")
        return ENCODERS[network.encoder].depth
    return network.depth or PRESETS[network.preset].depth
