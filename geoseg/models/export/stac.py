"""Describe a bundle as a STAC item with the Machine Learning Model extension.

Fields follow STAC 1.1 (stacspec.org) and `EXTENSIONS`.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from geoseg.models.bundle import Card, NetworkSummary, read_card, read_summary
from geoseg.models.stac_fields import (
    ANY_TIME,
    CLASSIFICATION,
    FILE,
    VERSION,
    ascii_name,
    describe_classes,
    describe_file,
    identifier,
)

from .markdown import describe_gsd

EXTENSIONS = (
    "https://stac-extensions.github.io/mlm/v1.5.0/schema.json",
    CLASSIFICATION,
    FILE,
    "https://stac-extensions.github.io/version/v1.2.0/schema.json",
)

_WORLD = (-180.0, -90.0, 180.0, 90.0)
_TASKS = ["semantic-segmentation"]
_LICENSE = re.compile(r"[\w\-.+]+", re.ASCII)
"""Licences that STAC takes, as the SPDX identifiers are; others are `other`."""


def stac_item(bundle: Path, output: Path) -> dict[str, Any]:
    """Return a STAC item whose asset link is relative to `output`, where the item will be written.

    Models are not bound to a place or time, so the item spans the world and has no date.
    """
    card, summary = read_card(bundle), read_summary(bundle)
    west, south, east, north = _WORLD
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": f"{identifier(card.name)}-{identifier(card.version)}",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
        },
        "bbox": list(_WORLD),
        "properties": _properties(card, summary),
        "assets": {"model": _asset(card, bundle, output)},
        "links": [],
    }


def _properties(card: Card, summary: NetworkSummary) -> dict[str, Any]:
    provenance = card.provenance
    source = {"mlm:pretrained_source": str(provenance["attribution"])} if provenance.get("attribution") else {}
    classes = ", ".join(card.legend.names)
    description = f"Classifies {classes} from {', '.join(card.bands)} at {describe_gsd(card)}."
    licence = {}
    if words := provenance.get("license"):
        listed = _LICENSE.fullmatch(str(words)) is not None
        licence = {"license": str(words) if listed else "other"}
        description += "" if listed else f" License: {words}."
    return {
        "title": f"{card.name} {card.version}",
        "description": description,
        **ANY_TIME,
        "gsd": card.gsd_m,
        "bands": _bands(card),
        "version": card.version,
        **licence,
        "mlm:name": _model_name(card.name),
        "mlm:architecture": str(provenance.get("preset", "U-Net")),
        "mlm:tasks": _TASKS,
        "mlm:framework": "Keras",
        "mlm:framework_version": summary.keras_version,
        "mlm:total_parameters": summary.parameters,
        "mlm:pretrained": True,
        **source,
        "mlm:accelerator": None,
        "mlm:accelerator_constrained": False,
        "mlm:batch_size_suggestion": 1,
        "mlm:input": [_input(card)],
        "mlm:output": [_output(card)],
        "mlm:hyperparameters": dict(_hyperparameters(card)),
    }


def _input(card: Card) -> dict[str, Any]:
    types = ", ".join(
        f"{dtype}: (value - {scaling.offset:g}) * {scaling.gain:g}" for dtype, scaling in card.scaling.items()
    )
    return {
        "name": "pixels",
        "description": f"Tiles {_sizes(card)}, cut off at 0 and 255. By data type, {types}.",
        "bands": list(card.bands),
        "input": {
            "shape": [-1, card.tile, card.tile, len(card.bands)],
            "dim_order": ["batch", "height", "width", "bands"],
            "data_type": "float32",
        },
        "value_scaling": _value_scaling(card),
        "resize_type": None,
        "pre_processing_function": None,
    }


def _sizes(card: Card) -> str:
    if card.gsd_range_m is None:
        return f"resampled to {card.gsd_m:g} m"
    return f"of {describe_gsd(card)}, or resampled to the nearer of these"


def _value_scaling(card: Card) -> list[dict[str, Any]] | None:
    """Return one scaling for all bands; None without scaling, or if it depends on the data type."""
    scalings = set(card.scaling.values())
    if len(scalings) != 1:
        return None
    (scaling,) = scalings
    if scaling.offset == 0 and scaling.gain == 1:
        return None
    return [{"type": "z-score", "mean": scaling.offset, "stddev": 1 / scaling.gain}]


def _output(card: Card) -> dict[str, Any]:
    return {
        "name": "probabilities",
        "tasks": _TASKS,
        "result": {
            "shape": [-1, card.tile, card.tile, len(card.legend)],
            "dim_order": ["batch", "height", "width", "class"],
            "data_type": "float32",
        },
        "classification:classes": describe_classes(card.legend),
        "post_processing_function": None,
    }


def _hyperparameters(card: Card) -> Iterable[tuple[str, Any]]:
    """Yield tiling parameters, and provenance that is a number or a single line."""
    yield from (("tile", card.tile), ("overlap", card.overlap), ("window", card.window), ("multiple", card.multiple))
    if card.gsd_range_m is not None:
        yield "gsd_range_m", list(card.gsd_range_m)
    for key, value in card.provenance.items():
        if isinstance(value, int | float | str) and key not in ("license", "attribution") and "\n" not in str(value):
            yield ascii_name(key), value


def _asset(card: Card, bundle: Path, output: Path) -> dict[str, Any]:
    return {
        "href": Path(os.path.relpath(bundle.absolute(), output.absolute().parent)).as_posix(),
        "title": f"{card.name} {card.version}: Keras network with card",
        "type": "application/octet-stream; framework=keras",
        "roles": ["mlm:model", "mlm:weights"],
        "mlm:artifact_type": "tf.keras.Model.save",
        **describe_file(bundle),
        "bands": _bands(card),
    }


def _bands(card: Card) -> list[dict[str, Any]]:
    """Return the bands, which STAC requires in the asset and the extension also in the properties."""
    return [{"name": name, "gsd": card.gsd_m} for name in card.bands]


def _model_name(text: str) -> str:
    """Convert to a name for the extension: a letter first, a letter or digit last, at least three characters."""
    name = ascii_name(text).strip("-_")
    return name if re.fullmatch(r"[a-zA-Z].+[a-zA-Z0-9]", name) else f"model-{name}".rstrip("-")
